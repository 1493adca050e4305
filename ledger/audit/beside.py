"""The rows of the book beside the events of the log: each position has to have one row, with the very bytes of its event.

The row of a fact has the fact's id in a column, by which the writer knows that it has the fact already: one that is
missing there would let the fact in a second time, one too many would keep a fact out as a duplicate of another.

The log is followed by the monitor, which proves and judges its entries; here is only compared. What the book has beyond the
log goes to the same judge. What is read of the database is read once: nobody can show one book to the
comparison and another to the judge.
"""

from __future__ import annotations

import operator
from bisect import bisect_right
from collections.abc import Callable, Container, Iterator, Sequence
from hashlib import sha256
from typing import Final

from ledger.monitor.entries import KnownStreams
from ledger.monitor.places import Places
from ledger.proof.log.merkle import leaf_hash
from ledger.proof.programme import ProofProgrammes
from ledger.seal.findings import Finding
from ledger.seal.rows import plain_columns
from ledger.store.base import Columns, Reader, Row, as_columns, as_row

PAGE: Final = 512  # small enough to stay in the processor's cache
REST_PAGE: Final = 2_048
LISTED_MAX: Final = 100_000
"""So many positions are listed one by one at which book and log differ."""

Place = tuple[str, int, str]
"""Stream, seq and type."""
Judge = Callable[[int, Sequence[bytes], Sequence[bytes]], Places]
"""Takes events, the first of them at a position, with their leaf hashes, and returns what they say."""


