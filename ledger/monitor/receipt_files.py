"""Files of receipts, read on as they grow: a line each, as `record --receipts` writes them.

What was read is remembered by how far it goes and by the bytes before it: a file that has become another is read anew. A
last line without its end waits, since who writes it may be at work. A line that is too long is passed over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ledger.monitor.receipt_memory import Difference, FileState, digest_of
from ledger.proof.log.errors import MalformedError, Words
from ledger.proof.receipts.holding import FILE_MAX_BYTES, LINE_MAX_BYTES
from ledger.seal.folder import descriptor_of

CHUNK_BYTES: Final = 1 << 20
TAIL_BYTES: Final = 4_096


class ReceiptFile:
    """A file, open for one round."""

    def __init__(self, path: Path, descriptor: int, state: FileState) -> None:
        self.path = path
        self._descriptor = descriptor
        self.state = state
        self.is_another = state != FileState() and not self._goes_on()
        """It is not the file that was read before, or was cut: it is read from its beginning."""
        if self.is_another:
            self.state = FileState()
        self.waiting = 0
        """Bytes of a last line without its end."""

    def chunks(self) -> Iterator[list[tuple[int, bytes | None]]]:
        """Some lines at a time, with their numbers; None for one that is too long. After each the state goes past them."""
        size = os.fstat(self._descriptor).st_size
        rest = b""
        while part := self._read(self.state.offset + len(rest), size):
            *whole, rest = (rest + part).split(b"\n")
            yield self._take(whole)
            if len(rest) > LINE_MAX_BYTES:
                lines: list[tuple[int, bytes | None]] = [] if self.state.skipping else [(self.state.lines + 1, None)]
                self._move(len(rest), 0, skipping=True)
                rest = b""
                yield lines
        self.waiting = len(rest)

    def over(self) -> Difference | None:
        """That the file is larger than any may be, and is not read to its end."""
        size = os.fstat(self._descriptor).st_size
        if size <= FILE_MAX_BYTES:
            return None
        return Difference(f"{str(self.path)!a}", f"{size} bytes", f"at most {FILE_MAX_BYTES}")

    def _take(self, whole: list[bytes]) -> list[tuple[int, bytes | None]]:
        lines: list[tuple[int, bytes | None]] = []
        first = self.state.lines + 1
        for number, line in enumerate(whole, first):
            if number == first and self.state.skipping:
                continue  # the end of a line that is counted
            if line:
                lines.append((number, None if len(line) > LINE_MAX_BYTES else line))
        if whole:
            self._move(sum(map(len, whole)) + len(whole), len(whole), skipping=False)
        return lines

    def _move(self, count: int, lines: int, *, skipping: bool) -> None:
        offset = self.state.offset + count
        self.state = self.state._replace(
            offset=offset, lines=self.state.lines + lines, tail=self._tail(offset), skipping=skipping
        )

    def _read(self, offset: int, size: int) -> bytes:
        return os.pread(self._descriptor, max(0, min(CHUNK_BYTES, size - offset, FILE_MAX_BYTES - offset)), offset)

    def _goes_on(self) -> bool:
        return self._tail(self.state.offset) == self.state.tail

    def _tail(self, offset: int) -> bytes:
        count = min(offset, TAIL_BYTES)
        return digest_of(os.pread(self._descriptor, count, offset - count))


@contextmanager
def opened(path: Path, state: FileState) -> Iterator[ReceiptFile]:
    """The file at a path. Raises OSError, or MalformedError for what is no file."""
    descriptor = descriptor_of(path, os.O_RDONLY)
    if descriptor is None:
        raise MalformedError(f"{str(path)!a}", found=Words("a folder, pipe or device"), expected=Words("a file"))
    try:
        yield ReceiptFile(path, descriptor, state)
    finally:
        os.close(descriptor)
