"""What a monitor has derived, on disk: an SQLite file in a folder that nobody else reads (0700, the file 0600).

    state         one row: size and edge of the tree, counts, the last instant
    streams       where each stream ends
    checks        the programmes' checks, a stream each, pickled by this version of the program
    editions      the editions of all streams of editions, in log order
    facts…        see `fact_memory`
    heads, sealed, history, checkpoints   see `checkpoint_memory`
    findings      what follows from what the log has signed, and so stays true
    receipt…      see `receipt_memory`

All that is derived changes in one transaction, on disk when it ends. What another version of the program wrote, or what is
damaged, is derived anew from the log; checkpoints that were seen are evidence, and outlive a new version.
"""

from __future__ import annotations

import errno
import os
import pickle
import resource
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from ledger.errors import BadInput
from ledger.monitor import checkpoint_memory, fact_memory, receipt_memory
from ledger.monitor.checkpoint_memory import CheckpointMemory, as_written
from ledger.monitor.damage import StateDamaged
from ledger.monitor.fact_memory import FactMemory
from ledger.seal.findings import Finding
from ledger.seal.folder import held, make_folder, open_regular

NAME: Final = "monitor.db"
FORM: Final = 3
"""Of the tables; more when a table, or what stands in one, changes."""
FINDINGS_MAX: Final = 1_000
"""So many findings are kept: who looks at a log that has more has seen enough of it."""
IN_ONE_QUERY: Final = 500
_DIGEST: Final = 16
_PRIVATE: Final = 0o077

