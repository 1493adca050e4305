"""No fact comes in twice: the ids of all facts of a book, whatever its tables would refuse.

Of each event the first 16 bytes of SHA-256 over its `fact`, as it is stored, go to disk beside the rows, spread over some
files, so that each of them fits into memory when it is looked at. An announcement names the fact that it follows from, and is
left out.

The member is found without reading the event: in canonical form its keys are sorted, what comes after `fact` holds no object,
and no string has a quotation mark of its own, so that the last place where the key stands is the event's. An event in another
form is a difference by itself (`audit_rows`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from ledger.proof.log.event import LOG
from ledger.proof.programme import ProofProgrammes, programme_of
from ledger.seal.findings import Finding

FILES: Final = 64
BUFFER_BYTES: Final = 1 << 16
ID_BYTES: Final = 16
POSITION_BYTES: Final = 8
_FACT: Final = b',"fact":'
_QUOTE: Final = b'"'
_AFTER: Final = b',"occurred_at":"'


class Facts:
    """Takes the events in feed order; then says which of them name the fact of an earlier one."""

    def __init__(self, folder: Path, programmes: ProofProgrammes) -> None:
        self._announced = frozenset(programme.announced for programme in programmes)
        self._known = KnownStreams(programmes)
        self._paths = [folder / f"facts-{number}" for number in range(FILES)]
        self._files = [path.open("wb", BUFFER_BYTES) for path in self._paths]

    def take(
        self, positions: Sequence[int], names: Sequence[str], types: Sequence[str], stored: Sequence[bytes]
    ) -> None:
        """The next events, with the names of their streams."""
        announced, known, files = self._announced, self._known, self._files
        for position, name, type_name, entry in zip(positions, names, types, stored, strict=True):
            end = entry.rfind(_AFTER)
            fact = entry[entry.rfind(_FACT, 0, end) + len(_FACT) : end]
            if type_name in announced or fact[:1] != _QUOTE or not known[name]:  # null, or no event
                continue
            digest = sha256(fact).digest()[:ID_BYTES]
            files[digest[0] % FILES].write(digest + position.to_bytes(POSITION_BYTES, "big", signed=True))

    def close(self) -> None:
        """Everything is in the files."""
        for file in self._files:
            file.close()

    def twice(self) -> list[Finding]:
        """Each fact that came in again, in the order of the book."""
        found = sorted(pair for path in self._paths for pair in _repeated(path.read_bytes()))
        return [
            Finding(
                "tampered", f"position {again}: fact", f"the id of the fact at position {first}", "an id of its own"
            )
            for again, first in found
        ]


class KnownStreams(dict[str, bool]):
    """Stream -> whether it is the log's own or a programme's: of another one nobody knows what is announced in it."""

    def __init__(self, programmes: ProofProgrammes) -> None:
        super().__init__({LOG: True})
        self._programmes = programmes

    def __missing__(self, stream: str) -> bool:
        return self.setdefault(stream, programme_of(self._programmes, stream) is not None)


def _repeated(said: bytes) -> Iterator[tuple[int, int]]:
    """(position, position of the first) of each id that stands before."""
    first: dict[bytes, int] = {}
    size = ID_BYTES + POSITION_BYTES
    for start in range(0, len(said), size):
        middle = start + ID_BYTES
        position = int.from_bytes(said[middle : start + size], "big", signed=True)
        if (known := first.setdefault(said[start:middle], position)) != position:
            yield position, known
