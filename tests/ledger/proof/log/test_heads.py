"""Where every stream ends, and that a stream does not exist."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.log import merkle, merkle_tree
from ledger.proof.log.errors import MalformedError, TamperedError
from ledger.proof.log.heads import (
    Head,
    HeadsEntry,
    is_heads_entry,
    parse_heads_entry,
    stream_key,
    verify_head,
)
from ledger.proof.log.heads_tree import HeadsTree, heads_of, verify_absence

LEAF = b"\x11" * 32


def tree_of(count: int) -> HeadsTree:
    return HeadsTree(Head.of(f"membership-m-{i}", i + 1, LEAF) for i in range(count))


def sorted_root(heads: list[Head]) -> bytes:
    return merkle_tree.root_of_leaves(merkle.leaf_hash(h.encoded) for h in sorted(heads, key=lambda head: head.key))


def test_a_head_is_72_bytes_and_the_entry_canonical_json() -> None:
    head = Head.of("membership-m-1", 2, LEAF)
    assert head.encoded == stream_key("membership-m-1") + (2).to_bytes(8, "big") + LEAF
    entry = HeadsTree([head]).entry(2)
    root = b"3Kwc6VxX708w8hvZooYxnHN61kVQUNUd66uKDJejWb8="
    assert head.key.hex() == "8460055446b48b2a69f4383400d9c3fe16470e6365173f2ed80101c9180cc524"
    assert entry.encoded == b'{"heads":"' + root + b'","size":1,"through":2,"type":"heads","v":1}'
    assert is_heads_entry(entry.encoded)
    assert not is_heads_entry(b'{"actor":null}')
    assert parse_heads_entry(entry.encoded) == entry


@pytest.mark.parametrize("count", range(12))
def test_the_root_is_that_over_the_sorted_heads(count: int) -> None:
    heads = heads_of({f"membership-m-{i}": (i + 1, LEAF) for i in range(count)})
    assert HeadsTree(heads).root == sorted_root(heads)


@pytest.mark.parametrize("count", range(1, 20))
def test_every_stream_has_a_proof_of_its_end_and_of_no_other(count: int) -> None:
    tree = tree_of(count)
    entry = tree.entry(100)
    for i in range(count):
        proof = tree.prove(f"membership-m-{i}")
        assert proof.head.seq == i + 1
        verify_head(entry, proof)
        for forged in (
            replace(proof, head=replace(proof.head, seq=i)),
            replace(proof, head=replace(proof.head, leaf=bytes(32))),
            replace(proof, head=replace(proof.head, key=bytes(32))),
            replace(proof, index=proof.index + 1),
            replace(proof, proof=(*proof.proof, LEAF)),
        ):
            with pytest.raises(TamperedError):
                verify_head(entry, forged)


@pytest.mark.parametrize("count", range(20))
def test_unknown_streams_are_proved_absent_and_known_ones_cannot_be(count: int) -> None:
    tree = tree_of(count)
    entry = tree.entry(100)
    for i in range(30):
        name = f"membership-x-{i}"
        neighbours = tree.prove_absence(name)
        verify_absence(entry, name, neighbours)
        for forged in (neighbours[1:], neighbours[:-1], [*neighbours, *neighbours]) if neighbours else ():
            with pytest.raises(TamperedError):
                verify_absence(entry, name, forged)
    for i in range(count):
        name = f"membership-m-{i}"
        with pytest.raises(MalformedError):
            tree.prove_absence(name)
        index = tree.prove(name).index
        around = [tree.prove(f"membership-m-{j}") for j in range(count)]
        nearest = [proof for proof in around if abs(proof.index - index) == 1]
        for forged in (nearest, [tree.prove(name)], [*nearest, tree.prove(name)], []):
            with pytest.raises(TamperedError):
                verify_absence(entry, name, forged)


def test_a_stream_without_a_head_has_no_proof() -> None:
    with pytest.raises(MalformedError, match="membership-m-9"):
        tree_of(3).prove("membership-m-9")


@given(st.lists(st.tuples(st.integers(0, 25), st.integers(1, 1000)), max_size=40), st.integers(1, 7))
def test_updating_step_by_step_gives_the_tree_of_the_whole(moves: list[tuple[int, int]], step: int) -> None:
    tree = HeadsTree()
    known: dict[str, Head] = {}
    for start in range(0, len(moves), step):
        heads = [Head.of(f"membership-m-{i}", seq, LEAF) for i, seq in moves[start : start + step]]
        known |= {str(head.key): head for head in heads}
        tree.update(heads)
        assert tree.root == sorted_root(list(known.values()))
        assert len(tree) == len(known)
    for head in known.values():
        assert any(tree.prove(f"membership-m-{i}").head == head for i, _ in moves)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":1', b'"v":2'), (b'"type":"heads"', b'"type":"Heads"'), (b'"size":1', b'"size":-1'),
        (b'"through":2', b'"through":"2"'), (b',"v":1', b""), (b'"v":1', b'"v":1,"w":1'), (b":1}", b": 1}"),
        (b'="', b'"'), (b'{"', b'{"a":1,"'),
    ],
)  # fmt: skip
def test_heads_entries_in_another_form_are_refused(old: bytes, new: bytes) -> None:
    entry = HeadsEntry(LEAF, 1, 2).encoded
    assert old in entry
    with pytest.raises(MalformedError):
        parse_heads_entry(entry.replace(old, new, 1))


@given(st.binary(max_size=200))
def test_reading_a_heads_entry_never_crashes(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_heads_entry(data)
