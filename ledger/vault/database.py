"""Where a vault is kept: what is asked of a database, and SQLite.

Statements are written once, with `?` for parameters, in the SQL that SQLite and PostgreSQL share. `{in}` stands for the test
whether a column has one of some texts, which come as the last parameter.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import RLock
from types import NoneType
from typing import Any, Final, Protocol

import orjson

from ledger.errors import AnotherBook, StoreOutdated, StoreUnreachable, VaultDamaged
from ledger.store.sqlite_files import OpenFile, identity_of, make_whole, may_write, real_path, reason, require_own_log
from ledger.vault.guards import GUARDED, sqlite_triggers
from ledger.vault.tables import APPLICATION_ID, COLUMN_TYPES, VERSION, sqlite_statements

Params = Sequence[Any]
LOCK_TIMEOUT_S: Final = 60
SELECT_TRIGGERS: Final = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
_WORDS: Final = {str: "text", int: "number"}
NO_VAULT: Final = "expected a vault; `csat-ledger vault migrate` makes one"


class Transaction(Protocol):
    """A transaction's view of the tables."""

    def query(self, statement: str, parameters: Params = ()) -> list[tuple[Any, ...]]:
        """All rows of a SELECT."""
        ...

    def query_in(self, statement: str, parameters: Params, texts: Sequence[str]) -> list[tuple[Any, ...]]:
        """All rows of a SELECT with `{in}` for `texts`."""
        ...

    def execute(self, statement: str, parameters: Params = ()) -> None:
        """One statement without an answer."""
        ...

    def execute_in(self, statement: str, parameters: Params, texts: Sequence[str]) -> None:
        """One statement with `{in}` for `texts`, without an answer."""
        ...

    def execute_many(self, statement: str, rows: Sequence[Params]) -> None:
        """The same statement for each of some rows."""
        ...


class VaultDatabase(Protocol):
    """The tables of a vault."""

    name: str
    """Where it is, as it may stand in a message."""
    found_version: int
    """The version of the tables that were there before it was opened; 0 where there were none."""

    def writing(self) -> AbstractContextManager[Transaction]:
        """A transaction that writes, durable once it is over; one at a time."""
        ...

    def reading(self) -> AbstractContextManager[Transaction]:
        """A view that does not change while it is used."""
        ...

    def unguarded(self) -> list[str]:
        """What should keep tables as they were written (`ledger.vault.guards`), and is missing or other; empty where all is
        as it was made."""
        ...

    def mend(self) -> list[str]:
        """Makes it so again; returns what `unguarded` said before."""
        ...

    def scrub(self) -> None:
        """Has the database give up the bytes of what was deleted: in its files and its log nothing of that is left.

        Raises StoreUnreachable where somebody else's reading keeps them; the same may be done again.
        """
        ...

    def close(self) -> None:
        """Gives all connections back."""
        ...


class _SQLiteTransaction:
    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    def query(self, statement: str, parameters: Params = ()) -> list[tuple[Any, ...]]:
        rows = self._cursor.execute(statement, parameters).fetchall()
        for (name, *_), column in zip(self._cursor.description, zip(*rows, strict=True), strict=False):
            kind = COLUMN_TYPES.get(name)
            # Whether there may be nothing is the tables' own matter, and that of who asks for rows of two.
            if kind is not None and not {kind, NoneType}.issuperset(map(type, column)):
                raise VaultDamaged(f"{name}: found a column with what is no {_WORDS[kind]}, expected that alone")
        return rows

    def query_in(self, statement: str, parameters: Params, texts: Sequence[str]) -> list[tuple[Any, ...]]:
        return self.query(*_with_texts(statement, parameters, texts))

    def execute(self, statement: str, parameters: Params = ()) -> None:
        self._cursor.execute(statement, parameters)

    def execute_in(self, statement: str, parameters: Params, texts: Sequence[str]) -> None:
        self.execute(*_with_texts(statement, parameters, texts))

    def execute_many(self, statement: str, rows: Sequence[Params]) -> None:
        self._cursor.executemany(statement, rows)


def _with_texts(statement: str, parameters: Params, texts: Sequence[str]) -> tuple[str, Params]:
    statement = statement.replace("{in}", "IN (SELECT value FROM json_each(?))")
    return statement, (*parameters, orjson.dumps(list(texts)).decode())


def require_book(transaction: Transaction, name: str, book: str) -> bool:
    """Whether the vault of a name is tied to the book that a text names; False where it is to none.

    Raises AnotherBook where it is tied to another.
    """
    rows = transaction.query("SELECT value FROM vault_meta WHERE name = 'book'")
    if rows and rows[0][0] != book:
        raise AnotherBook(
            f"{name}: found a book that begins with {book[:16]}, expected the one that begins with {rows[0][0][:16]}, with "
            "which this vault was used: their subjects are not the same people"
        )
    return bool(rows)


