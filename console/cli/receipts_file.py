"""The file of receipts: one for each fact that is in the book, JSON lines, added to and never written over.

    {"event":"<stored bytes>","fact":"<id>","receipt":"<note>"}

The receipts of a batch are signed and written once its transaction is durable. A crash in between loses none: the same
facts again are duplicates, and a duplicate gets the same receipt. The file is made with access for its owner alone, and
who adds to it holds a lock. A line that a crash cut off is taken away before others are added.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from console.cli.exits import UNWRITTEN, Failure
from ledger.seal.folder import descriptor_of

if TYPE_CHECKING:
    from ledger.seal.receipts import ReceiptSigner
    from ledger.store.base import Reader
    from ledger.writing.transaction import Outcome

LINES_TOGETHER: Final = 1_000
BEGINNING: Final = b'{"event":'
"""So begins every line."""


class ReceiptsFile:
    """Signs receipts for what was recorded, and adds them to a file."""

    def __init__(self, file: IO[bytes], path: Path, signer: ReceiptSigner, book: Reader) -> None:
        """`file` is what `open_receipts` gives for the path."""
        self._file = file
        self._path = path
        self._signer = signer
        self._book = book
        self.written = 0

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """Adds the receipts of a batch that is durable. Raises Failure where that fails; the file has whole lines then."""
        from ledger.seal.receipts import encoded

        lines = [encoded(handed) for handed in self._signer.for_outcomes(self._book, outcomes) if handed is not None]
        with _naming(self._path):
            for start in range(0, len(lines), LINES_TOGETHER):
                _append(self._file, b"".join(lines[start : start + LINES_TOGETHER]))
            os.fsync(self._file.fileno())
        self.written += len(lines)


@contextmanager
def open_receipts(path: Path) -> Iterator[IO[bytes]]:
    """The file, held by this process alone. Raises Failure where another has it, or it can be no file of receipts."""
    if path.is_dir():
        raise Failure("unreadable", f"{path}: found a folder, expected a file for receipts")
    with _naming(path):
        descriptor = descriptor_of(path, os.O_RDWR | os.O_CREAT, 0o600)
    if descriptor is None:
        raise Failure("unreadable", f"{path}: found a pipe or device, expected a file for receipts")
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure("unreadable", f"{path}: found another `record` at work on it, expected none") from None
        with _naming(path):
            _require_receipts(file, path)
            _cut_half_a_line(file)
        yield file


def _require_receipts(file: IO[bytes], path: Path) -> None:
    """What is something else, a file of facts or a book, is not cut and not added to. Raises Failure."""
    found = file.read(len(BEGINNING))
    if not BEGINNING.startswith(found):
        raise Failure(
            "unreadable",
            f"{path}: found a file that begins with {found!r}, expected one of receipts, or none: nothing was written to it",
        )


def _cut_half_a_line(file: IO[bytes]) -> None:
    end = size = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - (1 << 16))
        file.seek(start)
        part = file.read(end - start)
        if (at := part.rfind(b"\n")) >= 0:
            end = start + at + 1
            break
        end = start
    if end != size:
        file.truncate(end)


def _append(file: IO[bytes], data: bytes) -> None:
    """Adds whole lines to the end: all of them or none."""
    size = file.seek(0, os.SEEK_END)
    try:
        while data:
            data = data[os.write(file.fileno(), data) :]
    except OSError:
        with suppress(OSError):
            file.truncate(size)
        raise


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise Failure(
            "receipts-not-written",
            f"{path}: receipts could not be written: {why}; what was recorded stays, and the same facts again give them",
            UNWRITTEN,
        ) from error
