"""How far behind the book each projection is, and what waits because an event of it cannot be read or applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ledger.store.base import Reader
from projections.builds import PARKED, WAITING, Build, load_build, other_book
from projections.questions.answer import LEFT_OUT, Count, MayBeLeftOut, Position
from projections.runner import Runner


@dataclass(frozen=True, slots=True)
class ParkedStream:
    """A stream of which an event could not be applied to a projection; the events after it wait."""

    stream: str
    """The stream's name."""
    position: Position
    """Where the event stands in the ledger."""
    error: str
    """Why it could not be applied."""


@dataclass(frozen=True, slots=True)
class ProjectionState:
    """One projection, as it is read now."""

    projection: str
    """Its name."""
    version: Count
    """The version of its tables; 0 where it was never built."""
    generation: Count
    """How often it was built."""
    position: Position
    """The position up to which nothing is missing in it; of the other book where it is of another one."""
    lag: Count
    """Positions from there to the end of the book; all of the book where it is of another one."""
    gaps: Count
    """Positions that the feed passed over."""
    parked: tuple[ParkedStream, ...]
    """Streams that wait behind an event that could not be applied."""
    waiting: Count
    """Events that wait behind those."""
    differences: int | MayBeLeftOut = LEFT_OUT
    """Rows in which it differs from the one before it; only after a rebuild that compared the two."""
    different_book: str | MayBeLeftOut = LEFT_OUT
    """What shows that it was built from another book, or from a later state of this one; only where it was."""


@dataclass(frozen=True, slots=True)
class SetAsideStream:
    """A stream that writers have set aside because an event of it cannot be read."""

    set_aside: str
    """The stream's name."""
    position: Position
    """Where the event stands in the ledger."""
    reason: str
    """Why it cannot be read."""


def projection_states(runner: Runner, differences: Mapping[str, int] | None = None) -> list[ProjectionState]:
    """Each projection that a runner keeps; after a rebuild with the number of rows that came out different.

    One that was compared with nothing, since the one before it was of another book, has none.
    """
    end, database = runner.book.max_position(), runner.database
    with database.reading() as connection:
        if not database.table_exists(connection, WAITING.name):
            return [_state(runner.book, Build(projection, 0), end, [], 0) for projection in runner.projections.values()]
        states = []
        for name, projection in runner.projections.items():
            build = load_build(connection, projection, any_version=True) or Build(projection, 0)
            of = name, build.generation
            parked = connection.query(
                f"SELECT stream, position, error FROM {PARKED.name} WHERE name = ? AND generation = ? ORDER BY position",
                of,
            )
            ((waiting,),) = connection.query(
                f"SELECT count(*) FROM {WAITING.name} WHERE name = ? AND generation = ?", of
            )
            state = _state(runner.book, build, end, [ParkedStream(*one) for one in parked], waiting)
            compared = None if differences is None else differences.get(name)
            states.append(state if compared is None else replace(state, differences=compared))
        return states


def streams_set_aside(book: Reader) -> list[SetAsideStream]:
    """Each stream that is set aside."""
    return [SetAsideStream(aside.stream, aside.position, aside.reason) for aside in book.set_aside()]


def _state(book: Reader, build: Build, end: int, parked: Sequence[ParkedStream], waiting: int) -> ProjectionState:
    different = other_book(book, build)
    return ProjectionState(
        projection=build.projection.name,
        version=build.version,
        generation=build.generation,
        position=build.position,
        lag=max(0, end - build.position) if different is None else end,
        gaps=build.gaps,
        parked=tuple(parked),
        waiting=waiting,
        different_book=LEFT_OUT if different is None else different,
    )
