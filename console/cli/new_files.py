"""New files with what is for their owner alone: of mode 0600, never in the place of others, and there when they are whole.

Until then they have no name (`O_TMPFILE`), so that who is killed leaves nothing behind that nobody looks for. Where the system
or the file system has none such, they have another name, beginning with a dot, which stays behind then.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from console.cli.exits import UNWRITTEN, Failure

_DESCRIPTORS: Final = Path("/proc/self/fd")


class NewFiles:
    """Files that are being written. `streams` stand in the order of their paths."""

    def __init__(self, paths: Sequence[Path], streams: Sequence[IO[bytes]], parts: Sequence[Path | None]) -> None:
        """See `new_files`."""
        self.streams = streams
        self._paths = paths
        self._parts = parts

    def finish(self) -> None:
        """Gives each file its name, one after the other, when all are on disk. Raises Failure."""
        with _naming(self._paths):
            for stream in self.streams:
                stream.flush()
                os.fsync(stream.fileno())
            for path, part, stream in zip(self._paths, self._parts, self.streams, strict=True):
                # Never in the place of another, as renaming would.
                if part is None:
                    _name(stream.fileno(), path)
                else:
                    os.link(part, path)
                _fsync(path.parent)


@contextmanager
def new_files(paths: Sequence[Path]) -> Iterator[NewFiles]:
    """Files to be written, to be `finish`ed by the caller; what is not finished leaves nothing behind.

    Raises Failure where one of them is there already, or none can be made there.
    """
    if len({path.absolute() for path in paths}) < len(paths):
        raise Failure("usage", f"found {paths[0]} twice, expected files of different names")
    with ExitStack() as stack:
        streams, parts = list[IO[bytes]](), list[Path | None]()
        with _naming(paths):
            for path in paths:
                if os.path.lexists(path):
                    raise FileExistsError(None, "", str(path))
                descriptor, part = _nameless(path.parent), None
                if descriptor is None:
                    part = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
                    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                    stack.callback(part.unlink, missing_ok=True)
                streams.append(os.fdopen(descriptor, "wb", buffering=1 << 16))
                stack.callback(_close, streams[-1])
                parts.append(part)
        yield NewFiles(paths, streams, parts)


def _nameless(folder: Path) -> int | None:
    """A file without a name in a folder, open for writing; None where there can be none. Raises OSError."""
    if not (hasattr(os, "O_TMPFILE") and _DESCRIPTORS.is_dir()):
        return None
    try:
        return os.open(folder, os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            return None
        raise


def _name(descriptor: int, path: Path) -> None:
    """Gives a file without a name its name. Raises FileExistsError where something has it."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Only with a folder does Python ask for what /proc's link leads to.
        os.link(_DESCRIPTORS / str(descriptor), path.name, dst_dir_fd=folder, follow_symlinks=True)
    except FileExistsError:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        os.close(folder)


def _close(stream: IO[bytes]) -> None:
    with suppress(OSError):  # what is still unwritten of it is given up
        stream.close()


@contextmanager
def _naming(paths: Sequence[Path]) -> Iterator[None]:
    """Errors of the system as ours, with the file's name."""
    try:
        yield
    except FileExistsError as error:
        where = error.filename2 or error.filename
        raise Failure("file-exists", f"{where}: found a file, expected none: it is never written over") from None
    except OSError as error:
        where = error.filename2 or error.filename or paths[0]
        raise Failure("unwritable", f"{where}: could not be written: {error.strerror}", UNWRITTEN) from None


def _fsync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
