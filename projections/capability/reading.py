"""Reading the capability programme's part of the book: an area's editions, and one designation's stream, event by event."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.book import Step
from ledger.book import replay as replay_stream
from ledger.errors import UnknownDesignation
from ledger.programmes.capability.events import can_be_designation, designation_stream
from ledger.programmes.registry import PROGRAMMES
from ledger.store.base import Reader


def replay(book: Reader, membership: str, area: str, through: int | None = None) -> Iterator[Step]:
    """A designation's stream, event by event, up to and including a position; the chain is checked on the way.

    Raises UnknownDesignation where there is no such stream, BrokenHistory where an event does not follow the one before.
    """
    found = False
    if can_be_designation(membership, area):
        for step in replay_stream(book, PROGRAMMES, designation_stream(membership, area), through):
            found = True
            yield step
    if not found:
        raise UnknownDesignation(membership, area)
