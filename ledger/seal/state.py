"""What a sealer has to know of a log beside its tree: where every stream ends, and which entries are heads entries.

All of it follows from the entries. Since reading them all at every start would take long, it is kept in a file; the
file is a cache: it is believed only if the heads in it have the root that the log's own heads entry names, and what was
logged after it was written is read from the entries. Without it everything is read from the first entry on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import orjson

from ledger.errors import LogDamaged
from ledger.proof.log.errors import ProofError
from ledger.proof.log.heads import HeadsEntry, is_heads_entry, parse_heads_entry
from ledger.proof.log.heads_tree import HeadsTree, heads_of
from ledger.proof.log.merkle import leaf_hash
from ledger.seal.folder import LogFolder

_DIGEST_CHARS: Final = 64


class LogState:
    """Where the streams end after `size` entries, and how the log's indexes follow from the book's positions."""

    def __init__(self) -> None:
        self.size = 0
        self.heads: dict[str, tuple[int, bytes]] = {}
        """Stream -> seq and leaf hash of its last event."""
        self.throughs: list[int] = []
        """How many events stand before each heads entry: the k-th stands at log index throughs[k] + k."""

    @property
    def events(self) -> int:
        """How many events are logged: also the position of the last of them."""
        return self.size - len(self.throughs)

    def index_of(self, position: int) -> int:
        """The log index of the event at a position of the book."""
        return position - 1 + bisect_left(self.throughs, position)

    def heads_tree(self) -> HeadsTree:
        """The tree over the heads."""
        return HeadsTree(heads_of(self.heads))

    def take(self, entries: Iterable[bytes]) -> None:
        """Follows the log on."""
        for entry in entries:
            if is_heads_entry(entry):
                through = parse_heads_entry(entry).through
                if through != self.events:
                    raise LogDamaged(f"heads entry {self.size}: found {through} events, expected {self.events}")
                self.throughs.append(through)
            else:
                event = orjson.loads(entry)
                self.heads[event["stream"]] = (event["seq"], leaf_hash(entry))
            self.size += 1

    def encoded(self) -> bytes:
        """The bytes of the cache: the digest of the rest guards against a file cut short."""
        heads = [(stream, seq, leaf.hex()) for stream, (seq, leaf) in self.heads.items()]
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
        state.heads = {stream: (seq, bytes.fromhex(leaf)) for stream, seq, leaf in value["heads"]}
        return state


def load_state(folder: LogFolder, size: int, cached: bytes | None) -> tuple[LogState, HeadsTree]:
    """The state after `size` entries, of which the last is a heads entry; and its heads tree, which that entry names.

    `cached` has to be read before the checkpoint of this size, else it may be ahead of it. Raises LogDamaged.
    """
    try:
        state = (_cached_state(folder, size, cached) if cached else None) or LogState()
        state.take(folder.read_entries(state.size, size))
        tree = state.heads_tree()
        if size:
            _require_heads(folder, size, tree, state.events)
    except (ProofError, ValueError, KeyError, TypeError) as error:
        raise LogDamaged(
            f"{folder.root}: found entries that cannot be read ({error}), expected events and heads"
        ) from error
    return state, tree


def _cached_state(folder: LogFolder, size: int, cached: bytes) -> LogState | None:
    state = LogState.decoded(cached)
    if state is None or not 0 < state.size <= size:
        return None
    try:
        _require_heads(folder, state.size, state.heads_tree(), state.events)
    except (LogDamaged, ProofError):
        return None
    return state


def _require_heads(folder: LogFolder, size: int, tree: HeadsTree, events: int) -> HeadsEntry:
    """The last of so many entries, if it is a heads entry and names this tree."""
    (entry,) = folder.read_entries(size - 1, size)
    if not is_heads_entry(entry):
        raise LogDamaged(f"log entry {size - 1}: found {entry[:40]!r}…, expected a heads entry under the checkpoint")
    heads = parse_heads_entry(entry)
    expected = tree.entry(heads.through)
    if heads != expected or heads.through != events:
        raise LogDamaged(f"log entry {size - 1}: found {heads}, expected {expected} after {events} events")
    return heads
