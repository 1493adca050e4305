"""Fixtures of these tests."""

from tests.projections.support import bench

__all__ = ["bench"]
