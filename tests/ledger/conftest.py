"""Books and stories for the tests of the ledger."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ledger.programmes.survey.story import Story
from tests.support.real_book import RealBook, real_book


@pytest.fixture
def book() -> Iterator[RealBook]:
    """An empty book."""
    with real_book() as opened:
        yield opened


@pytest.fixture
def story(book: RealBook) -> Story:
    """A book with one gold membership at one location."""
    return Story(book)
