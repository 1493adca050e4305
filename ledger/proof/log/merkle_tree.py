"""RFC 6962 Merkle trees as a log keeps them: stored hashes, roots, and the making of proofs (the hashes: `merkle`).

Stored hashes. A complete subtree's hash never changes, so a log stores each of them once. They are numbered in the
order in which they come to be: each leaf is followed by the hashes of the subtrees that it completes. For three
leaves, with (level, n) as the n-th complete subtree of 2^level leaves:

    index          0      1      2      3      4
    (level, n)   (0,0)  (0,1)  (1,0)  (0,2)  (0,3) …

This module reads hashes only through a `HashReader`: a function from stored-hash indexes to hashes. Proving walks the
tree by recursion, from the root down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from ledger.proof.log.errors import MalformedError, Words
from ledger.proof.log.merkle import EMPTY_ROOT, HASH_SIZE, node_hash, require_size

HashReader = Callable[[Sequence[int]], Sequence[bytes]]
"""From stored-hash indexes to the hashes stored there, in the same order."""


def stored_index(level: int, n: int) -> int:
    """Where the n-th complete subtree of 2^level leaves is stored."""
    leaf = ((n + 1) << level) - 1  # the last leaf of the subtree: its hash is stored `level` places after it
    return 2 * leaf - leaf.bit_count() + level  # leaf + leaf//2 + leaf//4 + … hashes come before a leaf


def split_stored_index(index: int) -> tuple[int, int]:
    """The inverse of `stored_index`: (level, n)."""
    leaf = index // 2
    at = stored_index(0, leaf)
    while (following := at + 1 + _trailing_zeros(leaf + 1)) <= index:
        leaf, at = leaf + 1, following
    level = index - at
    return level, leaf >> level


def stored_count(size: int) -> int:
    """How many hashes a log of `size` entries stores."""
    return 2 * size - size.bit_count()


def stored_hashes(n: int, leaf: bytes, read: HashReader) -> list[bytes]:
    """The hashes to store, in order, when the leaf hash of entry `n` is appended."""
    hashes = [leaf]
    completed = _trailing_zeros(n + 1)
    for left in _read(read, [stored_index(level, (n >> level) - 1) for level in range(completed)]):
        hashes.append(node_hash(left, hashes[-1]))
    return hashes


def root(size: int, read: HashReader) -> bytes:
    """The root of the first `size` entries."""
    require_size("tree size", size, 0)
    return _subtree(0, size, read) if size else EMPTY_ROOT


def root_of_leaves(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes, in one pass and with one pending hash a level."""
    pending: list[tuple[int, bytes]] = []
    for leaf in leaves:
        level, current = 0, leaf
        while pending and pending[-1][0] == level:
            level, current = level + 1, node_hash(pending.pop()[1], current)
        pending.append((level, current))
    if not pending:
        return EMPTY_ROOT
    current = pending.pop()[1]
    while pending:
        current = node_hash(pending.pop()[1], current)
    return current


def inclusion_proof(index: int, size: int, read: HashReader) -> list[bytes]:
    """The proof that entry `index` is in the tree of `size` entries."""
    require_size("tree size", size, 1)
    if not 0 <= index < size:
        raise MalformedError("index to prove", found=index, expected=Words(f"0 to {size - 1}"))
    return _collect(_inclusion_parts(0, size, index), read)


def inclusions_proof(indexes: Sequence[int], size: int, read: HashReader) -> list[bytes]:
    """The proof that the entries at these indexes, which strictly rise, are in the tree of `size` (see `multiproof`)."""
    require_size("tree size", size, 1)
    if not indexes or any(index >= later for index, later in pairwise((-1, *indexes, size))):
        raise MalformedError(
            "indexes to prove", found=[*indexes[:9]], expected=Words(f"one or more, rising, from 0 to {size - 1}")
        )
    parts = []
    known, width, level = [*indexes], size, 0
    while width > 1:
        over = set(known)
        beside = (n ^ 1 for n in known)
        parts += [(n << level, min(n + 1 << level, size)) for n in beside if n < width and n not in over]
        known, width, level = [*dict.fromkeys(n >> 1 for n in known)], width + 1 >> 1, level + 1
    return _collect(parts, read)


def consistency_proof(old_size: int, new_size: int, read: HashReader) -> list[bytes]:
    """The proof that the tree of `old_size` entries is a prefix of the one of `new_size` (empty for an empty tree)."""
    require_size("new tree size", new_size, 0)
    if not 0 <= old_size <= new_size:
        raise MalformedError("old tree size", found=old_size, expected=Words(f"0 to {new_size}"))
    return _collect(_consistency_parts(0, new_size, old_size), read) if old_size else []


def _trailing_zeros(value: int) -> int:
    return (value & -value).bit_length() - 1


def _read(read: HashReader, indexes: list[int]) -> Sequence[bytes]:
    hashes = read(indexes) if indexes else []
    if len(hashes) != len(indexes) or any(len(h) != HASH_SIZE for h in hashes):
        raise MalformedError(
            "answer of the hash reader",
            found=Words(f"{len(hashes)} hashes"),
            expected=Words(f"{len(indexes)} of {HASH_SIZE} bytes"),
        )
    return hashes


def _split(lo: int, hi: int) -> int:
    """Where the tree over [lo, hi) splits: after the largest power of two below its size."""
    return lo + (1 << (hi - lo - 1).bit_length() - 1)


def _complete_subtrees(lo: int, hi: int) -> list[int]:
    """Stored-hash indexes of the complete subtrees that make up [lo, hi), from left to right."""
    indexes = []
    while lo < hi:
        level = (hi - lo).bit_length() - 1
        indexes.append(stored_index(level, lo >> level))
        lo += 1 << level
    return indexes


def _join(hashes: Sequence[bytes]) -> bytes:
    """The hash over neighbouring complete subtrees of falling size."""
    joined = hashes[-1]
    for left in reversed(hashes[:-1]):
        joined = node_hash(left, joined)
    return joined


def _subtree(lo: int, hi: int, read: HashReader) -> bytes:
    return _join(_read(read, _complete_subtrees(lo, hi)))


def _inclusion_parts(lo: int, hi: int, index: int) -> list[tuple[int, int]]:
    """The subtrees [lo, hi) beside the path to `index`, from the leaf up."""
    if lo + 1 == hi:
        return []
    middle = _split(lo, hi)
    if index < middle:
        return [*_inclusion_parts(lo, middle, index), (middle, hi)]
    return [*_inclusion_parts(middle, hi, index), (lo, middle)]


def _consistency_parts(lo: int, hi: int, old_size: int) -> list[tuple[int, int]]:
    """The subtrees that a consistency proof names, in its order."""
    if old_size == hi:
        return [(lo, hi)] if lo else []
    middle = _split(lo, hi)
    if old_size <= middle:
        return [*_consistency_parts(lo, middle, old_size), (middle, hi)]
    return [*_consistency_parts(middle, hi, old_size), (lo, middle)]


def _collect(parts: list[tuple[int, int]], read: HashReader) -> list[bytes]:
    """The hashes of the subtrees, all read with one call."""
    needed = [_complete_subtrees(lo, hi) for lo, hi in parts]
    hashes = iter(_read(read, [index for indexes in needed for index in indexes]))
    return [_join([next(hashes) for _ in indexes]) for indexes in needed]
