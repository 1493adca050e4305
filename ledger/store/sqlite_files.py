"""The file of a book in SQLite: one name for it, made whole or not at all, and read where it may not be written.

**One file, one name.** SQLite keeps a log beside the file, under the file's name. Through a second name of the same file
(a hard link, or a file that is mounted by itself) another log would be kept, and the file be ruined; the lock of a role would
be another, too. So a file with several hard links and a file that is a mount point are refused. Symbolic links are
followed first, as SQLite does, so that all of them lead to the same log and the same locks.

**Made whole.** A new book is made under another name and then given its own, while the folder is locked: nobody finds
half a book, and of two who make one at the same moment the second finds that of the first. So an empty file is
never a book that somebody is about to make.

**Its own log.** A file that was restored from a copy, while the log of the newer one was left beside it, is read by SQLite
as a mixture of both. Where that is plain, the file is refused before anything is opened that could write the mixture down.
Who has the file open while a shorter one is copied over it notices that, and leaves it without carrying the log over
(what VACUUM has made shorter is told apart by the number of its schema).

**Read only.** Where the file or its folder may not be written, a reader must leave nothing there:

    file-wal and file-shm are there    somebody writes, or has crashed: read with them, and lock nothing
    no file-wal, or an empty one       nobody writes: the file is all there is; who reads on looks whether that has changed
    file-wal without file-shm          SQLite cannot read that where it may not write: both are copied, and the copy is read
"""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final, NamedTuple
from urllib.parse import quote

from ledger.errors import StoreUnreachable
from ledger.store.migrations import Step, newest_version

LOG_HEADER_BYTES: Final = 32
FRAME_HEADER_BYTES: Final = 24
ROOM_BYTES: Final = 1 << 20
"""With less than this on its disk a file may find no room."""
MOUNTS: Final = Path("/proc/self/mountinfo")
WAL_HEADER_BYTES: Final = 32


class Identity(NamedTuple):
    """Which file it is, whatever it is called."""

    device: int
    inode: int


def real_path(given: str | Path) -> Path:
    """The one name of a book's file, which need not exist. Raises StoreUnreachable where it cannot be a book's."""
    name = str(given)
    if name.startswith("file:"):
        raise StoreUnreachable(f"found {name!r}, expected the name of a file: a file: URL is none")
    try:
        path = Path(given).resolve()
        found = path.stat() if path.exists() else None
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links; a NUL
        raise StoreUnreachable(f"{name!r}: {error}") from None
    if (found is not None and not stat.S_ISREG(found.st_mode)) or not path.parent.is_dir():
        raise StoreUnreachable(f"found no place for a database at {name!r}, expected a file in a folder that exists")
    if found is None:
        return path
    if found.st_nlink > 1:
        raise StoreUnreachable(
            f"{name}: found {found.st_nlink} names of this file (hard links), expected one: SQLite keeps a log beside each "
            "name, and through two of them the book would be ruined; make a copy of the file, or remove the other names"
        )
    if is_mount_point(path):
        raise StoreUnreachable(
            f"{name}: found a file that is mounted by itself, expected its folder to be mounted: SQLite keeps a log "
            "beside it, and through two folders the book would be ruined"
        )
    return path


