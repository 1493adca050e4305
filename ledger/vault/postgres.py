"""A vault in PostgreSQL: the schema `vault` of a database of its own, never of the book's."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from psycopg.errors import Diagnostic

from ledger.errors import StoreUnreachable
from ledger.store.postgres_connections import Address, Connections, PgConnection, lock_key
from ledger.vault.database import LOCK_TIMEOUT_S, NO_VAULT, Params, Transaction, is_older, require_version
from ledger.vault.guards import BODIES, GUARDED, postgres_triggers
from ledger.vault.tables import ERASED_FROM, SCHEMA, VERSION, postgres_statements

WRITERS_LOCK: Final = lock_key("vault")
BEGIN_WRITING: Final = f"BEGIN; SELECT pg_advisory_xact_lock({WRITERS_LOCK})"
BEGIN_READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
SELECT_TRIGGERS: Final = """
    SELECT t.tgname::text, t.tgtype::int, t.tgenabled = 'A', t.tgqual IS NULL AND t.tgattr::text = '', p.prosrc
    FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
    WHERE t.tgrelid = %s::regclass AND NOT t.tgisinternal ORDER BY t.tgname"""
# Bits of pg_trigger.tgtype: 2 before, 8 delete, 16 update, 32 truncate; 1, for each row, is not set.
EXPECTED_TYPE: Final = 58
SCRUB_TIMEOUT_S: Final = 60.0
"""So long it waits for transactions that may still see what was erased."""
SCRUB_WAIT_S: Final = 0.1
SCRUB_WAIT_MAX_S: Final = 2.0
SETTINGS: Final = (
    f"SET search_path = {SCHEMA}",
    f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'",
    "SET idle_in_transaction_session_timeout = '5min'",
    "SET synchronous_commit = on",
)


class _PostgresTransaction:
    def __init__(self, connection: PgConnection) -> None:
        self._connection = connection

    def query(self, statement: str, parameters: Params = ()) -> list[tuple[Any, ...]]:
        with self._connection.cursor(binary=True) as cursor:
            return cursor.execute(_with_marks(statement), parameters).fetchall()

    def query_in(self, statement: str, parameters: Params, texts: Sequence[str]) -> list[tuple[Any, ...]]:
        return self.query(statement.replace("{in}", "= ANY(?)"), (*parameters, list(texts)))

    def execute(self, statement: str, parameters: Params = ()) -> None:
        self._connection.execute(_with_marks(statement), parameters)

    def execute_in(self, statement: str, parameters: Params, texts: Sequence[str]) -> None:
        self.execute(statement.replace("{in}", "= ANY(?)"), (*parameters, list(texts)))

    def execute_many(self, statement: str, rows: Sequence[Params]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_with_marks(statement), rows)


class PostgresVault:
    """A vault at a URL. Raises StoreUnreachable or StoreOutdated where it cannot be opened."""

    def __init__(self, where: str, *, create: bool = False) -> None:
        self._connections = Connections(Address(where), SETTINGS)
        self.name = self._connections.name
        try:
            with self._connections.take() as connection:
                _require_no_book(self.name, connection)
                self.found_version = _found_version(connection)
                if create and (self.found_version == 0 or is_older(self.found_version)):
                    self.found_version = _make(self.name, connection)
                elif self.found_version == 0:
                    raise StoreUnreachable(
                        f"{self.name}: found no schema {SCHEMA!r} with tables of a vault, {NO_VAULT}"
                    )
                else:
                    require_version(self.name, self.found_version)
        except BaseException:
            self._connections.close()
            raise

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        with self._transaction(BEGIN_WRITING) as transaction:
            yield transaction

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        with self._transaction(BEGIN_READING) as transaction:
            yield transaction

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Transaction]:
        with self._connections.take() as connection:
            connection.execute(begin)
            try:
                yield _PostgresTransaction(connection)
                connection.execute("COMMIT")
            except BaseException:
                if not connection.closed:
                    connection.execute("ROLLBACK")
                raise

    def unguarded(self) -> list[str]:
        wrong: list[str] = []
        with self._connections.take() as connection:
            for table, guarded in GUARDED.items():
                name = f"{table}_is_append_only"
                found = connection.execute(SELECT_TRIGGERS, (f"{SCHEMA}.{table}",)).fetchall()
                if found != [(name, EXPECTED_TYPE, True, True, BODIES[guarded.function])]:
                    wrong.append(f"trigger {name} of {guarded.name}")
        return wrong

    def mend(self) -> list[str]:
        wrong = self.unguarded()
        if wrong:
            with self.writing() as transaction:
                for table in GUARDED:
                    for name, *_ in transaction.query(SELECT_TRIGGERS.replace("%s", "?"), (f"{SCHEMA}.{table}",)):
                        transaction.execute(f'DROP TRIGGER "{name}" ON {table}')
                    for statement in postgres_triggers(table):
                        transaction.execute(statement.replace("%", "%%"))
        return wrong

    def scrub(self) -> None:
        """Rewrites the tables of which rows are erased, and their indexes, from what is live; the old files go.

        Rows that an older transaction may still see are kept by that, so it is done again until there are none. What the
        server's write-ahead log holds stays there until its segments are written over (docs/people.md).
        """
        for table in ERASED_FROM:
            deadline_s, wait_s = time.monotonic() + SCRUB_TIMEOUT_S, SCRUB_WAIT_S
            while dead := self._rewrite(table):
                if time.monotonic() > deadline_s:
                    raise StoreUnreachable(
                        f"{self.name}: found {dead:,} erased rows of {SCHEMA}.{table} that a transaction of somebody else may "
                        f"still see, for {SCRUB_TIMEOUT_S} s, expected none: end it, and do the same again"
                    )
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, SCRUB_WAIT_MAX_S)

    def _rewrite(self, table: str) -> int:
        """How many dead rows of a table had to be kept. The server says so in a notice, the first number of its detail."""
        told: list[str] = []

        def listen(notice: Diagnostic) -> None:
            if notice.severity_nonlocalized == "INFO" and notice.message_detail:
                told.append(notice.message_detail)

        with self._connections.take() as connection:
            connection.add_notice_handler(listen)
            try:
                connection.execute(f"VACUUM (FULL, VERBOSE) {SCHEMA}.{table}")
            finally:
                connection.remove_notice_handler(listen)
        kept = [re.search(r"[0-9]+", detail) for detail in told]
        if not kept or None in kept:  # it warns of a table that is another's, and goes on
            raise StoreUnreachable(
                f"{self.name}: found no word of the server that it rewrote {SCHEMA}.{table}, expected one: the role of the "
                "vault must own its tables"
            )
        return sum(int(found[0]) for found in kept if found)

    def close(self) -> None:
        self._connections.close()


def _with_marks(statement: str) -> str:
    return statement.replace("?", "%s")


def _require_no_book(name: str, connection: PgConnection) -> None:
    if connection.execute("SELECT to_regclass('ledger.events') IS NOT NULL").fetchone() == (True,):
        raise StoreUnreachable(
            f"{name}: found a book in this database, expected one of the vault's own: people are kept apart"
        )


def _found_version(connection: PgConnection) -> int:
    """The version of the tables; 0 where there are none."""
    if connection.execute(f"SELECT to_regclass('{SCHEMA}.vault_meta')").fetchone() == (None,):
        return 0
    row = connection.execute(f"SELECT value FROM {SCHEMA}.vault_meta WHERE name = 'tables'").fetchone()
    return int(row[0]) if row else 0


def _make(name: str, connection: PgConnection) -> int:
    """Makes the tables, or brings older ones up to date, all or none; returns the version found. Processes take turns."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key("vault migration"),))
        found = _found_version(connection)
        if found and not is_older(found):
            require_version(name, found)
            return found
        if not found:
            encoding = connection.info.parameter_status("server_encoding")
            if encoding != "UTF8":
                raise StoreUnreachable(f"{name}: found a database with the encoding {encoding}, expected UTF8")
            if connection.execute("SELECT to_regnamespace(%s)", (SCHEMA,)).fetchone() == (None,):
                connection.execute(f"CREATE SCHEMA {SCHEMA}")
        for statement in postgres_statements(found):
            connection.execute(statement)
        connection.execute(
            "INSERT INTO vault_meta VALUES ('tables', %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (str(VERSION),),
        )
    return found
