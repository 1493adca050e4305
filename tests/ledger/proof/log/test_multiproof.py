"""One inclusion proof for many entries, against a plain second reading of the format, and against forged proofs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.log import merkle_tree
from ledger.proof.log.errors import MalformedError, TamperedError
from ledger.proof.log.merkle import HASH_SIZE
from ledger.proof.log.multiproof import verify_inclusions
from ledger.proof.log.strictjson import base64_text
from ledger.proof.log.tiles import Tile, hash_reader
from tests.ledger.proof.log.test_merkle import LEAVES, SMALL, brute_force_root, read
from tests.ledger.proof.log.test_tlogproof import LEAVES as EXAMPLE
from tests.ledger.proof.log.test_tlogproof import STORED as EXAMPLE_STORED

CHOSEN = st.integers(1, SMALL).flatmap(
    lambda size: st.tuples(st.just(size), st.sets(st.integers(0, size - 1), min_size=1).map(sorted))
)


def plain_proof(indexes: Sequence[int], size: int) -> list[bytes]:
    """From the words of the format: every node of every level, and of these the neighbours that are not over an index."""
    levels = [[range(n, n + 1) for n in range(size)]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([range(below[i].start, below[min(i + 1, len(below) - 1)].stop) for i in range(0, len(below), 2)])
    over = [[bool(set(node) & set(indexes)) for node in level] for level in levels]
    return [
        brute_force_root([LEAVES[n] for n in node])
        for level, nodes in enumerate(levels)
        for i, node in enumerate(nodes)
        if not over[level][i] and i ^ 1 < len(nodes) and over[level][i ^ 1]
    ]


def judge(indexes: Sequence[int], size: int, proof: Sequence[bytes]) -> None:
    verify_inclusions([(n, LEAVES[n]) for n in indexes], size, proof, brute_force_root(LEAVES[:size]))


@given(CHOSEN)
def test_proofs_are_those_of_the_plain_reading_and_verify(chosen: tuple[int, list[int]]) -> None:
    size, indexes = chosen
    proof = merkle_tree.inclusions_proof(indexes, size, read)
    assert proof == plain_proof(indexes, size)
    judge(indexes, size, proof)


@pytest.mark.parametrize("size", range(1, SMALL + 1))
def test_the_proof_of_one_entry_is_that_of_the_rfc_and_of_all_is_empty(size: int) -> None:
    for index in range(size):
        assert merkle_tree.inclusions_proof([index], size, read) == merkle_tree.inclusion_proof(index, size, read)
    assert merkle_tree.inclusions_proof(range(size), size, read) == []
    judge(range(size), size, [])


def test_the_published_example() -> None:
    proof = merkle_tree.inclusions_proof([1, 4], 5, lambda indexes: [EXAMPLE_STORED[i] for i in indexes])
    assert base64_text(proof[0]) == "2Cnt0HE6G7BePNBhaSSkxb3iHjblNxSaICOe2vqIJfE="
    doc = verify_inclusions.__globals__["__doc__"]
    assert all(f"    {base64_text(one)}   " in doc for one in proof)
    verify_inclusions([(n, EXAMPLE[n]) for n in (1, 4)], 5, proof, brute_force_root(EXAMPLE))


@given(CHOSEN)
def test_nothing_that_is_changed_passes(chosen: tuple[int, list[int]]) -> None:
    size, indexes = chosen
    proof, root = merkle_tree.inclusions_proof(indexes, size, read), brute_force_root(LEAVES[:size])
    leaves = [(n, LEAVES[n]) for n in indexes]
    forged = [(leaves, [*proof, bytes(32)]), (leaves, [bytes(32), *proof]), ([], proof), ([*leaves, leaves[-1]], proof)]
    for at in range(len(proof)):
        forged += [(leaves, proof[:at] + proof[at + 1 :]), (leaves, [*proof[:at], bytes(32), *proof[at + 1 :]])]
        forged += [(leaves, [*proof[:at], *proof[at : at + 2][::-1], *proof[at + 2 :]])] if at + 1 < len(proof) else []
    for at, (index, leaf) in enumerate(leaves):
        others = [(index, bytes(32)), *((n, leaf) for n in (-1, *range(size + 2), 2**63) if n != index)]
        forged += [([*leaves[:at], other, *leaves[at + 1 :]], proof) for other in others]
        forged += [(leaves[:at] + leaves[at + 1 :], proof)] if proof or len(leaves) > 1 else []
    forged += [(leaves[::-1], proof)] if len(leaves) > 1 else []
    for changed, hashes in forged:
        with pytest.raises(TamperedError):
            verify_inclusions(changed, size, hashes, root)


def test_a_log_of_any_claimed_size_is_refused_quickly() -> None:
    leaves = [(n, bytes(32)) for n in (0, 2**62, 2**63 - 2)]
    for proof in ([], [bytes(32)] * 189):
        with pytest.raises(TamperedError):
            verify_inclusions(leaves, 2**63 - 1, proof, bytes(32))
    with pytest.raises(MalformedError):
        verify_inclusions(leaves, 2**63, [], bytes(32))


@pytest.mark.parametrize("indexes", [[], [1, 1], [2, 1], [-1], [SMALL]])
def test_no_proof_is_made_of_indexes_that_do_not_rise(indexes: list[int]) -> None:
    with pytest.raises(MalformedError):
        merkle_tree.inclusions_proof(indexes, SMALL, read)


def test_each_tile_is_read_once() -> None:
    size, asked = 70_000, []

    def read_tile(tile: Tile) -> bytes:
        asked.append(tile)
        return bytes(HASH_SIZE) * tile.width

    merkle_tree.inclusions_proof(range(3, size, 7), size, hash_reader(size, read_tile))
    assert len(asked) == len(set(asked)) > 256
