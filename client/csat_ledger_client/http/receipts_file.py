"""The file of receipts: one for each fact that is in the book, JSON lines, added to and never written over.

    {"event":"<stored bytes>","fact":"<id>","receipt":"<note>"}

It is the file that `csat-ledger record --receipts` writes, and that `verify-receipt` and `monitor --receipts` read. What is
added is on disk before the caller hears that the fact was recorded. A crash in between loses none: the same facts again are
duplicates, and a duplicate gets the same receipt. The file is made with access for its owner alone, and who adds to it
holds a lock. A line that a crash cut off is taken away before others are added.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from csat_ledger_client.answers.fact_outcome import Receipt
from csat_ledger_client.errors import ReceiptsUnusable

BEGINNING: Final = b'{"event":'
"""So begins every line."""
BLOCK: Final = 1 << 16


class ReceiptsFile:
    """Adds receipts to a file, which it holds for itself alone until it is closed."""

    def __init__(self, path: Path) -> None:
        """Raises ReceiptsUnusable where another has it, or it is something else."""
        self._path = path
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        self._file = os.fdopen(descriptor, "r+b", buffering=0)
        try:
            self._prepare()
        except OSError as error:
            self.close()
            raise self._unusable(error) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Lets others have it."""
        self._file.close()

    def add(self, receipts: Iterable[Receipt]) -> None:
        """Adds receipts, durably: all of them or none. Raises ReceiptsUnusable."""
        data = b"".join(map(encoded, receipts))
        if not data:
            return
        try:
            size = self._file.seek(0, os.SEEK_END)
            try:
                left = data
                while left:
                    left = left[os.write(self._file.fileno(), left) :]
                os.fsync(self._file.fileno())
            except OSError:
                with suppress(OSError):
                    self._file.truncate(size)
                raise
        except OSError as error:
            raise self._unusable(error) from error

    def _prepare(self) -> None:
        if not stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            raise ReceiptsUnusable(f"{self._path}: found a pipe or device, expected a file for receipts")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ReceiptsUnusable(f"{self._path}: found another process at work on it, expected none") from None
        found = self._file.read(len(BEGINNING))
        if not BEGINNING.startswith(found):
            raise ReceiptsUnusable(
                f"{self._path}: found a file that begins with {found!r}, expected one of receipts, or none: nothing was "
                "written to it"
            )
        self._cut_half_a_line()

    def _cut_half_a_line(self) -> None:
        end = size = self._file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - BLOCK)
            self._file.seek(start)
            part = self._file.read(end - start)
            if (at := part.rfind(b"\n")) >= 0:
                end = start + at + 1
                break
            end = start
        if end != size:
            self._file.truncate(end)

    def _unusable(self, error: OSError) -> ReceiptsUnusable:
        return ReceiptsUnusable(
            f"{self._path}: receipts could not be kept: {error.strerror or error}; what was recorded stays, and the same "
            "facts again give them"
        )


def encoded(receipt: Receipt) -> bytes:
    """A receipt as a line of the file."""
    line = {"event": receipt.event, "fact": receipt.fact, "receipt": receipt.receipt}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
