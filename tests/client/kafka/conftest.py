"""The subscriber's tests begin with what those of the roles begin with: topics of their own, and a book that announces."""

from tests.consumers.conftest import book, broker

__all__ = ["book", "broker"]
