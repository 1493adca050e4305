"""The heads tree as its writer keeps it (the format: `heads`); and that a stream is not in it, which no bundle needs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping

from ledger.proof.log.errors import MalformedError, TamperedError, Words
from ledger.proof.log.heads import Head, HeadProof, HeadsEntry, stream_key, verify_head
from ledger.proof.log.merkle import EMPTY_ROOT, leaf_hash, node_hash


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


def heads_of(last_events: Mapping[str, tuple[int, bytes]]) -> list[Head]:
    """Heads from {stream: (seq, leaf hash) of its last event}."""
    return [Head.of(stream, seq, leaf) for stream, (seq, leaf) in last_events.items()]


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
