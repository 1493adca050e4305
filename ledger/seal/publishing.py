"""Publishing a log elsewhere, tiles before their checkpoint: the port to write to (`LogTarget`), and an object store behind it.

    target = Bucket(ObjectStore("https://s3.example/bucket/csat", credentials, region))
    publish_log(log, target)            from there on anybody reads https://s3.example/bucket/csat/checkpoint, …/tile/0/000

Only what holds together is published: the tiles have the root that the checkpoint names, and the log of the checkpoint that
is there already is a prefix. A tile is written where nothing is, never over another; checkpoint and history take the place of
those that were read, else somebody else publishes there too. The history comes last: one that goes beyond the checkpoint
looks as if an older checkpoint had been put back. So a crash at any moment leaves a checkpoint with all of its tiles, and the
next round writes the history that may lack it. Entry bundles go along only where they are asked for: into a bucket that
auditors alone can read.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Final, Protocol

from ledger.errors import LogDamaged, LogForked, LogUnreachable, NotSealed, SealerBusy
from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.errors import ProofError
from ledger.proof.log.merkle import HASH_SIZE, verify_consistency
from ledger.proof.log.merkle_tree import consistency_proof
from ledger.proof.log.note import NOTE_MAX_BYTES, parse_note
from ledger.proof.log.tiles import ENTRIES, Tile, decode_entries, encode_entries, hash_reader, tiles_between
from ledger.seal.growth import Growth
from ledger.seal.log_reader import BUNDLE_MAX_BYTES, CHECKPOINT, HISTORY, HISTORY_MAX_BYTES, LogReader, history_line
from ledger.seal.object_store import Kept, Kind, ObjectStore, Stamp
from ledger.seal.published_log import BRIEFLY, BYTES, FOR_EVER, TEXT

WRITERS: Final = 8
BATCH: Final = 64
"""So many tiles are in memory at once."""
PROBE: Final = ".conditional-writes"


class LogTarget(Protocol):
    """Where a log is published. Each method raises LogUnreachable or LogDenied."""

    @property
    def name(self) -> str:
        """The place, for messages."""
        ...

    def held(self) -> Kept | None:
        """The checkpoint that is published there, and the tag of this content; None before the first."""
        ...

    def add(self, path: str, data: bytes) -> None:
        """Writes a file that never changes. Raises LogForked where another is there."""
        ...

    def publish(self, signed: bytes, history: bytes, held: Kept | None) -> None:
        """Writes what is not there yet: the checkpoint in the place of `held`, then the history. Raises SealerBusy."""
        ...


class Bucket:
    """A LogTarget in an object store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._history = Stamp(None, 0)
        """The history that was there when the checkpoint was read."""

    @property
    def name(self) -> str:
        """The URL of the bucket, and the prefix in it."""
        return self._store.name

    def held(self) -> Kept | None:
        """The checkpoint that is published there; before the first, the store is tried out."""
        held = self._store.get(CHECKPOINT, NOTE_MAX_BYTES)
        self._history = self._store.look(HISTORY)
        if held is None:
            self._store.require_conditions(PROBE, Kind(TEXT, BRIEFLY))
        return held

    def add(self, path: str, data: bytes) -> None:
        """Writes a file that never changes. Raises LogForked where another is there."""
        if not self._store.put_new(path, data, Kind(BYTES, FOR_EVER)):
            there = self._store.get(path, BUNDLE_MAX_BYTES)
            if there is None:
                raise LogUnreachable(
                    f"{self.name}/{path}: found that the store has something there and does not give it, expected either"
                )
            if there.data != data:
                raise LogForked(
                    f"{self.name}/{path}: found another file, expected the same or none: another log is there"
                )

    def publish(self, signed: bytes, history: bytes, held: Kept | None) -> None:
        """Writes what is not there yet: the checkpoint in the place of `held`, then the history. Raises SealerBusy."""
        if held is None or held.data != signed:
            self._replace(CHECKPOINT, signed, None if held is None else held.etag)
        if held is None or held.data != signed or self._history.size != len(history):
            self._replace(HISTORY, history, self._history.etag)

    def _replace(self, path: str, data: bytes, etag: str | None) -> None:
        """Raises SealerBusy where the file is neither the one with this tag nor, since an answer was lost, this one."""
        if self._store.replace(path, data, etag, Kind(TEXT, BRIEFLY)):
            return
        now = self._store.get(path, HISTORY_MAX_BYTES)
        if now is None or now.data != data:
            raise SealerBusy(f"{self.name}: found a {path} that somebody else has published meanwhile, expected none")


