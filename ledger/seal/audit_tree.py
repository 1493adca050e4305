"""The tree over leaves that were derived anew, compared with the tiles on disk.

It is written apart from the sealer's (`growth`), so that a mistake there is no mistake here.
"""

from __future__ import annotations

from hashlib import sha256

from ledger.errors import LogDamaged
from ledger.proof.log.merkle import EMPTY_ROOT
from ledger.proof.log.tiles import HEIGHT, WIDTH, Tile
from ledger.seal.audit_rows import Finding
from ledger.seal.log_reader import LogReader


class DerivedTree:
    """The tree over the leaves as they were derived anew, compared with the tiles on disk."""

    def __init__(self, log: LogReader, findings: list[Finding]) -> None:
        self.size = 0
        self._log = log
        self._findings = findings
        self._rows: list[list[bytes]] = [[]]
        """Of each tile level the hashes since its last full tile."""

    def extend(self, leaves: list[bytes]) -> None:
        """The leaves of a tile, or of the partial one at the end."""
        self.size += len(leaves)
        self._rows[0] += leaves
        level = 0
        while len(row := self._rows[level]) == WIDTH:
            self._compare(level, row)
            (root,) = rise(row)
            self._rows[level] = []
            level += 1
            if level == len(self._rows):
                self._rows.append([])
            self._rows[level].append(root)

    def finish(self) -> None:
        """The partial tiles of the end."""
        for level, row in enumerate(self._rows):
            if row:
                self._compare(level, row)

    def root(self, more: list[bytes]) -> bytes:
        """The root with some more leaves."""
        carried = more  # then the node over what is beyond the full tiles of the level below
        for row in self._rows:
            carried = rise(row + carried)
        return carried[0] if carried else EMPTY_ROOT

    def _compare(self, level: int, row: list[bytes]) -> None:
        end = self.size >> HEIGHT * level
        tile = Tile(level, (end - 1) // WIDTH, len(row))
        derived = b"".join(row)
        try:
            found = self._log.read_tile(tile)[: len(derived)]
        except (LogDamaged, OSError) as error:
            self._findings.append(Finding("tampered", tile.path, str(error), "a tile"))
            return
        if found != derived:
            place = next(i for i in range(0, len(derived), 32) if found[i : i + 32] != derived[i : i + 32])
            self._findings.append(
                Finding(
                    "tampered", f"{tile.path}, hash {place // 32}", found[place : place + 32].hex(),
                    f"{derived[place : place + 32].hex()}, from the book",
                )
            )  # fmt: skip


def rise(nodes: list[bytes]) -> list[bytes]:
    """The nodes one tile level up: pairs are hashed, a last one without a neighbour rises as it is."""
    for _ in range(HEIGHT):
        pairs = iter(nodes)
        risen = nodes[-1:] if len(nodes) % 2 else []
        nodes = [sha256(b"\1" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)] + risen
    return nodes
