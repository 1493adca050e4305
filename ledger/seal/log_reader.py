"""The port through which a log is read: the same from a folder and from a URL.

    log = open_log("https://log.example/csat")         (see `log_url`; a folder's path does as well)
    signed = log.checkpoint()                          what the log says it is, or None; the reader verifies it
    size = open_checkpoint(signed, policy).checkpoint.size
    read = hash_reader(size, log.read_tile)            stored hashes, for proofs
    for entry in log.read_entries(0, size): ...        for who may read entries

What is read is believed as it is: it is worth what its verification by a checkpoint says. Each answer has a bound on its bytes,
which is known before it is read, and comes within a deadline or not at all. Of a log these paths can be read:

    checkpoint            the published checkpoint                                            NOTE_MAX_BYTES
    checkpoints.jsonl     every checkpoint signed, the oldest first: {"checkpoint":"…"}       HISTORY_MAX_BYTES, read in parts
    tile/<L>/<N>[.p/<W>]  hash tiles                                                          exactly 32 bytes a hash
    tile/entries/…        entry bundles, which on a server need a token                       BUNDLE_MAX_BYTES
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

from ledger.errors import LogDamaged
from ledger.proof.log.errors import shown
from ledger.proof.log.merkle import ENTRY_MAX_BYTES, HASH_SIZE
from ledger.proof.log.note import NOTE_MAX_BYTES
from ledger.proof.log.tiles import ENTRIES, WIDTH, Tile, decode_entries

CHECKPOINT: Final = "checkpoint"
HISTORY: Final = "checkpoints.jsonl"
HISTORY_MAX_BYTES: Final = 1 << 36
HISTORY_PART_BYTES: Final = 1 << 22
"""The history is read in parts, so that a long one needs neither memory nor a long request."""
HISTORY_LINE_MAX_BYTES: Final = 8 * NOTE_MAX_BYTES
TILE_MAX_BYTES: Final = WIDTH * HASH_SIZE
BUNDLE_MAX_BYTES: Final = WIDTH * (2 + ENTRY_MAX_BYTES)


class HistoryLine(NamedTuple):
    """A checkpoint of the history."""

    start: int
    """The offset of its line."""
    end: int
    """The offset of the byte after its line."""
    note: bytes


class LogReader(Protocol):
    """Reads a log. What is missing or damaged raises LogDamaged; what cannot be reached now, LogUnreachable.

    What the log's host does not give to this reader raises LogDenied; a folder that cannot be read, OSError.
    """

    @property
    def name(self) -> str:
        """The folder or the URL, for messages."""
        ...

    @property
    def stale_s(self) -> float:
        """So many seconds old the published checkpoint may be, where something between keeps it for a while."""
        ...

    def require_there(self) -> None:
        """Raises LogUnreachable where there is no place in which the log could be."""
        ...

    def checkpoint(self) -> bytes | None:
        """The published checkpoint, a signed note; None before the first."""
        ...

    def history(self) -> list[bytes]:
        """Every checkpoint that was signed, oldest first, up to the published one; all of them in memory."""
        ...

    def history_lines(self, after: int = 0) -> Iterator[HistoryLine]:
        """The same, one by one, from a line of the history on: `after` is the `end` of the line before."""
        ...

    def read_tile(self, tile: Tile) -> bytes:
        """A tile's or an entry bundle's bytes, or those of the full one that has taken a partial one's place.

        Those of a hash tile are exactly as many as the tile that was read has hashes; of a bundle, at most BUNDLE_MAX_BYTES.
        """
        ...

    def read_entries(self, first: int, end: int) -> Iterator[bytes]:
        """The entries at log indexes [first, end), bundle by bundle."""
        ...


class LogFiles(ABC):
    """A LogReader over what has the log's paths: an implementation says how the bytes at a path are had."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The folder or the URL, for messages."""

    @property
    def stale_s(self) -> float:
        """So many seconds old the published checkpoint may be: 0 where nothing lies between."""
        return 0.0

    def require_there(self) -> None:
        """Raises LogUnreachable where there is no place in which the log could be; a URL is one whatever it answers."""
        return

    @abstractmethod
    def read_path(self, path: str, max_bytes: int) -> bytes | None:
        """The bytes at a path of the log; None where there is nothing. Raises LogDamaged for more than `max_bytes`."""

    def checkpoint(self) -> bytes | None:
        """The published checkpoint; None before the first."""
        return self.read_path(CHECKPOINT, NOTE_MAX_BYTES)

    def read_part(self, path: str, first: int, max_bytes: int) -> bytes:
        """The bytes of a file from an offset on: so many, or fewer where the file ends; a server may give all there are.

        Nothing beyond the end, nor where there is no file. Raises LogDamaged for a file of more than HISTORY_MAX_BYTES.
        """
        return (self.read_path(path, HISTORY_MAX_BYTES) or b"")[first : first + max_bytes]

    def history(self) -> list[bytes]:
        """Every checkpoint that was signed, oldest first, up to the published one."""
        return [line.note for line in self.history_lines()]

    def history_lines(self, after: int = 0) -> Iterator[HistoryLine]:
        """The same, one by one. A last line that was cut off by a crash is none. Raises LogDamaged."""
        end, tail, more = after, b"", True
        while more:
            part = self.read_part(HISTORY, end + len(tail), HISTORY_PART_BYTES)
            more = len(part) == HISTORY_PART_BYTES
            *lines, tail = (tail + part).split(b"\n")
            for line in lines:
                start, end = end, end + len(line) + 1
                try:
                    yield HistoryLine(start, end, parse_history_line(line))
                except LogDamaged as error:
                    raise LogDamaged(f"{self.name}/{HISTORY}: {error}") from None
            if len(tail) > HISTORY_LINE_MAX_BYTES or end > HISTORY_MAX_BYTES:
                raise LogDamaged(
                    f"{self.name}/{HISTORY}: found {len(tail)} bytes after {end}, expected shorter lines, and an end"
                )

    def read_tile(self, tile: Tile) -> bytes:
        """A tile's bytes, or those of the full tile that has taken a partial one's place. Raises LogDamaged.

        The file of a hash tile has exactly the hashes that its name says.
        """
        for candidate in dict.fromkeys((tile, tile.full)):
            exact = candidate.width * HASH_SIZE
            data = self.read_path(candidate.path, BUNDLE_MAX_BYTES if tile.level == ENTRIES else TILE_MAX_BYTES)
            if data is None:
                continue
            if tile.level != ENTRIES and len(data) != exact:
                raise LogDamaged(f"{self.name}/{candidate.path}: found {len(data)} bytes, expected {exact}")
            return data
        raise LogDamaged(f"{self.name}/{tile.path}: found no such file, expected one of {tile.width} entries")

    def read_entries(self, first: int, end: int) -> Iterator[bytes]:
        """The entries at log indexes [first, end). Raises LogDamaged, or MalformedError for what is no bundle."""
        for n in range(first // WIDTH, -(-end // WIDTH)):
            width = min(WIDTH, end - n * WIDTH)
            entries = decode_entries(self.read_tile(Tile(ENTRIES, n, width)))
            if len(entries) not in (width, WIDTH):  # the full one may have taken its place
                raise LogDamaged(f"entry bundle {n}: found {len(entries)} entries, expected {width} or {WIDTH}")
            yield from entries[max(0, first - n * WIDTH) : width]


def history_line(signed: bytes) -> bytes:
    """A checkpoint as a line of the history."""
    return json.dumps({"checkpoint": signed.decode("utf-8")}, ensure_ascii=False).encode("utf-8") + b"\n"


def parse_history_line(line: bytes) -> bytes:
    """The checkpoint on a line of the history. Raises LogDamaged."""
    try:
        signed: bytes = json.loads(line)["checkpoint"].encode("utf-8")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LogDamaged(f"found {shown(error)}, expected a checkpoint on each line") from None
    return signed
