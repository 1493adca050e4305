"""Tiles and entry bundles: the files in which a log is kept (c2sp.org/tlog-tiles).

    tile/<L>/<N>[.p/<W>]        W hashes of 32 bytes, side by side: hash i is the root of the complete subtree over the
                                entries [(256 N + i) * 256^L, (256 N + i + 1) * 256^L)
    tile/entries/<N>[.p/<W>]    W entries, each with its length before it as two bytes, big-endian

A tile is 256 wide. The rightmost of each level may be partial: then its width W, 1 to 255, stands after `.p/`. A
partial tile's hashes are in no higher tile. N is written in groups of three digits, all but the last with an `x`:

    1234067  ->  x001/x234/067

Example: a log of 70,000 entries has at level 0 the 273 full tiles `tile/0/000` to `tile/0/272` and
`tile/0/273.p/112`, at level 1 `tile/1/000` and `tile/1/001.p/17`, at level 2 `tile/2/000.p/1`; and its entries in
`tile/entries/000` to `tile/entries/272` and `tile/entries/273.p/112`.

Files are immutable. Only whole subtrees are stored, so each stored hash (see `merkle`) lies in a tile or is computed
from the hashes of one.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from ledger.proof.log.errors import MalformedError, Words
from ledger.proof.log.merkle import ENTRY_MAX_BYTES, HASH_SIZE, node_hash
from ledger.proof.log.merkle_tree import HashReader, split_stored_index, stored_index

WIDTH = 256
HEIGHT = 8
LEVEL_MAX = 63
ENTRIES = -1
"""The level of an entry bundle; it lies below the tiles of level 0."""
CACHED_TILES_MAX = 1024
KNOWN_HASHES_MAX = 100_000

_LENGTH = struct.Struct(">H")
_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


class Tile(NamedTuple):
    """Level, number within the level, and width."""

    level: int
    n: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where the tile lies, from the log's root folder."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        groups = f"{self.n % 1000:03d}"
        rest = self.n // 1000
        while rest:
            groups = f"x{rest % 1000:03d}/{groups}"
            rest //= 1000
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{groups}{partial}"

    @property
    def full(self) -> Tile:
        """The full tile at the same place, which may have taken a partial one's place."""
        return self._replace(width=WIDTH)


TileReader = Callable[[Tile], bytes]
"""From a tile to its bytes; at least `width` hashes, so the full tile may stand in for a partial one."""


def parse_path(path: str) -> Tile:
    """The tile at a path; anything but the one right spelling is refused."""
    if match := _PATH.fullmatch(path):
        level = ENTRIES if match[1] == "entries" else int(match[1])
        tile = Tile(level, int(re.sub("[x/]", "", match[2])), int(match[3] or WIDTH))
        if level <= LEVEL_MAX and tile.width <= WIDTH and tile.path == path:
            return tile
    raise MalformedError("tile path", found=path, expected=Words("tile/<level or 'entries'>/<x000/000>[.p/<1 to 255>]"))


