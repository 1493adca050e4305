"""The book in SQLite, over the recorders of the `eventsourcing` library.

    events      position (explicit: VACUUM never renumbers it), stream, seq, type, stored bytes; the fact's id and digest
                on the first event of a fact. The database itself refuses UPDATE, DELETE, REPLACE, and gaps.
    snapshots   cached folds of long streams; may be dropped
    due         for each membership an instant before which no review is needed
    ledger_meta up to which instants memberships were reviewed

Writers take the database's write lock first (BEGIN IMMEDIATE), then read, decide and append; so positions are dense and
in commit order, and the feed has no holes that fill later. WAL with synchronous=FULL: a commit is on disk.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson
from eventsourcing.persistence import (
    IntegrityError,
    Notification,
    StoredEvent,
    Subscription,
)
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
    SQLiteFactory,
    SQLiteProcessRecorder,
)

from ledger.errors import StoreOutdated, StoreUnreachable
from ledger.store.base import KnownFact, NewRow, Row, Snapshot

TABLES_VERSION: Final = 1
LOCK_TIMEOUT_S: Final = 60
READ_CHUNK: Final = 2_000
POLL_MIN_S: Final = 0.002
POLL_MAX_S: Final = 0.1
APPLICATION_ID: Final = 0x43534154  # "CSAT"

EVENTS_TABLE: Final = """
CREATE TABLE IF NOT EXISTS {table} (
    position INTEGER PRIMARY KEY,
    originator_id TEXT NOT NULL,
    originator_version INTEGER NOT NULL,
    topic TEXT NOT NULL,
    state BLOB NOT NULL,
    fact TEXT,
    fact_digest BLOB,
    UNIQUE (originator_id, originator_version)
)"""
EVENTS_INDEXES: Final = (
    "CREATE UNIQUE INDEX IF NOT EXISTS {table}_fact ON {table} (fact) WHERE fact IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS {table}_announcements ON {table} (position) WHERE topic = 'EligibilityChanged'",
)
EVENTS_TRIGGERS: Final = (
    """CREATE TRIGGER IF NOT EXISTS {table}_no_update BEFORE UPDATE ON {table}
       BEGIN SELECT RAISE(ABORT, 'events are immutable: UPDATE refused'); END""",
    """CREATE TRIGGER IF NOT EXISTS {table}_no_delete BEFORE DELETE ON {table}
       BEGIN SELECT RAISE(ABORT, 'events are immutable: DELETE refused'); END""",
    # REPLACE deletes without firing a delete trigger, so what it would replace is refused before.
    """CREATE TRIGGER IF NOT EXISTS {table}_append_only BEFORE INSERT ON {table}
       WHEN NEW.position IS NOT (SELECT coalesce(max(position), 0) + 1 FROM {table})
         OR EXISTS (SELECT 1 FROM {table}
                    WHERE originator_id = NEW.originator_id AND originator_version = NEW.originator_version)
         OR EXISTS (SELECT 1 FROM {table} WHERE fact = NEW.fact)
       BEGIN SELECT RAISE(ABORT, 'events are immutable: an event must be new and follow the last one'); END""",
)
INSERT_EVENTS: Final = "INSERT INTO {table} VALUES (?,?,?,?,?,?,?)"
APPEND_STATEMENTS: Final = tuple(
    (size, "INSERT INTO events VALUES " + ",".join(["(?,?,?,?,?,?,?)"] * size)) for size in (64, 16, 4, 1)
)
SELECT_ROWS: Final = "SELECT position, originator_id, originator_version, topic, state FROM events "


def events_table_statements(table: str) -> list[str]:
    """What creates the events table with all that guards it."""
    return [statement.format(table=table) for statement in (EVENTS_TABLE, *EVENTS_INDEXES, *EVENTS_TRIGGERS)]


class LedgerConnectionPool(SQLiteConnectionPool):
    """Connections whose commits are on disk when they return."""

    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        cursor = connection._sqlite_conn.cursor()
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA cache_size=-65536")
        cursor.execute("PRAGMA wal_autocheckpoint=8000")
        cursor.close()
        return connection


class LedgerDatastore(SQLiteDatastore):
    """The library's datastore over our connections."""

    def __init__(self, db_name: str, **options: Any) -> None:
        super().__init__(db_name, **options)
        self.pool.close()
        self.pool = LedgerConnectionPool(db_name=db_name, lock_timeout=options.get("lock_timeout"))

    @contextmanager
    def immediate(self) -> Iterator[sqlite3.Cursor]:
        """A transaction that holds the write lock from its start; committed at the end, else rolled back."""
        with self.get_connection(commit=True) as connection:
            cursor = connection._sqlite_conn.cursor()
            cursor.row_factory = None
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            finally:
                cursor.close()


