"""The runner: keeps projections up to the book.

It reads the feed once for all of them, and writes a batch's rows and the position reached in one transaction, so that
each event is applied exactly once whatever kills the process. Each build of a projection is a *generation* with tables
of its own, `<projection>_<generation>_<table>`; one is live and is read, another may be under way beside it.

An event that a projection cannot apply parks its stream, for that projection: the error is kept, the later events of the
stream are noted, everything else goes on. A rebuild takes parked streams up again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import orjson

from ledger.errors import LedgerError
from ledger.events import UPCASTS, VERSIONS, leaf_hash
from ledger.store.base import Reader, Row
from projections.base import Handler, Projection, RawEvent
from projections.database import Connection, Database, Table

BATCH: Final = 4_000
ERROR_TEXT_MAX: Final = 500

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

Progress = Callable[[int, int], None]
"""Called with (events applied, position of the book's last event)."""


@dataclass(slots=True)
class Build:
    """One generation of a projection and how far it has come; `head` is the leaf hash of its last event."""

    projection: Projection[Any]
    generation: int
    position: int = 0
    head: str = ""
    gaps: int = 0
    parked: set[str] = field(default_factory=set)
    handlers: dict[str, Handler[Any]] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """What the names of its tables start with."""
        return f"{self.projection.name}_{self.generation}_"


@dataclass(frozen=True, slots=True)
class Poison:
    """An event that a projection could not apply."""

    stream: str
    position: int
    error: str


class Runner:
    """Keeps some projections in a database up to a book."""

    def __init__(self, book: Reader, database: Database, projections: Sequence[Projection[Any]]) -> None:
        self._book = book
        self._database = database
        self._projections = {projection.name: projection for projection in projections}
        with database.writing() as connection:
            create_state_tables(database, connection)

    def catch_up(self, on_progress: Progress | None = None) -> int:
        """Brings every projection to the end of the book; returns how many events were read.

        One whose code has another version, or whose tables are of another book, is built anew beside and swapped in.
        """
        live, stale = [], []
        with self._database.writing() as connection:
            for name, projection in self._projections.items():
                build = load_build(connection, projection, any_version=True)
                if build is None:
                    build = create_build(self._database, connection, projection)
                    make_live(connection, build)
                if self._is_of_this_book_and_version(connection, build):
                    live.append(build)
                else:
                    stale.append(name)
        read = 0
        if stale:
            read += self._build_beside(stale, on_progress, compare=False)[0]
        while behind := self._follow(live, on_progress):
            read += behind
        return read

    def rebuild(self, on_progress: Progress | None = None) -> dict[str, int]:
        """Builds every projection anew beside the live one, compares the two, and swaps them.

        Returns for each projection the number of rows in which the new one differs from the old at the same position.
        """
        self.catch_up(on_progress)
        return self._build_beside(list(self._projections), on_progress, compare=True)[1]

    def status(self) -> list[dict[str, Any]]:
        """For each projection: position, lag, gaps, parked streams with their errors, events waiting behind them."""
        end = self._book.max_position()
        answers = []
        with self._database.reading() as connection:
            for name, projection in self._projections.items():
                rows = connection.query(
                    "SELECT generation, version, position, gaps FROM projection_state WHERE name = ? AND live = 1", (name,)
                )
                generation, version, position, gaps = rows[0] if rows else (0, projection.version, 0, 0)
                parked = connection.query(
                    "SELECT stream, position, error FROM projection_parked WHERE name = ? AND generation = ? "
                    "ORDER BY position",
                    (name, generation),
                )
                ((waiting,),) = connection.query(
                    "SELECT count(*) FROM projection_waiting WHERE name = ? AND generation = ?", (name, generation)
                )
                answers.append(
                    {
                        "projection": name,
                        "version": version,
                        "generation": generation,
                        "position": position,
                        "lag": max(0, end - position),
                        "gaps": gaps,
                        "parked": [
                            {"stream": stream, "position": at, "error": error} for stream, at, error in parked
                        ],
                        "waiting": waiting,
                    }
                )
        return answers

    def _is_of_this_book_and_version(self, connection: Connection, build: Build) -> bool:
        if load_build(connection, build.projection) is None:
            return False
        if build.position == 0:
            return True
        rows = self._book.read_feed(build.position - 1, 1)
        return bool(rows) and rows[0].position == build.position and leaf_hash(rows[0].stored) == build.head

    def _follow(self, builds: list[Build], on_progress: Progress | None) -> int:
        """Applies the next batch to the builds that are furthest behind."""
        if not builds:
            return 0
        start = min(build.position for build in builds)
        behind = [build for build in builds if build.position == start]
        stops = [build.position for build in builds if build.position > start]
        limit = min(BATCH, min(stops) - start) if stops else BATCH
        rows = self._book.read_feed(start, limit)
        if not rows:
            return 0
        self._apply_durably(behind, rows)
        if on_progress is not None:
            on_progress(rows[-1].position, self._book.max_position())
        return len(rows)

    def _apply_durably(self, builds: list[Build], rows: list[Row]) -> None:
        with self._database.writing() as connection:
            # Another process may have got here first; then there is nothing left to do for that build.
            current = [build for build in builds if reload_position(connection, build)]
            apply_rows(connection, current, rows)

    def _build_beside(
        self, names: Sequence[str], on_progress: Progress | None, *, compare: bool
    ) -> tuple[int, dict[str, int]]:
        """Builds projections anew from one read of the feed; returns the events read and the rows that differ."""
        with self._database.writing() as connection:
            builds = [create_build(self._database, connection, self._projections[name]) for name in names]
        read = 0
        while behind := self._follow(builds, on_progress):
            read += behind
        differences: dict[str, int] = {}
        with self._database.writing() as connection:
            for build in builds:
                old = load_build(connection, build.projection, any_version=True)
                if old is not None and compare:
                    # Nobody else can write now; both are brought to the same position, then compared.
                    end = self._book.max_position()
                    self._apply_through(connection, build, end)
                    self._apply_through(connection, old, end)
                    differences[build.projection.name] = count_differences(connection, build.projection, old, build)
                if old is not None:
                    drop_build(connection, old.projection, old.generation)
                make_live(connection, build)
        return read, differences

    def _apply_through(self, connection: Connection, build: Build, end: int) -> None:
        while build.position < end:
            apply_rows(connection, [build], self._book.read_feed(build.position, min(BATCH, end - build.position)))


def create_state_tables(database: Database, connection: Connection) -> None:
    """The tables in which the runner keeps its own books, where they do not exist yet."""
    for table in (STATE, PARKED, WAITING):
        try:
            connection.query(f"SELECT 1 FROM {table.name} LIMIT 1")
        except Exception:  # noqa: BLE001 - each driver has an error of its own for a table that is missing
            database.create_table(connection, table.name, table)


def load_build(connection: Connection, projection: Projection[Any], *, any_version: bool = False) -> Build | None:
    """The live build of a projection; None where there is none, or it is of another version."""
    rows = connection.query(
        "SELECT generation, version, position, head, gaps FROM projection_state WHERE name = ? AND live = 1",
        (projection.name,),
    )
    if not rows or (rows[0][1] != projection.version and not any_version):
        return None
    generation, _, position, head, gaps = rows[0]
    parked = connection.query(
        "SELECT stream FROM projection_parked WHERE name = ? AND generation = ?", (projection.name, generation)
    )
    build = Build(projection, generation, position, head, gaps, {stream for (stream,) in parked})
    build.handlers = dict(projection.handlers())
    return build


def reload_position(connection: Connection, build: Build) -> bool:
    """Whether a build is still where this process believes it to be, now that nobody else can move it."""
    rows = connection.query(
        "SELECT position FROM projection_state WHERE name = ? AND generation = ?",
        (build.projection.name, build.generation),
    )
    if not rows:
        raise LedgerError(f"projection {build.projection.name}: another process has swapped generation {build.generation}")
    same = bool(rows[0][0] == build.position)
    if not same:
        build.position = rows[0][0]
    return same


def create_build(database: Database, connection: Connection, projection: Projection[Any]) -> Build:
    """A new generation with empty tables; what an earlier attempt left behind is dropped."""
    rows = connection.query(
        "SELECT generation, live FROM projection_state WHERE name = ? ORDER BY generation", (projection.name,)
    )
    for generation, live in rows:
        if not live:
            drop_build(connection, projection, generation)
    build = Build(projection, max((generation for generation, _ in rows), default=0) + 1)
    build.handlers = dict(projection.handlers())
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
    for state in (STATE, PARKED, WAITING):
        connection.execute(f"DELETE FROM {state.name} WHERE name = ? AND generation = ?", (projection.name, generation))


def make_live(connection: Connection, build: Build) -> None:
    """Makes a generation the one that is read, in the transaction at hand."""
    connection.execute(
        "UPDATE projection_state SET live = 1 WHERE name = ? AND generation = ?",
        (build.projection.name, build.generation),
    )


def apply_rows(connection: Connection, builds: Iterable[Build], rows: list[Row]) -> None:
    """Applies rows that follow the builds' position, and writes how far they have come, in the transaction at hand."""
    builds = list(builds)
    if not builds:
        return
    wanted = {event_type for build in builds for event_type in build.handlers}
    batch = read_batch([row for row in rows if row.type in wanted])
    head = leaf_hash(rows[-1].stored)
    first = rows[0].position
    gaps = 0
    if rows[-1].position - first != len(rows) - 1:
        gaps = sum(later.position != row.position + 1 for row, later in pairwise(rows))
    for build in builds:
        build.gaps += gaps + (first != build.position + 1)
        apply_batch(connection, build, batch)
        build.position, build.head = rows[-1].position, head
        connection.execute(
            "UPDATE projection_state SET position = ?, head = ?, gaps = ? WHERE name = ? AND generation = ?",
            (build.position, build.head, build.gaps, build.projection.name, build.generation),
        )


ReadEvent = tuple[RawEvent | Poison, Row]


@dataclass(slots=True)
class Batch:
    """Events read from the book, in order; and, where all of them can be read, by type (in order within each type)."""

    events: list[ReadEvent]
    by_type: dict[str, list[tuple[RawEvent, int]]] | None = None


def read_batch(rows: list[Row]) -> Batch:
    """Each row with its stored object, or with the reason why that cannot be read."""
    loads, newest = orjson.loads, VERSIONS
    by_type: defaultdict[str, list[tuple[RawEvent, int]]] = defaultdict(list)
    events: list[ReadEvent] = []
    try:
        for row in rows:
            position, _, _, event_type, stored = row
            event = loads(stored)
            if event["v"] != newest[event_type]:
                raise LedgerError("an older version")
            events.append((event, row))
            by_type[event_type].append((event, position))
    except Exception:  # noqa: BLE001 - an older version or poison; each is looked at by itself
        return Batch([(read_event(row), row) for row in rows])
    return Batch(events, by_type)


def read_event(row: Row) -> RawEvent | Poison:
    """The stored object with its data at the newest version, or why it cannot be read."""
    try:
        event: RawEvent = orjson.loads(row.stored)
        version, newest = event["v"], VERSIONS[row.type]
        if version != newest:
            if version > newest:
                raise LedgerError(f"found version {version} of {row.type}, this program knows {newest}")
            while version < newest:
                event["data"] = UPCASTS[row.type, version](event["data"])
                version += 1
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the other streams must go on
        return Poison(row.stream, row.position, repr(error)[:ERROR_TEXT_MAX])
    return event


def apply_batch(connection: Connection, build: Build, batch: Batch) -> None:
    """Applies a batch to one build; if that fails, event by event, parking the streams of those that fail."""
    try:
        pending = gather(build, batch)
        connection.execute("SAVEPOINT batch")
        build.projection.flush(pending, connection, build.prefix)
        connection.execute("RELEASE SAVEPOINT batch")
    except _Unreadable:
        _apply_one_by_one(connection, build, batch.events)
    except Exception:  # noqa: BLE001 - a handler or a statement failed; found out below which event it was
        try:
            connection.execute("ROLLBACK TO SAVEPOINT batch")
        except Exception:  # noqa: BLE001, S110 - it failed before the savepoint was set
            pass
        _apply_one_by_one(connection, build, batch.events)


class _Unreadable(Exception):  # noqa: N818 - never leaves this module
    """An event of the batch must be parked, or belongs to a stream that is."""


def gather(build: Build, batch: Batch) -> Any:
    """What the handlers make of a batch, a type after the other. Raises where one of its events cannot be applied."""
    pending = build.projection.pending()
    if build.parked and not build.parked.isdisjoint(row.stream for _, row in batch.events):
        raise _Unreadable
    if batch.by_type is None:
        for event, row in batch.events:
            handler = build.handlers.get(row.type)
            if handler is not None:
                if isinstance(event, Poison):
                    raise _Unreadable
                handler(pending, event, row.position)
        return pending
    for event_type, handler in build.handlers.items():
        for raw, position in batch.by_type.get(event_type, ()):
            handler(pending, raw, position)
    return pending


def _apply_one_by_one(connection: Connection, build: Build, events: list[ReadEvent]) -> None:
    projection = build.projection
    for event, row in events:
        handler = build.handlers.get(row.type)
        if handler is None:
            continue
        if row.stream in build.parked:
            connection.execute(
                "INSERT INTO projection_waiting VALUES (?,?,?,?)",
                (projection.name, build.generation, row.position, row.stream),
            )
            continue
        connection.execute("SAVEPOINT event")
        try:
            if isinstance(event, Poison):
                raise LedgerError(event.error)
            pending = projection.pending()
            handler(pending, event, row.position)
            projection.flush(pending, connection, build.prefix)
        except Exception as error:  # noqa: BLE001 - the stream is parked with whatever it was
            connection.execute("ROLLBACK TO SAVEPOINT event")
            text = (str(error) if isinstance(event, Poison) else repr(error))[:ERROR_TEXT_MAX]
            build.parked.add(row.stream)
            connection.execute(
                "INSERT INTO projection_parked VALUES (?,?,?,?,?)",
                (projection.name, build.generation, row.stream, row.position, text),
            )
        connection.execute("RELEASE SAVEPOINT event")


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
