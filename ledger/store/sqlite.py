"""The book in SQLite, over the recorders of the `eventsourcing` library. The tables: `ledger.store.sqlite_tables`.

Writers take the database's write lock first (BEGIN IMMEDIATE), then read, decide and append; so positions are dense and
in commit order, and the feed has no holes that fill later. WAL with synchronous=FULL: a commit is on disk.
(PERSISTENCE_MODULE=ledger.store.sqlite keeps the events of the library's own applications in such a table.)
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Final

import orjson

from ledger.errors import StoreUnreachable
from ledger.store import link_key_file, sqlite_factory, sqlite_guards
from ledger.store.base import (
    Aside,
    KnownFact,
    NewRow,
    Snapshot,
    Unguarded,
)
from ledger.store.locks import FileRoleLock, try_file_lock
from ledger.store.migrations import missing_steps, newest_version
from ledger.store.refusals import RefusalReader, RefusalTable
from ledger.store.sqlite_files import (
    Identity,
    OpenFile,
    ReadOnlyFile,
    identity_of,
    make_whole,
    may_write,
    real_path,
    reason,
    require_own_log,
)
from ledger.store.sqlite_reader import SQLiteReader, decoded
from ledger.store.sqlite_recorders import (
    POLL_MAX_S,
    POLL_MIN_S,
    LedgerDatastore,
    LedgerProcessRecorder,
)
from ledger.store.sqlite_tables import STEPS, found_version

Factory = sqlite_factory.Factory

LOCK_TIMEOUT_S: Final = 60
APPEND_STATEMENTS: Final = tuple(
    (size, "INSERT INTO events VALUES " + ",".join(["(?,?,?,?,?,?,?)"] * size)) for size in (64, 16, 4, 1)
)


class SQLiteWriteTransaction(SQLiteReader):
    """The book while one writer holds it."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        super().__init__(cursor.execute)
        self._cursor = cursor

    def server_clock_us(self) -> None:
        return None

    def streams_since(self, position: int, limit: int) -> set[str] | None:
        rows = self._execute(
            "SELECT CAST(originator_id AS BLOB) FROM events WHERE position > ? ORDER BY position LIMIT ?",
            (position, limit + 1),
        ).fetchall()
        return {decoded(name) for (name,) in rows} if len(rows) <= limit else None

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

    def drop_snapshots(self, streams: Sequence[str]) -> None:
        self._cursor.executemany("DELETE FROM snapshots WHERE stream = ?", [(stream,) for stream in streams])

    def save_due(self, due: Iterable[tuple[str, int]]) -> None:
        self._cursor.executemany("INSERT OR REPLACE INTO due VALUES (?,?)", due)

    def drop_due(self, streams: Sequence[str]) -> None:
        self._cursor.executemany("DELETE FROM due WHERE stream = ?", [(stream,) for stream in streams])

    def save_set_aside(self, asides: Iterable[Aside]) -> None:
        self._cursor.executemany("INSERT OR REPLACE INTO set_aside VALUES (?,?,?,?)", asides)

    def take_up(self, streams: Sequence[str]) -> None:
        self._cursor.executemany("DELETE FROM set_aside WHERE stream = ?", [(stream,) for stream in streams])

    def bring_due_forward(self, at_us: int, streams: Sequence[str]) -> None:
        self._execute(
            "UPDATE due SET at_us = ? WHERE at_us > ? AND stream IN (SELECT value FROM json_each(?))",
            (at_us, at_us, orjson.dumps(list(streams)).decode()),
        )

    def due_streams(self, until_us: int, limit: int) -> list[str]:
        rows = self._execute("SELECT stream FROM due WHERE at_us <= ? ORDER BY at_us LIMIT ?", (until_us, limit))
        return [stream for (stream,) in rows]

    def save_reviews(self, reviews: Sequence[tuple[int, int]]) -> None:
        self._execute("INSERT OR REPLACE INTO ledger_meta VALUES ('reviews', ?)", (orjson.dumps(reviews).decode(),))

    def save_link_key_id(self, key_id: str) -> None:
        self._execute("INSERT INTO ledger_meta VALUES ('link-key', ?)", (key_id,))

    def refusals(self) -> RefusalTable:
        """The refused facts beside the book."""
        run = self._cursor.executemany
        return RefusalTable(lambda statement, parameters: self._execute(statement, parameters).fetchall(), run)


