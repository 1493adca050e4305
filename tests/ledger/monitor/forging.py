"""A log in memory, of a host that has the key and writes what it likes.

log = HostLog()
log.take(events)           chained: each with the seq and prev that it should have, unless it says others
log.heads()                the heads entry that follows, or a forged one
log.publish()              a checkpoint, signed
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.event import FIRST_PREV
from ledger.proof.log.heads import HeadsEntry, is_heads_entry
from ledger.proof.log.map import Head, blinded
from ledger.proof.log.map_tree import MapTree
from ledger.proof.log.merkle import leaf_hash
from ledger.proof.log.merkle_tree import consistency_proof, root_of_leaves, stored_hashes
from ledger.proof.log.signer import sign_note
from ledger.proof.log.strictjson import canonical
from ledger.proof.log.tiles import ENTRIES, WIDTH, encode_entries, parse_path, tile_data
from ledger.seal.log_reader import CHECKPOINT, HISTORY, LogFiles
from ledger.seal.witness import AddCheckpoint, Answer, Witness
from ledger.store.base import Reader
from tests.ledger.seal.support import LOG_KEY

Said = tuple[str, dict[str, Any]]
"""A stream, and an event of it."""


def history_of(book: Reader) -> list[Said]:
    """What the book says, without the places in the chains."""
    events = [(row.stream, json.loads(row.stored)) for row in book.read_feed(0, 1_000_000)]
    return [
        (stream, {key: one for key, one in event.items() if key not in ("seq", "prev", "stream")})
        for stream, event in events
    ]


class HostLog(LogFiles):
    """What the host shows to those who read its log."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.ends: dict[str, tuple[int, bytes, str]] = {}
        self.notes: list[bytes] = []
        self.waiting: list[bytes] = []
        """Signed, and not published yet."""
        self.claimed: dict[int, dict[str, tuple[int, bytes, str]]] = {}
        """Where the streams end, as the map under each size says."""
        self._hashed: list[bytes] = []
        self._stored: list[bytes] = []
        self.lost: set[str] = set()
        """Paths at which nothing is shown."""
        self.spoilt: dict[str, bytes] = {}
        """Paths at which something else is shown."""

    @property
    def name(self) -> str:
        return "the host's log"

    def copy(self) -> HostLog:
        """Another one that goes its own way."""
        other = HostLog()
        other.entries, other.ends = list(self.entries), dict(self.ends)
        other.notes, other.waiting = list(self.notes), list(self.waiting)
        other.claimed = dict(self.claimed)
        return other

    def under(self, checkpoint: Checkpoint) -> HostLog:
        """What a checkpoint covers."""
        other = self.copy()
        other.entries = self.entries[: checkpoint.size]
        return other

    # Writing

    def take(self, events: Iterable[Said]) -> None:
        """Adds events; what one says of seq and prev itself is kept."""
        for stream, event in events:
            seq, leaf, _ = self.ends.get(stream, (0, b"", ""))
            stored = canonical({"seq": seq + 1, "prev": leaf.hex() or FIRST_PREV, "stream": stream} | event)
            said = json.loads(stored)
            self.ends[stream] = (said["seq"], leaf_hash(stored), said["salt"])
            self.entries.append(stored)

    def heads_entry(self, ends: dict[str, tuple[int, bytes, str]] | None = None, **forged: Any) -> HeadsEntry:
        """The heads entry that follows; of other ends, or with other members."""
        of = self.ends if ends is None else ends
        tree = MapTree({name: _head(*end) for name, end in of.items()})
        return replace(HeadsEntry(tree.root, len(of), self.events), **forged)

    def heads(self, ends: dict[str, tuple[int, bytes, str]] | None = None, **forged: Any) -> None:
        """Adds it."""
        self.entries.append(self.heads_entry(ends, **forged).encoded)
        self.claimed[len(self.entries)] = dict(self.ends if ends is None else ends)

    def signed(self) -> bytes:
        """A checkpoint of what there is."""
        root = root_of_leaves(map(leaf_hash, self.entries))
        return sign_note(Checkpoint(LOG_KEY.name, len(self.entries), root).text, LOG_KEY)

    def publish(self) -> bytes:
        """Shows it to all."""
        self.notes.append(self.signed())
        return self.notes[-1]

    # Reading

    def read_path(self, path: str, max_bytes: int) -> bytes | None:  # noqa: ARG002 - the port's name
        if path in self.lost:
            return None
        if path in self.spoilt:
            return self.spoilt[path]
        if path == CHECKPOINT:
            return self.notes[-1] if self.notes else None
        if path == HISTORY:
            return b"".join(json.dumps({"checkpoint": note.decode()}).encode() + b"\n" for note in self.notes)
        tile = parse_path(path)
        if tile.level == ENTRIES:
            held = self.entries[tile.n * WIDTH :][: tile.width]
            return encode_entries(held) if len(held) == tile.width else None
        count = len(self.entries) >> 8 * tile.level
        return tile_data(tile, self.hashes) if tile.n * WIDTH + tile.width <= count else None

    def hashes(self, indexes: Sequence[int]) -> list[bytes]:
        """The stored hashes of the log."""
        if self._hashed != self.entries:
            stored = self._stored = []
            for n, entry in enumerate(self.entries):
                stored.extend(stored_hashes(n, leaf_hash(entry), lambda some: [stored[i] for i in some]))
            self._hashed = list(self.entries)
        return [self._stored[i] for i in indexes]

    @property
    def events(self) -> int:
        """How many entries are events."""
        return sum(not is_heads_entry(entry) for entry in self.entries)

    def claims(self) -> MapTree:
        """The map under the last entry, as the host made it."""
        return MapTree({name: _head(*end) for name, end in self.claimed.get(len(self.entries), self.ends).items()})

    def ask(self, witness: Witness, signed: bytes | None = None) -> Answer:
        """Asks a witness for its cosignature, with an honest proof from where it stands."""
        last = witness.last()
        old = last.size if last else 0
        proof = tuple(consistency_proof(old, len(self.entries), self.hashes)) if 0 < old < len(self.entries) else ()
        return witness.add_checkpoint(AddCheckpoint(old, proof, signed or self.signed()).encoded())


def _head(seq: int, leaf: bytes, salt: str) -> Head:
    return Head(blinded(b64decode(salt)), seq, leaf)
