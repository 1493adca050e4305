"""When each subject is due: what the database keeps of it is held against when its status changes next by itself.

The clock announces a change that no fact brings (an expiry, an edition that takes effect) because a row of `due` says when
it has to look. A row that is missing, or later than the change, keeps everybody from noticing; so does a review that is
said to have gone past a change which nobody announced. No event tells of either. So the audit asks the check of each
stream for the first change after all that was announced, and what is due later than that is a difference.

The rows are put on disk beside those of the book, a part of the streams to a file, and read by whoever rechecks these
streams. They are read after the book: a difference of a stream that was added to meanwhile is none.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from ledger.instants import END_US, format_instant
from ledger.proof.programme import Check
from ledger.seal.findings import Finding
from ledger.store.base import Reader

PAGE: Final = 10_000
SUFFIX: Final = ".due"

Reviews = Sequence[tuple[int, int]]
"""(instant, position) as `ledger.store.base.Reader.reviews` has them: the instants decrease, the positions increase."""


class Overdue(NamedTuple):
    """A subject whose status changes by itself at an instant, and of which nothing says so in time."""

    stream: str
    rules: str
    """The stream of the editions that it goes by."""
    change_us: int


class Due:
    """What is kept of some streams, read from a file of `spool_due`."""

    def __init__(self, path: Path, reviews: Reviews) -> None:
        self._reviews = reviews
        self._at: dict[str, int] = {}
        with path.with_suffix(SUFFIX).open("rb") as file:
            while True:
                try:
                    self._at.update(marshal.load(file))
                except EOFError:
                    break

    def overdue(self, stream: str, rules: str, first_position: int, check: Check) -> list[Overdue]:
        """A finished check of a stream tells when its status changes next: nothing where that is noticed."""
        at_us = self._at.get(stream)
        until_us = END_US if at_us is None else min(at_us - 1, END_US)
        change_us = check.next_change(max(until_us, reviewed_us(self._reviews, first_position)))
        return [] if change_us is None else [Overdue(stream, rules, change_us)]


def spool_due(book: Reader, paths: Sequence[Path], place_of: dict[str, int]) -> None:
    """Puts the rows of `due` on disk: those of each stream beside the file that has its events."""
    files = [path.with_suffix(SUFFIX).open("wb") for path in paths]
    try:
        after = ""
        while page := book.read_due(after, PAGE):
            after = page[-1][0]
            parts: list[dict[str, int]] = [{} for _ in files]
            for stream, at_us in page:
                if (place := place_of.get(stream)) is not None and isinstance(at_us, int):
                    parts[place][stream] = at_us
            for file, part in zip(files, parts, strict=True):
                if part:
                    marshal.dump(part, file)
    finally:
        for file in files:
            file.close()


def confirmed(book: Reader, position: int, overdue: Sequence[Overdue]) -> Iterator[Finding]:
    """The differences, read once more: of streams that were added to after a position, or are set aside, there are none.

    Whoever adds to a stream keeps when it is due in the same transaction.
    """
    by_stream = {one.stream: one for one in overdue}
    at: dict[str, int] = {}
    after = ""
    while by_stream and (page := book.read_due(after, PAGE)):
        after = page[-1][0]
        at.update((stream, at_us) for stream, at_us in page if stream in by_stream and isinstance(at_us, int))
    reviews, asides = book.reviews(), {aside.stream for aside in book.set_aside()}
    moved = _streams_after(book, position) if by_stream else set()
    for stream, one in by_stream.items():
        if stream in moved or one.rules in moved or stream in asides:
            continue
        change = format_instant(one.change_us)
        expected = f"{change} at the latest, when its status changes by itself"
        if stream not in at:
            yield Finding("incomplete", f"when {stream} is due", "no row", expected)
        elif at[stream] > one.change_us:
            yield Finding("incomplete", f"when {stream} is due", _shown(at[stream]), expected)
        else:
            first = next((row.position for row in book.read_stream(stream)), 0)
            found = reviewed_us(reviews, first)
            if found >= one.change_us:
                expected = f"an instant before {change}, when its status changes and nothing is announced"
                yield Finding("incomplete", f"up to when {stream} was reviewed", _shown(found), expected)


def reviewed_us(reviews: Reviews, first_position: int) -> int:
    """Up to when a stream that begins at a position is said to have been reviewed; before all of time where it was not."""
    return next((until_us for until_us, position in reviews if first_position <= position), -END_US)


def _streams_after(book: Reader, position: int) -> set[str]:
    moved: set[str] = set()
    while rows := book.read_feed(position, PAGE):
        moved.update(row.stream for row in rows)
        position = rows[-1].position
    return moved


def _shown(at_us: int) -> str:
    return format_instant(at_us) if abs(at_us) <= END_US else "never"
