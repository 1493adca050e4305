"""Reading the capability programme's part of the book: an area's editions, and one designation's stream, event by event."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.book import Step
from ledger.book import replay as replay_stream
from ledger.errors import UnknownDesignation
from ledger.membership import can_be_membership
from ledger.programmes.capability.editions import Scorebook
from ledger.programmes.capability.events import can_be_area, designation_stream, scorebook_stream
from ledger.programmes.registry import PROGRAMMES
from ledger.store.base import Reader


def replay(book: Reader, membership: str, area: str, through: int | None = None) -> Iterator[Step]:
    """A designation's stream, event by event, up to and including a position; the chain is checked on the way.

    Raises UnknownDesignation where there is no such stream, BrokenHistory where an event does not follow the one before.
    """
    found = False
    if can_be_membership(membership) and can_be_area(area):
        for step in replay_stream(book, PROGRAMMES, designation_stream(membership, area), through):
            found = True
            yield step
    if not found:
        raise UnknownDesignation(membership, area)


class GrowingScorebook:
    """The scorebook of an area as it was known at each position, for positions that only grow."""

    def __init__(self, book: Reader, area: str) -> None:
        rows = book.read_stream(scorebook_stream(area))
        self._to_come = [PROGRAMMES.decode(row.stored, row.position) for row in rows]
        self._to_come.reverse()
        self._scorebook = Scorebook()

    def at(self, position: int) -> Scorebook:
        """The editions published by a position (the same object each time)."""
        while self._to_come and self._to_come[-1].position <= position:
            self._scorebook.publish(self._to_come.pop().data)
        return self._scorebook