def is_mount_point(path: Path) -> bool:
    """Whether a file is mounted by itself, as far as the system tells."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    mounted = (line.split(" ")[4] for line in lines if line.count(" ") > 4)
    return any(place.replace("\\040", " ") == str(path) for place in mounted)


def identity_of(path: str | Path) -> Identity | None:
    """Which file stands at a path now; None where none does."""
    try:
        found = os.stat(path)  # noqa: PTH116 - before every read, and half the time of Path.stat
    except OSError:
        return None
    return Identity(found.st_dev, found.st_ino)


class OpenFile:
    """A file that is open, and whether what stands at its place is still the same: not another, and no shorter one.

    Nor may its log be another, or the log's index: what is committed stands in the log that was opened, which nobody finds any
    more once it was moved or removed, and who goes by another index writes over what others wrote.
    """

    def __init__(self, path: str | Path, identity: Identity, schema_version: Callable[[], int] | None = None) -> None:
        """Where somebody may vacuum the file, which makes it shorter, `schema_version` asks a connection for its number.

        It is not read from the file: to close that would take away the locks that SQLite has on it in this process.
        """
        self._path = path
        self._identity = identity
        self._schema_version = schema_version
        self._schema = 0 if schema_version is None else schema_version()
        self._bytes = 0
        self._written_ns = 0
        self._beside: dict[str, Identity] = {}

    def log_opened(self) -> None:
        """Says that a connection has the log open, and its index: from here on SQLite lets nobody remove them."""
        found = {name: identity_of(name) for name in (f"{self._path}-wal", f"{self._path}-shm")}
        self._beside = {name: identity for name, identity in found.items() if identity is not None}

    def lost(self) -> str:
        """What was found instead of the file, and what to do; empty while it is there. A book never becomes shorter."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - before every read, and half the time of Path.stat
        except OSError:
            found = None
        if found is None or (found.st_dev, found.st_ino) != self._identity:
            return (
                "found another file, or none, in the place of the one that this process has open, expected the same: it "
                "was replaced or moved; what is opened anew finds what is there now"
            )
        if found.st_size < self._bytes and not self._was_vacuumed():
            return (
                f"found {found.st_size} bytes, expected {self._bytes} at least: something was copied over the file while "
                "this process had it open; what is opened anew finds what is there now"
            )
        for name, identity in self._beside.items():
            if identity_of(name) != identity:
                return (
                    f"found another log, or none, at {name}, expected the one that this process has open: it was moved or "
                    "removed; stop everything that has the file open, then put back what was moved, or restore a backup"
                )
        self._bytes, self._written_ns = found.st_size, found.st_mtime_ns
        return ""

    def _was_vacuumed(self) -> bool:
        """Whether a file that became shorter is a later state of the same: each VACUUM makes its schema's number one more,
        and an earlier state has no higher one.
        """
        if self._schema_version is None:
            return False
        before, self._schema = self._schema, self._schema_version()
        return self._schema > before

    def may_be_carried_over(self) -> bool:
        """Whether the log that this process has open is that of the file which stands there.

        So it is where nothing was moved, and where log or index were removed, but nobody made others or wrote the file since.
        """
        if not self.lost():
            return True
        beside = {name: identity_of(name) for name in self._beside}
        if any(found not in (None, self._beside[name]) for name, found in beside.items()) or beside == self._beside:
            return False
        try:
            found = os.stat(self._path)  # noqa: PTH116 - as above
        except OSError:
            return False
        same = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        return same == (*self._identity, self._bytes, self._written_ns)


def reason(error: Exception, place: str | Path) -> str:
    """What an error of SQLite says of a file, and that its disk is full where that is why, or that this process may write
    no larger file: SQLite seldom names either.
    """
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return str(error)
    try:
        free = shutil.disk_usage(Path(place).resolve().parent).free
    except (OSError, ValueError):
        return str(error)
    if free >= ROOM_BYTES:
        return f"{error}{_at_the_limit(Path(place))}"
    return f"{error}: found {free:,} bytes left on its disk, expected room for a log and its index; make room, nothing is lost"


def _at_the_limit(path: Path) -> str:
    """That a file, or its log, is as large as this process may make one; empty where it is not."""
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit == resource.RLIM_INFINITY:
        return ""
    files = [path.with_name(f"{path.name}{ending}") for ending in ("", "-wal", "-journal")]
    largest = max((file.stat().st_size for file in files if file.exists()), default=0)
    if largest + ROOM_BYTES < limit:
        return ""
    return (
        f": found that this process may make no file larger than {limit:,} bytes (`ulimit -f`), expected room for a log and "
        "its index; raise the limit and do the same again, nothing is lost"
    )