@dataclass(frozen=True, slots=True)
class PublishAnswer:
    """What is published now."""

    size: int
    """Entries in the log of the published checkpoint."""
    before: int
    """Entries in the log of the checkpoint that was there before; 0 where there was none."""
    files: int
    """Tiles and entry bundles that were written."""


def publish_log(log: LogReader, target: LogTarget, *, entries: bool = False) -> PublishAnswer:
    """Publishes what has come since the checkpoint that is there.

    Raises LogUnreachable, NotSealed, LogDamaged, LogForked, SealerBusy.
    """
    log.require_there()
    signed = log.checkpoint()
    if signed is None:
        raise NotSealed(f"{log.name}: found no checkpoint, expected one to publish")
    held = target.held()
    checkpoint = _parsed(log.name, signed)
    before = None if held is None else _parsed(target.name, held.data)
    _require_root(log, checkpoint)
    if before is not None:
        _require_prefix(log, before, checkpoint, target.name)
    old_size = before.size if before else 0
    lines = log.history()
    lines += [] if signed in lines else [signed]  # published a moment ago
    covered = [(size, line) for line in lines if (size := _parsed(log.name, line).size) <= checkpoint.size]
    sizes = sorted({size for size, _ in covered if size > old_size} | {old_size, checkpoint.size})
    tiles = (
        tile
        for older, newer in pairwise(sizes)
        for tile in tiles_between(older, newer)
        if entries or tile.level != ENTRIES
    )
    files = 0
    with ThreadPoolExecutor(WRITERS, "publish") as pool:
        while batch := list(islice(tiles, BATCH)):
            files += len(list(pool.map(lambda tile: target.add(tile.path, _exactly(log, tile)), batch)))
    target.publish(signed, b"".join(history_line(line) for _, line in covered), held)
    return PublishAnswer(checkpoint.size, old_size, files)


def _parsed(where: str, signed: bytes) -> Checkpoint:
    try:
        return parse_checkpoint(parse_note(signed)[0])
    except ProofError as error:
        raise LogDamaged(f"{where}: {error}") from None


def _require_root(log: LogReader, checkpoint: Checkpoint) -> None:
    """The right edge of the tiles has the root that the checkpoint names."""
    root = Growth.restore(checkpoint.size, lambda tile: b"" if tile.level == ENTRIES else _exactly(log, tile)).root()
    if root != checkpoint.root:
        raise LogDamaged(
            f"{log.name}: found tiles with the root {root.hex()}, expected {checkpoint.root.hex()}, as its checkpoint says"
        )


def _require_prefix(log: LogReader, before: Checkpoint, checkpoint: Checkpoint, where: str) -> None:
    """What is published already is of this log, and not beyond it."""
    if before.origin != checkpoint.origin or before.size > checkpoint.size:
        raise LogForked(
            f"{where}: found a checkpoint of {before.origin!a} of size {before.size}, expected one of "
            f"{checkpoint.origin!a} up to {checkpoint.size}: another log is there, or this folder is an older one"
        )
    read = hash_reader(checkpoint.size, lambda tile: _exactly(log, tile))
    try:
        between = 0 < before.size < checkpoint.size
        proof = tuple(consistency_proof(before.size, checkpoint.size, read)) if between else ()
        verify_consistency(before.size, before.root, checkpoint.size, checkpoint.root, proof)
    except ProofError as error:
        raise LogForked(
            f"{where}: found another history of the log published there than in {log.name} ({error})"
        ) from None


def _exactly(log: LogReader, tile: Tile) -> bytes:
    """A tile of its very width, cut out of the one that has taken its place."""
    data = log.read_tile(tile)
    if tile.level != ENTRIES:
        return data[: tile.width * HASH_SIZE]
    try:
        entries = decode_entries(data)
    except ProofError as error:
        raise LogDamaged(f"{log.name}/{tile.path}: {error}") from None
    if len(entries) < tile.width:
        raise LogDamaged(f"{log.name}/{tile.path}: found {len(entries)} entries, expected {tile.width}")
    return encode_entries(entries[: tile.width])
