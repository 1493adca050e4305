"""The heads entry: where every stream of the ledger ends, as an entry of the log.

The chain in the events (`prev`) shows that nothing was left out in the middle of a stream. That nothing was cut off at
its end is shown by the heads: a second Merkle tree with one leaf for each stream that has at least one event.

    head           SHA256(stream name, UTF-8) || seq of its last event, 8 bytes big-endian || that event's leaf hash
                   (72 bytes)
    heads tree     RFC 6962 over the heads, sorted by their first 32 bytes: leaf SHA256(0x00 || head)
    heads entry    the log entry, canonical JSON: exactly these keys, sorted, no spaces
                   {"heads":"<base64 of the root>","size":<heads>,"through":<events>,"type":"heads","v":1}

Rules for who writes the log:

    1. The last entry under every checkpoint of a log that is not empty is a heads entry. Nothing can then hide between
       the heads and the end of the log: a verifier refuses a heads entry that is not at index size - 1.
    2. Every entry of the log is a ledger event or a heads entry. The heads entry at log index h covers exactly the
       ledger events at log indexes below h; `through` is their number, that is h less the number of heads entries
       before it. As the log takes the ledger's events in feed order, these are the first `through` events of the feed.
    3. Heads entries are no ledger events: they belong to no stream, and have no head of their own. No event can be
       taken for one, since the keys differ.
    4. When nothing was added since the last heads entry, no other is written: the checkpoint may be signed anew.

A stream's head is proved by its inclusion in the tree. That a stream does not exist is proved by its two neighbours:
heads at indexes i and i + 1 whose keys lie on either side of SHA256(stream name) (at an end of the tree, one). This
rests on the tree being sorted, which an audit of the whole log recomputes.

Example: the single stream `membership-m-1`, ending at event 2, whose leaf hash is 32 bytes of 0x11, has the head

    8460055446b48b2a69f4383400d9c3fe16470e6365173f2ed80101c9180cc524 || 0000000000000002 || 1111…

and, as the only stream of the ledger, the heads entry

    {"heads":"3Kwc6VxX708w8hvZooYxnHN61kVQUNUd66uKDJejWb8=","size":1,"through":2,"type":"heads","v":1}
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from ledger.proof.log import strictjson
from ledger.proof.log.errors import MalformedError, TamperedError, Words
from ledger.proof.log.merkle import EMPTY_ROOT, HASH_SIZE, leaf_hash, node_hash, verify_inclusion

SEQ_BYTES = 8
HEAD_BYTES = HASH_SIZE + SEQ_BYTES + HASH_SIZE
HEADS_BEGIN = b'{"heads":'
ENTRY_TYPE = "heads"
ENTRY_VERSION = 1
ENTRY_MAX_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Head:
    """Where a stream ends: the hash of its name, the seq and the leaf hash of its last event."""

    key: bytes
    seq: int
    leaf: bytes

    @classmethod
    def of(cls, stream: str, seq: int, leaf: bytes) -> Head:
        """The head of a stream given by its name."""
        return cls(stream_key(stream), seq, leaf)

    @property
    def encoded(self) -> bytes:
        """The 72 bytes."""
        return self.key + self.seq.to_bytes(SEQ_BYTES, "big") + self.leaf


@dataclass(frozen=True, slots=True)
class HeadsEntry:
    """The log entry: root and number of the heads, and how many ledger events they cover."""

    root: bytes
    size: int
    through: int

    @property
    def encoded(self) -> bytes:
        """The bytes of the log entry."""
        return strictjson.canonical(
            {
                "heads": strictjson.base64_text(self.root),
                "size": self.size,
                "through": self.through,
                "type": ENTRY_TYPE,
                "v": ENTRY_VERSION,
            }
        )


@dataclass(frozen=True, slots=True)
class HeadProof:
    """A head, its index in the heads tree, and its inclusion proof there."""

    head: Head
    index: int
    proof: tuple[bytes, ...]


class HeadsTree:
    """The heads of all streams, with every inner hash kept: changing k of n known heads costs about k log n hashes."""

    def __init__(self, heads: Iterable[Head] = ()) -> None:
        self._heads = {head.key: head for head in heads}
        self._rebuild()

    def __len__(self) -> int:
        return len(self._keys)

    def update(self, heads: Iterable[Head]) -> None:
        """Takes new or moved heads. A new stream moves its neighbours, and so costs a rebuild of the tree."""
        changed = {head.key: head for head in heads}
        known = changed.keys() <= self._heads.keys()
        self._heads.update(changed)
        if not known:
            self._rebuild()
            return
        touched = {bisect_left(self._keys, key) for key in changed}
        for index in touched:
            self._levels[0][index] = leaf_hash(self._heads[self._keys[index]].encoded)
        for level, above in enumerate(self._levels[1:]):
            below = self._levels[level]
            touched = {index >> 1 for index in touched}
            for index in touched:
                above[index] = _parent(below, index)

    @property
    def root(self) -> bytes:
        """The root over all heads."""
        return self._levels[-1][0] if self._keys else EMPTY_ROOT

    def entry(self, through: int) -> HeadsEntry:
        """The heads entry to log after the first `through` events of the ledger."""
        return HeadsEntry(self.root, len(self), through)

    def prove(self, stream: str) -> HeadProof:
        """The proof of where the stream ends."""
        key = stream_key(stream)
        index = bisect_left(self._keys, key)
        if key not in self._heads:
            raise MalformedError(f"head of the stream {stream}", found=Words("none"), expected=Words("a known stream"))
        return self._proof_at(index)

    def prove_absence(self, stream: str) -> list[HeadProof]:
        """The neighbours between which the stream would stand; two, or one at an end of the tree, or none if empty."""
        key = stream_key(stream)
        if key in self._heads:
            raise MalformedError(
                f"head of the stream {stream}", found=Words("one"), expected=Words("an unknown stream")
            )
        index = bisect_left(self._keys, key)
        return [self._proof_at(i) for i in (index - 1, index) if 0 <= i < len(self)]

    def _rebuild(self) -> None:
        self._keys = sorted(self._heads)
        self._levels = [[leaf_hash(self._heads[key].encoded) for key in self._keys]]
        while len(below := self._levels[-1]) > 1:
            self._levels.append([_parent(below, index) for index in range((len(below) + 1) // 2)])

    def _proof_at(self, index: int) -> HeadProof:
        head, at, proof = self._heads[self._keys[index]], index, []
        for level in self._levels:
            if at ^ 1 < len(level):
                proof.append(level[at ^ 1])
            at >>= 1
        return HeadProof(head, index, tuple(proof))


def stream_key(stream: str) -> bytes:
    """What the heads are sorted by."""
    return sha256(stream.encode("utf-8")).digest()


def heads_of(last_events: Mapping[str, tuple[int, bytes]]) -> list[Head]:
    """Heads from {stream: (seq, leaf hash) of its last event}."""
    return [Head.of(stream, seq, leaf) for stream, (seq, leaf) in last_events.items()]


def parse_heads_entry(entry: bytes) -> HeadsEntry:
    """The heads entry that the bytes of a log entry hold."""
    what = "heads entry"
    value = strictjson.members(
        strictjson.loads(entry, what, max_bytes=ENTRY_MAX_BYTES), what, ("heads", "size", "through", "type", "v")
    )
    if value["type"] != ENTRY_TYPE or value["v"] != ENTRY_VERSION:
        raise MalformedError(what, found=[value["type"], value["v"]], expected=[ENTRY_TYPE, ENTRY_VERSION])
    parsed = HeadsEntry(
        strictjson.hash_bytes(value["heads"], f"{what}: heads"),
        strictjson.natural(value["size"], f"{what}: size"),
        strictjson.natural(value["through"], f"{what}: through"),
    )
    if parsed.encoded != entry:
        raise MalformedError(what, found=entry, expected=parsed.encoded)
    return parsed


def is_heads_entry(entry: bytes) -> bool:
    """Whether a log entry is a heads entry and not an event: no event begins like this."""
    return entry.startswith(HEADS_BEGIN)


def verify_head(entry: HeadsEntry, proof: HeadProof) -> None:
    """Passes if the head is in the heads tree that the entry names, else raises."""
    if len(proof.head.encoded) != HEAD_BYTES or entry.size == 0:
        raise TamperedError(
            "head",
            found=Words(f"{len(proof.head.encoded)} bytes, in a tree of {entry.size}"),
            expected=Words(f"{HEAD_BYTES} bytes, in a tree that is not empty"),
        )
    verify_inclusion(leaf_hash(proof.head.encoded), proof.index, entry.size, proof.proof, entry.root)


def verify_absence(entry: HeadsEntry, stream: str, neighbours: list[HeadProof]) -> None:
    """Passes if the neighbours show that the heads have no place for the stream, else raises."""
    key = stream_key(stream)
    what = f"absence of the stream {stream}"
    for neighbour in neighbours:
        verify_head(entry, neighbour)
    left = [n.index for n in neighbours if n.head.key < key]
    right = [n.index for n in neighbours if n.head.key > key]
    expected_left = [right[0] - 1] if right and right[0] > 0 else []
    if not right and entry.size > 0:
        expected_left = [entry.size - 1]
    if len(left) + len(right) != len(neighbours) or left != expected_left or len(right) > 1:
        raise TamperedError(
            what,
            found=Words(f"neighbours below at {left} and above at {right} of {entry.size}"),
            expected=Words("the two next to its place"),
        )
    if entry.size == 0 and entry.root != EMPTY_ROOT:
        raise TamperedError(what, found=Words(entry.root.hex()), expected=Words(EMPTY_ROOT.hex()))


def _parent(level: list[bytes], index: int) -> bytes:
    """The hash above two nodes; a last node without a neighbour rises as it is, as RFC 6962's split makes it."""
    left = 2 * index
    return node_hash(level[left], level[left + 1]) if left + 1 < len(level) else level[left]