def tiles_between(old_size: int, new_size: int) -> Iterator[Tile]:
    """The tiles and entry bundles to write when a log grows from `old_size` to `new_size`, lowest level first.

    From 0 these are all files that the log of `new_size` entries consists of. Partial tiles of sizes in between, for
    which there is no checkpoint, are not among them.
    """
    if not 0 <= old_size <= new_size:
        raise MalformedError("old size", found=old_size, expected=Words(f"0 to {new_size}"))
    for level in range(ENTRIES, LEVEL_MAX + 1):
        below = HEIGHT * max(level, 0)
        old, new = old_size >> below, new_size >> below
        if new == 0:
            return
        if new == old:
            continue
        yield from (Tile(level, n) for n in range(old // WIDTH, new // WIDTH))
        if new % WIDTH:
            yield Tile(level, new // WIDTH, new % WIDTH)


def tile_of(index: int, size: int) -> tuple[Tile, int, int]:
    """The tile of a log of `size` entries that holds a stored hash, and which of its hashes make it: [start, end)."""
    level, n = split_stored_index(index)
    tile_level, height = divmod(level, HEIGHT)
    first = n << height
    tile_n = first // WIDTH
    width = min(WIDTH, (size >> HEIGHT * tile_level) - tile_n * WIDTH)
    start = first % WIDTH
    end = start + (1 << height)
    if width < end:
        raise MalformedError(
            "stored hash",
            found=Words(f"index {index} (level {level}, number {n})"),
            expected=Words(f"one of a log of {size} entries"),
        )
    return Tile(tile_level, tile_n, width), start, end


def hash_reader(size: int, read_tile: TileReader) -> HashReader:
    """A reader of stored hashes out of the tiles of a log of `size` entries; it keeps what it read and computed last.

    The bytes are believed as they are: a proof made from them is only worth what its verification says.
    """
    cache: dict[Tile, bytes] = {}

    def tile_bytes(tile: Tile) -> bytes:
        data = cache.get(tile)
        if data is None:
            data = read_tile(tile)
            if len(data) not in (tile.width * HASH_SIZE, WIDTH * HASH_SIZE):
                raise MalformedError(
                    f"tile {tile.path}", found=Words(f"{len(data)} bytes"), expected=Words(f"{tile.width * HASH_SIZE}")
                )
            if len(cache) >= CACHED_TILES_MAX:
                cache.pop(next(iter(cache)))
            cache[tile] = data
        return data

    known: dict[int, bytes] = {}

    def read(indexes: Sequence[int]) -> list[bytes]:
        hashes = {index: known[index] for index in indexes if index in known}
        missing = [(tile_of(index, size), index) for index in indexes if index not in hashes]
        for (tile, start, end), index in sorted(missing):  # tile by tile, so that one call reads none twice
            hashes[index] = _complete_root(tile_bytes(tile)[start * HASH_SIZE : end * HASH_SIZE])
            if len(known) >= KNOWN_HASHES_MAX:
                known.clear()
            known[index] = hashes[index]
        return [hashes[index] for index in indexes]

    return read


def tile_data(tile: Tile, read: HashReader) -> bytes:
    """The bytes of a hash tile, out of stored hashes."""
    first = tile.n * WIDTH
    return b"".join(read([stored_index(HEIGHT * tile.level, first + i) for i in range(tile.width)]))


def tile_hashes(data: bytes) -> list[bytes]:
    """The hashes of a tile, one by one."""
    if not data or len(data) % HASH_SIZE or len(data) > WIDTH * HASH_SIZE:
        raise MalformedError("tile", found=Words(f"{len(data)} bytes"), expected=Words("1 to 256 times 32"))
    return [data[i : i + HASH_SIZE] for i in range(0, len(data), HASH_SIZE)]


def encode_entries(entries: Iterable[bytes]) -> bytes:
    """The bytes of an entry bundle."""
    held = list(entries)
    lengths = list(map(len, held))
    if (longest := max(lengths, default=0)) > ENTRY_MAX_BYTES:
        raise MalformedError("log entry", found=Words(f"{longest} bytes"), expected=Words(f"at most {ENTRY_MAX_BYTES}"))
    if len(held) > WIDTH:
        raise MalformedError("entry bundle", found=Words(f"{len(held)} entries"), expected=Words(f"at most {WIDTH}"))
    parts = [b""] * (2 * len(held))
    parts[::2] = map(_LENGTH.pack, lengths)
    parts[1::2] = held
    return b"".join(parts)


def decode_entries(data: bytes) -> list[bytes]:
    """The entries of an entry bundle; how many there have to be is in its path."""
    entries: list[bytes] = []
    at, size = 0, len(data)
    while at < size:
        start = at + 2
        end = start + int.from_bytes(data[at:start], "big")
        if end > size or start > size:
            raise MalformedError(
                f"entry {len(entries)} of the bundle",
                found=Words(f"{size - at} bytes left"),
                expected=Words(f"{end - at}"),
            )
        entries.append(data[start:end])
        at = end
    if len(entries) > WIDTH:
        raise MalformedError("entry bundle", found=Words("more entries"), expected=Words(f"at most {WIDTH}"))
    return entries


def _complete_root(data: bytes) -> bytes:
    """The root over a power of two of hashes, side by side."""
    if len(data) == HASH_SIZE:
        return data
    half = len(data) // 2
    return node_hash(_complete_root(data[:half]), _complete_root(data[half:]))
