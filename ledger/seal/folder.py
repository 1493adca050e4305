"""The folder in which a log lies. An object store may show the same paths to the world, but for `.sealer`.

    checkpoint          the published checkpoint: what it says is complete in the files below
    checkpoints.jsonl   every checkpoint that was signed, oldest first, up to the published one:
                        {"checkpoint":"…"} a line
    tile/…              tiles and entry bundles (see `ledger.proof.log.tiles`)
    .sealer/pending     a checkpoint that is signed but not published yet: a promise already, since a witness may have
                        seen it, so the log never goes another way than through it
    .sealer/superseded  checkpoints that were signed and never published, since another followed them, a line each; they
                        enter the history with the next one that is published, so that it never goes beyond that
    .sealer/state       the cache of `state`
    .sealer/lock        held by the one sealer
    .sealer/tmp/        files that are being written

A file is written under another name, brought to disk, and only then given its own: nobody sees half of one. The
checkpoint is replaced last, after everything that it covers is on disk, so that a crash at any moment leaves a
published checkpoint with all of its tiles. Files beyond the checkpoint may be left over; they are written anew. Partial tiles
are removed once the full one is published.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import Final

from ledger.errors import BadInput, LogDamaged, LogUnreachable, SealerBusy
from ledger.proof.log.errors import MalformedError
from ledger.proof.log.files import read_file
from ledger.proof.log.note import NOTE_MAX_BYTES
from ledger.proof.log.tiles import ENTRIES, HEIGHT, LEVEL_MAX, WIDTH, Tile
from ledger.seal.log_reader import (
    CHECKPOINT,
    HISTORY,
    HISTORY_LINE_MAX_BYTES,
    LogFiles,
    history_line,
    parse_history_line,
)

PRIVATE: Final = ".sealer"
SUPERSEDED: Final = "superseded"
TAIL_BYTES: Final = 1 << 20
SUPERSEDED_MAX_BYTES: Final = 1 << 31
WRITERS: Final = 4
WAITING_MAX: Final = 256
STATE_MAX_BYTES: Final = 1 << 31
"""A state of 10^7 streams takes about 1.3 GB."""


class LogFolder(LogFiles):
    """Reads a log's files (see `log_reader`), and writes them so that they are on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._private = root / PRIVATE

    def make(self) -> None:
        """Makes the folder, and forgets what was being written when a sealer died."""
        (self._private / "tmp").mkdir(parents=True, exist_ok=True)
        for path in (self._private / "tmp").iterdir():
            path.unlink()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Held by the one sealer of this folder. Raises SealerBusy where there is another."""
        self._private.mkdir(parents=True, exist_ok=True)
        with held(self._private / "lock", f"{self.root}: found another sealer at work, expected none"):
            yield

    @property
    def name(self) -> str:
        """The folder, for messages."""
        return str(self.root)

    def require_there(self) -> None:
        """Raises LogUnreachable where there is no such folder: another name, or a disk that is not mounted, is no log."""
        if not self.root.is_dir():
            raise LogUnreachable(f"{self.root}: found no such folder, expected that of a log")

    def read_path(self, path: str, max_bytes: int) -> bytes | None:
        """The bytes at a path of the log; None where there is nothing. Raises LogDamaged for what is no file or too long."""
        return _read(self.root / path, max_bytes)

    def read_part(self, path: str, first: int, max_bytes: int) -> bytes:
        """The bytes of a file from an offset on (see `LogFiles.read_part`)."""
        return _read_part(self.root / path, first, max_bytes)

    def remembers(self, signed: bytes) -> bool:
        """Whether a checkpoint stands in the history; it is looked for at its end first."""
        line, path = history_line(signed), self.root / HISTORY
        size = path.stat().st_size if path.exists() else 0
        if line in _read_part(path, max(0, size - TAIL_BYTES), TAIL_BYTES):
            return True
        return size > TAIL_BYTES and any(one.note == signed for one in self.history_lines())

    def pending(self) -> bytes | None:
        """The checkpoint that is signed and not published."""
        return _read(self._private / "pending", NOTE_MAX_BYTES)

    def state(self) -> bytes | None:
        """The cache."""
        return _read(self._private / "state", STATE_MAX_BYTES)

    def save_state(self, data: bytes) -> None:
        """Keeps the cache; losing it costs time only, so it need not be on disk at once."""
        self._replace(self._private / "state", data, durable=False)

    def promise(self, signed: bytes) -> None:
        """Keeps a checkpoint that is signed, before anybody else sees it."""
        self._replace(self._private / "pending", signed)

    def supersede(self, signed: bytes) -> None:
        """Keeps a checkpoint that was promised and is not published, since a larger one is to be signed."""
        _append(self._private / SUPERSEDED, [signed])

    def publish(self, signed: bytes) -> None:
        """Makes a checkpoint the log's. Everything that it covers has to be on disk."""
        self._replace(self.root / CHECKPOINT, signed)
        self.remember(signed)
        (self._private / "pending").unlink(missing_ok=True)

    def prune(self, old_size: int, size: int) -> None:
        """Removes the partial files of the tiles that have become full since `old_size`; full ones stand in for them."""
        for level in range(ENTRIES, LEVEL_MAX + 1):
            below = HEIGHT * max(level, 0)
            n = (old_size >> below) // WIDTH
            if (size >> below) // WIDTH <= n:
                break
            rmtree(self.root / f"{Tile(level, n).path}.p", ignore_errors=True)

    def remember(self, signed: bytes) -> None:
        """Adds a published checkpoint to the history, after those that it superseded."""
        superseded = self._private / SUPERSEDED
        lines = (_read(superseded, SUPERSEDED_MAX_BYTES) or b"").split(b"\n")[:-1]
        # A crash may have come right before they were removed.
        new = [note for note in dict.fromkeys(map(parse_history_line, lines)) if not self.remembers(note)]
        _append(self.root / HISTORY, [*new, signed])
        superseded.unlink(missing_ok=True)

    def writing(self) -> FileBatch:
        """Files of the log to be written together."""
        return FileBatch(self.root, self._private / "tmp")

    def _replace(self, path: Path, data: bytes, *, durable: bool = True) -> None:
        write_file(path, data, self._private / "tmp" / path.name, durable=durable)
        if durable:
            fsync_folder(path.parent)