class BookBeside:
    """Reads the book once, in order of position, beside the log; `findings` holds what differs."""

    def __init__(self, book: Reader, programmes: ProofProgrammes, on_progress: Callable[[int], None]) -> None:
        self.events = 0
        """Rows that were read."""
        self._book = book
        self._on_progress = on_progress
        self._announced = frozenset(programme.announced for programme in programmes)
        self._known = KnownStreams(programmes)
        self._listed: list[Finding] = []
        self._unlisted = 0
        self._after: int | None = None
        self._page = as_columns([])
        self._ahead = 0
        """So many of the rows at hand were compared."""

    @property
    def findings(self) -> list[Finding]:
        """What differs between book and log."""
        if not self._unlisted:
            return self._listed
        found, expected = f"{self._unlisted} more where book and log differ", "none"
        return [*self._listed, Finding("tampered", "positions that are not listed", found, expected)]

    def compare(self, first: int, events: Sequence[bytes], leaves: Sequence[bytes], places: Places) -> None:
        """The next events of the log, the first of them at a position, with what can be read of them."""
        if len(places.positions) < len(events):  # some cannot be read
            self._compare_each(first, events, leaves, places)
            return
        for start in range(0, len(events), PAGE):
            inside = slice(start, start + PAGE)
            some = Places._make(column[inside] for column in places)
            rows = self._next(len(some.positions))
            if (
                rows.stored != tuple(some.events)
                or rows.positions != tuple(some.positions)
                or (rows.streams, rows.seqs, rows.types) != _columns(some)
            ):
                self._ahead -= len(rows.positions)
                self._compare_each(first + start, some.events, some.leaves, some)
            else:
                self._require_facts(some)

    def judge_rest(self, events: int, judge: Judge) -> int:
        """Gives what the book has beyond so many events of the log to a judge, and returns how many that are.

        Their positions have no gap either.
        """
        last, count = events, 0
        while (rows := self._next(REST_PAGE)).positions:
            for run in _runs(rows):
                new = self._without_extras(run, last)
                if not new.positions:
                    continue
                if new.positions[0] != last + 1:
                    self._add(f"positions from {last + 1} to {new.positions[0] - 1}", "no event", "one at each")
                leaves = [sha256(b"\0" + event).digest() for event in new.stored]
                places = judge(new.positions[0], new.stored, leaves)
                self._require_places(new, places)
                self._require_facts(places)
                last = new.positions[-1]
                count += len(new.positions)
        return count

    # Comparing

    def _compare_each(self, first: int, events: Sequence[bytes], leaves: Sequence[bytes], places: Places) -> None:
        said = dict(zip(places.positions, zip(places.streams, places.seqs, places.types, strict=True), strict=True))
        same = {
            position
            for position, (event, leaf) in enumerate(zip(events, leaves, strict=True), first)
            if self._compare_one(position, event, leaf, said.get(position))
        }
        self._require_facts(places, same)

    def _compare_one(self, position: int, event: bytes, leaf: bytes, said: Place | None) -> bool:
        """Whether the row has the event's bytes. `said` is what the event says of its place, if that can be read."""
        row = self._row_at(position)
        if row is None:
            self._add(f"position {position}", "no event", f"leaf hash {leaf.hex()}, as sealed")
        elif row.stored != event:
            found, expected = f"leaf hash {leaf_hash(row.stored).hex()}", f"{leaf.hex()}, in the log"
            self._add(f"position {position}: {row.stream}/{row.seq}", found, expected)
        else:
            if said is not None:
                self._require_place(row, said)
            return True
        return False

    def _require_facts(self, places: Places, among: Container[int] | None = None) -> None:
        """The first event of each fact, and no other, has the fact's id in its column; at some positions, or at all."""
        if not places.positions:
            return
        announced, known = self._announced, self._known
        expected = [
            (position, fact)
            for position, fact, type_name, stream in zip(
                places.positions, places.facts, places.types, places.streams, strict=True
            )
            if fact is not None and type_name not in announced and known[stream]
        ]
        found = self._book.read_fact_ids(places.positions[0], places.positions[-1])
        if found == expected:
            return
        ids, columns = dict(expected), dict(found)
        for position, stream in zip(places.positions, places.streams, strict=True):
            if not known[stream] or (among is not None and position not in among):
                continue
            there, due = columns.get(position, ""), ids.get(position, "")
            if there != due:
                words = "no text" if there is None else repr(there) if there else "none"
                self._add(f"position {position}: the fact that it is known by", words, repr(due) if due else "none")

    def _require_places(self, rows: Columns, places: Places) -> None:
        if (rows.streams, rows.seqs, rows.types) != _columns(places):
            by_position = {row.position: row for row in _each(rows)}
            says = zip(places.streams, places.seqs, places.types, strict=True)
            for position, said in zip(places.positions, says, strict=True):
                self._require_place(by_position[position], said)

    def _require_place(self, row: Row, said: Place) -> None:
        """The columns beside an event say what it says itself."""
        if (columns := (row.stream, row.seq, row.type)) != said:
            what = f"position {row.position}: {row.stream}/{row.seq}: stream, seq and type of the event"
            self._add(what, str(said), str(columns))

    def _row_at(self, position: int) -> Row | None:
        """The next row, if it has this position; what stands before it belongs nowhere."""
        while (rows := self._next(1)).positions:
            (row,) = _each(rows)
            if row.position > position:
                self._ahead -= 1
                return None
            if row.position == position:
                return row
            self._add_extra(row)
        return None

    def _without_extras(self, rows: Columns, last: int) -> Columns:
        """The rows beyond a position."""
        start = bisect_right(rows.positions, last)
        for row in _each(Columns._make(column[:start] for column in rows)):
            self._add_extra(row)
        return Columns._make(column[start:] for column in rows)

    def _add_extra(self, row: Row) -> None:
        found = f"an event with leaf hash {leaf_hash(row.stored).hex()}"
        self._add(f"position {row.position}", found, "none: there is another, or the log has none there")

    def _add(self, what: str, found: str, expected: str) -> None:
        if len(self._listed) < LISTED_MAX:
            self._listed.append(Finding("tampered", what, found, expected))
        else:
            self._unlisted += 1

    # Reading

    def _next(self, limit: int) -> Columns:
        """At most so many rows after the last ones; `_ahead` of the rows at hand are taken already."""
        if len(self._page.positions) - self._ahead < limit:
            left = Columns._make(column[self._ahead :] for column in self._page)
            more = self._read(limit - len(left.positions) if limit > 1 else PAGE)
            self._page = Columns._make(map(operator.add, left, more)) if left.positions else more
            self._ahead = 0
        rows = Columns._make(column[self._ahead : self._ahead + limit] for column in self._page)
        self._ahead += len(rows.positions)
        return rows

    def _read(self, limit: int) -> Columns:
        columns = plain_columns(self._book.read_columns(self._after, limit))
        if columns.positions:
            self._after = columns.positions[-1]
            self.events += len(columns.positions)
            self._on_progress(self.events)
        return columns


def _columns(places: Places) -> tuple[tuple[str, ...], tuple[int, ...], tuple[str, ...]]:
    """What stands in columns beside the events, by what they say themselves."""
    return tuple(places.streams), tuple(places.seqs), tuple(places.types)


def _each(rows: Columns) -> Iterator[Row]:
    return map(as_row, zip(*rows, strict=True))


def _runs(rows: Columns) -> Iterator[Columns]:
    """The rows in runs without a gap in their positions, and without two at the same."""
    start = 0
    for end in range(1, len(rows.positions) + 1):
        if end == len(rows.positions) or rows.positions[end] != rows.positions[end - 1] + 1:
            yield Columns._make(column[start:end] for column in rows)
            start = end
