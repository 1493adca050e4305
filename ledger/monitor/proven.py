"""Entries out of a log's files, with the proof that they are those of a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Final

from ledger.errors import LogDamaged
from ledger.monitor.edge import Edge
from ledger.monitor.entries import Taken
from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.errors import IncompleteError, ProofError, TamperedError, Words, shown
from ledger.proof.log.event import format_instant, parse_event
from ledger.proof.log.heads import HEADS_BEGIN, is_heads_entry
from ledger.proof.log.merkle import HASH_SIZE, verify_consistency
from ledger.proof.log.merkle_tree import HashReader, consistency_proof
from ledger.proof.log.tiles import ENTRIES, WIDTH, Tile, decode_entries, hash_reader
from ledger.seal.findings import Finding, finding_of
from ledger.seal.log_reader import LogReader

SLICE_TILES: Final = 8
"""The entries of so many bundles are proven and taken at a time."""
AHEAD_MAX_US: Final = 300_000_000
"""An event may be recorded so much past the clock of who looks."""


class NotNow(Exception):
    """The files do not prove what comes next, or it is recorded in the future; nothing of it was taken."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"{finding.what}: found {finding.found}, expected {finding.expected}")
        self.finding = finding


class Ahead(NotNow):
    """What comes next is recorded in the future, by the clock of who looks."""

    def __init__(self, finding: Finding, recorded_us: int) -> None:
        super().__init__(finding)
        self.recorded_us = recorded_us


class ProvenEntries:
    """The entries under one checkpoint, from an edge on that is proven to be one of its log."""

    def __init__(self, log: LogReader, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._log = log
        self._read: HashReader = hash_reader(checkpoint.size, log.read_tile)

    def require_extends(self, edge: Edge) -> None:
        """Raises NotNow where the tiles do not prove that what the edge belongs to is a prefix of the checkpoint's log."""
        size, root = self.checkpoint.size, self.checkpoint.root
        with not_now(f"tiles under the checkpoint of size {size}"):
            proof = consistency_proof(edge.size, size, self._read) if 0 < edge.size < size else ()
            verify_consistency(edge.size, edge.root(), size, root, proof)

    def next(self, edge: Edge, now_us: int | None) -> tuple[Taken, Edge]:
        """The next entries, and the edge after them.

        Raises NotNow; LogUnreachable, LogDenied or OSError where the files cannot be had.
        """
        taken, after, full = self._read_slice(edge)
        for tile, derived in [*full, *(after.partial() if after.size == self.checkpoint.size else ())]:
            with not_now(tile.path):
                _require_tile(tile, self._log.read_tile(tile), derived)
        self.require_extends(after)
        if now_us is not None:
            _require_past(taken, now_us + AHEAD_MAX_US)
        return taken, after

    def _read_slice(self, edge: Edge) -> tuple[Taken, Edge, list[tuple[Tile, bytes]]]:
        after = edge.copy()
        end = min(self.checkpoint.size, (edge.size // WIDTH + SLICE_TILES) * WIDTH)
        entries: list[bytes] = []
        leaves: list[bytes] = []
        roots: dict[int, bytes] = {}
        full: list[tuple[Tile, bytes]] = []
        while after.size < end:
            n, offset = divmod(after.size, WIDTH)
            tile = Tile(ENTRIES, n, min(WIDTH, end - n * WIDTH))
            with not_now(tile.path):
                data = self._log.read_tile(tile)
                held = decode_entries(data)
                if len(held) not in (tile.width, WIDTH):  # the full one may have taken its place
                    raise IncompleteError(tile.path, found=Words(f"{len(held)} entries"), expected=tile.width)
            some = held[offset : tile.width]
            hashes = [sha256(b"\0" + entry).digest() for entry in some]
            if HEADS_BEGIN in data:
                for i, entry in enumerate(some, 1):
                    if is_heads_entry(entry):
                        roots[after.size + i] = after.root(hashes[:i])
            full += after.extend(hashes)
            entries += some
            leaves += hashes
        return Taken(edge.size, entries, leaves, roots), after, full


@contextmanager
def not_now(what: str) -> Iterator[None]:
    """Files that do not prove what they have to raise NotNow."""
    try:
        yield
    except ProofError as error:
        raise NotNow(finding_of(error, "incomplete" if isinstance(error, IncompleteError) else "tampered")) from error
    except LogDamaged as error:
        raise NotNow(Finding("incomplete", what, shown(Words(error)), "a file of the log")) from error


def _require_tile(tile: Tile, found: bytes, derived: bytes) -> None:
    if found[: len(derived)] != derived:
        same = (i for i in range(0, len(derived), HASH_SIZE) if found[i : i + HASH_SIZE] != derived[i : i + HASH_SIZE])
        place = next(same)
        raise TamperedError(
            f"{tile.path}, hash {place // HASH_SIZE}",
            found=Words(found[place : place + HASH_SIZE].hex()),
            expected=Words(f"{derived[place : place + HASH_SIZE].hex()}, from the entries"),
        )


def _require_past(taken: Taken, until_us: int) -> None:
    """The last event of some is recorded no later than an instant: so are those before it, or times went back."""
    for entry in reversed(taken.entries):
        if is_heads_entry(entry):
            continue
        try:
            event = parse_event(entry)
        except ProofError:
            return  # found when it is taken
        if event.recorded_us > until_us:
            found, expected = (
                format_instant(event.recorded_us),
                f"{format_instant(until_us)} or earlier, by the clock here",
            )
            raise Ahead(Finding("refuted", f"{event.where}: recorded_at", found, expected), event.recorded_us)
        return


Progress = Callable[[int, int | None], None]
