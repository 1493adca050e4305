"""The tree against RFC 6962's own recursive definition, and against forged proofs."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.proof.log import merkle, merkle_tree
from ledger.proof.log.errors import MalformedError, TamperedError

SMALL = 40
ENTRIES = [b'{"i":%d}' % i for i in range(5)]


def brute_force_root(leaves: Sequence[bytes]) -> bytes:
    """Section 2.1 of the RFC, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + brute_force_root(leaves[:k]) + brute_force_root(leaves[k:])).digest()


def brute_force_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*brute_force_path(m, leaves[:k]), brute_force_root(leaves[k:])]
    return [*brute_force_path(m - k, leaves[k:]), brute_force_root(leaves[:k])]


def brute_force_consistency(m: int, leaves: Sequence[bytes], whole: bool = True) -> list[bytes]:
    """Section 2.1.2."""
    if m == len(leaves):
        return [] if whole else [brute_force_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*brute_force_consistency(m, leaves[:k], whole), brute_force_root(leaves[k:])]
    return [*brute_force_consistency(m - k, leaves[k:], False), brute_force_root(leaves[:k])]


def stored_log(leaves: Sequence[bytes]) -> list[bytes]:
    stored: list[bytes] = []

    def read_stored(indexes: Sequence[int]) -> list[bytes]:
        return [stored[i] for i in indexes]

    for n, leaf in enumerate(leaves):
        stored.extend(merkle_tree.stored_hashes(n, leaf, read_stored))
    return stored


LEAVES = [merkle.leaf_hash(b"entry %d" % i) for i in range(SMALL)]
STORED = stored_log(LEAVES)


def read(indexes: Sequence[int]) -> list[bytes]:
    return [STORED[i] for i in indexes]


def test_hashes_of_the_published_example() -> None:
    leaves = [merkle.leaf_hash(entry) for entry in ENTRIES]
    assert leaves[0].hex() == "d829edd0713a1bb05e3cd0616924a4c5bde21e36e537149a20239edafa8825f1"
    assert (
        merkle_tree.root_of_leaves(leaves).hex() == "396cc2f3ea57a4bbce318b07d824fdd6ad292d4b13e90f56ae9411b164db1136"
    )


def test_empty_tree_has_the_hash_of_nothing_as_root() -> None:
    assert merkle_tree.root(0, read) == merkle_tree.root_of_leaves([]) == sha256(b"").digest()


@pytest.mark.parametrize("size", range(SMALL + 1))
def test_roots_are_those_of_the_recursive_definition(size: int) -> None:
    expected = brute_force_root(LEAVES[:size])
    assert merkle_tree.root(size, read) == merkle_tree.root_of_leaves(LEAVES[:size]) == expected


@pytest.mark.parametrize("size", range(1, SMALL + 1))
def test_inclusion_proofs_are_those_of_the_recursive_definition_and_verify(size: int) -> None:
    root = brute_force_root(LEAVES[:size])
    for index in range(size):
        proof = merkle_tree.inclusion_proof(index, size, read)
        assert proof == brute_force_path(index, LEAVES[:size])
        merkle.verify_inclusion(LEAVES[index], index, size, proof, root)


@pytest.mark.parametrize("new_size", range(1, SMALL + 1))
def test_consistency_proofs_are_those_of_the_recursive_definition_and_verify(new_size: int) -> None:
    new_root = brute_force_root(LEAVES[:new_size])
    for old_size in range(1, new_size + 1):
        old_root = brute_force_root(LEAVES[:old_size])
        proof = merkle_tree.consistency_proof(old_size, new_size, read)
        assert proof == brute_force_consistency(old_size, LEAVES[:new_size])
        merkle.verify_consistency(old_size, old_root, new_size, new_root, proof)


