"""Builds: each generation of a projection, its tables, and how far it has come.

    projection_state       a line for each generation: its version, whether it is the one that is read (live), the
                           position of the last event applied, that event's leaf hash, how many positions were missing
    projection_parked      streams that wait behind an event that could not be applied, and the error
    projection_waiting     the positions of the events that wait

A build is kept up either from the feed of the book, or by workers from Kafka: then its position is that of
`projections.worker_progress`, and whoever reads the feed leaves it alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from ledger.errors import DifferentBook, LedgerError
from ledger.store.base import Reader
from ledger.store.bookmark import START, Bookmark, require_same
from projections.database import Connection, Database, Table
from projections.projection import Handler, Projection
from projections.worker_progress import PARTITIONS, gaps_of, last_seen, progress_of

STATE: Final = Table(
    "projection_state",
    {
        "name": "TEXT",
        "generation": "BIGINT",
        "version": "BIGINT",
        "live": "INTEGER",
        "position": "BIGINT",
        "head": "TEXT",
        "gaps": "BIGINT",
    },
    ("name", "generation"),
)
PARKED: Final = Table(
    "projection_parked",
    {"name": "TEXT", "generation": "BIGINT", "stream": "TEXT", "position": "BIGINT", "error": "TEXT"},
    ("name", "generation", "stream"),
)
WAITING: Final = Table(
    "projection_waiting",
    {"name": "TEXT", "generation": "BIGINT", "position": "BIGINT", "stream": "TEXT"},
    ("name", "generation", "position"),
)


TOPICS_ANEW: Final = (
    "what was relayed to Kafka of the other one is in its topics: stop the relays, and let `csat-ledger topics --relay-anew` "
    "make those anew"
)
WAY_OUT: Final = (
    f"`csat-ledger project --rebuild` builds the projections anew from the book that is there; {TOPICS_ANEW}"
)


@dataclass(slots=True)
class Build:
    """One generation of a projection and how far it has come.

    `head` is the leaf hash of the last event applied from the feed; where workers keep the build it says nothing.
    `mark` is the furthest event of the book that is in it, by whomever: the book must still have it.
    """

    projection: Projection[Any]
    generation: int
    version: int = 0
    position: int = 0
    head: str = ""
    gaps: int = 0
    by_workers: bool = False
    mark: Bookmark = START
    parked: set[str] = field(default_factory=set)
    handlers: dict[str, Handler[Any]] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """What the names of its tables start with."""
        return f"{self.projection.name}_{self.generation}_"

    def lags(self, end: int, head: str) -> bool:
        """Whether whoever reads the feed has something to do for it: what workers keep up is left to them."""
        return not self.by_workers and (self.position, self.head) != (end, head)


def create_state_tables(database: Database, connection: Connection) -> None:
    """The tables in which the books of all builds are kept, where they do not exist yet."""
    for table in (STATE, PARKED, WAITING, PARTITIONS):
        if not database.table_exists(connection, table.name):
            database.create_table(connection, table.name, table)


def load_build(connection: Connection, projection: Projection[Any], *, any_version: bool = False) -> Build | None:
    """The live build of a projection; None where there is none, or it is of another version."""
    rows = connection.query(
        "SELECT generation, version FROM projection_state WHERE name = ? AND live = 1", (projection.name,)
    )
    if not rows or (rows[0][1] != projection.version and not any_version):
        return None
    ((generation, version),) = rows
    build = Build(projection, generation, version, handlers=dict(projection.handlers()))
    reload(connection, build)
    return build


def reload(connection: Connection, build: Build) -> None:
    """How far a build has come, as it stands in the transaction at hand."""
    name, generation = build.projection.name, build.generation
    ((build.position, build.head, build.gaps),) = connection.query(
        "SELECT position, head, gaps FROM projection_state WHERE name = ? AND generation = ?", (name, generation)
    )
    build.mark = Bookmark(build.position, build.head)
    progress = progress_of(connection, name, generation)
    build.by_workers = progress is not None
    if progress is not None:
        build.gaps += gaps_of(progress, build.position)
        build.position, build.head = progress.first, ""
        build.mark = max(build.mark, last_seen(connection, name, generation))
    parked = connection.query(
        "SELECT stream FROM projection_parked WHERE name = ? AND generation = ?", (name, generation)
    )
    build.parked = {stream for (stream,) in parked}


def other_book(book: Reader, build: Build) -> str | None:
    """What shows that a build was made of another book than this one; None where the book has what is in it."""
    try:
        require_same(book, build.mark, f"the projection {build.projection.name}")
    except DifferentBook as different:
        return str(different)
    return None


def require_book(book: Reader, builds: Iterable[Build]) -> None:
    """Proves that a book still has what builds were made of. Raises DifferentBook, with the way out."""
    for build in builds:
        require_same(book, build.mark, f"the projection {build.projection.name}", WAY_OUT)


class SwappedAway(LedgerError):
    """The generation that was being kept up is gone: another process has put a new one in its place."""


def still_there(connection: Connection, build: Build) -> bool:
    """Whether a build is where this process believes it to be; in a transaction that is alone no other can move it.

    Raises SwappedAway where the build is gone.
    """
    rows = connection.query(
        "SELECT position FROM projection_state WHERE name = ? AND generation = ?",
        (build.projection.name, build.generation),
    )
    if not rows:
        raise SwappedAway(
            f"projection {build.projection.name}: another process has swapped generation {build.generation}"
        )
    before, by_workers = build.position, build.by_workers
    taken_over = progress_of(connection, build.projection.name, build.generation) is not None
    if rows[0][0] == before and not taken_over:
        return True
    reload(connection, build)
    return (build.position, build.by_workers) == (before, by_workers)


def create_build(database: Database, connection: Connection, projection: Projection[Any]) -> Build:
    """A new generation with empty tables; what an earlier attempt left behind is dropped."""
    rows = connection.query(
        "SELECT generation, live FROM projection_state WHERE name = ? ORDER BY generation", (projection.name,)
    )
    for generation, live in rows:
        if not live:
            drop_build(connection, projection, generation)
    generation = max((generation for generation, _ in rows), default=0) + 1
    build = Build(projection, generation, projection.version, handlers=dict(projection.handlers()))
    for table in projection.tables:
        database.create_table(connection, build.prefix + table.name, table)
    connection.execute(
        "INSERT INTO projection_state VALUES (?,?,?,0,0,'',0)", (projection.name, build.generation, projection.version)
    )
    return build


def drop_build(connection: Connection, projection: Projection[Any], generation: int) -> None:
    """Removes a generation and its tables."""
    for table in projection.tables:
        connection.execute(f"DROP TABLE IF EXISTS {projection.name}_{generation}_{table.name}")
    for state in (STATE, PARKED, WAITING, PARTITIONS):
        connection.execute(f"DELETE FROM {state.name} WHERE name = ? AND generation = ?", (projection.name, generation))


def make_live(connection: Connection, build: Build) -> None:
    """Makes a generation the one that is read, in the transaction at hand."""
    connection.execute(
        "UPDATE projection_state SET live = 1 WHERE name = ? AND generation = ?",
        (build.projection.name, build.generation),
    )


def count_differences(connection: Connection, projection: Projection[Any], old: Build, new: Build) -> int:
    """Rows that only one of two builds has, over all tables."""
    different = 0
    for table in projection.tables:
        left, right = old.prefix + table.name, new.prefix + table.name
        for one, other in ((left, right), (right, left)):
            ((only,),) = connection.query(
                f"SELECT count(*) FROM (SELECT * FROM {one} EXCEPT SELECT * FROM {other}) AS only_here"
            )
            different += only
    return different