class SQLiteBeside:
    """What stands beside the events, while one process holds the file's write lock."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._cursor.execute(statement, parameters).fetchall()

    def change(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        return self._cursor.execute(statement, parameters).rowcount

    def change_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        self._cursor.executemany(statement, rows)


class SQLiteStore(SQLiteReader):
    """The book in a SQLite file. Raises StoreUnreachable or StoreOutdated where it cannot be opened.

    Where there is no file a book is made, if `create` says so; `migrate` brings older tables to the present version.
    `found_version` is what was there before. A file that may not be written is `read_only`, and leaves no trace of its
    readers (`ledger.store.sqlite_files`). A file that is replaced, moved or copied over while it is open is StoreUnreachable
    from then on: what would be written to it is in no book any more.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        create: bool = True,
        migrate: bool = False,
        lock_timeout_s: int = LOCK_TIMEOUT_S,
    ) -> None:
        self.name = str(path)
        self.path = real_path(path)
        self.link_key_path: Path | None = Path(f"{self.path}{link_key_file.ENDING}")
        self._place = str(self.path)
        self.tables_version = newest_version(STEPS)
        self.mended: list[Unguarded] = []
        self._lock_timeout_s = lock_timeout_s
        self._closed = False
        try:
            made = create and not self.path.exists() and make_whole(self.path, STEPS)
            self._file = OpenFile(self._place, self._require_book())
            self.read_only = not may_write(self.path)
            if not self.read_only:
                require_own_log(self.path)
            self._read_only_file = ReadOnlyFile(self.path)
            super().__init__(self._execute_reading)
            if self.read_only:
                self._read: Callable[..., sqlite3.Cursor] = self._read_only_file.execute
                self.found_version = self._found_in_read_only(migrate=migrate)
            else:
                self.found_version = 0 if made else self._open(migrate=migrate)
                self._reading = sqlite3.connect(
                    self.path, isolation_level=None, timeout=lock_timeout_s, check_same_thread=False
                )
                self._read = self._reading.execute
                self._read("SELECT name FROM sqlite_master LIMIT 1").fetchall()
                self._file.log_opened()
        except (sqlite3.Error, OSError) as error:
            raise StoreUnreachable(f"{self.name}: {reason(error, self.path)}") from error

    def _require_book(self) -> Identity:
        """Which file it is. Raises StoreUnreachable where there is none, or an empty one, which is no book."""
        identity = identity_of(self.path)
        if identity is None:
            raise StoreUnreachable(f"found no ledger at {self.name!r}; `csat-ledger record` makes one")
        if self.path.stat().st_size == 0:
            raise StoreUnreachable(
                f"{self.name}: found an empty file, expected a ledger; remove it, and `csat-ledger record` makes one"
            )
        return identity

    @cached_property
    def _datastore(self) -> LedgerDatastore:
        if self.read_only:
            raise StoreUnreachable(f"{self.name}: this file, or its folder, may only be read here")
        return LedgerDatastore(str(self.path), lock_timeout=self._lock_timeout_s, originator_id_type="text")

    @cached_property
    def recorder(self) -> LedgerProcessRecorder:
        """The library's door to the same events."""
        return LedgerProcessRecorder(self._datastore, events_table_name="events")

    def _open(self, *, migrate: bool) -> int:
        with self._datastore.get_connection(commit=False) as connection:
            looking = connection._sqlite_conn.cursor()
            looking.row_factory = None
            found = found_version(looking, self.name)
            looking.close()
        if found == self.tables_version and not migrate:
            return found  # the usual case, in which nobody waits for a writer
        if found == 0 and not migrate:
            raise StoreUnreachable(
                f"{self.name}: found a database without any table, expected a ledger's; remove it, and "
                "`csat-ledger record` makes one"
            )
        with self._datastore.immediate() as cursor:
            found = found_version(cursor, self.name)
            for step in missing_steps(self.name, found, STEPS, migrate=migrate):
                step(cursor)
            cursor.execute(f"PRAGMA user_version = {self.tables_version}")
            if migrate:
                self.mended = sqlite_guards.mend(cursor)
        return found

    def _found_in_read_only(self, *, migrate: bool) -> int:
        found = found_version(self._read_only_file.execute("SELECT 1"), self.name)
        missing_steps(self.name, found, STEPS, migrate=False, may_create=False)
        if migrate and found < self.tables_version:
            raise StoreUnreachable(f"{self.name}: this file, or its folder, may only be read here")
        return found

    def _execute_reading(self, *arguments: Any) -> sqlite3.Cursor:
        self._require_same_file()
        return self._read(*arguments)

    def _require_same_file(self) -> None:
        if lost := self._file.lost():
            raise StoreUnreachable(f"{self.name}: {lost}")

    @contextmanager
    def writing(self) -> Iterator[SQLiteWriteTransaction]:
        with self._immediate() as cursor:
            yield SQLiteWriteTransaction(cursor)

    @contextmanager
    def _immediate(self) -> Iterator[sqlite3.Cursor]:
        self._require_same_file()
        try:
            with self._datastore.immediate() as cursor:
                yield cursor
            self._require_same_file()  # else what was committed is in no book, and the caller must not believe that it is
        except sqlite3.OperationalError as error:
            raise StoreUnreachable(f"{self.name}: {reason(error, self.path)}") from error

    @property
    def refusals(self) -> RefusalReader:
        return RefusalReader(lambda statement, parameters: self._execute(statement, parameters).fetchall())

    @contextmanager
    def keeping_refusals(self) -> Iterator[RefusalTable]:
        with self.writing() as transaction:
            yield transaction.refusals()

    @contextmanager
    def beside(self) -> Iterator[SQLiteBeside]:
        with self._immediate() as cursor:
            yield SQLiteBeside(cursor)

    def query_beside(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._execute(statement, parameters).fetchall()

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

    def try_lock(self, role: str) -> FileRoleLock | None:
        return try_file_lock(self.path, role)

    def unguarded(self) -> list[Unguarded]:
        return sqlite_guards.unguarded(self._execute)

    def close(self) -> None:
        if self.read_only:
            self._read_only_file.close()
            return
        if self._closed:  # what stands there now is no matter of this store any more
            return
        self._closed = True
        if not self._file.may_be_carried_over():
            # SQLite carries the log over when the last connection is closed, unless that is interrupted: the log is not
            # the log of what stands there now.
            self._reading.interrupt()
            self._datastore.interrupt()
        self._reading.close()
        self._datastore.close()