class SQLiteVault:
    """A vault in a SQLite file of mode 0600. Raises StoreUnreachable or StoreOutdated where it cannot be opened.

    WAL with synchronous=FULL: what is committed is on disk. `secure_delete` writes zeros over what is deleted or replaced in
    the file; what stands in the log beside it is written over with the next checkpoint. A vault cannot be opened where it
    cannot be written: who reads a person leaves an entry in the access log. Threads take turns.
    """

    def __init__(self, where: str, *, create: bool = False) -> None:
        self.name = where
        path = real_path(where)
        try:
            made = create and not path.exists() and make_whole(path, [_make_tables], version=VERSION, mode=0o600)
            identity = identity_of(path)
            if identity is None or path.stat().st_size == 0:
                raise StoreUnreachable(f"{where}: found {'no' if identity is None else 'an empty'} file, {NO_VAULT}")
            if not may_write(path):
                raise StoreUnreachable(
                    f"{where}: found a file, or its folder, that may only be read here; expected to write: each reading of a "
                    "person is recorded in the vault"
                )
            require_own_log(path)
            self._path = path
            self._connection = _connected(path)
            self._turn = RLock()
            self._file = OpenFile(path, identity, self._schema_version)
            self.found_version = 0 if made else self._require_vault(migrate=create)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnreachable(f"{where}: {reason(error, path)}") from error

    def _require_vault(self, *, migrate: bool) -> int:
        (mark,) = self._connection.execute("PRAGMA application_id").fetchone()
        if mark != APPLICATION_ID:
            self._connection.close()
            raise StoreUnreachable(f"{self.name}: found a database of something else, {NO_VAULT}, in a file of its own")
        found = self._version()
        if migrate and is_older(found):
            with self._transaction("BEGIN IMMEDIATE") as transaction:
                for statement in sqlite_statements(self._version()):  # another process may have been faster
                    transaction.execute(statement)
                transaction.execute(f"PRAGMA user_version = {VERSION}")
        require_version(self.name, self._version())
        return found

    def _schema_version(self) -> int:
        (number,) = self._connection.execute("PRAGMA schema_version").fetchone()
        return int(number)

    def _version(self) -> int:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        return int(version)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        with self._transaction("BEGIN IMMEDIATE") as transaction:
            yield transaction

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        with self._transaction("BEGIN") as transaction:
            yield transaction

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Transaction]:
        with self._turn:
            yield from self._in_turn(begin)

    def _in_turn(self, begin: str) -> Iterator[Transaction]:
        if lost := self._file.lost():
            raise StoreUnreachable(f"{self.name}: {lost}")
        cursor = self._connection.cursor()
        try:
            cursor.execute(begin)
            try:
                yield _SQLiteTransaction(cursor)
                cursor.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    cursor.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise StoreUnreachable(f"{self.name}: {reason(error, self._path)}") from error
        finally:
            cursor.close()

    def unguarded(self) -> list[str]:
        wrong: list[str] = []
        for table, guarded in GUARDED.items():
            found = dict(self._connection.execute(SELECT_TRIGGERS, (table,)).fetchall())
            expected = sqlite_triggers(table)
            wrong += [
                f"trigger {name} of {guarded.name}"
                for name in sorted(found | expected)
                if found.get(name) != expected.get(name)
            ]
        return wrong

    def mend(self) -> list[str]:
        wrong = self.unguarded()
        if wrong:
            with self.writing() as transaction:
                for table in GUARDED:
                    for (name,) in transaction.query(f"SELECT name FROM ({SELECT_TRIGGERS})", (table,)):
                        transaction.execute(f'DROP TRIGGER "{name}"')
                    for statement in sqlite_triggers(table).values():
                        transaction.execute(statement)
        return wrong

    def scrub(self) -> None:
        """VACUUM writes the file anew from what is live; then all of the log is carried over, and the log is emptied."""
        try:
            with self._turn:
                if lost := self._file.lost():
                    raise StoreUnreachable(f"{self.name}: {lost}")
                self._connection.execute("VACUUM")
                busy, *_ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:
            raise StoreUnreachable(f"{self.name}: {reason(error, self._path)}") from error
        if busy:
            raise StoreUnreachable(
                f"{self.name}: found somebody who has read for {LOCK_TIMEOUT_S} s, expected the log to be emptied: what was "
                "erased may still stand in it; do the same again"
            )

    def close(self) -> None:
        self._connection.close()


def is_older(found: int) -> bool:
    """Whether tables of a version can be made those of the present one."""
    return 0 < found < VERSION


def require_version(name: str, found: int) -> None:
    """Raises StoreOutdated for tables of a version that this program does not know, or that were not migrated."""
    if is_older(found):
        raise StoreOutdated(
            f"{name}: found tables of a vault of version {found}, expected {VERSION}; `csat-ledger vault migrate` brings "
            "them there"
        )
    if found != VERSION:
        raise StoreOutdated(
            f"{name}: found tables of a vault of version {found}, expected {VERSION}: another version of the program made them"
        )


def _make_tables(cursor: sqlite3.Cursor) -> None:
    for statement in sqlite_statements():
        cursor.execute(statement)
    cursor.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=LOCK_TIMEOUT_S, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute("PRAGMA cache_size=-65536")  # keys are random: a row's pages are anywhere
    return connection
