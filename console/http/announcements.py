"""What was announced, as it is sent: each announcement read and rendered once, however many listen.

An announcement as an event of a stream (`text/event-stream`, WHATWG HTML, section 9.2):

    id: 15-5feceb66ffc86f38
    event: EligibilityChanged
    data: {"position":15,"membership":"m-1","cause":"response",…}

The data is the line that `csat-ledger changes --json` prints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from console.cli.output import json_text
from ledger.errors import BrokenHistory, PositionUnknown
from ledger.store.base import Reader, Row
from ledger.store.cursor import Cursor, cursor_at, cursor_of, require_cursor
from projections.questions.changes import EVERYTHING, Wanted, announced, changes


@dataclass(frozen=True, slots=True)
class Announcement:
    """An announcement, and its bytes."""

    cursor: Cursor
    """Its place in the book."""
    type: str
    """The type of its event."""
    membership: str
    """Whose it is."""
    data: bytes
    """It itself as JSON, on one line."""
    event: bytes
    """The same as an event of a stream."""


class Stretch(NamedTuple):
    """A stretch of the feed: some announcements, and the place up to which there are no others."""

    announcements: list[Announcement]
    through: Cursor
    more: bool
    """Whether the book goes on beyond it."""


def read_stretch(book: Reader, after: Cursor, wanted: Wanted = EVERYTHING, limit: int | None = None) -> Stretch:
    """What follows a place in the feed.

    Raises PositionUnknown where the book is not the one of the place, and BrokenHistory where the first announcement
    cannot be read; what comes before one that cannot is a stretch of its own.
    """
    require_cursor(book, after)
    page = changes(book, after.position, wanted, limit)
    found: list[Announcement] = []
    for row in page.rows:
        try:
            found.append(_announcement(row))
        except BrokenHistory:
            if not found:
                raise
            return Stretch(found, found[-1].cursor, True)
    through = cursor_at(book, page.through)
    if through is None:  # the book was taken back while it was read
        raise PositionUnknown.to_go_on_from(page.through, book.max_position())
    return Stretch(found, through, page.more)


def event_bytes(name: str, data: bytes, cursor: Cursor | None = None) -> bytes:
    """An event of a stream; with an id only where who receives it has come so far."""
    first = b"" if cursor is None else f"id: {cursor}\n".encode()
    return first + b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"


def _announcement(row: Row) -> Announcement:
    change, cursor = announced(row), cursor_of(row)
    data = json_text(change).encode()
    return Announcement(cursor, row.type, change.membership, data, event_bytes(row.type, data, cursor))
