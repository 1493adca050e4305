"""RFC 6962 Merkle trees: hashes, and the verifying of inclusion proofs and consistency proofs.

    empty root  SHA256("")
    leaf        SHA256(0x00 || entry)
    node        SHA256(0x01 || left || right)
    tree of n   split at the largest power of two below n; a tree of one leaf is that leaf's hash

An inclusion proof is the list of sibling hashes from the leaf up to the child of the root. A consistency proof is the
list of RFC 6962 section 2.1.2. Both are byte for byte those of Go's golang.org/x/mod/sumdb/tlog.

Verifying walks the tree by the bits of the index, from the leaf up. It shares nothing with the proving (`merkle_tree`) but
the hash functions.

Example, with the five entries {"i":0} to {"i":4} (no spaces):

    leaf 0  d829edd0713a1bb05e3cd0616924a4c5bde21e36e537149a20239edafa8825f1
    root    OWzC8+pXpLvOMYsH2CT91q0pLUsT6Q9WrpQRsWTbETY=   (base64)
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from ledger.proof.log.errors import MalformedError, TamperedError, Words

HASH_SIZE = 32
SIZE_MAX = 2**63 - 1
EMPTY_ROOT = sha256(b"").digest()
PROOF_MAX_HASHES = 63
"""In a tree of at most SIZE_MAX leaves."""
ENTRY_MAX_BYTES = 65_535
"""Of a log entry (tlog-tiles), since an entry bundle gives its length in two bytes."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one log entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], tree_root: bytes) -> None:
    """Passes if the proof leads from the leaf hash at `index` to the root of `size` entries, else raises."""
    require_size("tree size", size, 1)
    if not 0 <= index < size:
        raise TamperedError("index of the entry", found=index, expected=Words(f"0 to {size - 1}"))
    what = f"inclusion proof of entry {index} in {size}"
    computed, node, last = leaf, index, size - 1
    for sibling in proof:
        if last == 0:
            raise TamperedError(what, found=Words(f"{len(proof)} hashes"), expected=Words("fewer"))
        if node & 1 or node == last:
            computed = node_hash(sibling, computed)
            while not node & 1 and node:  # a last node without a right neighbour rises to its parent unhashed
                node, last = node >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise TamperedError(what, found=Words(f"{len(proof)} hashes"), expected=Words("more"))
    if computed != tree_root:
        raise TamperedError(f"root from the {what}", found=Words(computed.hex()), expected=Words(tree_root.hex()))


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Passes if the proof shows the old tree to be a prefix of the new one, else raises."""
    require_size("old tree size", old_size, 0)
    require_size("new tree size", new_size, 0)
    what = f"consistency proof from size {old_size} to {new_size}"
    if old_size > new_size:
        raise TamperedError(what, found=Words("a smaller new tree"), expected=Words(f"at least {old_size} entries"))
    if old_size in (0, new_size):
        if proof:
            raise TamperedError(what, found=Words(f"{len(proof)} hashes"), expected=Words("none"))
        _require_root(f"old root of the {what}", old_root, new_root if old_size else EMPTY_ROOT)
        return
    hashes = list(proof)
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    if node == 0:  # the old tree is one complete subtree: the verifier holds its hash already
        hashes.insert(0, old_root)
    if not hashes:
        raise TamperedError(what, found=Words("no hashes"), expected=Words("more"))
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise TamperedError(what, found=Words(f"{len(proof)} hashes"), expected=Words("fewer"))
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise TamperedError(what, found=Words(f"{len(proof)} hashes"), expected=Words("more"))
    _require_root(f"old root of the {what}", old, old_root)
    _require_root(f"new root of the {what}", new, new_root)


def _require_root(what: str, computed: bytes, claimed: bytes) -> None:
    if computed != claimed:
        raise TamperedError(what, found=Words(computed.hex()), expected=Words(claimed.hex()))


def require_size(what: str, size: int, least: int) -> None:
    """A number of entries that a log can have."""
    if not least <= size <= SIZE_MAX:
        raise MalformedError(what, found=size, expected=Words(f"{least} to {SIZE_MAX}"))
