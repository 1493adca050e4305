"""The right edge of a log's tree: entries and their hashes go in, files come out.

Of each level only the hashes of its last, partial tile are kept: a tile that is full is handed out once and its root
goes into the level above. So memory does not grow with the log, and 256 leaves cost 255 hashes and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

from ledger.errors import LogDamaged
from ledger.proof.log.merkle import EMPTY_ROOT, HASH_SIZE, node_hash
from ledger.proof.log.tiles import ENTRIES, HEIGHT, WIDTH, Tile, decode_entries, encode_entries

File = tuple[Tile, bytes]
_NODE: Final = b"\x01"


class Growth:
    """A log as far as its growing needs it."""

    def __init__(self) -> None:
        self.size = 0
        self._entries: list[bytes] = []
        self._levels: list[list[bytes]] = [[]]

    @classmethod
    def restore(cls, size: int, read_tile: Callable[[Tile], bytes]) -> Growth:
        """The edge of a log of `size` entries, out of its files."""
        growth = cls()
        growth.size = size
        growth._levels = []
        level, count = 0, size
        while count or level == 0:
            n, width = divmod(count, WIDTH)
            data = read_tile(Tile(level, n, width)) if width else b""
            if len(data) < width * HASH_SIZE:
                raise LogDamaged(f"{Tile(level, n, width).path}: found {len(data)} bytes, expected {width * HASH_SIZE}")
            growth._levels.append([data[i : i + HASH_SIZE] for i in range(0, width * HASH_SIZE, HASH_SIZE)])
            level, count = level + 1, count >> HEIGHT
        n, width = divmod(size, WIDTH)
        if width:
            growth._entries = decode_entries(read_tile(Tile(ENTRIES, n, width)))[:width]
        return growth

    def extend(self, entries: Sequence[bytes], leaves: Sequence[bytes]) -> list[File]:
        """Appends entries, given with their leaf hashes; the files that are full by now."""
        files: list[File] = []
        start = 0
        while start < len(entries):
            end = min(len(entries), start + WIDTH - len(self._entries))
            self._entries += entries[start:end]
            self._levels[0] += leaves[start:end]
            self.size += end - start
            start = end
            if len(self._entries) == WIDTH:
                files.append((Tile(ENTRIES, self.size // WIDTH - 1), encode_entries(self._entries)))
                self._entries = []
                self._fill(files)
        return files

    def partial(self) -> list[File]:
        """The files of the right edge, as they have to be under a checkpoint of the present size."""
        files: list[File] = []
        if self._entries:
            files.append((Tile(ENTRIES, self.size // WIDTH, len(self._entries)), encode_entries(self._entries)))
        for level, hashes in enumerate(self._levels):
            if hashes:
                n = (self.size >> HEIGHT * level) // WIDTH
                files.append((Tile(level, n, len(hashes)), b"".join(hashes)))
        return files

    def root(self) -> bytes:
        """The root over all entries."""
        subtrees: list[bytes] = []  # complete ones, the largest first
        for hashes in reversed(self._levels):
            start = 0
            while start < len(hashes):
                width = 1 << (len(hashes) - start).bit_length() - 1
                subtrees.append(complete_root(hashes[start : start + width]))
                start += width
        if not subtrees:
            return EMPTY_ROOT
        joined = subtrees.pop()
        while subtrees:
            joined = node_hash(subtrees.pop(), joined)
        return joined

    def _fill(self, files: list[File]) -> None:
        """Hands out the tile of level 0 that is full now, and those above that it fills."""
        level = 0
        while len(hashes := self._levels[level]) == WIDTH:
            files.append((Tile(level, (self.size >> HEIGHT * level) // WIDTH - 1), b"".join(hashes)))
            self._levels[level] = []
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(complete_root(hashes))


def complete_root(hashes: list[bytes]) -> bytes:
    """The root over a power of two of hashes."""
    while len(hashes) > 1:
        pairs = iter(hashes)
        hashes = [sha256(_NODE + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return hashes[0]