def may_write(path: Path) -> bool:
    """Whether this process may write a book's file and beside it, by rights and by mount."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Held by whoever makes a file in a folder; the others wait. Where the file system has no locks, nobody waits."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def make_whole(
    path: Path, steps: Sequence[Step[sqlite3.Cursor]], *, version: int | None = None, mode: int | None = None
) -> bool:
    """Makes a new book at a path, on disk and under its name at once; False where somebody was faster.

    `version` is that of the tables, where it is not the book's; `mode` that of the file, where the umask's is not to be it.
    """
    with alone_in(path.parent):
        if path.exists():
            return False
        _require_no_log(path)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            if mode is not None:  # before anything stands in it, and SQLite gives its log the same
                os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))
            _make(unfinished, steps, newest_version(steps) if version is None else version)
            unfinished.rename(path)
        finally:
            for rest in ("", "-wal", "-shm"):
                unfinished.with_name(unfinished.name + rest).unlink(missing_ok=True)
        _to_disk(path.parent)
        return True


def _require_no_log(path: Path) -> None:
    """Raises StoreUnreachable where there is a log without its file: SQLite would carry it over into the new one."""
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        raise StoreUnreachable(
            f"{path}: found no file, but a log, {log.name}, that of one which was moved or removed; put it back, "
            f"or move {log.name} away, and a new one is made"
        )


def _make(path: Path, steps: Sequence[Step[sqlite3.Cursor]], version: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        cursor = connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        for step in steps:
            step(cursor)
        cursor.execute(f"PRAGMA user_version = {version}")
        cursor.execute("COMMIT")
    finally:
        connection.close()
    _to_disk(path)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_own_log(path: Path) -> None:
    """Raises StoreUnreachable where the log beside a book's file is plainly that of another state of it.

    The log says how many pages the file has with it: each of them is in the log, or in the file. Where the file was taken
    back to before the log began, those in between are nowhere. (A log is never read to find more than that.)
    """
    log = path.with_name(f"{path.name}-wal")
    try:
        with log.open("rb") as file:
            page_bytes, pages, in_log = _pages_of(file)
        there = path.stat().st_size  # after the log was read: it can only have grown since
    except OSError:
        return
    missing = [page for page in range(there // max(1, page_bytes) + 1, pages + 1) if page not in in_log]
    if missing:
        raise StoreUnreachable(
            f"{path}: found a log, {log.name}, that does not belong to this file: with it {len(missing)} of {pages} pages are "
            "nowhere. A file that is restored from a copy has to be restored with the log of that copy, or without any. "
            f"Nothing was changed yet: stop what has the file open, move {log.name} away, and restore the copy once more"
        )


def _pages_of(log: IO[bytes]) -> tuple[int, int, set[int]]:
    """Bytes of a page, pages of the file after the last commit in a log, and which of them are in it.

    A header of 32 bytes (the size of a page at 8, salts at 16), then for each page a header of 24 bytes (its number, the size
    of the file in pages where this ends a commit, the salts) and the page. With other salts begins what is left over.
    """
    header = log.read(LOG_HEADER_BYTES)
    if len(header) < LOG_HEADER_BYTES:
        return 0, 0, set()
    page_bytes, salts = int.from_bytes(header[8:12], "big"), header[16:24]
    pages, in_log, uncommitted = 0, set[int](), set[int]()
    while len(frame := log.read(FRAME_HEADER_BYTES)) == FRAME_HEADER_BYTES and frame[8:16] == salts:
        uncommitted.add(int.from_bytes(frame[:4], "big"))
        committed = int.from_bytes(frame[4:8], "big")
        if committed:
            pages = committed
            in_log |= uncommitted
            uncommitted.clear()
        log.seek(page_bytes, os.SEEK_CUR)
    return page_bytes, pages, in_log


class ReadOnlyFile:
    """Connections to a file that may not be written; a new one where the file, or what stands beside it, has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._copy: TemporaryDirectory[str] | None = None
        self._seen: tuple[Any, ...] = ()

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """A statement on the file as it is now."""
        seen = self._look()
        if self._connection is None or seen != self._seen:
            self.close()
            self._connection, self._seen = self._connect(), seen
        return self._connection.execute(statement, parameters)

    @contextmanager
    def view(self) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction, for a view that does not change while it is used.

        Raises StoreUnreachable at the end where somebody has written the file itself meanwhile: no lock of ours keeps
        them from that, and what was read may be of before and after.
        """
        self.execute("SELECT 1")
        connection, seen = self._connection, self._at_rest()
        assert connection is not None
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("ROLLBACK")
        if self._at_rest() != seen:
            raise StoreUnreachable(f"{self._path}: found it written while it was read; ask again")

    def _at_rest(self) -> tuple[Any, ...]:
        """What changes when the log is carried over into the file, or begun anew."""
        try:
            with self._beside("-wal").open("rb") as log:
                begun = log.read(WAL_HEADER_BYTES)
        except OSError:
            begun = b""
        return (begun, *self._signature(""))

    def close(self) -> None:
        """Closes the connection, and removes the copy where there is one."""
        connection, self._connection = self._connection, None
        copy, self._copy = self._copy, None
        if connection is not None:
            connection.close()
        if copy is not None:
            copy.cleanup()

    def _beside(self, ending: str) -> Path:
        return self._path.with_name(self._path.name + ending)

    def _has_log(self) -> bool:
        with suppress(OSError):
            return self._beside("-wal").stat().st_size > 0
        return False

    def _look(self) -> tuple[Any, ...]:
        """What tells that a connection must be made anew: with the log SQLite itself sees what changes."""
        if self._has_log():
            with_index = self._beside("-shm").exists()
            return (identity_of(self._path), with_index) if with_index else (*self._signature("-wal"), with_index)
        return self._signature("")

    def _signature(self, ending: str) -> tuple[Any, ...]:
        found = self._beside(ending).stat()
        return (ending, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)

    def _connect(self) -> sqlite3.Connection:
        if not self._has_log():
            return _connected(self._path, "immutable=1")
        if self._beside("-shm").exists():
            return _connected(self._path, "mode=ro&readonly_shm=1")
        self._copy = TemporaryDirectory(prefix="csat-ledger-")
        copy = Path(self._copy.name) / "book.db"
        try:
            shutil.copyfile(self._path, copy)
            shutil.copyfile(self._beside("-wal"), copy.with_name("book.db-wal"))
        except OSError as error:
            raise StoreUnreachable(
                f"{self._path}: found a log beside it that can only be read in a copy, and no room for one: {error}"
            ) from None
        return _connected(copy, "mode=rw")


def _connected(path: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, isolation_level=None, check_same_thread=False)
