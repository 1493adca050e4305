"""Where projections are kept: a few tables beside the book, written in batches, read in a consistent view.

Statements are written once, with `?` for parameters, in the SQL that SQLite and PostgreSQL share. Projections can be
thrown away and built anew, so in SQLite they live in a file of their own, `<store>.projections`, which never makes the
writer of the book wait.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from ledger.errors import StoreUnreachable
from ledger.store.sqlite_files import ReadOnlyFile, identity_of, may_write, reason

Params = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a projection: its columns as name -> type (TEXT, BIGINT or INTEGER), its key, further indexes."""

    name: str
    columns: dict[str, str]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()


class Connection(Protocol):
    """A transaction's view of the tables."""

    def query(self, statement: str, parameters: Params = ()) -> list[tuple[Any, ...]]:
        """All rows of a SELECT."""
        ...

    def execute(self, statement: str, parameters: Params = ()) -> None:
        """One statement without an answer."""
        ...

    def update(
        self, name: str, table: Table, changed: Sequence[str], where: Sequence[str], rows: Sequence[Params]
    ) -> None:
        """Changes rows of a table under a name, in bulk: new values of `changed`, then the values of `where` they have.

        Of two changes to the same row the later one stays.
        """
        ...

    def insert(self, table: str, width: int, rows: Sequence[Params]) -> None:
        """Adds rows to a table of so many columns, in bulk."""
        ...

    def upsert(self, name: str, table: Table, rows: Sequence[Params], conflict: str) -> None:
        """Adds rows in bulk to a table under a name; `conflict` (ON CONFLICT …) says what becomes of those there are.

        With DO UPDATE no two of the rows may have the same key.
        """
        ...

    def lock(self, what: str, *, shared: bool) -> None:
        """Waits until nobody else holds a lock by this name, but for a shared one those who share it.

        It is held until the end of the transaction. Where writers come one at a time there is nothing to wait for.
        """
        ...


class Database(Protocol):
    """The tables of projections. `batch_events`: how many events one transaction should apply where many wait."""

    batch_events: int
    place: str
    """Where they are: the file, or the URL of the server's database. Two that are open at the same place are the same."""

    def writing(self, *, alone: bool = True) -> AbstractContextManager[Connection]:
        """A transaction that writes; one at a time.

        One that is not `alone` may run beside others that are not, as workers do that each keep some memberships, where
        the database locks rows and not files: then lines that several of them change must be locked (`partitions.claim`).
        """
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """A view that does not change while it is used."""
        ...

    def create_table(self, connection: Connection, name: str, table: Table) -> None:
        """Creates a table under a name."""
        ...

    def table_exists(self, connection: Connection, name: str) -> bool:
        """Whether there is a table of that name."""
        ...

    def may_write(self) -> bool:
        """Whether this process may write at all; one that may not answers from what others have projected."""
        ...

    def close(self) -> None:
        """Gives all connections back."""
        ...


class ProjectionsDamaged(StoreUnreachable):
    """The file of the projections is none any more, or not whole: it is to be removed."""


class _SQLiteConnection:
    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    def query(self, statement: str, parameters: Params = ()) -> list[tuple[Any, ...]]:
        return self._cursor.execute(statement, parameters).fetchall()

    def execute(self, statement: str, parameters: Params = ()) -> None:
        self._cursor.execute(statement, parameters)

    def update(
        self,
        name: str,
        table: Table,  # noqa: ARG002 - SQLite needs no types
        changed: Sequence[str],
        where: Sequence[str],
        rows: Sequence[Params],
    ) -> None:
        values = ", ".join(f"{column} = ?" for column in changed)
        wanted = " AND ".join(f"{column} = ?" for column in where)
        self._cursor.executemany(f"UPDATE {name} SET {values} WHERE {wanted}", rows)

    def insert(self, table: str, width: int, rows: Sequence[Params]) -> None:
        self._cursor.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * width)})", rows)

    def upsert(self, name: str, table: Table, rows: Sequence[Params], conflict: str) -> None:
        self._cursor.executemany(f"INSERT INTO {name} VALUES ({','.join('?' * len(table.columns))}) {conflict}", rows)

    def lock(self, what: str, *, shared: bool) -> None:
        """The file is locked as a whole."""


