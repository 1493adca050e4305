"""New files with what is for their owner alone: of mode 0600, never in the place of others, and there when they are whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from console.cli.exits import UNWRITTEN, Failure


class NewFiles:
    """Files that are being written under other names. `streams` stand in the order of their paths."""

    def __init__(self, paths: Sequence[Path], streams: Sequence[IO[bytes]], parts: Sequence[Path]) -> None:
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
            for path, part in zip(self._paths, self._parts, strict=True):
                os.link(part, path)  # never in the place of another, as renaming would
                _fsync(path.parent)


@contextmanager
def new_files(paths: Sequence[Path]) -> Iterator[NewFiles]:
    """Files to be written, to be `finish`ed by the caller; what is not finished leaves nothing behind.

    Raises Failure where one of them is there already, or none can be made there.
    """
    if len({path.absolute() for path in paths}) < len(paths):
        raise Failure("usage", f"found {paths[0]} twice, expected files of different names")
    with ExitStack() as stack:
        streams, parts = [], []
        with _naming(paths):
            for path in paths:
                if os.path.lexists(path):
                    raise FileExistsError(None, "", str(path))
                part = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
                descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                stack.callback(part.unlink, missing_ok=True)
                streams.append(os.fdopen(descriptor, "wb", buffering=1 << 16))
                stack.callback(_close, streams[-1])
                parts.append(part)
        yield NewFiles(paths, streams, parts)


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
