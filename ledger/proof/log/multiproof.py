"""One inclusion proof for many entries of a log (the tree and its hashes: `merkle`).

The tree is that of RFC 6962 over n entries, seen level by level: level 0 has the n leaf hashes, and a level of w nodes has
ceil(w / 2) above it. Node i of a level is the hash of the nodes 2i and 2i + 1 below it; where there is no 2i + 1, it is
node 2i itself, unhashed. The root is the one node of the last level.

What is proved are the leaf hashes at the indexes I, which strictly rise. Going up from level 0, the verifier knows at each
level the nodes over I, and needs the neighbours (2i for 2i + 1, 2i + 1 for 2i) that exist and are not over I. The proof is
the list of just these: level by level from the leaves up, in each level from left to right. They are the largest subtrees
without an index of I. So n and I alone say which hashes the proof has, and in which order; one more or one less is refused.
For a single index it is byte for byte the inclusion proof of RFC 6962; for all indexes it is empty.

Of k indexes it has at most k * (log2(n / k) + 2) hashes, and neighbours share theirs. Verifying takes a hash a known node:
at most 63 k, whatever n a file claims.

Example, entries 1 and 4 of the five {"i":0} to {"i":4} of `merkle`, as base64:

    2Cnt0HE6G7BePNBhaSSkxb3iHjblNxSaICOe2vqIJfE=   leaf 0, the neighbour of leaf 1; leaf 4 has none, and rises
    2aIGql3zwzmnXJtQU9Wn1ABOFSWusGvlTDSmi93R3nE=   node 1 of level 1, over the entries 2 and 3; leaf 4 rises again
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ledger.proof.log.errors import TamperedError, Words
from ledger.proof.log.merkle import node_hash, require_size


def verify_inclusions(leaves: Sequence[tuple[int, bytes]], size: int, proof: Sequence[bytes], tree_root: bytes) -> None:
    """Passes if the proof leads from these (index, leaf hash) to the root of `size` entries, else raises."""
    require_size("tree size", size, 1)
    before = -1
    for index, _ in leaves:
        if not before < index < size:
            raise TamperedError("index of an entry", found=index, expected=Words(f"from {before + 1} to {size - 1}"))
        before = index
    what = f"inclusion proof of {len(leaves)} entries in {size}"
    nodes, width, hashes = leaves, size, iter(proof)
    try:
        while width > 1:
            nodes, width = _level_above(nodes, width, hashes), width + 1 >> 1
        computed = nodes[0][1]
    except (StopIteration, IndexError):
        raise TamperedError(what, found=Words(f"{len(proof)} hashes"), expected=Words("more")) from None
    if next(hashes, None) is not None:
        raise TamperedError(what, found=Words(f"{len(proof)} hashes"), expected=Words("fewer"))
    if computed != tree_root:
        raise TamperedError(f"root from the {what}", found=Words(computed.hex()), expected=Words(tree_root.hex()))


def _level_above(nodes: Sequence[tuple[int, bytes]], width: int, hashes: Iterator[bytes]) -> list[tuple[int, bytes]]:
    """The known nodes of the next level, from those of a level of `width` nodes. Raises StopIteration if hashes lack."""
    above: list[tuple[int, bytes]] = []
    at = 0
    while at < len(nodes):
        number, value = nodes[at]
        at += 1
        if number & 1:  # its left neighbour is not known, or it would have taken this one
            value = node_hash(next(hashes), value)
        elif at < len(nodes) and nodes[at][0] == number + 1:
            value = node_hash(value, nodes[at][1])
            at += 1
        elif number + 1 < width:
            value = node_hash(value, next(hashes))
        above.append((number >> 1, value))
    return above