class SQLiteDatabase:
    """Projections in a SQLite file. WAL with synchronous=NORMAL: what a power cut takes is projected again.

    Where the file or its folder may not be written it is read without leaving a trace; where it is not there either,
    there are no tables to be read.
    """

    LOCK_TIMEOUT_S: Final = 60
    batch_events = 4_000

    def __init__(self, path: str) -> None:
        self._path = self.place = path
        file = Path(path)
        self._may_write = may_write(file) if file.exists() else os.access(file.parent, os.W_OK)
        self._file = ReadOnlyFile(file) if file.exists() and not self._may_write else None
        try:
            if not self._may_write:
                self._writing = self._reading = sqlite3.connect(":memory:", isolation_level=None)
                return
            with _naming_damage(path):
                self._writing = self._connect(path)
                self._reading = self._connect(path)
                self._identity = identity_of(path)
                beside = {name: identity_of(name) for name in (f"{path}-wal", f"{path}-shm")}
                self._beside = {name: found for name, found in beside.items() if found is not None}
        except sqlite3.Error as error:
            raise StoreUnreachable(f"{path}: {error}") from error

    def _connect(self, path: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, isolation_level=None, timeout=self.LOCK_TIMEOUT_S, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA cache_size=-65536")
        connection.execute("PRAGMA wal_autocheckpoint=8000")
        return connection

    @contextmanager
    def writing(self, *, alone: bool = True) -> Iterator[Connection]:  # noqa: ARG002 - the whole file is locked
        if not self._may_write:
            raise StoreUnreachable(f"{self._path}: this file, or its folder, may only be read here")
        self._require_same_file()
        cursor = self._writing.cursor()
        try:
            with _naming_damage(self._path):
                cursor.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise StoreUnreachable(f"{self._path}: {error}") from error
        try:
            with _naming_damage(self._path):
                yield _SQLiteConnection(cursor)
                cursor.execute("COMMIT")
        except BaseException:
            if self._writing.in_transaction:
                cursor.execute("ROLLBACK")
            raise
        finally:
            cursor.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        if self._file is not None:
            with _naming_damage(self._path), self._file.view() as connection:
                yield _SQLiteConnection(connection.cursor())
            return
        if self._may_write:
            self._require_same_file()
        cursor = self._reading.cursor()
        try:
            with _naming_damage(self._path):
                cursor.execute("BEGIN")
                yield _SQLiteConnection(cursor)
        finally:
            if self._reading.in_transaction:
                with suppress(sqlite3.Error):  # of a damaged file: what is told is what was found of it
                    cursor.execute("COMMIT")
            cursor.close()

    def _require_same_file(self) -> None:
        if identity_of(self._path) != self._identity:
            raise StoreUnreachable(
                f"{self._path}: found another file, or none, in the place of the one that this process has open: it was "
                "replaced or removed; what is opened anew builds what is missing"
            )
        for name, identity in self._beside.items():
            if identity_of(name) != identity:
                raise StoreUnreachable(
                    f"{name}: found another log of the projections, or none, in the place of the one that this process has "
                    f"open: it was removed; where that lasts, stop what has them open and remove {self._path}*: they are "
                    "built anew from the ledger"
                )

    def create_table(self, connection: Connection, name: str, table: Table) -> None:
        columns = ", ".join(f"{column} {kind}" for column, kind in table.columns.items())
        connection.execute(f"CREATE TABLE {name} ({columns}, PRIMARY KEY ({', '.join(table.key)})) WITHOUT ROWID")
        for number, index in enumerate(table.indexes):
            connection.execute(f"CREATE INDEX {name}_{number} ON {name} ({', '.join(index)})")

    def table_exists(self, connection: Connection, name: str) -> bool:
        return bool(connection.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)))

    def may_write(self) -> bool:
        return self._may_write

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._writing.close()
        self._reading.close()


@contextmanager
def _naming_damage(path: str) -> Iterator[None]:
    """What is wrong with the file of the projections is said of it, and not of the ledger beside it."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise ProjectionsDamaged(
                f"{path}: found the projections damaged ({error}); they are only derived: remove {path}* and they are "
                "built anew from the ledger, which is not damaged by that"
            ) from error
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            found = reason(error, path)
            if found == str(error):
                found = f"{found}; make room, or look at the disk, and the projections go on where they were"
            raise StoreUnreachable(f"{path}: {found}") from error
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            raise StoreUnreachable(f"{path}: {error}; let this process write the file and its folder") from error
        raise