class _ExplicitPositions(SQLiteApplicationRecorder):
    """Events at explicit positions, which the library's recorder leaves to the implicit rowid."""

    datastore: LedgerDatastore

    def construct_create_table_statements(self) -> list[str]:
        inherited = super().construct_create_table_statements()
        return [
            *(statement for statement in inherited if f"{self.events_table_name} (" not in statement),
            *events_table_statements(self.events_table_name),
        ]

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        with translated_errors(), self.datastore.immediate() as cursor:
            return self._insert_events(SQLiteCursor(cursor), stored_events, **kwargs)

    def _insert_events(
        self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **_: Any
    ) -> Sequence[int] | None:
        c.execute(f"SELECT coalesce(max(position), 0) FROM {self.events_table_name}")
        first = c.fetchone()[0] + 1
        positions = range(first, first + len(stored_events))
        c.executemany(
            INSERT_EVENTS.format(table=self.events_table_name),
            [
                (position, _as_text(e.originator_id), e.originator_version, e.topic, e.state, None, None)
                for position, e in zip(positions, stored_events, strict=True)
            ],
        )
        return list(positions)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        conditions, parameters = ["1"], []
        if start is not None:
            conditions.append("position >= ?" if inclusive_of_start else "position > ?")
            parameters.append(start)
        if stop is not None:
            conditions.append("position <= ?")
            parameters.append(stop)
        statement = f"SELECT * FROM {self.events_table_name} WHERE {' AND '.join(conditions)} "
        if topics:
            statement += f"AND topic IN ({','.join('?' * len(topics))}) "
        statement += "ORDER BY position LIMIT ?"
        with self.datastore.transaction(commit=False) as c:
            c.execute(statement, [*parameters, *topics, limit])
            return [
                Notification(
                    id=row["position"],
                    originator_id=self.convert_originator_id(row["originator_id"]),
                    originator_version=row["originator_version"],
                    topic=row["topic"],
                    state=row["state"],
                )
                for row in c.fetchall()
            ]

    def _max_notification_id(self, c: SQLiteCursor) -> int:
        c.execute(f"SELECT max(position) FROM {self.events_table_name}")
        position: int = c.fetchone()[0]
        return position

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> PullSubscription:
        """Notifications after `gt`, for ever: pulled, since SQLite tells nobody of a commit."""
        return PullSubscription(self, gt, topics)


class PullSubscription(Subscription[SQLiteApplicationRecorder]):
    """Notifications in order of position, pulled a page at a time; waits with growing pauses where there are none."""

    def __init__(self, recorder: SQLiteApplicationRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        self._page: list[Notification] = []

    def __next__(self) -> Notification:
        pause_s = POLL_MIN_S
        while not self._page:
            if self._has_been_stopped:
                raise StopIteration
            found = self._recorder.select_notifications(
                self._last_notification_id or 0, 500, topics=self._topics, inclusive_of_start=False
            )
            self._page = list(reversed(found))
            if not found:
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, POLL_MAX_S)
        notification = self._page.pop()
        self._last_notification_id = notification.id
        return notification


class LedgerApplicationRecorder(_ExplicitPositions):
    """The library's application recorder over the ledger's events table."""


