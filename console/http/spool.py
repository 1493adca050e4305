"""Bytes that wait for a client, in order: a little in memory, the rest in a temporary file that has no name.

So a client that sends all of a stream before it reads an answer never waits for itself, and a reader of a long answer
holds no thread and no memory of ours. All spools of a service share a room of so many bytes on disk, of which one has no more
than nine tenths.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, Final

MEMORY_BYTES: Final = 256 << 10
"""So much of a spool is in memory."""
READ_BYTES: Final = 64 << 10


class SpoolFull(Exception):
    """The room that all spools share is used up, or one spool's part of it."""


class Room:
    """The bytes that may be in temporary files; several threads may take of it."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.one_max = bytes_max - bytes_max // 10
        """So many may be one spool's: who reads nothing leaves a tenth to all others."""
        self._used = 0
        self._lock = Lock()

    @property
    def used(self) -> int:
        """Bytes that are in temporary files now."""
        return self._used

    def take(self, size: int) -> bool:
        """Takes so many bytes, if there are as many."""
        with self._lock:
            if self._used + size > self.bytes_max:
                return False
            self._used += size
            return True

    def give_back(self, size: int) -> None:
        """Gives bytes back."""
        with self._lock:
            self._used -= size


class Spool:
    """What is written comes out in the same order; one writes, one reads, not at the same moment."""

    def __init__(self, room: Room, memory_bytes: int = MEMORY_BYTES) -> None:
        self._room = room
        self._memory_bytes = memory_bytes
        self._held: deque[bytes] = deque()
        self._held_bytes = 0
        self._file: IO[bytes] | None = None
        self._written = self._read = 0

    def __len__(self) -> int:
        """Bytes that wait."""
        return self._held_bytes + self._written - self._read

    def write(self, data: bytes) -> None:
        """Puts bytes at the end. Raises SpoolFull, and OSError where the disk takes none; then none of them is there."""
        if self._written == 0 and (not self._held or self._held_bytes + len(data) <= self._memory_bytes):
            self._held.append(data)
            self._held_bytes += len(data)
            return
        if self._written + len(data) > self._room.one_max or not self._room.take(len(data)):
            raise SpoolFull
        try:
            if self._file is None:
                self._file = TemporaryFile(buffering=0)  # noqa: SIM115 (closed by `close`)
            self._file.seek(self._written)
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
        except BaseException:
            self._room.give_back(len(data))
            raise
        self._written += len(data)

    def read(self) -> bytes:
        """Some of the bytes at the beginning, not many; none where nothing waits."""
        if self._held:
            data = self._held.popleft()
            self._held_bytes -= len(data)
            return data
        if self._file is None or self._read == self._written:
            return b""
        self._file.seek(self._read)
        data = self._file.read(min(READ_BYTES, self._written - self._read))
        if not data:
            raise OSError("found a temporary file that is too short, expected what was written")
        self._read += len(data)
        if self._read == self._written:
            self._file.truncate(0)
            self._room.give_back(self._written)
            self._written = self._read = 0
        return data

    def close(self) -> None:
        """Drops what waits."""
        self._held.clear()
        self._held_bytes = 0
        self._room.give_back(self._written)
        self._written = self._read = 0
        if self._file is not None:
            self._file.close()
            self._file = None

    def __del__(self) -> None:
        """An answer that nobody came to take leaves no room used."""
        with suppress(Exception):
            self.close()
