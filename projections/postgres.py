"""Projections in PostgreSQL: tables of the schema `projections`, written in batches, read in a consistent view.

Statements come as for SQLite, with `?` for parameters. Whoever builds, swaps or follows the feed with `Runner` writes
alone; workers that each keep some memberships write at the same time as one another, but never beside a builder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import NumericBinaryLoader

from ledger.errors import StoreUnreachable
from ledger.store.postgres_connections import Address, Connections, PgConnection, lock_key
from projections.database import Connection, Params, Table

SCHEMA: Final = "projections"
LOCK_TIMEOUT_S: Final = 60
SETTINGS: Final = (
    f"SET search_path = {SCHEMA}",
    f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'",
    "SET idle_in_transaction_session_timeout = '5min'",
    # A plan made while a table was empty must not be kept while it grows.
    "SET plan_cache_mode = force_custom_plan",
    "SET jit = off",
    # The only joins are those of bulk changes with the rows that they change, which an index finds.
    "SET enable_hashjoin = off; SET enable_mergejoin = off",
    # What a power cut takes is projected again.
    "SET synchronous_commit = off",
)
TAKES_WRITES: Final = "NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::boolean"
"""Neither a standby nor a database or role that is read-only by default."""
MAY_CREATE: Final = f"SELECT {TAKES_WRITES} AND has_database_privilege(current_database(), 'CREATE')"
MAY_WRITE: Final = (
    f"SELECT {TAKES_WRITES} AND EXISTS (SELECT FROM pg_namespace "
    f"WHERE nspname = '{SCHEMA}' AND has_schema_privilege(oid, 'CREATE'))"
)
READABLE: Final = (
    "SELECT EXISTS (SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = ? "
    "AND relname = ? AND has_schema_privilege(relnamespace, 'USAGE') AND has_table_privilege(pg_class.oid, 'SELECT'))"
)
WRITERS_LOCK: Final = lock_key("projections")
BEGIN_WRITING: Final = f"BEGIN; SELECT pg_advisory_xact_lock({WRITERS_LOCK})"
BEGIN_WRITING_WITH_OTHERS: Final = f"BEGIN; SELECT pg_advisory_xact_lock_shared({WRITERS_LOCK})"
BEGIN_READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class _SumLoader(NumericBinaryLoader):
    """The sum of whole numbers, which PostgreSQL calls numeric, as a whole number."""

    def load(self, data: Any) -> Any:
        found = super().load(data)
        return int(found) if found == found.to_integral_value() else found


@lru_cache(maxsize=1024)
def translated(statement: str) -> str:
    """A statement with `?` for parameters as the driver wants it."""
    return statement.replace("%", "%%").replace("?", "%s")


class _PostgresConnection:
    """A transaction's view of the tables. Whatever breaks the connection leaves as StoreUnreachable, at once."""

    def __init__(self, connection: PgConnection, connections: Connections) -> None:
        self._connection = connection
        self._translated = connections.translated

    def query(self, statement: str, parameters: Params = ()) -> list[tuple[Any, ...]]:
        with self._translated(), self._connection.cursor(binary=True) as cursor:
            cursor.adapters.register_loader("numeric", _SumLoader)
            return cursor.execute(translated(statement), parameters).fetchall()

    def execute(self, statement: str, parameters: Params = ()) -> None:
        with self._translated():
            self._connection.execute(translated(statement), parameters)

    def update(
        self, name: str, table: Table, changed: Sequence[str], where: Sequence[str], rows: Sequence[Params]
    ) -> None:
        columns = (*changed, *where)
        latest = {tuple(row[len(changed) :]): row for row in rows}
        arrays, values = _arrays([table.columns[column] for column in columns], list(latest.values()))
        if not values:
            return
        assigned = ", ".join(f"{column} = new.{column}" for column in changed)
        wanted = " AND ".join(f"old.{column} = new.{column}" for column in where)
        statement = (
            f"UPDATE {name} AS old SET {assigned} FROM unnest({arrays}) AS new ({', '.join(columns)}) WHERE {wanted}"
        )
        with self._translated():
            self._connection.execute(statement, values)

    def insert(self, table: str, width: int, rows: Sequence[Params]) -> None:  # noqa: ARG002 - COPY counts for itself
        with self._translated(), self._connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
            write_row = copy.write_row
            for row in rows:
                write_row(row)

    def upsert(self, name: str, table: Table, rows: Sequence[Params], conflict: str) -> None:
        arrays, values = _arrays(list(table.columns.values()), rows)
        if not values:
            return
        with self._translated():
            self._connection.execute(f"INSERT INTO {name} SELECT * FROM unnest({arrays}) {conflict}", values)

    def lock(self, what: str, *, shared: bool) -> None:
        taken = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        with self._translated():
            self._connection.execute(f"SELECT {taken}(%s)", (lock_key(f"projections {what}"),))


