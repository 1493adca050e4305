"""Cursors: a place in the book as who follows it over HTTP keeps it, and hands it back to go on from there.

    4711-5feceb66ffc86f38       position 4711, and the first 16 hex digits of the leaf hash of the event there
    0                           before the first event: any book will do

It is a bookmark (`ledger.store.bookmark`) that is cut to what fits into a header and a query. To clients it is opaque. A book
that is another, or an older copy that grew another way, has another event at the position, or none: 64 bits of a hash
that nobody chooses for long enough to hit another's by chance.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from ledger.errors import BadInput, PositionUnknown
from ledger.event import leaf_hash
from ledger.store.base import Reader, Row

HEAD_DIGITS: Final = 16
PATTERN: Final = f"^(0|[1-9][0-9]{{0,17}}-[0-9a-f]{{{HEAD_DIGITS}}})$"
_FORM: Final = re.compile(PATTERN)


class Cursor(NamedTuple):
    """A position of a book, and the first digits of the leaf hash of the event there ("" for position 0)."""

    position: int
    head: str

    def __str__(self) -> str:
        """As it is handed out."""
        return f"{self.position}-{self.head}" if self.position else "0"


BEGINNING: Final = Cursor(0, "")
"""Before the first event."""


def parse_cursor(text: str) -> Cursor:
    """Reads what was handed out. Raises BadInput for a text that is none."""
    if _FORM.fullmatch(text) is None:
        raise BadInput(
            f"found {text[:40]!r}, expected a cursor as it was handed out, such as 4711-5feceb66ffc86f38; or 0 for all"
        )
    position, _, head = text.partition("-")
    return Cursor(int(position), head)


def cursor_of(row: Row) -> Cursor:
    """The place of an event that was read."""
    return Cursor(row.position, leaf_hash(row.stored)[:HEAD_DIGITS])


def cursor_at(book: Reader, position: int) -> Cursor | None:
    """The cursor of a position as the book has it now; None where the book has no event there."""
    if position <= 0:
        return BEGINNING
    rows = book.read_feed(position - 1, 1)
    return cursor_of(rows[0]) if rows and rows[0].position == position else None


def require_cursor(book: Reader, cursor: Cursor) -> None:
    """Raises PositionUnknown where the book ends before a cursor, or has another event at it."""
    found = cursor_at(book, cursor.position)
    if found == cursor:
        return
    if found is None:
        raise PositionUnknown.to_go_on_from(cursor.position, book.max_position())
    raise PositionUnknown(
        f"found an event with leaf hash {found.head}… at position {cursor.position}, expected {cursor.head}…, from which "
        "to go on: it is another book, or an older copy that was restored; what was read of the other must be compared with it"
    )
