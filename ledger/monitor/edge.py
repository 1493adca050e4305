"""The right edge of a log's tree, as the monitor derives it from entries.

It is written apart from the sealer's (`ledger.seal.growth`), so that a mistake there is no mistake here.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from ledger.proof.log.merkle import EMPTY_ROOT, HASH_SIZE
from ledger.proof.log.tiles import HEIGHT, WIDTH, Tile


class Edge:
    """Of each tile level the hashes since its last full tile."""

    def __init__(self, size: int = 0, rows: list[list[bytes]] | None = None) -> None:
        self.size = size
        self._rows = rows or [[]]

    def copy(self) -> Edge:
        """Another one that goes its own way."""
        return Edge(self.size, [list(row) for row in self._rows])

    def extend(self, leaves: list[bytes]) -> list[tuple[Tile, bytes]]:
        """Takes the leaves of a tile, or of some of it; the tiles that are full by now."""
        self.size += len(leaves)
        self._rows[0] += leaves
        full: list[tuple[Tile, bytes]] = []
        level = 0
        while len(row := self._rows[level]) == WIDTH:
            full.append((Tile(level, (self.size >> HEIGHT * level) // WIDTH - 1), b"".join(row)))
            (root,) = rise(row)
            self._rows[level] = []
            level += 1
            if level == len(self._rows):
                self._rows.append([])
            self._rows[level].append(root)
        return full

    def partial(self) -> Iterator[tuple[Tile, bytes]]:
        """The tiles at the end that are not full."""
        for level, row in enumerate(self._rows):
            if row:
                yield Tile(level, (self.size >> HEIGHT * level) // WIDTH, len(row)), b"".join(row)

    def root(self, more: list[bytes] | None = None) -> bytes:
        """The root with some more leaves, which lie in the same tile."""
        carried = more or []  # then the node over what is beyond the full tiles of the level below
        for row in self._rows:
            carried = rise(row + carried)
        return carried[0] if carried else EMPTY_ROOT

    def encoded(self) -> list[bytes]:
        """The hashes of each level, for `decoded`."""
        return [b"".join(row) for row in self._rows]

    @classmethod
    def decoded(cls, size: int, rows: list[bytes]) -> Edge:
        """What `encoded` wrote. Raises ValueError where that is no edge of a tree of this size."""
        levels = [[row[i : i + HASH_SIZE] for i in range(0, len(row), HASH_SIZE)] for row in rows]
        if not levels or [len(level) for level in levels] != [(size >> HEIGHT * n) % WIDTH for n in range(len(levels))]:
            raise ValueError(f"found an edge of {[*map(len, levels)]} hashes, expected that of {size} entries")
        return cls(size, levels)


def rise(nodes: list[bytes]) -> list[bytes]:
    """The nodes one tile level up: pairs are hashed, a last one without a neighbour rises as it is."""
    for _ in range(HEIGHT):
        pairs = iter(nodes)
        risen = nodes[-1:] if len(nodes) % 2 else []
        nodes = [sha256(b"\1" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)] + risen
    return nodes