class LedgerProcessRecorder(_ExplicitPositions, SQLiteProcessRecorder):
    """The same, with the library's tracking of positions in the same transaction."""

    def _insert_events(
        self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        positions = super()._insert_events(c, stored_events, **kwargs)
        tracking = kwargs.get("tracking")
        if tracking is not None:
            self._insert_tracking(c, tracking)
        return positions


class Factory(SQLiteFactory):
    """Makes the library's applications keep their events in a ledger's table (PERSISTENCE_MODULE=ledger.store.sqlite)."""

    application_recorder_class = LedgerApplicationRecorder
    process_recorder_class = LedgerProcessRecorder

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        plain = self.datastore
        self.datastore = LedgerDatastore(
            plain.pool.db_name,
            lock_timeout=plain.pool.lock_timeout,
            single_row_tracking=plain.single_row_tracking,
            originator_id_type=plain.originator_id_type,
        )
        plain.close()


@contextmanager
def translated_errors() -> Iterator[None]:
    """The library's errors in the place of the driver's."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise IntegrityError(error) from error


def _as_text(originator_id: UUID | str) -> str:
    return originator_id.hex if isinstance(originator_id, UUID) else originator_id


class _SQLiteReader:
    """Reads the book through a cursor."""

    def __init__(self, execute: Callable[..., sqlite3.Cursor]) -> None:
        self._execute = execute

    def max_position(self) -> int:
        position: int = self._execute("SELECT coalesce(max(position), 0) FROM events").fetchone()[0]
        return position

    def read_feed(self, after: int, limit: int) -> list[Row]:
        rows = self._execute(SELECT_ROWS + "WHERE position > ? ORDER BY position LIMIT ?", (after, limit))
        return list(map(Row._make, rows))

    def read_stream(self, stream: str, after_seq: int = 0, through: int | None = None) -> Iterator[Row]:
        statement = SELECT_ROWS + "WHERE originator_id = ? AND originator_version > ? "
        if through is not None:
            statement += f"AND position <= {through:d} "
        statement += "ORDER BY originator_version LIMIT ?"
        while True:
            rows = self._execute(statement, (stream, after_seq, READ_CHUNK)).fetchall()
            yield from map(Row._make, rows)
            if len(rows) < READ_CHUNK:
                return
            after_seq = rows[-1][2]

    def read_streams(self, streams: Sequence[str]) -> Iterator[Row]:
        rows = self._execute(
            SELECT_ROWS + "WHERE originator_id IN (SELECT value FROM json_each(?)) "
            "ORDER BY originator_id, originator_version",
            (orjson.dumps(list(streams)).decode(),),
        )
        return map(Row._make, rows)

    def last_seq(self, stream: str) -> int:
        row = self._execute("SELECT max(originator_version) FROM events WHERE originator_id = ?", (stream,)).fetchone()
        return row[0] or 0

    def read_type(self, event_type: str, after: int, limit: int) -> list[Row]:
        # The type stands in the statement, so that SQLite sees that the partial index applies.
        if not event_type.isalpha():
            raise ValueError(f"found event type {event_type!r}, expected letters")
        rows = self._execute(
            SELECT_ROWS + f"WHERE topic = '{event_type}' AND position > ? ORDER BY position LIMIT ?", (after, limit)
        )
        return list(map(Row._make, rows))

    def stream_names(self, after: str = "", limit: int = 1000) -> list[str]:
        rows = self._execute(
            "SELECT DISTINCT originator_id FROM events WHERE originator_id > ? ORDER BY originator_id LIMIT ?",
            (after, limit),
        )
        return [name for (name,) in rows]


class SQLiteWriteTransaction(_SQLiteReader):
    """The book while one writer holds it."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        super().__init__(cursor.execute)
        self._cursor = cursor

    def streams_since(self, position: int, limit: int) -> set[str] | None:
        rows = self._execute(
            "SELECT originator_id FROM events WHERE position > ? ORDER BY position LIMIT ?", (position, limit + 1)
        ).fetchall()
        return {name for (name,) in rows} if len(rows) <= limit else None

    def known_facts(self, ids: Sequence[str]) -> dict[str, KnownFact]:
        rows = self._execute(
            "SELECT fact, fact_digest, position FROM events WHERE fact IN (SELECT value FROM json_each(?))",
            (orjson.dumps(ids).decode(),),
        )
        return {fact: KnownFact(digest, position) for fact, digest, position in rows}

    def append(self, rows: Sequence[NewRow]) -> None:
        # Many rows a statement: the driver lets go of the interpreter's lock once a statement, and where other threads
        # wait for it, getting it back costs more than the row.
        start = 0
        for size, statement in APPEND_STATEMENTS:
            while len(rows) - start >= size:
                self._cursor.execute(statement, list(chain.from_iterable(rows[start : start + size])))
                start += size

    def snapshots(self, streams: Sequence[str]) -> list[Snapshot]:
        rows = self._execute(
            "SELECT stream, seq, state FROM snapshots WHERE stream IN (SELECT value FROM json_each(?))",
            (orjson.dumps(list(streams)).decode(),),
        )
        return list(map(Snapshot._make, rows.fetchall()))

    def save_snapshots(self, snapshots: Iterable[Snapshot]) -> None:
        self._cursor.executemany("INSERT OR REPLACE INTO snapshots VALUES (?,?,?)", snapshots)

    def save_due(self, due: Iterable[tuple[str, int]]) -> None:
        self._cursor.executemany("INSERT OR REPLACE INTO due VALUES (?,?)", due)

    def bring_due_forward(self, at_us: int) -> None:
        self._execute("UPDATE due SET at_us = ? WHERE at_us > ?", (at_us, at_us))

    def due_streams(self, until_us: int, limit: int) -> list[str]:
        rows = self._execute("SELECT stream FROM due WHERE at_us <= ? ORDER BY at_us LIMIT ?", (until_us, limit))
        return [stream for (stream,) in rows]

    def reviews(self) -> list[tuple[int, int]]:
        row = self._execute("SELECT value FROM ledger_meta WHERE name = 'reviews'").fetchone()
        return [(until_us, position) for until_us, position in orjson.loads(row[0])] if row else []

    def save_reviews(self, reviews: Sequence[tuple[int, int]]) -> None:
        self._execute("INSERT OR REPLACE INTO ledger_meta VALUES ('reviews', ?)", (orjson.dumps(reviews).decode(),))


class SQLiteStore(_SQLiteReader):
    """The book in a SQLite file. Raises StoreUnreachable or StoreOutdated where it cannot be opened."""

    def __init__(self, path: str | Path, *, lock_timeout_s: int = LOCK_TIMEOUT_S) -> None:
        self.path = Path(path)
        self.name = str(path)
        if self.path.is_dir() or not self.path.absolute().parent.is_dir():
            raise StoreUnreachable(f"found no place for a database at {self.name!r}, expected a file in a folder that exists")
        self._datastore = LedgerDatastore(self.name, lock_timeout=lock_timeout_s, originator_id_type="text")
        self.recorder = LedgerProcessRecorder(self._datastore, events_table_name="events")
        try:
            self._create_tables()
            self._reading = sqlite3.connect(self.name, isolation_level=None, timeout=lock_timeout_s, check_same_thread=False)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnreachable(f"{self.name}: {error}") from error
        super().__init__(self._reading.execute)

    def _create_tables(self) -> None:
        with self._datastore.immediate() as cursor:
            application_id = cursor.execute("PRAGMA application_id").fetchone()[0]
            tables = cursor.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if tables and application_id != APPLICATION_ID:
                raise StoreUnreachable(f"{self.name}: found a database of something else, expected a ledger's or none")
            version = cursor.execute("PRAGMA user_version").fetchone()[0]
            if tables and version != TABLES_VERSION:
                raise StoreOutdated(
                    f"{self.name}: found tables of version {version}, this program writes version {TABLES_VERSION}"
                )
            if tables:
                return
            for statement in self.recorder.create_table_statements:
                cursor.execute(statement)
            cursor.execute("CREATE TABLE snapshots (stream TEXT PRIMARY KEY, seq INTEGER NOT NULL, state BLOB NOT NULL)")
            cursor.execute("CREATE TABLE due (stream TEXT PRIMARY KEY, at_us INTEGER NOT NULL) WITHOUT ROWID")
            cursor.execute("CREATE INDEX due_at ON due (at_us)")
            cursor.execute("CREATE TABLE ledger_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
            cursor.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            cursor.execute(f"PRAGMA user_version = {TABLES_VERSION}")

    @contextmanager
    def writing(self) -> Iterator[SQLiteWriteTransaction]:
        try:
            with self._datastore.immediate() as cursor:
                yield SQLiteWriteTransaction(cursor)
        except sqlite3.OperationalError as error:
            raise StoreUnreachable(f"{self.name}: {error}") from error

    def wait(self, after: int, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        pause_s = POLL_MIN_S
        while self.max_position() <= after:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            time.sleep(min(pause_s, left_s))
            pause_s = min(pause_s * 2, POLL_MAX_S)
        return True

    def close(self) -> None:
        self._reading.close()
        self._datastore.close()
