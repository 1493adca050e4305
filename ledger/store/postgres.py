"""The book in PostgreSQL, over the recorders of the `eventsourcing` library. See `ledger.store.postgres_tables`.

A writer takes the append lock first, then reads, decides and appends by COPY, then announces the commit by NOTIFY; so
positions are dense and in commit order, and the feed has no holes that fill later. Readers listen and poll.
(PERSISTENCE_MODULE=ledger.store.postgres keeps the events of the library's own applications in such a table.)
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import orjson
import psycopg
from psycopg.pq import TransactionStatus

from ledger.errors import StoreOutdated, StoreUnreachable
from ledger.store import postgres_factory, postgres_guards, postgres_tables
from ledger.store.base import (
    Aside,
    KnownFact,
    NewRow,
    Row,
    Snapshot,
    Unguarded,
    as_row,
)
from ledger.store.locks import checked_role
from ledger.store.migrations import missing_steps, newest_version
from ledger.store.postgres_connections import (
    Address,
    AdvisoryRoleLock,
    Connections,
    PgConnection,
    lock_key,
    try_advisory_lock,
)
from ledger.store.postgres_reader import PostgresReader, query, stored_reviews, translated
from ledger.store.postgres_recorders import LedgerApplicationRecorder, LedgerDatastore, copy_events, copy_statement
from ledger.store.postgres_tables import APPEND_LOCK_SUFFIX, CHANNEL, EVENTS, SCHEMA
from ledger.store.refusals import RefusalReader, RefusalTable

Factory = postgres_factory.Factory

LOCK_TIMEOUT_S: Final = 60
POLL_S: Final = 0.5
"""How long a reader relies on NOTIFY before it looks for itself."""

SETTINGS: Final = (
    # What stands beside the events is asked for in statements that SQLite takes too, which knows no schemas.
    f"SET search_path = {SCHEMA}",
    # All our statements are served by an index, in its order. Without this a plan made while the table was small, or before its
    # statistics were taken, reads the whole table for every batch of a bulk load.
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off",
    "SET plan_cache_mode = force_custom_plan",
    "SET jit = off",
    "SET idle_in_transaction_session_timeout = '5min'",
    # What a caller was told is recorded must be on disk, whatever the server or the role is set to.
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
)
BEGIN_WRITING: Final = (
    f"BEGIN ISOLATION LEVEL READ COMMITTED; LOCK TABLE {SCHEMA}.{EVENTS}{APPEND_LOCK_SUFFIX} IN EXCLUSIVE MODE; "
    f"SELECT position, originator_id, originator_version, topic, state FROM {SCHEMA}.{EVENTS} "
    "ORDER BY position DESC LIMIT 1; "
    f"SELECT (SELECT value FROM {SCHEMA}.ledger_meta WHERE name = 'tables'), (SELECT value FROM {SCHEMA}.reviews), "
    f"EXISTS (SELECT FROM {SCHEMA}.set_aside), "
    "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
)


class PostgresWriteTransaction(PostgresReader):
    """The book while one writer holds it. What the beginning of the transaction has read is not asked for again."""

    def __init__(
        self,
        connection: PgConnection,
        last: Row | None,
        reviews: list[tuple[int, int]],
        any_aside: bool,
        server_clock_us: int,
    ) -> None:
        super().__init__(partial(query, connection))
        self._any_aside = any_aside
        self._connection = connection
        self._last = last
        self._position = last.position if last else 0
        self._reviews = reviews
        self._server_clock_us = server_clock_us
        self.appended = False

    def server_clock_us(self) -> int:
        return self._server_clock_us

    def max_position(self) -> int:
        return self._position

    def last_event(self) -> Row | None:
        return self._last

    def streams_since(self, position: int, limit: int) -> set[str] | None:
        rows = self._query(
            f"SELECT originator_id FROM {SCHEMA}.{EVENTS} WHERE position > %s ORDER BY position LIMIT %s",
            (position, limit + 1),
        )
        return {name for (name,) in rows} if len(rows) <= limit else None

    def known_facts(self, ids: Sequence[str]) -> dict[str, KnownFact]:
        if not ids:
            return {}
        rows = self._query(
            f"SELECT fact, fact_digest, position FROM {SCHEMA}.{EVENTS} WHERE fact = ANY(%s)", (list(ids),)
        )
        return {fact: KnownFact(digest, position) for fact, digest, position in rows}

    def append(self, rows: Sequence[NewRow]) -> None:
        if not rows:
            return
        with self._connection.cursor() as cursor:
            copy_events(cursor, _COPY_EVENTS, rows)
        self._last = Row(*rows[-1][:5])
        self._position = self._last.position
        self.appended = True

    def snapshots(self, streams: Sequence[str]) -> list[Snapshot]:
        if not streams:
            return []
        rows = self._query(
            f"SELECT stream, seq, state FROM {SCHEMA}.snapshots WHERE stream = ANY(%s)", (list(streams),)
        )
        return list(map(Snapshot._make, rows))

    def save_snapshots(self, snapshots: Iterable[Snapshot]) -> None:
        newest = {snapshot.stream: snapshot for snapshot in snapshots}
        with self._connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {SCHEMA}.snapshots VALUES (%s, %s, %b) "
                "ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq, state = excluded.state",
                newest.values(),
            )

    def drop_snapshots(self, streams: Sequence[str]) -> None:
        self._connection.execute(f"DELETE FROM {SCHEMA}.snapshots WHERE stream = ANY(%s)", (list(streams),))

    def save_due(self, due: Iterable[tuple[str, int]]) -> None:
        latest = dict(due)
        self._connection.execute(
            f"INSERT INTO {SCHEMA}.due SELECT * FROM unnest(%s::text[], %s::bigint[]) "
            "ON CONFLICT (stream) DO UPDATE SET at_us = excluded.at_us",
            (list(latest), list(latest.values())),
        )

    def drop_due(self, streams: Sequence[str]) -> None:
        self._connection.execute(f"DELETE FROM {SCHEMA}.due WHERE stream = ANY(%s)", (list(streams),))

    def set_aside(self) -> list[Aside]:
        return super().set_aside() if self._any_aside else []

    def save_set_aside(self, asides: Iterable[Aside]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {SCHEMA}.set_aside VALUES (%s, %s, %s, %s) ON CONFLICT (stream) DO UPDATE "
                "SET position = excluded.position, reason = excluded.reason, reviewed_us = excluded.reviewed_us",
                list(asides),
            )
        self._any_aside = True

    def take_up(self, streams: Sequence[str]) -> None:
        self._connection.execute(f"DELETE FROM {SCHEMA}.set_aside WHERE stream = ANY(%s)", (list(streams),))

    def bring_due_forward(self, at_us: int, streams: Sequence[str]) -> None:
        self._connection.execute(
            f"UPDATE {SCHEMA}.due SET at_us = %s WHERE at_us > %s AND stream = ANY(%s)", (at_us, at_us, list(streams))
        )

    def due_streams(self, until_us: int, limit: int) -> list[str]:
        rows = self._query(
            f"SELECT stream FROM {SCHEMA}.due WHERE at_us <= %s ORDER BY at_us LIMIT %s", (until_us, limit)
        )
        return [stream for (stream,) in rows]

    def reviews(self) -> list[tuple[int, int]]:
        return list(self._reviews)

    def save_reviews(self, reviews: Sequence[tuple[int, int]]) -> None:
        self._connection.execute(
            f"INSERT INTO {SCHEMA}.reviews (value) VALUES (%s) ON CONFLICT (one) DO UPDATE SET value = excluded.value",
            (orjson.dumps(reviews).decode(),),
        )
        self._reviews = list(reviews)

    def save_link_key_id(self, key_id: str) -> None:
        self._connection.execute(f"INSERT INTO {SCHEMA}.link_key (id) VALUES (%s)", (key_id,))


class PostgresBeside:
    """What stands beside the events, in a transaction for which no writer of events waits."""

    def __init__(self, connection: PgConnection) -> None:
        self._connection = connection

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return query(self._connection, translated(statement), parameters)

    def change(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        return self._connection.execute(translated(statement), parameters).rowcount

    def change_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(translated(statement), rows)


class PostgresStore(PostgresReader):
    """The book in a PostgreSQL database. Raises StoreUnreachable or StoreOutdated where it cannot be opened.

    Where there are no tables they are made, if `create` says so and the role may; `migrate` brings older ones to the
    present version, which takes the migrator's role. `found_version` is what was there before.
    """

    def __init__(
        self, url: str, *, create: bool = True, migrate: bool = False, lock_timeout_s: int = LOCK_TIMEOUT_S
    ) -> None:
        self.mended: list[Unguarded] = []
        self._address = Address(url)
        self.name = self._address.name
        self.link_key_path: Path | None = None
        self.tables_version = newest_version(postgres_tables.STEPS)
        self._lock_timeout_s = lock_timeout_s
        self._connections = Connections(self._address, (*SETTINGS, f"SET lock_timeout = '{lock_timeout_s}s'"))
        super().__init__(self._query_once)
        try:
            with self._connections.take() as connection:
                self.found_version = self._open(connection, create=create, migrate=migrate)
                self.standby, self.read_only = _what_may_be_done(connection)
            # A standby refuses LISTEN: there readers rely on looking alone.
            listen = () if self.standby else (f"LISTEN {CHANNEL}",)
            self._listening = Connections(self._address, listen, listening=True)
        except BaseException:
            self.close()
            raise

    def _open(self, connection: PgConnection, *, create: bool, migrate: bool) -> int:
        found = postgres_tables.found_version(connection)
        steps = postgres_tables.STEPS
        if found == 0 and not create:
            raise StoreUnreachable(f"found no ledger at {self.name}; `csat-ledger record` makes one")
        allowed = found > 0 or migrate or postgres_tables.may_create(connection)
        missing = missing_steps(self.name, found, steps, migrate=migrate, may_create=allowed)
        if found and migrate:
            self.mended = postgres_guards.unguarded(self._connections)
        if missing or migrate:
            grants = files("ledger.store").joinpath("grants.sql").read_text()
            found = postgres_tables.apply_steps(connection, steps, grants, mend=bool(self.mended))
        return found

    def _query_once(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._connections.take() as connection:
            return query(connection, statement, parameters)

    @cached_property
    def recorder(self) -> LedgerApplicationRecorder:
        """The library's door to the same events, with a pool of its own."""
        datastore = LedgerDatastore(self._address, schema=SCHEMA, lock_timeout=self._lock_timeout_s)
        return LedgerApplicationRecorder(datastore, events_table_name=EVENTS)

    @contextmanager
    def writing(self) -> Iterator[PostgresWriteTransaction]:
        with self._connections.take() as connection:
            try:
                transaction = self._begin(connection)
                yield transaction
                if connection.info.transaction_status != TransactionStatus.INTRANS:
                    raise StoreUnreachable(f"{self.name}: a statement failed, nothing of its transaction was recorded")
                connection.execute(f"NOTIFY {CHANNEL}; COMMIT" if transaction.appended else "COMMIT")
            except BaseException:
                with suppress(psycopg.Error):  # it fails where the connection is lost, and then nothing is committed
                    connection.execute("ROLLBACK")
                raise

    def _begin(self, connection: PgConnection) -> PostgresWriteTransaction:
        with connection.cursor() as cursor:
            cursor.execute(BEGIN_WRITING)
            cursor.nextset()  # LOCK
            cursor.nextset()
            last = cursor.fetchone()
            cursor.nextset()
            version, reviews, any_aside, server_clock_us = cursor.fetchone() or (None, None, False, 0)
        newest = newest_version(postgres_tables.STEPS)
        if version != str(newest):
            raise StoreOutdated(
                f"{self.name}: found tables of version {version}, expected {newest}: "
                "they were migrated while this process was running"
            )
        return PostgresWriteTransaction(
            connection, as_row(last) if last else None, stored_reviews(reviews), any_aside, server_clock_us
        )

    @property
    def refusals(self) -> RefusalReader:
        return RefusalReader(
            lambda statement, parameters: self._query_once(translated(statement), parameters), f"{SCHEMA}."
        )

    @contextmanager
    def keeping_refusals(self) -> Iterator[RefusalTable]:
        with self._connections.take() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key("refusals"),))
            cursor = connection.cursor()
            yield RefusalTable(
                lambda statement, parameters: query(connection, translated(statement), parameters),
                lambda statement, rows: cursor.executemany(translated(statement), rows),
                f"{SCHEMA}.",
            )

    @contextmanager
    def beside(self) -> Iterator[PostgresBeside]:
        with self._connections.take() as connection:
            try:
                connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
                yield PostgresBeside(connection)
                if connection.info.transaction_status != TransactionStatus.INTRANS:
                    raise StoreUnreachable(f"{self.name}: a statement failed, nothing of its transaction was kept")
                connection.execute("COMMIT")
            except BaseException:
                with suppress(psycopg.Error):  # it fails where the connection is lost, and then nothing is committed
                    connection.execute("ROLLBACK")
                raise

    def query_beside(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._query_once(translated(statement), parameters)

    def wait(self, after: int, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        try:
            return self._wait(after, deadline)
        except StoreUnreachable:
            self._listening.discard_idle()
            return self._wait(after, deadline)  # on a new connection, before the caller is told that there is none

    def _wait(self, after: int, deadline: float) -> bool:
        with self._listening.take() as connection:  # listens since before the first look
            reader = PostgresReader(partial(query, connection))
            for _ in connection.notifies(timeout=0):
                pass  # what was announced since the last wait is found by looking
            while reader.max_position() <= after:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return False
                for _ in connection.notifies(timeout=min(left_s, POLL_S), stop_after=1):
                    pass
            return True

    def try_lock(self, role: str) -> AdvisoryRoleLock | None:
        if self.standby:
            raise StoreUnreachable(
                f"{self.name}: found a standby, expected the primary: the lock of a role that is taken here would not keep "
                "another from having it there"
            )
        return try_advisory_lock(self._connections, checked_role(role))

    def unguarded(self) -> list[Unguarded]:
        return postgres_guards.unguarded(self._connections)

    def close(self) -> None:
        self._connections.close()
        if "_listening" in self.__dict__:
            self._listening.close()
        if "recorder" in self.__dict__:
            self.recorder.datastore.close()


def _what_may_be_done(connection: PgConnection) -> tuple[bool, bool]:
    """Whether the server is a standby; and whether this role may add nothing to the book here, for whatever reason."""
    row = connection.execute(
        "SELECT pg_is_in_recovery(), pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean "
        f"OR NOT has_table_privilege('{SCHEMA}.{EVENTS}', 'INSERT')"
    ).fetchone()
    return (bool(row[0]), bool(row[1])) if row else (False, True)


_COPY_EVENTS: Final = copy_statement(SCHEMA, EVENTS)
