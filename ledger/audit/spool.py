"""The events on their way to the processes that judge them, in files: all of one stream in the same file."""

from __future__ import annotations

import marshal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ledger.monitor.rows import Leafed

LENGTH_BYTES: Final = 4
MARSHAL_VERSION: Final = 2  # later ones look for objects that occur twice, which costs more than it saves


class Spool:
    """Takes events; those of one stream always for the same file, and in log order."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.waiting: list[list[Leafed]] = [[] for _ in paths]
        """Of each file, what is to be written to it."""
        self._files = [path.open("wb") for path in paths]

    def write(self) -> None:
        """What waits goes to the files."""
        for file, waiting in zip(self._files, self.waiting, strict=True):
            if waiting:
                block = marshal.dumps(waiting, MARSHAL_VERSION)
                waiting.clear()
                file.write(len(block).to_bytes(LENGTH_BYTES, "big") + block)

    def close(self) -> None:
        """Everything that was written is in the files. May be called more than once."""
        for file in self._files:
            file.close()


def read_spool(path: Path) -> Iterator[list[Leafed]]:
    """The events in a file, some at a time, in the order in which they were put there."""
    with path.open("rb") as file:
        while length := file.read(LENGTH_BYTES):
            yield marshal.loads(file.read(int.from_bytes(length, "big")))
