"""Lines put in the order of a number, outside of memory: runs that are sorted lie in temporary files, and are merged.

A run takes 16 MiB of lines, and each has a file of its own that nobody else can open: a gigabyte is about sixty of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from heapq import merge
from tempfile import TemporaryFile
from typing import IO, Final

RUN_BYTES: Final = 1 << 24

Keyed = tuple[int, bytes]


class SortedLines:
    """Collects lines, then gives them back by their keys; those with the same key in the order in which they came."""

    def __init__(self, files: ExitStack, run_bytes: int = RUN_BYTES) -> None:
        """`files` closes, and so removes, the temporary files."""
        self._files = files
        self._run_bytes = run_bytes
        self._runs: list[IO[bytes]] = []
        self._run: list[Keyed] = []
        self._size = 0

    def add(self, key: int, line: bytes) -> None:
        """One more line, which ends in a line feed and has no other."""
        self._run.append((key, line))
        self._size += len(line)
        if self._size >= self._run_bytes:
            self._put_down()

    def __iter__(self) -> Iterator[bytes]:
        """All lines in order; none are added meanwhile."""
        self._run.sort(key=_key)
        for _, line in merge(*map(_read, self._runs), iter(self._run), key=_key):
            yield line

    def _put_down(self) -> None:
        self._run.sort(key=_key)
        file = self._files.enter_context(TemporaryFile())  # noqa: SIM115 - `files` closes it
        file.writelines(b"%d %b" % keyed for keyed in self._run)
        self._runs.append(file)
        self._run, self._size = [], 0


def _key(keyed: Keyed) -> int:
    return keyed[0]


def _read(run: IO[bytes]) -> Iterator[Keyed]:
    run.seek(0)
    for written in run:
        key, _, line = written.partition(b" ")
        yield int(key), line
