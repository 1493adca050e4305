"""Copying a book from one store to another, byte for byte, whatever the two databases are.

Every event is read, its place in the feed and in its stream's chain is checked, and it is compared with what the target
has at that position, or appended there. So a copy that was interrupted goes on where it stopped, and a copy made again
compares the two books event by event and adds nothing. What is due, reviewed and set aside is copied at the end, once the
source has stood still for a moment: it must fit the last event. Snapshots are caches and stay behind. So does the link
key, which is no part of the book (`ledger.link_key`): the copy names the same one. Refused facts stay behind too
(`ledger.store.refusals`): they are of who took them in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import orjson

from ledger.errors import BrokenHistory, DifferentBook, StoreUnreachable
from ledger.event import FIRST_PREV, leaf_hash
from ledger.store.base import Aside, NewRow, Reader, Store, WriteTransaction

BATCH: Final = 5_000
DUE_BATCH: Final = 10_000
ROUNDS_MAX: Final = 20
"""How often the end of the source is looked for while others append to it."""

Progress = Callable[[int, int], None]
"""Called with (events done, position of the source's last event)."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy did: events that the target had already (and were compared), events added, the last position."""

    compared: int
    copied: int
    position: int


def copy_book(source: Store, target: Store, on_progress: Progress | None = None) -> Copied:
    """Makes the target the same book as the source.

    Raises BrokenHistory where an event of the source is not in its place, DifferentBook where the target is not empty
    and not the beginning of the same book, StoreUnreachable where the source does not stand still.
    """
    copy = _Copy(source, target, on_progress)
    for _ in range(ROUNDS_MAX):
        reviews = source.reviews()
        copy.events()
        due, aside = list(_all_due(source)), source.set_aside()
        if source.max_position() == copy.position and source.reviews() == reviews:
            copy.end(due, reviews, aside)
            return Copied(copy.compared, copy.position - copy.compared, copy.position)
    raise StoreUnreachable(
        f"{source.name}: found new events after each of {ROUNDS_MAX} looks, expected an end; "
        "stop those who append to it, then copy again: what was copied stays"
    )


class Chains:
    """The last event of every stream, and whether the next one follows it."""

    def __init__(self) -> None:
        self._heads: dict[str, tuple[int, str]] = {}

    def follow(self, row: NewRow) -> None:
        """Takes the next event. Raises BrokenHistory, with both sides, where it does not follow."""
        seq, head = self._heads.get(row.stream, (0, FIRST_PREV))
        try:
            event = orjson.loads(row.stored)
            found = (event["stream"], event["seq"], event["type"], event["prev"])
            fact, leaf = event["fact"], leaf_hash(row.stored)
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise BrokenHistory(f"position {row.position}: found bytes that are no event: {error!r}") from None
        expected = (row.stream, row.seq, row.type, head)
        if found != expected or row.seq != seq + 1:
            raise BrokenHistory(
                f"position {row.position}: found seq {found[1]} of {found[0]}, a {found[2]} after {found[3]}; "
                f"expected seq {seq + 1} of {row.stream}, a {row.type} after {head}"
            )
        if row.fact is not None and row.fact != fact:
            raise BrokenHistory(
                f"position {row.position}: found the fact {row.fact!r} beside the bytes of fact {fact!r}"
            )
        self._heads[row.stream] = (row.seq, leaf)


class _Copy:
    def __init__(self, source: Store, target: Store, on_progress: Progress | None) -> None:
        self._source = source
        self._target = target
        self._on_progress = on_progress
        self._chains = Chains()
        self._present = target.max_position()
        self.position = 0
        self.compared = 0

    def events(self) -> None:
        """Goes through the source up to its end, comparing and appending."""
        while rows := self._source.read_feed_full(self.position, BATCH):
            for expected, row in enumerate(rows, self.position + 1):
                if row.position != expected:
                    raise BrokenHistory(f"{self._source.name}: found position {row.position}, expected {expected}")
                self._chains.follow(row)
            there = max(0, min(self._present - self.position, len(rows)))
            if there:
                self._compare(rows[:there])
            if there < len(rows):
                self._append(rows[there:])
            self.position = rows[-1].position
            if self._on_progress is not None:
                self._on_progress(self.position, max(self.position, self._source.max_position()))
        if self._present > self.position:
            raise DifferentBook(
                f"{self._target.name}: found events up to position {self._present}, "
                f"expected at most {self.position}, where {self._source.name} ends"
            )

    def _compare(self, rows: list[NewRow]) -> None:
        found = self._target.read_feed_full(self.position, len(rows))
        if found != rows:
            for ours, theirs in zip(rows, found, strict=False):
                if ours != theirs:
                    raise DifferentBook(
                        f"position {ours.position}: found {_described(theirs)} in {self._target.name}, "
                        f"expected {_described(ours)} as in {self._source.name}"
                    )
            raise DifferentBook(f"{self._target.name}: found {len(found)} events, expected {len(rows)}")
        self.compared += len(rows)

    def _append(self, rows: list[NewRow]) -> None:
        with self._target.writing() as transaction:
            self._expect_end(transaction, rows[0].position - 1)
            transaction.append(rows)

    def end(self, due: list[tuple[str, int]], reviews: list[tuple[int, int]], aside: list[Aside]) -> None:
        """Writes what belongs to the last event."""
        with self._target.writing() as transaction:
            self._expect_end(transaction, self.position)
            for start in range(0, len(due), DUE_BATCH):
                transaction.save_due(due[start : start + DUE_BATCH])
            transaction.save_reviews(reviews)
            self._link_key(transaction)
            transaction.take_up([one.stream for one in transaction.set_aside()])
            transaction.save_set_aside(aside)

    def _link_key(self, transaction: WriteTransaction) -> None:
        """Records which link key the copied answers are tied by; the key itself is no part of a book."""
        ours, theirs = self._source.link_key_id(), transaction.link_key_id()
        if theirs is None and ours is not None:
            transaction.save_link_key_id(ours)
        elif ours != theirs:
            raise DifferentBook(
                f"{self._target.name}: found link key {theirs}, expected {ours or 'none'} as in {self._source.name}"
            )

    def _expect_end(self, transaction: Reader, position: int) -> None:
        found = transaction.max_position()
        if found != position:
            raise DifferentBook(
                f"{self._target.name}: found events up to position {found}, expected {position}: "
                "somebody else appends to it"
            )


def _all_due(source: Reader) -> Iterator[tuple[str, int]]:
    after = ""
    while page := source.read_due(after, DUE_BATCH):
        yield from page
        after = page[-1][0]


def _described(row: NewRow) -> str:
    return f"seq {row.seq} of {row.stream} with leaf hash {leaf_hash(row.stored)} (fact {row.fact!r})"
