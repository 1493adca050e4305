"""The recorders of the `eventsourcing` library over a ledger's events table in SQLite.

Differences from the library's own: positions are explicit integer keys, the table is guarded by triggers, commits are
durable, and a subscription pulls, since the library's SQLite recorder has none.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from eventsourcing.persistence import IntegrityError, Notification, StoredEvent, Subscription
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
    SQLiteProcessRecorder,
)

from ledger.store.sqlite_tables import INSERT_EVENTS, events_table_statements

POLL_MIN_S: Final = 0.002
POLL_MAX_S: Final = 0.02
"""A look costs about 15 microseconds; a commit is noticed so much later at most."""


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

    def interrupt(self) -> None:
        """Breaks off what any connection does until it is used again: also what it would do while it is closed."""
        with self._put_condition:
            for connection in (*self._pool, *self._in_use.values()):
                connection._sqlite_conn.interrupt()


class LedgerDatastore(SQLiteDatastore):
    """The library's datastore over our connections."""

    pool: LedgerConnectionPool

    def __init__(self, db_name: str, **options: Any) -> None:
        super().__init__(db_name, **options)
        self.pool.close()
        self.pool = LedgerConnectionPool(db_name=db_name, lock_timeout=options.get("lock_timeout"))

    def interrupt(self) -> None:
        """See `LedgerConnectionPool.interrupt`."""
        self.pool.interrupt()

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

    def _insert_events(self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
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
        while not self._page and not self._has_been_stopped:
            found = self._recorder.select_notifications(
                self._last_notification_id or 0, 500, topics=self._topics, inclusive_of_start=False
            )
            self._page = list(reversed(found))
            if not found:
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, POLL_MAX_S)
        if self._has_been_stopped:  # also where the page has more: who stopped wants no more of it
            raise StopIteration
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


@contextmanager
def translated_errors() -> Iterator[None]:
    """The library's errors in the place of the driver's."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise IntegrityError(error) from error


def _as_text(originator_id: UUID | str) -> str:
    return originator_id.hex if isinstance(originator_id, UUID) else originator_id