def test_no_inclusion_proof_holds_for_another_index_size_leaf_or_length() -> None:
    """Another size can share a root with nothing here, so every change of one argument has to be refused."""
    for size in range(1, 18):
        root = merkle_tree.root(size, read)
        for index in range(size):
            proof = merkle_tree.inclusion_proof(index, size, read)
            forgeries = [(LEAVES[index], other, size, proof) for other in range(size) if other != index]
            forgeries += [(LEAVES[(index + 1) % SMALL], index, size, proof)]
            forgeries += [
                (LEAVES[index], index, size, [*proof, LEAVES[0]]),
                (LEAVES[index], index, size, [root, *proof]),
            ]
            forgeries += [(LEAVES[index], index, size, proof[:-1])] if proof else []
            forgeries += [
                (LEAVES[index], index, size, [*proof[:i], bytes(32), *proof[i + 1 :]]) for i in range(len(proof))
            ]
            for leaf, other, other_size, other_proof in forgeries:
                with pytest.raises(TamperedError):
                    merkle.verify_inclusion(leaf, other, other_size, other_proof, root)


def test_no_consistency_proof_holds_for_another_root_or_length() -> None:
    for new_size in range(1, 18):
        new_root = merkle_tree.root(new_size, read)
        for old_size in range(1, new_size + 1):
            old_root = merkle_tree.root(old_size, read)
            proof = merkle_tree.consistency_proof(old_size, new_size, read)
            forgeries = [(bytes(32), new_root, proof), (old_root, bytes(32), proof)]
            forgeries += [(old_root, new_root, [*proof, LEAVES[0]])]
            forgeries += [(old_root, new_root, proof[:-1])] if proof else []
            forgeries += [(old_root, new_root, [*proof[:i], bytes(32), *proof[i + 1 :]]) for i in range(len(proof))]
            for old, new, other_proof in forgeries:
                with pytest.raises(TamperedError):
                    merkle.verify_consistency(old_size, old, new_size, new, other_proof)


def test_a_rewritten_tree_is_not_consistent_with_the_old_one() -> None:
    rewritten = stored_log([merkle.leaf_hash(b"another"), *LEAVES[1:]])
    proof = merkle_tree.consistency_proof(7, SMALL, lambda indexes: [rewritten[i] for i in indexes])
    with pytest.raises(TamperedError, match="old root"):
        merkle.verify_consistency(7, merkle_tree.root(7, read), SMALL, merkle_tree.root_of_leaves([]), proof)


def test_everything_is_consistent_with_the_empty_tree_and_needs_no_proof() -> None:
    assert merkle_tree.consistency_proof(0, 9, read) == []
    merkle.verify_consistency(0, merkle.EMPTY_ROOT, 9, merkle_tree.root(9, read), [])
    with pytest.raises(TamperedError):
        merkle.verify_consistency(0, LEAVES[0], 9, merkle_tree.root(9, read), [])
    with pytest.raises(TamperedError, match="smaller new tree"):
        merkle.verify_consistency(9, merkle_tree.root(9, read), 0, merkle.EMPTY_ROOT, [])


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0), (0, -1), (0, 2**63)])
def test_proofs_outside_of_the_tree_are_refused(index: int, size: int) -> None:
    with pytest.raises(MalformedError):
        merkle_tree.inclusion_proof(index, size, read)
    with pytest.raises((MalformedError, TamperedError)):
        merkle.verify_inclusion(LEAVES[0], index, size, [], LEAVES[0])


def test_a_reader_that_answers_too_little_is_named() -> None:
    with pytest.raises(MalformedError, match="answer of the hash reader"):
        merkle_tree.root(7, lambda _: [])


@given(st.integers(0, 2**62))
def test_stored_index_and_its_inverse_agree(index: int) -> None:
    level, n = merkle_tree.split_stored_index(index)
    assert merkle_tree.stored_index(level, n) == index


@given(st.integers(0, 2**40))
def test_stored_count_is_where_the_next_leaf_goes(size: int) -> None:
    assert merkle_tree.stored_count(size) == merkle_tree.stored_index(0, size)


@settings(max_examples=200)
@given(st.integers(1, 2**63 - 1), st.data())
def test_proofs_of_huge_trees_have_at_most_63_hashes(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = merkle_tree.inclusion_proof(index, size, lambda indexes: [bytes(32)] * len(indexes))
    assert len(proof) <= 63
    with pytest.raises(TamperedError, match="root from"):
        merkle.verify_inclusion(bytes(32), index, size, proof, b"\x01" * 32)
