"""The rows that the first pass has seen, in files for the second: all of one stream in the same file."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from ledger.proof.log.event import LOG
from ledger.proof.programme import ProofProgrammes, programme_of

Leafed = tuple[str, int, str, int, bytes, bytes]
"""A row of the book, and the leaf hash of its bytes: stream, seq, type, position, stored, leaf."""
SPOOL_BYTES: Final = 1 << 18
LENGTH_BYTES: Final = 4
MARSHAL_VERSION: Final = 2  # later ones look for objects that occur twice, which costs more than it saves


class Spool:
    """Takes the rows in feed order. Those of streams of editions and of the log's own stay here: others need them."""

    def __init__(self, paths: Sequence[Path], programmes: ProofProgrammes) -> None:
        self.editions: dict[str, list[Leafed]] = {}
        """By the name of their stream."""
        self.log: list[Leafed] = []
        self._rows: list[list[Leafed]] = [[] for _ in paths]
        self._places = _Places(self._rows, self.editions, programmes)
        self._places[LOG] = self.log
        self._files = [path.open("wb", SPOOL_BYTES) for path in paths]

    def put(self, streams: Iterable[str], rows: Iterable[Leafed]) -> None:
        """Takes some rows; the stream of each is given beside it."""
        for place, row in zip(map(self._places.__getitem__, streams), rows, strict=True):
            place.append(row)
        # What is kept as bytes, and not as objects, leaves the processor's cache to what comes next.
        for file, waiting in zip(self._files, self._rows, strict=True):
            if waiting:
                block = marshal.dumps(waiting, MARSHAL_VERSION)
                waiting.clear()
                file.write(len(block).to_bytes(LENGTH_BYTES, "big"))
                file.write(block)

    @property
    def places(self) -> dict[str, int]:
        """The number of the file that has a stream's rows, for each stream that is in one."""
        numbers = {id(rows): number for number, rows in enumerate(self._rows)}
        return {stream: numbers[id(rows)] for stream, rows in self._places.items() if id(rows) in numbers}

    def close(self) -> None:
        """Everything is in the files."""
        for file in self._files:
            file.close()


class _Places(dict[str, list[Leafed]]):
    """Stream -> where its rows gather; a new stream goes to the next place in turn."""

    def __init__(
        self, places: Sequence[list[Leafed]], editions: dict[str, list[Leafed]], programmes: ProofProgrammes
    ) -> None:
        super().__init__()
        self._in_turn = places
        self._editions = editions
        self._programmes = programmes

    def __missing__(self, stream: str) -> list[Leafed]:
        programme = programme_of(self._programmes, stream)
        if programme is not None and programme.rules_stream(stream) == stream:
            self[stream] = self._editions[stream] = []
            return self[stream]
        return self.setdefault(stream, self._in_turn[len(self) % len(self._in_turn)])


def read_spool(path: Path) -> Iterator[list[Leafed]]:
    """The rows in a file, some at a time, in feed order."""
    with path.open("rb") as file:
        while length := file.read(LENGTH_BYTES):
            yield marshal.loads(file.read(int.from_bytes(length, "big")))
