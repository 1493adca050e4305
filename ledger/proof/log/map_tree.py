"""The whole map of heads (`ledger.proof.log.map`), kept so that moving some of many heads costs what it changes.

Each node above a leaf stands in flat buffers: two references and its hash. A reference is 0 for an empty subtree, n + 1 for
the node n, -(n + 1) for the leaf n. However many heads an update moves, a node above them is hashed once. The verifier has
no need of this module.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from ledger.proof.log.map import EMPTY, KEY_BITS, Head, Other, bit_of, map_leaf, map_node, stream_key

_HASH: Final = 32
Touched = defaultdict[int, list[int]]
"""Depth -> nodes that are to be hashed anew, each once."""


class Place(NamedTuple):
    """What a map says of a stream's place: the siblings from the deepest up, and the leaf there, where there is one."""

    siblings: tuple[bytes, ...]
    there: Other | None


class MapTree:
    """The map over the heads of some streams."""

    def __init__(self, heads: Mapping[str, Head] | None = None) -> None:
        self._left, self._right = array("i"), array("i")
        self._hashes = bytearray()
        self._keys, self._inners = bytearray(), bytearray()
        self._top = 0
        if heads:
            self._build(sorted((stream_key(stream), head.inner) for stream, head in heads.items()))

    def __len__(self) -> int:
        return len(self._keys) // _HASH

    @property
    def root(self) -> bytes:
        """The root: 32 zero bytes where there is no stream."""
        return self._hash(self._top)

    def update(self, heads: Iterable[tuple[str, Head]]) -> None:
        """Takes heads that are new or have moved."""
        touched: Touched = defaultdict(list)
        seen: set[int] = set()
        for stream, head in heads:
            self._put(stream_key(stream), head.inner, touched, seen)
        self._rehash(touched)

    def find(self, stream: str) -> Place:
        """What stands in the place of a stream: its own leaf, another one's, or nothing."""
        key, at, depth, siblings = stream_key(stream), self._top, 0, []
        while at > 0:
            left, right = self._left[at - 1], self._right[at - 1]
            at, beside = (right, left) if bit_of(key, depth) else (left, right)
            siblings.append(self._hash(beside))
            depth += 1
        return Place(tuple(reversed(siblings)), self._leaf(at) if at else None)

    def prove(self, stream: str) -> tuple[bytes, ...]:
        """The siblings of a stream's end. Raises KeyError where there is none."""
        siblings, there = self.find(stream)
        if there is None or there.key != stream_key(stream):
            raise KeyError(stream)
        return siblings

    def prove_absence(self, stream: str) -> Place:
        """The proof that there is no such stream. Raises KeyError where there is one."""
        place = self.find(stream)
        if place.there is not None and place.there.key == stream_key(stream):
            raise KeyError(stream)
        return place

    def _leaf(self, at: int) -> Other:
        start = (-at - 1) * _HASH
        return Other(bytes(self._keys[start : start + _HASH]), bytes(self._inners[start : start + _HASH]))

    def _hash(self, at: int) -> bytes:
        if at > 0:
            return bytes(self._hashes[(at - 1) * _HASH : at * _HASH])
        return map_leaf(*self._leaf(at)) if at else EMPTY

    def _put(self, key: bytes, inner: bytes, touched: Touched, seen: set[int]) -> None:
        """A head in its place; nodes above it are gathered by depth, each once."""
        left, right = self._left, self._right
        bits = int.from_bytes(key, "big")
        at, depth, above, side = self._top, 0, 0, 0
        while at > 0:
            if at not in seen:
                seen.add(at)
                touched[depth].append(at)
            above, side = at, bits >> (KEY_BITS - 1 - depth) & 1
            at = right[at - 1] if side else left[at - 1]
            depth += 1
        if at and (other := self._leaf(at)).key == key:
            self._inners[(-at - 1) * _HASH : -at * _HASH] = inner
            return
        self._keys += key
        self._inners += inner
        new = -len(self)
        if at:  # both go down until their bits part
            parting = KEY_BITS - (bits ^ int.from_bytes(other.key, "big")).bit_length()
            for level in range(depth, parting + 1):
                node = self._node()
                seen.add(node)
                touched[level].append(node)
                self._refer(above, side, node)
                above, side = node, bits >> (KEY_BITS - 1 - level) & 1
            self._refer(above, 1 - side, at)
        self._refer(above, side, new)

    def _node(self) -> int:
        self._left.append(0)
        self._right.append(0)
        self._hashes += EMPTY
        return len(self._left)

    def _refer(self, above: int, side: int, at: int) -> None:
        if not above:
            self._top = at
        elif side:
            self._right[above - 1] = at
        else:
            self._left[above - 1] = at

    def _rehash(self, touched: Touched) -> None:
        """Hashes nodes anew, the deepest first."""
        left, right, hashes, hash_of = self._left, self._right, self._hashes, self._hash
        for depth in sorted(touched, reverse=True):
            for at in touched[depth]:
                hashes[(at - 1) * _HASH : at * _HASH] = map_node(hash_of(left[at - 1]), hash_of(right[at - 1]))

    def _build(self, leaves: list[tuple[bytes, bytes]]) -> None:
        """All at once, from leaves in the order of their keys."""
        self._keys = bytearray(b"".join(key for key, _ in leaves))
        self._inners = bytearray(b"".join(inner for _, inner in leaves))
        numbers = [int.from_bytes(key, "big") for key, _ in leaves]
        touched: Touched = defaultdict(list)
        below: list[tuple[int, int, int, int, int]] = [(0, len(leaves), 0, 0, 0)]
        while below:
            start, end, depth, above, side = below.pop()
            if end - start == 1:
                self._refer(above, side, -(start + 1))
                continue
            node = self._node()
            self._refer(above, side, node)
            touched[depth].append(node)
            bit = KEY_BITS - 1 - depth
            middle = bisect_left(numbers, (numbers[start] >> bit | 1) << bit, start, end)
            below += [
                (first, last, depth + 1, node, on)
                for first, last, on in ((start, middle, 0), (middle, end, 1))
                if first < last
            ]
        self._rehash(touched)