_DERIVED: Final = (
    "state",
    "streams",
    "checks",
    "editions",
    "findings",
    *checkpoint_memory.DERIVED,
    *fact_memory.NAMES,
    *receipt_memory.READ,
)
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS program (version TEXT NOT NULL, origin TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS state (digest BLOB NOT NULL, pickled BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS streams (name TEXT PRIMARY KEY, seq INTEGER, leaf BLOB, salt TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checks (
    name TEXT PRIMARY KEY, rules TEXT, delivered INTEGER, recorded TEXT, open INTEGER, digest BLOB, pickled BLOB);
CREATE INDEX IF NOT EXISTS open_checks ON checks (recorded) WHERE open;
CREATE TABLE IF NOT EXISTS editions (position INTEGER PRIMARY KEY, stream TEXT, entry BLOB);
CREATE TABLE IF NOT EXISTS findings (
    number INTEGER PRIMARY KEY, verdict TEXT, what TEXT, found TEXT, expected TEXT, UNIQUE (what, found, expected));
"""


class SavedCheck(NamedTuple):
    """A check that is put away."""

    stream: str
    rules: str
    """The stream of the editions that it goes by; empty for one of editions."""
    delivered: int
    """How many of these it has taken."""
    recorded: str
    """The recorded_at of what it took last."""
    is_open: bool
    """The transaction of what it took last may go on."""
    judge: Any


class Memory:
    """The file, held by one process."""

    def __init__(self, folder: Path, origin: str, version: str, *, once: bool = False) -> None:
        """With `once` nothing of it will be needed after this process."""
        self.facts: FactMemory
        """The ids of all facts."""
        self.checkpoints: CheckpointMemory
        """The checkpoints that were seen, and the sizes that the entries lead to."""
        self.notices: list[str] = []
        """What was found of the file when it was opened, where it could not be used."""
        self._path = folder / NAME
        self._once = once
        self._origin = origin
        self._version = f"{FORM}, {version}"
        make_folder(folder, 0o700)
        folder.chmod(folder.stat().st_mode & ~_PRIVATE)
        _make_private(folder / "lock")
        self._held = ExitStack()
        self._held.enter_context(held(folder / "lock", f"{folder}: found another monitor at work, expected none"))
        try:
            self._db = self._connected()
            self.facts = FactMemory(self._db, once=self._once)
            self.checkpoints = CheckpointMemory(self._db)
            self._held.callback(self._disconnect)
            try:
                with self.reading():
                    self._open()
            except StateDamaged as error:
                self.begin_anew(f"is damaged ({error})")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Lets another process use the folder."""
        self._held.close()

    def _disconnect(self) -> None:
        self._db.close()

    def _connected(self) -> sqlite3.Connection:
        _make_private(self._path)  # the files beside it take its mode
        with self.reading():
            return sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)

    def _open(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(f"PRAGMA synchronous = {'OFF' if self._once else 'FULL'}")
        self._db.executescript(_TABLES + checkpoint_memory.TABLES + fact_memory.TABLES + receipt_memory.TABLES)
        found = self._db.execute("SELECT version, origin FROM program").fetchone()
        if found is None:
            self._db.execute("INSERT INTO program VALUES (?, ?)", (self._version, self._origin))
        elif found[1] != self._origin:
            raise BadInput(f"{self._path}: found the state of a monitor of {found[1]!r}, expected {self._origin!r}")
        elif found[0] != self._version:
            self.forget(f"was written by version {found[0]}, this is {self._version}")

    def forget(self, why: str) -> None:
        """Drops all that is derived; it is derived anew."""
        try:
            self.rollback()
            with self.transaction():
                for table in _DERIVED:
                    self._db.execute(f"DELETE FROM {table}")
                self._db.execute("UPDATE program SET version = ?, origin = ?", (self._version, self._origin))
        except StateDamaged:
            self.begin_anew(why)
        else:
            self._tell(why)

    def begin_anew(self, why: str) -> None:
        """Puts a new file in the place of a damaged one; of the checkpoints that were seen it has those that can be read."""
        seen: list[tuple[Any, ...]] = []
        with suppress(sqlite3.DatabaseError):  # what comes before the damage is had
            self.rollback()
            for row in self._db.execute("SELECT size, root, note, published FROM checkpoints"):
                seen.append(row)
        self._db.close()
        for ending in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
        self._db = self._connected()
        self.facts = FactMemory(self._db, once=self._once)
        self.checkpoints = CheckpointMemory(self._db)
        with self.reading():
            self._open()
        with self.transaction():
            for *row, published in seen:
                with suppress(StateDamaged):
                    self.checkpoints.see(as_written(row), published=published == 1)
        self._tell(why)

    def _tell(self, why: str) -> None:
        self.notices.append(f"{self._path}: {why}; all is derived anew from the log")

    # Transactions

    @property
    def db(self) -> sqlite3.Connection:
        """The open file, for who keeps tables of its own in it."""
        return self._db

    @contextmanager
    def reading(self) -> Iterator[None]:
        """What the file cannot give is StateDamaged."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # a full disk, a lock: nothing is wrong with the file
                number, why = _errno(error, self._path.parent), f"found {error}, expected to read and write"
                raise OSError(number, why, str(self._path)) from error
            raise StateDamaged(str(error)) from error

    def begin(self) -> None:
        """From here on changes are one."""
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """The changes are on disk."""
        if self._db.in_transaction:
            self._db.execute("COMMIT")

    def rollback(self) -> None:
        """The changes are none."""
        self.facts.forget_new()
        with suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction of its own, or part of the one that is begun."""
        if self._db.in_transaction:
            yield
            return
        with self.reading():
            self.begin()
            try:
                yield
                self.commit()
            except BaseException:
                self.rollback()
                raise

    # What is derived

    def state(self) -> Any:
        """The one row of the state; None where there is none. Raises StateDamaged."""
        rows = self._db.execute("SELECT digest, pickled FROM state").fetchall()
        return _unpickled(*rows[0]) if rows else None

    def keep_state(self, state: Any) -> None:
        """Takes the row's place."""
        pickled = pickle.dumps(state, pickle.HIGHEST_PROTOCOL)
        self._db.execute("DELETE FROM state")
        self._db.execute("INSERT INTO state VALUES (?, ?)", (_digest(pickled), pickled))

    def streams(self) -> Iterator[tuple[str, int, bytes, str]]:
        """Name, seq, leaf hash and salt of the end of every stream."""
        yield from self._db.execute("SELECT name, seq, leaf, salt FROM streams")

    def keep_streams(self, rows: Iterable[tuple[str, int, bytes, str]]) -> None:
        """Where some streams end now."""
        self._db.executemany("INSERT OR REPLACE INTO streams VALUES (?, ?, ?, ?)", rows)

    def editions(self) -> Iterator[tuple[int, str, bytes]]:
        """Position, stream and stored bytes of every edition, in log order."""
        yield from self._db.execute("SELECT position, stream, entry FROM editions ORDER BY position")

    def keep_editions(self, rows: Iterable[tuple[int, str, bytes]]) -> None:
        """More of them."""
        self._db.executemany("INSERT OR REPLACE INTO editions VALUES (?, ?, ?)", rows)

    def checks(self, names: Sequence[str]) -> Iterator[SavedCheck]:
        """The checks of some streams, of those that have one."""
        for start in range(0, len(names), IN_ONE_QUERY):
            some = names[start : start + IN_ONE_QUERY]
            asked = ",".join("?" * len(some))
            yield from map(_check, self._db.execute(f"{_CHECKS} WHERE name IN ({asked})", some).fetchall())

    def open_checks(self, before: str) -> list[SavedCheck]:
        """Some checks whose last transaction is over by an instant and was not judged to its end."""
        rows = self._db.execute(f"{_CHECKS} WHERE open AND recorded < ? LIMIT {IN_ONE_QUERY}", (before,))
        return [_check(row) for row in rows.fetchall()]

    def lagging_checks(self, rules: str, editions: int, after: str) -> list[SavedCheck]:
        """Some checks that have not taken all editions of a stream, by name after another."""
        rows = self._db.execute(
            f"{_CHECKS} WHERE name > ? AND rules = ? AND delivered < ? ORDER BY name LIMIT {IN_ONE_QUERY}",
            (after, rules, editions),
        )
        return [_check(row) for row in rows.fetchall()]

    def keep_checks(self, saved: Iterable[SavedCheck]) -> None:
        """Puts checks away."""
        rows = []
        for check in saved:
            pickled = pickle.dumps(check.judge, pickle.HIGHEST_PROTOCOL)
            rows.append((*check[:4], int(check.is_open), _digest(pickled), pickled))
        self._db.executemany("INSERT OR REPLACE INTO checks VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    # Findings

    def keep_findings(self, findings: Iterable[Finding]) -> None:
        """What was found, each once, and no more than so many."""
        (number,) = self._db.execute("SELECT count(*) FROM findings").fetchone()
        self._db.executemany(
            "INSERT OR IGNORE INTO findings (verdict, what, found, expected) VALUES (?, ?, ?, ?)",
            [tuple(finding) for finding in findings][: max(0, FINDINGS_MAX - number)],
        )

    def findings(self) -> list[Finding]:
        """All that was found."""
        rows = self._db.execute("SELECT verdict, what, found, expected FROM findings ORDER BY number")
        return [Finding(*row) for row in rows]


_CHECKS: Final = "SELECT name, rules, delivered, recorded, open, digest, pickled FROM checks"


def _check(row: tuple[Any, ...]) -> SavedCheck:
    stream, rules, delivered, recorded, is_open, digest, pickled = row
    return SavedCheck(stream, rules, delivered, recorded, bool(is_open), _unpickled(digest, pickled))


def origin_in(folder: Path) -> str | None:
    """Which log the state in a folder is of, as `Memory` was told; None where there is no state, or one that cannot be read."""
    path = folder / NAME
    if not path.is_file():
        return None
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT origin FROM program").fetchone()
        return None if found is None else str(found[0])
    return None


def _make_private(path: Path) -> None:
    os.close(open_regular(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)


def _errno(error: sqlite3.OperationalError, folder: Path) -> int:
    """What the system would say of it: a full disk is told from one that only reads, and from one that fails."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if code in (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE):
        if limit != resource.RLIM_INFINITY:
            return errno.EFBIG
        if not os.statvfs(folder).f_bavail:  # the file of shared memory does not say so itself
            return errno.ENOSPC
    return {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_READONLY: errno.EROFS}.get(code & 0xFF, errno.EIO)


def _digest(pickled: bytes) -> bytes:
    return sha256(pickled).digest()[:_DIGEST]


def _unpickled(digest: bytes, pickled: bytes) -> Any:
    """What was pickled; only the very bytes are read that were written."""
    try:
        if _digest(pickled) != digest:
            raise StateDamaged("what is kept of a stream has other bytes than were written")
        return pickle.loads(pickled)
    except (TypeError, AttributeError, ImportError, EOFError, IndexError, pickle.UnpicklingError) as error:
        raise StateDamaged(f"what is kept cannot be read: {error!r}") from error
