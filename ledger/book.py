"""Reading the book itself: one subject's stream folded up to a position, and which position an instant stands for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, NamedTuple

from ledger.errors import BrokenHistory, StoreUnreachable
from ledger.event import Event, leaf_hash, recorded_us_of
from ledger.instants import BEGINNING_US
from ledger.programmes.programme import Programme, Programmes, State, follow
from ledger.store.base import Reader, Row


class Step(NamedTuple):
    """An event of a stream, the leaf hash of its bytes, and the subject's state after it (the same object each time)."""

    event: Event
    leaf_hash: str
    state: Any


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


TYPE_PAGE: Final = 2_000


def rows_of_type(book: Reader, event_type: str, after: int = 0, stream: str | None = None) -> Iterator[Row]:
    """All events of one type after a position, in order of position; of one stream alone where it is named.

    They are read some at a time, as `Reader.read_type` gives them.
    """
    while page := book.read_type(event_type, after, TYPE_PAGE, stream):
        yield from page
        after = page[-1].position


@contextmanager
def making_sense(what: str) -> Iterator[None]:
    """Whatever is wrong inside is BrokenHistory of `what`: content that could be read and names what is not there, say.

    Only somebody who appends behind the ledger's back writes such an event; it is no fault of who reads it.
    """
    try:
        yield
    except (BrokenHistory, StoreUnreachable):
        raise
    except Exception as error:
        raise BrokenHistory(
            f"{what}: found content that makes no sense after what stands before it: {error!r}"
        ) from error


def follow_row(programmes: Programmes, programme: Programme, state: State, row: Row) -> Event:
    """Evolves a state by the next event of its stream; returns the event.

    Raises BrokenHistory where it does not follow the one before, or has content that names what is not there.
    """
    event = programmes.decode(row.stored, row.position)
    if event.prev != state.head or event.seq != state.seq + 1 or row.seq != event.seq or row.stream != event.stream:
        raise BrokenHistory(
            f"position {row.position}: found seq {event.seq} of {event.stream} after {event.prev}, "
            f"expected seq {state.seq + 1} of {row.stream} after {state.head}"
        )
    try:
        follow(programme, state, event, leaf_hash(row.stored))
    except Exception as error:  # as `making_sense`, which would cost every event of a fold a generator
        raise BrokenHistory(
            f"position {row.position}: {event.type} makes no sense after what stands before it: {error!r}"
        ) from error
    return event


def read_rules(
    book: Reader, programmes: Programmes, programme: Programme, stream: str, through: int | None = None
) -> Any:
    """The editions of a stream published up to and including a position, as the programme's `Rules`."""
    rules = programme.new_rules()
    for row in book.read_stream(stream, through=through):
        with making_sense(f"position {row.position}"):
            programme.add_edition(rules, programmes.decode(row.stored, row.position))
    return rules


class GrowingRules:
    """The editions of a stream as they were known at each position, for positions that only grow."""

    def __init__(self, book: Reader, programmes: Programmes, programme: Programme, stream: str) -> None:
        self._programme = programme
        self._to_come = [programmes.decode(row.stored, row.position) for row in book.read_stream(stream)]
        self._to_come.reverse()
        self._rules = programme.new_rules()

    def at(self, position: int) -> Any:
        """The programme's `Rules` with what was published by a position (the same object each time)."""
        while self._to_come and self._to_come[-1].position <= position:
            self._programme.add_edition(self._rules, self._to_come.pop())
        return self._rules


def replay(book: Reader, programmes: Programmes, stream: str, through: int | None = None) -> Iterator[Step]:
    """A subject's stream, event by event, up to and including a position; the chain is checked on the way.

    Yields nothing where there is no such stream. Raises BrokenHistory where an event does not follow the one before.
    """
    programme = programmes.of(stream)
    if programme is None:
        return
    state = programme.new_state()
    for row in book.read_stream(stream, through=through):
        event = follow_row(programmes, programme, state, row)
        yield Step(event, state.head, state)
