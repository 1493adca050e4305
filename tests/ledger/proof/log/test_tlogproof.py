"""One entry's proof as a text file."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.log import merkle, merkle_tree
from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.errors import InvalidSignatureError, MalformedError, TamperedError, UnknownKeyError
from ledger.proof.log.signer import sign_note
from ledger.proof.log.tlogproof import TlogProof, parse_tlog_proof, verify_tlog_proof
from tests.ledger.proof.log.test_merkle import ENTRIES, stored_log
from tests.ledger.proof.log.test_note import LOG, OTHER

LEAVES = [merkle.leaf_hash(entry) for entry in ENTRIES]
STORED = stored_log(LEAVES)
SIGNED = sign_note(Checkpoint(LOG.name, 5, merkle_tree.root_of_leaves(LEAVES)).text, LOG)
HASHES = st.binary(min_size=32, max_size=32)
EXAMPLE = f"""c2sp.org/tlog-proof@v1
index 4
hkH548xF2RdwxU4+XUd9PO7ztp8GA8EgsuKSk2RIBtU=

{SIGNED.decode()}"""


def proof_of(index: int) -> TlogProof:
    hashes = merkle_tree.inclusion_proof(index, 5, lambda indexes: [STORED[i] for i in indexes])
    return TlogProof(index, tuple(hashes), SIGNED)


def test_the_published_example_is_written_read_and_verified() -> None:
    assert proof_of(4).encoded() == EXAMPLE.encode()
    proof = parse_tlog_proof(EXAMPLE.encode())
    assert verify_tlog_proof(proof, LEAVES[4], LOG.name, [LOG.verifier]).size == 5


@pytest.mark.parametrize("index", range(5))
def test_every_entry_has_a_proof_that_holds_for_it_alone(index: int) -> None:
    proof = parse_tlog_proof(proof_of(index).encoded())
    for other, leaf in enumerate(LEAVES):
        if other == index:
            verify_tlog_proof(proof, leaf, LOG.name, [LOG.verifier])
            continue
        with pytest.raises(TamperedError):
            verify_tlog_proof(proof, leaf, LOG.name, [LOG.verifier])


def test_a_proof_for_another_key_origin_or_text_is_refused() -> None:
    proof = proof_of(4)
    with pytest.raises(UnknownKeyError):
        verify_tlog_proof(proof, LEAVES[4], LOG.name, [OTHER.verifier])
    with pytest.raises(UnknownKeyError, match="origin"):
        verify_tlog_proof(proof, LEAVES[4], "other.example", [LOG.verifier])
    changed = dataclasses.replace(proof, signed_checkpoint=SIGNED.replace(b"\n5\n", b"\n6\n"))
    with pytest.raises(InvalidSignatureError):
        verify_tlog_proof(changed, LEAVES[4], LOG.name, [LOG.verifier])
    empty = dataclasses.replace(
        proof, signed_checkpoint=sign_note(Checkpoint(LOG.name, 0, merkle.EMPTY_ROOT).text, LOG)
    )
    with pytest.raises(MalformedError, match="an empty log"):
        verify_tlog_proof(empty, LEAVES[4], LOG.name, [LOG.verifier])


@given(
    st.builds(
        TlogProof,
        st.integers(0, 2**63 - 1),
        st.lists(HASHES, max_size=63).map(tuple),
        st.binary(),
        st.binary(max_size=99),
    )
)
def test_proofs_are_read_as_written(proof: TlogProof) -> None:
    assert parse_tlog_proof(proof.encoded()) == proof


@given(
    st.one_of(
        st.binary(max_size=100),
        st.text("index extra01=\nA", max_size=60).map(lambda t: b"c2sp.org/tlog-proof@v1\n" + t.encode()),
    )
)
def test_reading_a_proof_never_crashes(data: bytes) -> None:
    try:
        proof = parse_tlog_proof(data)
    except MalformedError:
        return
    assert proof.encoded() == data


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("@v1", "@v2"), ("index 4", "index 04"), ("index 4", "index -4"), ("index 4", "Index 4"), ("index 4\n", ""),
        ("index 4", "index"), ("index 4", "extra \nindex 4"), ("index 4", "extra AA\nindex 4"), ("index 4", "index 4 "),
        ("index 4", "extra AAAA\nextra AAAA\nindex 4"), ("index 4", "index 4\nextra AAAA"), ("BtU=", "BtV="),
        ("BtU=", "BtU"), ("hkH5", "hkH5hkH5"), ("hkH5", "é"),
        ("index 4", "index 4\n" + "\n".join(["A" * 43 + "="] * 64)),
    ],
)  # fmt: skip
def test_other_forms_are_refused(old: str, new: str) -> None:
    with pytest.raises(MalformedError):
        parse_tlog_proof(EXAMPLE.replace(old, new, 1).encode())