class FileBatch:
    """Files that are written side by side; on disk, with their folders, when the block ends."""

    def __init__(self, root: Path, temporary: Path) -> None:
        self._root = root
        self._temporary = temporary
        self._pool = ThreadPoolExecutor(WRITERS, "tiles")
        self._waiting: list[Future[None]] = []
        self._folders: set[Path] = {root}
        self._number = 0

    def __enter__(self) -> FileBatch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def add(self, path: str, data: bytes) -> None:
        """Writes one file, soon."""
        target = self._root / path
        if target.parent not in self._folders:
            target.parent.mkdir(parents=True, exist_ok=True)
            folder = target.parent
            while folder not in self._folders:
                self._folders.add(folder)
                folder = folder.parent
        self._number += 1
        temporary = self._temporary / f"{self._number}"
        self._waiting.append(self._pool.submit(write_file, target, data, temporary))
        if len(self._waiting) >= WAITING_MAX:
            self._wait()

    def flush(self) -> None:
        """Returns when all is on disk."""
        self._wait()
        for folder in self._folders:
            fsync_folder(folder)
        self._folders = {self._root}

    def _wait(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            future.result()


@contextmanager
def naming(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """An OSError that names no file, such as that of a full disk, or the one in which it is written first, names this one."""
    try:
        yield
    except OSError as error:
        if error.errno is None or (error.filename is not None and str(error.filename) != str(temporary)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_file(path: Path, data: bytes, temporary: Path, *, durable: bool = True) -> None:
    """Writes a file that nobody sees in part; its folder is still to be brought to disk."""
    with naming(path):
        with os.fdopen(open_regular(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)


@contextmanager
def held(path: Path, busy: str) -> Iterator[None]:
    """The lock that a file is. Raises SealerBusy, with what `busy` says, where another process holds it."""
    with os.fdopen(open_regular(path, os.O_WRONLY | os.O_CREAT), "wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SealerBusy(busy) from None
        yield


def open_regular(path: Path, flags: int, mode: int = 0o666) -> int:
    """The descriptor of a file. Raises BadInput for a pipe or a device in its place, which might keep one waiting for ever."""
    descriptor = descriptor_of(path, flags, mode)
    if descriptor is None:
        raise BadInput(f"{path}: found a pipe or device, expected a file")
    return descriptor


def descriptor_of(path: Path, flags: int, mode: int = 0o666) -> int | None:
    """The descriptor of a file, opened without waiting; None for a folder, a pipe or a device. Raises OSError."""
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK, mode)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a pipe from which nobody reads
            return None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Makes a folder, and those that it lies in, where they are not there. Raises BadInput where something else is."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=mode)
    except FileExistsError:
        raise BadInput(f"{path}: found something that is no folder, expected a folder, or nothing yet") from None
    except NotADirectoryError:
        raise BadInput(f"{path}: found that it lies in something that is no folder, expected a folder") from None


def fsync_folder(path: Path) -> None:
    """Brings the names in a folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _append(path: Path, notes: list[bytes]) -> None:
    """Adds checkpoints to a file, a line each, in the place of a line that a crash cut off; returns when that is on disk."""
    with naming(path), os.fdopen(open_regular(path, os.O_RDWR | os.O_APPEND | os.O_CREAT), "a+b") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 1))
        if file.read(1) not in (b"", b"\n"):
            begin = file.seek(max(0, end - HISTORY_LINE_MAX_BYTES))
            file.truncate(begin + file.read().rfind(b"\n") + 1)
        file.write(b"".join(map(history_line, notes)))
        file.flush()
        os.fsync(file.fileno())
    fsync_folder(path.parent)


def _read(path: Path, max_bytes: int) -> bytes | None:
    try:
        return read_file(path, max_bytes)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except MalformedError as error:
        raise LogDamaged(str(error)) from None


def _read_part(path: Path, first: int, max_bytes: int) -> bytes:
    try:
        descriptor = descriptor_of(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    if descriptor is None:
        raise LogDamaged(f"{path}: found a folder, pipe or device, expected a file")
    try:
        parts: list[bytes] = []
        while max_bytes > 0 and (part := os.pread(descriptor, max_bytes, first)):
            parts.append(part)
            first, max_bytes = first + len(part), max_bytes - len(part)
    finally:
        os.close(descriptor)
    return b"".join(parts)
