"""Bookmarks: how far somebody has come with a book, so that they notice when it is not that book any more.

A position alone says nothing about a book: an older copy that was restored and grew again has another event there. So
whoever goes on from a position keeps the leaf hash of the event at it beside it, and proves before going on, when it
starts and now and then while it runs, that the book still has that event there:

    mark = Bookmark(position, head)             as it was kept: in a table, in a message, in memory
    require_same(book, mark, "the relay")       DifferentBook where the event there is another, or there is none
    rows = book.read_feed(mark.position, 1_000)
    …
    mark = bookmark_of(rows[-1])                to keep, together with what was made of the rows

One look costs one row by its key. `BookmarkWatch` makes it at most once in `every_s` seconds, for loops. Since each event names
the one before it in its stream only, the event at the mark does not prove all events before it; that is the audit's
work. It does prove that the book was not taken back to before the mark and grown another way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from ledger.errors import DifferentBook
from ledger.event import leaf_hash
from ledger.store.base import Reader, Row

EVERY_S: Final = 1.0


class Bookmark(NamedTuple):
    """A position of a book, and the leaf hash of the event there, as 64 hex digits ("" for position 0)."""

    position: int
    head: str


START: Final = Bookmark(0, "")
"""Before the first event: any book will do."""


def bookmark_of(row: Row) -> Bookmark:
    """The place of an event that was just read."""
    return Bookmark(row.position, leaf_hash(row.stored))


def bookmark_at(book: Reader, position: int) -> Bookmark | None:
    """The bookmark of a position as the book has it now; None where the book has no event there."""
    if position <= 0:
        return START
    rows = book.read_feed(position - 1, 1)
    return bookmark_of(rows[0]) if rows and rows[0].position == position else None


def require_same(book: Reader, mark: Bookmark, whose: str, way_out: str = "") -> None:
    """Proves that a book still has the event of a bookmark. `whose` says who keeps it, `way_out` what to do.

    Raises DifferentBook, with both sides, where it has another event there or none.
    """
    found = bookmark_at(book, mark.position)
    if found == mark:
        return
    if found is None:
        what = f"found a book up to position {book.max_position()}, expected at least {mark.position}, where {whose} is"
    else:
        what = f"found leaf hash {found.head} at position {mark.position}, expected {mark.head}, from which {whose} goes on"
    raise DifferentBook(
        f"{what}: this is another book, or an older copy that was restored{'; ' if way_out else ''}{way_out}"
    )


class BookmarkWatch:
    """A bookmark in memory that moves with its owner and is compared with the book now and then.

    `check` is cheap enough for every turn of a loop: it looks at the book at most once in `every_s` seconds.
    """

    def __init__(
        self,
        book: Reader,
        whose: str,
        way_out: str = "",
        *,
        mark: Bookmark = START,
        every_s: float = EVERY_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`mark` is what was kept; it is compared in the first `check`."""
        self._book = book
        self._whose = whose
        self._way_out = way_out
        self._every_s = every_s
        self._monotonic = monotonic
        self._checked_at: float | None = None
        self.mark = mark

    def move(self, row: Row) -> None:
        """Takes the place of the event that was dealt with last."""
        self.mark = bookmark_of(row)

    def check(self, *, now: bool = False) -> None:
        """Compares, if the last comparison is so long ago, or at once. Raises DifferentBook."""
        at = self._monotonic()
        if not now and self._checked_at is not None and at - self._checked_at < self._every_s:
            return
        require_same(self._book, self.mark, self._whose, self._way_out)
        self._checked_at = at
