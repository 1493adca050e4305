"""What a sealer has to know of a log beside its tree: where every stream ends, and which entries are heads entries.

All of it follows from the entries. Since reading them all at every start would take long, it is kept in a file; the
file is a cache: it is believed only if the heads in it have the root that the log's own heads entry names, and what was
logged after it was written is read from the entries. Without it everything is read from the first entry on.
"""

from __future__ import annotations

from base64 import b64decode
from bisect import bisect_left
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import orjson

from ledger.errors import LogDamaged
from ledger.proof.log.errors import ProofError
from ledger.proof.log.event import salt_bytes
from ledger.proof.log.heads import HeadsEntry, is_heads_entry, parse_heads_entry
from ledger.proof.log.map import Head, blinded
from ledger.proof.log.map_tree import MapTree
from ledger.proof.log.merkle import leaf_hash
from ledger.seal.folder import LogFolder

_DIGEST_CHARS: Final = 64


class LogState:
    """Where the streams end after `size` entries, and how the log's indexes follow from the book's positions."""

    def __init__(self) -> None:
        self.size = 0
        self.heads: dict[str, tuple[int, bytes, str]] = {}
        """Stream -> seq, leaf hash and salt (in base64) of its last event."""
        self.throughs: list[int] = []
        """How many events stand before each heads entry: the k-th stands at log index throughs[k] + k."""

    @property
    def events(self) -> int:
        """How many events are logged: also the position of the last of them."""
        return self.size - len(self.throughs)

    def index_of(self, position: int) -> int:
        """The log index of the event at a position of the book."""
        return position - 1 + bisect_left(self.throughs, position)

    def head(self, stream: str) -> Head:
        """Where a stream ends, as the map has it."""
        seq, leaf, salt = self.heads[stream]
        return Head(blinded(b64decode(salt)), seq, leaf)

    def map_tree(self) -> MapTree:
        """The map of all heads."""
        return MapTree({stream: self.head(stream) for stream in self.heads})

    def entry(self, tree: MapTree) -> HeadsEntry:
        """The heads entry to log after these events, whose map it is."""
        return HeadsEntry(tree.root, len(self.heads), self.events)

    def take(self, entries: Iterable[bytes]) -> set[str]:
        """Follows the log on; the streams that moved. Raises LogDamaged, or ProofError for what is no event."""
        moved = set()
        for entry in entries:
            if is_heads_entry(entry):
                through = parse_heads_entry(entry).through
                if through != self.events:
                    raise LogDamaged(f"heads entry {self.size}: found {through} events, expected {self.events}")
                self.throughs.append(through)
            else:
                event = orjson.loads(entry)
                salt_bytes(event["salt"])
                self.heads[event["stream"]] = (event["seq"], leaf_hash(entry), event["salt"])
                moved.add(event["stream"])
            self.size += 1
        return moved

    def encoded(self) -> bytes:
        """The bytes of the cache: the digest of the rest guards against a file cut short."""
        heads = [(stream, seq, leaf.hex(), salt) for stream, (seq, leaf, salt) in self.heads.items()]
        body = orjson.dumps({"size": self.size, "throughs": self.throughs, "heads": heads})
        return sha256(body).hexdigest().encode("ascii") + body

    @classmethod
    def decoded(cls, data: bytes) -> LogState | None:
        """What `encoded` wrote; None where it is something else."""
        body = data[_DIGEST_CHARS:]
        if sha256(body).hexdigest().encode("ascii") != data[:_DIGEST_CHARS]:
            return None
        value = orjson.loads(body)
        state = cls()
        state.size, state.throughs = value["size"], value["throughs"]
        state.heads = {stream: (seq, bytes.fromhex(leaf), salt) for stream, seq, leaf, salt in value["heads"]}
        return state


def load_state(folder: LogFolder, size: int, cached: bytes | None) -> tuple[LogState, MapTree]:
    """The state after `size` entries, of which the last is a heads entry; and its map of heads, which that entry names.

    `cached` has to be read before the checkpoint of this size, else it may be ahead of it. Raises LogDamaged.
    """
    begun = (_cached_state(folder, size, cached) if cached else None) or (LogState(), MapTree())
    return _grown(folder, size, *begun)


class KeptState:
    """The state that was loaded last, for a reader who asks for it again and again: it grows with the log."""

    def __init__(self) -> None:
        self._last: tuple[LogState, MapTree] = (LogState(), MapTree())

    @property
    def size(self) -> int:
        """How many entries it is of; 0 where nothing is kept."""
        return self._last[0].size

    def load(self, folder: LogFolder, size: int, cached: bytes | None) -> tuple[LogState, MapTree]:
        """As `load_state`. What it gives is good until the next call; an older state than the last one is not kept."""
        if self.size > size:
            return load_state(folder, size, cached)
        last, self._last = self._last, (LogState(), MapTree())  # what fails half-way is not gone on with
        found = _grown(folder, size, *last) if last[0].size else load_state(folder, size, cached)
        self._last = found
        return found


def _grown(folder: LogFolder, size: int, state: LogState, tree: MapTree) -> tuple[LogState, MapTree]:
    """The state and its map gone on with up to `size` entries."""
    try:
        begun = state.size
        moved = state.take(folder.read_entries(begun, size))
        if begun:
            tree.update((stream, state.head(stream)) for stream in moved)
        else:
            tree = state.map_tree()
        if size:
            _require_heads(folder, size, state, tree)
    except (ProofError, ValueError, KeyError, TypeError) as error:
        raise LogDamaged(
            f"{folder.root}: found entries that cannot be read ({error}), expected events and heads"
        ) from error
    return state, tree


def _cached_state(folder: LogFolder, size: int, cached: bytes) -> tuple[LogState, MapTree] | None:
    try:
        state = LogState.decoded(cached)
        if state is None or not 0 < state.size <= size:
            return None
        tree = state.map_tree()
        _require_heads(folder, state.size, state, tree)
    except (LogDamaged, ProofError, ValueError, KeyError, TypeError):  # another program's, or another log's
        return None
    return state, tree


def _require_heads(folder: LogFolder, size: int, state: LogState, tree: MapTree) -> None:
    """The last of so many entries is a heads entry, and names this map."""
    (entry,) = folder.read_entries(size - 1, size)
    if not is_heads_entry(entry):
        raise LogDamaged(f"log entry {size - 1}: found {entry[:40]!r}…, expected a heads entry under the checkpoint")
    heads, expected = parse_heads_entry(entry), state.entry(tree)
    if heads != expected:
        raise LogDamaged(f"log entry {size - 1}: found {heads}, expected {expected}")
