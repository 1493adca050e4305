"""A book of plain events and a projection that counts them, to see what the runner does with both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ledger.event import FIRST_PREV, encode_event
from ledger.programmes.registry import PROGRAMMES
from ledger.store.base import NewRow, Row
from ledger.store.sqlite import SQLiteStore
from projections.database import Connection, Database, SQLiteDatabase, Table
from projections.projection import Handler, Projection, RawEvent
from projections.runner import Runner

INSTANT = "2010-06-15T10:22:33.123456Z"
Seen = list[tuple[int, str]]


def stored_event(stream: str, seq: int, location: str = "Lisbon") -> bytes:
    """The bytes of a small event."""
    return encode_event(
        stream=stream,
        seq=seq,
        event_type="LocationAdded",
        occurred_at=INSTANT,
        recorded_at=INSTANT,
        fact=f"{stream}/{seq}",
        actor=None,
        prev=FIRST_PREV,
        salt="AAAAAAAAAAAAAAAAAAAAAA==",
        data={"location": location},
    )


class Tally(Projection[Seen]):
    """Counts how often each event was applied; fails on request."""

    name: ClassVar[str] = "tally"
    version: ClassVar[int] = 1
    types = PROGRAMMES.events
    tables: ClassVar[tuple[Table, ...]] = (
        Table("seen", {"position": "BIGINT", "stream": "TEXT", "times": "BIGINT"}, ("position",)),
    )

    def __init__(self) -> None:
        self.poison: set[int] = set()
        self.poison_at_flush: set[int] = set()
        self.after_flush: Callable[[Seen], None] = lambda _seen: None

    def handlers(self) -> Mapping[str, Handler[Seen]]:
        return {"LocationAdded": self._added}

    def pending(self) -> Seen:
        return []

    def flush(self, pending: Seen, connection: Connection, prefix: str) -> None:
        for position, stream in pending:
            connection.execute(
                f"INSERT INTO {prefix}seen VALUES (?,?,1) "
                f"ON CONFLICT (position) DO UPDATE SET times = {prefix}seen.times + 1",
                (position, stream),
            )
            if position in self.poison_at_flush:
                raise ValueError(f"position {position} cannot be written")
        self.after_flush(pending)

    def _added(self, pending: Seen, event: RawEvent, position: int) -> None:
        if position in self.poison:
            raise KeyError(f"position {position} cannot be applied")
        pending.append((position, event["stream"]))


class Other(Tally):
    """A second one beside it."""

    name: ClassVar[str] = "other"


class NextTally(Tally):
    """The same, as a later program has it."""

    version: ClassVar[int] = 2


class Book:
    """A book of plain events in streams membership-0, membership-1, …"""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = SQLiteStore(path)
        self._seqs: dict[str, int] = {}

    def add(self, count: int, streams: int = 3, location: str = "Lisbon") -> None:
        start = self.store.max_position() + 1
        self.add_raw(*((f"membership-{position % streams}", None) for position in range(start, start + count)),
                     location=location)  # fmt: skip

    def add_raw(self, *events: tuple[str, bytes | None], location: str = "Lisbon") -> None:
        """Events with bytes of their own, or with plain ones where None is given."""
        with self.store.writing() as transaction:
            position = transaction.max_position()
            rows = []
            for place, (stream, given) in enumerate(events, start=1):
                seq = self._seqs[stream] = self._seqs.get(stream, 0) + 1
                stored = given or stored_event(stream, seq, location)
                rows.append(NewRow(position + place, stream, seq, "LocationAdded", stored, None, None))
            transaction.append(rows)

    def close(self) -> None:
        self.store.close()


class Feed:
    """A book's feed in pages of at most so many events; something may happen before a page is read."""

    def __init__(self, store: SQLiteStore, page: int = 7) -> None:
        self._store = store
        self._page = page
        self.reads = 0
        self.hidden: set[int] = set()
        self.before: Callable[[int], None] = lambda _after: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read_feed(self, after: int, limit: int) -> list[Row]:
        self.before(after)
        self.reads += 1
        rows = self._store.read_feed(after, min(limit, self._page))
        return [row for row in rows if row.position not in self.hidden]


class Bench:
    """A book, and a place for the tables of its projections: a file, or a PostgreSQL database where a URL is given."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder = folder
        self.book = Book(folder / "book.db")
        self._url = url
        self._open: list[Database] = []

    def database(self) -> Database:
        """Connections of their own, as another process has them."""
        if self._url is None:
            self._open.append(SQLiteDatabase(str(self.folder / "tables.db")))
        else:
            from projections.postgres import PostgresDatabase

            self._open.append(PostgresDatabase(self._url))
        return self._open[-1]

    def feed(self, page: int = 7) -> Feed:
        return Feed(self.book.store, page)

    def runner(self, *projections: Projection[Any], feed: Any = None) -> Runner:
        """A runner with connections of its own."""
        return Runner(self.feed() if feed is None else feed, self.database(), projections)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with self._open[0].reading() as connection:
            return connection.query(statement)

    def change(self, statement: str) -> None:
        """Changes rows behind the runner's back."""
        with self._open[0].writing() as connection:
            connection.execute(statement)

    def table(self, name: str = "tally") -> str:
        """The table of the generation that is read."""
        ((generation,),) = self.query(f"SELECT generation FROM projection_state WHERE name = '{name}' AND live = 1")
        return f"{name}_{generation}_seen"

    def seen(self, name: str = "tally") -> dict[int, int]:
        """How often each position was applied."""
        return dict(self.query(f"SELECT position, times FROM {self.table(name)}"))

    def tables_of(self, name: str = "tally") -> list[str]:
        """All tables with rows of a projection, of whatever generation."""
        listed = "SELECT name FROM sqlite_master WHERE type = 'table'"
        if self._url is not None:
            listed = "SELECT CAST(tablename AS text) FROM pg_tables WHERE schemaname = 'projections'"
        return [table for (table,) in self.query(listed) if table.startswith(f"{name}_")]

    def close(self) -> None:
        for database in self._open:
            database.close()
        self.book.close()


def once(positions: Sequence[int]) -> dict[int, int]:
    """Each of these positions, applied exactly once."""
    return dict.fromkeys(positions, 1)


@pytest.fixture(params=["sqlite", "postgres"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    url = None
    if request.param == "postgres":
        pytest.importorskip("psycopg")
        url = request.getfixturevalue("postgres_url")
    opened = Bench(tmp_path, url)
    yield opened
    opened.close()
