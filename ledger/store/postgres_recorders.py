"""The recorders of the `eventsourcing` library over a ledger's events table in PostgreSQL.

Differences from the library's own: positions are explicit numbers taken under the table lock, so that a rolled-back
transaction leaves no hole; rows go in by COPY; the table is guarded by triggers; and a subscription polls as well as
listens and connects again, so that a lost NOTIFY or a restarted server does not make it wait for ever. The library's
database functions (POSTGRES_ENABLE_DB_FUNCTIONS) are refused, since that path omits the lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from eventsourcing.persistence import (
    InterfaceError,
    Notification,
    OperationalError,
    ProgrammingError,
    StoredEvent,
    Subscription,
)
from eventsourcing.postgres import (
    ConnectionPool,
    PostgresApplicationRecorder,
    PostgresDatastore,
    PostgresProcessRecorder,
    PostgresSubscription,
)
from eventsourcing.utils import retry
from psycopg import Connection, Cursor
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Composed, Identifier

from ledger.store.postgres_connections import Address
from ledger.store.postgres_tables import APPEND_LOCK_SUFFIX, events_statements

SUBSCRIPTION_POLL_S: Final = 0.5
LISTEN_S: Final = 0.1

_COPY: Final = (
    "COPY {schema}.{table} (position, originator_id, originator_version, topic, state, fact, fact_digest) "
    "FROM STDIN (FORMAT binary)"
)


def copy_statement(schema: str, table: str) -> Composed:
    """The COPY that adds events to a table."""
    return SQL(_COPY).format(schema=Identifier(schema), table=Identifier(table))


def copy_events(cursor: Cursor[Any], statement: Composed, rows: Iterable[Sequence[Any]], id_type: str = "text") -> None:
    """Adds events by COPY; the rows have the columns of `_COPY`."""
    with cursor.copy(statement) as copy:
        copy.set_types(("int8", id_type, "int8", "text", "bytea", "text", "bytea"))
        write_row = copy.write_row
        for row in rows:
            write_row(row)


class LedgerDatastore(PostgresDatastore):
    """The library's datastore, connected as a URL says."""

    def __init__(
        self, address: Address, *, schema: str, lock_timeout: int, pool_size: int = 1, overflow: int = 10
    ) -> None:
        super().__init__(
            "", "", "", "", "", schema=schema, lock_timeout=lock_timeout, originator_id_type="text", pool_size=pool_size
        )
        self.pool.close()
        self.pool = ConnectionPool(
            connection_class=Connection[DictRow],
            kwargs={**address.parameters, "row_factory": dict_row},
            min_size=pool_size,
            max_size=pool_size + overflow,
            open=False,
            configure=self.after_connect_func(),
            check=ConnectionPool.check_connection,
        )


class _ExplicitPositions(PostgresApplicationRecorder):
    """Events at explicit positions, which the library's recorder leaves to a sequence."""

    def __init__(self, datastore: PostgresDatastore, **names: str) -> None:
        if datastore.enable_db_functions:
            raise ProgrammingError("found POSTGRES_ENABLE_DB_FUNCTIONS on, expected off: its path omits the table lock")
        super().__init__(datastore, **names)
        schema, table = Identifier(datastore.schema), Identifier(self.events_table_name)
        tracking = names.get("tracking_table_name")
        self.sql_create_statements = [
            *events_statements(datastore.schema, self.events_table_name, datastore.originator_id_type),
            *(one for one in self.sql_create_statements if tracking is not None and f'"{tracking}"' in one.as_string()),
        ]
        self.channel_name = f"{datastore.schema}_{self.events_table_name}"
        self.lock_table_statements[1] = SQL("LOCK TABLE {}.{} IN EXCLUSIVE MODE").format(
            schema, Identifier(self.events_table_name + APPEND_LOCK_SUFFIX)
        )
        self.max_notification_id_statement = SQL("SELECT max(position) FROM {}.{}").format(schema, table)
        self.copy_statement = copy_statement(datastore.schema, self.events_table_name)

    @retry((InterfaceError, OperationalError), max_attempts=10, wait=0.2)
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        if not stored_events and not kwargs:
            return []
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_events(cursor, stored_events, **kwargs)
            if not stored_events:
                return []
            self._lock_table(cursor)
            cursor.execute(self.max_notification_id_statement)
            found = cursor.fetchone()
            first = ((found and found["max"]) or 0) + 1
            positions = range(first, first + len(stored_events))
            copy_events(
                cursor,
                self.copy_statement,
                (
                    (position, e.originator_id, e.originator_version, e.topic, e.state, None, None)
                    for position, e in zip(positions, stored_events, strict=True)
                ),
                self.datastore.originator_id_type,
            )
            self._notify_channel(cursor)
        return list(positions)

    @retry((InterfaceError, OperationalError), max_attempts=10, wait=0.2)
    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        conditions, parameters = [SQL("true")], list[Any]()
        if start is not None:
            conditions.append(SQL("position >= %s") if inclusive_of_start else SQL("position > %s"))
            parameters.append(start)
        if stop is not None:
            conditions.append(SQL("position <= %s"))
            parameters.append(stop)
        if topics:
            conditions.append(SQL("topic = ANY(%s)"))
            parameters.append(list(topics))
        statement = SQL("SELECT * FROM {}.{} WHERE {} ORDER BY position LIMIT %s").format(
            Identifier(self.datastore.schema), Identifier(self.events_table_name), SQL(" AND ").join(conditions)
        )
        with self.datastore.get_connection() as connection, connection.cursor(binary=True) as cursor:
            return [
                Notification(
                    id=row["position"],
                    originator_id=row["originator_id"],
                    originator_version=row["originator_version"],
                    topic=row["topic"],
                    state=row["state"],
                )
                for row in cursor.execute(statement, (*parameters, limit))
            ]

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[Any]:
        """Notifications after `gt`, for ever."""
        return PollingSubscription(recorder=self, gt=gt, topics=topics)


class PollingSubscription(PostgresSubscription):
    """The library's subscription, which also looks when nothing was announced, and connects again."""

    def _loop_on_pull(self) -> None:
        try:
            while not self._has_been_stopped:
                self._pull()  # connects again by itself, and gives up after ten attempts
                self._has_been_notified.wait(SUBSCRIPTION_POLL_S)
        except BaseException as error:  # the thread that iterates raises it
            if self._thread_error is None:
                self._thread_error = error
            self.stop()

    def _listen(self) -> None:
        listen = SQL("LISTEN {}").format(Identifier(self._recorder.channel_name))
        while not self._has_been_stopped and not self._thread_error:
            with suppress(InterfaceError, OperationalError), self._recorder.datastore.get_connection() as connection:
                connection.execute(listen)
                while not self._has_been_stopped and not self._thread_error:
                    for _ in connection.notifies(timeout=LISTEN_S, stop_after=1):
                        self._has_been_notified.set()
                connection.execute("UNLISTEN *")


class LedgerApplicationRecorder(_ExplicitPositions):
    """The library's application recorder over a ledger's events table."""


class LedgerProcessRecorder(_ExplicitPositions, PostgresProcessRecorder):
    """The same, with the library's tracking of positions in the same transaction."""

    def __init__(
        self,
        datastore: PostgresDatastore,
        *,
        events_table_name: str = "stored_events",
        tracking_table_name: str = "notification_tracking",
    ) -> None:
        super().__init__(datastore, events_table_name=events_table_name, tracking_table_name=tracking_table_name)
