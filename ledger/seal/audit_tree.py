"""The tree over leaves that were derived anew, compared with the tiles on disk."""

from __future__ import annotations

from ledger.errors import LogDamaged
from ledger.proof.log.merkle import HASH_SIZE
from ledger.proof.log.tiles import Tile
from ledger.seal.edge import Edge
from ledger.seal.findings import Finding
from ledger.seal.log_reader import LogReader


class DerivedTree:
    """The tree over the leaves as they were derived anew, compared with the tiles on disk."""

    def __init__(self, log: LogReader, findings: list[Finding]) -> None:
        self._log = log
        self._findings = findings
        self._edge = Edge()

    @property
    def size(self) -> int:
        """So many leaves."""
        return self._edge.size

    def extend(self, leaves: list[bytes]) -> None:
        """The leaves of a tile, or of the partial one at the end."""
        for tile, derived in self._edge.extend(leaves):
            self._compare(tile, derived)

    def finish(self) -> None:
        """The partial tiles of the end."""
        for tile, derived in self._edge.partial():
            self._compare(tile, derived)

    def root(self, more: list[bytes]) -> bytes:
        """The root with some more leaves."""
        return self._edge.root(more)

    def _compare(self, tile: Tile, derived: bytes) -> None:
        try:
            found = self._log.read_tile(tile)[: len(derived)]
        except LogDamaged as error:
            self._findings.append(Finding("tampered", tile.path, str(error), "a tile"))
            return
        if found != derived:
            place = next(i for i in range(0, len(derived), HASH_SIZE) if found[i : i + 32] != derived[i : i + 32])
            self._findings.append(
                Finding(
                    "tampered", f"{tile.path}, hash {place // 32}", found[place : place + 32].hex(),
                    f"{derived[place : place + 32].hex()}, from the book",
                )
            )  # fmt: skip