def _arrays(kinds: Sequence[str], rows: Sequence[Params]) -> tuple[str, list[Any]]:
    """The arguments of `unnest` for rows of columns of these kinds, and their values."""
    marks = ", ".join(f"%s::{kind}[]" for kind in kinds)
    return marks, [_array(column, kind) for column, kind in zip(zip(*rows, strict=True), kinds, strict=bool(rows))]


def _array(column: tuple[Any, ...], kind: str) -> Any:
    """A column of values as an array; of numbers as text, which is a fraction of what the driver takes for a list."""
    if kind == "TEXT":
        return list(column)
    return "{" + ",".join(["NULL" if value is None else str(int(value)) for value in column]) + "}"


class PostgresDatabase:
    """Projections in a PostgreSQL database: the book's own, or another. Raises StoreUnreachable."""

    batch_events = 12_000  # each statement is a way to the server and back

    def __init__(self, url: str) -> None:
        self._connections = Connections(Address(url), SETTINGS)
        self.name = self._connections.name
        self.place = url
        try:
            with self._connections.take() as connection:
                self._create_schema(connection)
        except BaseException:
            self.close()
            raise

    def _create_schema(self, connection: PgConnection) -> None:
        there = f"SELECT to_regnamespace('{SCHEMA}') IS NOT NULL"
        if connection.execute(there).fetchone() == (True,) or connection.execute(MAY_CREATE).fetchone() == (False,):
            return
        with connection.transaction():
            connection.execute(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")
            if connection.execute(there).fetchone() == (False,):
                connection.execute(f"CREATE SCHEMA {SCHEMA}")

    @contextmanager
    def writing(self, *, alone: bool = True) -> Iterator[Connection]:
        """A transaction that writes. One that is not `alone` runs beside others that are not, for other memberships."""
        with self._transaction(BEGIN_WRITING if alone else BEGIN_WRITING_WITH_OTHERS) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._transaction(BEGIN_READING) as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        with self._connections.take() as connection:
            try:
                connection.execute(begin)
                yield _PostgresConnection(connection, self._connections)
                if connection.info.transaction_status != TransactionStatus.INTRANS:
                    raise StoreUnreachable(f"{self.name}: a statement failed, nothing of its transaction was kept")
                connection.execute("COMMIT")
            except BaseException:
                with suppress(psycopg.Error):  # it fails where the connection is lost, and then nothing is committed
                    connection.execute("ROLLBACK")
                raise

    def table_exists(self, connection: Connection, name: str) -> bool:
        """Whether there is a table of that name which this role may read."""
        ((found,),) = connection.query(READABLE, (SCHEMA, name))
        return bool(found)

    def may_write(self) -> bool:
        with self._connections.take() as connection:
            return connection.execute(MAY_WRITE).fetchone() == (True,)

    def create_table(self, connection: Connection, name: str, table: Table) -> None:
        # Names are compared byte by byte, as in SQLite, whatever the language of the server.
        columns = ", ".join(
            f'{column} {kind} COLLATE "C"' if kind == "TEXT" else f"{column} {kind}"
            for column, kind in table.columns.items()
        )
        connection.execute(f"CREATE TABLE {name} ({columns}, PRIMARY KEY ({', '.join(table.key)}))")
        for number, index in enumerate(table.indexes):
            connection.execute(f"CREATE INDEX {name}_{number} ON {name} ({', '.join(index)})")

    def close(self) -> None:
        """Gives all connections back."""
        self._connections.close()
