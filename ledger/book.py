"""Reading the book itself: one membership's stream folded up to a position, and which position an instant stands for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from ledger.errors import BrokenHistory, UnknownMembership
from ledger.event import (
    FIRST_PREV,
    PROGRAMME_STREAM,
    Event,
    can_be_membership,
    decode_event,
    leaf_hash,
    membership_stream,
    recorded_us_of,
)
from ledger.instants import BEGINNING_US
from ledger.programmes.survey.editions import Edition, Rulebook
from ledger.programmes.survey.state import Membership, evolve
from ledger.store.base import Reader


class Step(NamedTuple):
    """An event of a stream, the leaf hash of its bytes, and the membership's state after it (the same object each time)."""

    event: Event
    leaf_hash: str
    state: Membership


LOOK_BACK: Final = 500
"""How many events are read at once where the last one does not say when it was recorded."""


def recorded_us_by(book: Reader, position: int) -> int:
    """When the last event up to a position was recorded that says so: damaged bytes do not say.

    Recording instants never decrease, so it is a lower bound for the event at the position itself. Microseconds since
    1970; BEGINNING_US where no event up to there can be read.
    """
    step = 1
    while position > 0:
        after = max(0, position - step)
        for row in reversed(book.read_feed(after, position - after)):
            with suppress(BrokenHistory):
                return recorded_us_of(row.stored, row.position)
        position, step = after, LOOK_BACK
    return BEGINNING_US


def position_at(book: Reader, instant_us: int) -> int:
    """The position of the last event recorded by an instant; 0 where there is none (DESIGN 5).

    Recording instants never decrease with position, so this is a binary search: about 24 look-ups in 10^7 events.
    """
    low, high = 0, book.max_position()
    while low < high:
        middle = (low + high + 1) // 2
        if recorded_us_by(book, middle) <= instant_us:
            low = middle
        else:
            high = middle - 1
    return low


def read_rulebook(book: Reader, through: int | None = None) -> Rulebook:
    """The editions published up to and including a position."""
    events = (decode_event(row.stored, row.position) for row in book.read_stream(PROGRAMME_STREAM, through=through))
    return Rulebook(Edition.from_data(event.data) for event in events if event.type == "RulebookPublished")


def replay(book: Reader, membership: str, through: int | None = None) -> Iterator[Step]:
    """A membership's stream, event by event, up to and including a position; the chain is checked on the way.

    Raises UnknownMembership where there is no such stream, BrokenHistory where an event does not follow the one before.
    """
    if not can_be_membership(membership):
        raise UnknownMembership(membership)
    state = Membership()
    prev = FIRST_PREV
    for row in book.read_stream(membership_stream(membership), through=through):
        event = decode_event(row.stored, row.position)
        if event.prev != prev or event.seq != state.seq + 1 or event.stream != row.stream or event.seq != row.seq:
            raise BrokenHistory(
                f"position {row.position}: found seq {event.seq} of {event.stream} after {event.prev}, "
                f"expected seq {state.seq + 1} of {row.stream} after {prev}"
            )
        prev = leaf_hash(row.stored)
        evolve(state, event, prev)
        yield Step(event, prev, state)
    if state.seq == 0:
        raise UnknownMembership(membership)


def fold(book: Reader, membership: str, through: int | None = None) -> Membership:
    """The state of a membership after all its events up to and including a position; errors as `replay`."""
    state = Membership()
    for step in replay(book, membership, through):
        state = step.state
    return state
