"""The map of heads: one place for the end of each stream, held against a second implementation of the text."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.log import map as heads_map
from ledger.proof.log import map_tree
from ledger.proof.log.errors import MalformedError, ProofError, TamperedError
from ledger.proof.log.map import EMPTY, Head, Other, blinded, map_leaf, stream_key, verify_absence, verify_head
from ledger.proof.log.map_tree import MapTree

LEAF = b"\x11" * 32
HEADS = st.builds(
    Head,
    st.binary(min_size=32, max_size=32),
    st.integers(min_value=1, max_value=2**63 - 1),
    st.binary(min_size=32, max_size=32),
)
BOOKS = st.dictionaries(st.text("ab/-", min_size=1, max_size=8), HEADS, max_size=40)


def plain_root(heads: dict[str, Head]) -> bytes:
    """The root, as the text has it, word for word: no tree, no state, every subtree from its keys."""
    inner = {
        sha256(stream.encode()).digest(): sha256(head.blind + head.seq.to_bytes(8, "big") + head.leaf).digest()
        for stream, head in heads.items()
    }
    return plain_subtree(inner, 0)


def plain_subtree(inner: dict[bytes, bytes], depth: int) -> bytes:
    if not inner:
        return bytes(32)
    if len(inner) == 1:
        ((key, value),) = inner.items()
        return sha256(b"\2" + key + value).digest()
    sides: tuple[dict[bytes, bytes], dict[bytes, bytes]] = ({}, {})
    for key, value in inner.items():
        bit = int(f"{key[depth // 8]:08b}"[depth % 8])
        sides[bit][key] = value
    return sha256(b"\3" + plain_subtree(sides[0], depth + 1) + plain_subtree(sides[1], depth + 1)).digest()


@given(BOOKS)
def test_the_root_is_that_of_the_text(heads: dict[str, Head]) -> None:
    assert MapTree(heads).root == plain_root(heads)


@given(st.lists(BOOKS, max_size=5))
def test_a_map_that_grew_in_steps_is_the_map_of_where_it_came_to(steps: list[dict[str, Head]]) -> None:
    tree, heads = MapTree(), {}
    for step in steps:
        tree.update(step.items())
        heads |= step
        assert tree.root == plain_root(heads)
        assert len(tree) == len(heads)


@given(BOOKS, st.lists(st.text("abc/-", min_size=1, max_size=8), max_size=5))
def test_each_stream_has_one_end_and_every_other_name_none(heads: dict[str, Head], names: list[str]) -> None:
    tree = MapTree(heads)
    for stream, head in heads.items():
        siblings = tree.prove(stream)
        verify_head(tree.root, stream, head, siblings)
        with pytest.raises(TamperedError):
            verify_head(tree.root, stream, head._replace(seq=head.seq % (2**63 - 1) + 1), siblings)
        for other in (None, Other(stream_key(stream), head.inner)):
            with pytest.raises(TamperedError):
                verify_absence(tree.root, stream, other, siblings)
        with pytest.raises(KeyError):
            tree.prove_absence(stream)
    for name in set(names) - heads.keys():
        place = tree.prove_absence(name)
        verify_absence(tree.root, name, place.there, place.siblings)
        with pytest.raises(KeyError):
            tree.prove(name)


@pytest.fixture
def names_are_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream's name is its key in hex, so that keys can share as many bits as a test asks for."""
    for module in (heads_map, map_tree):
        monkeypatch.setattr(module, "stream_key", bytes.fromhex)


@pytest.mark.usefixtures("names_are_keys")
@pytest.mark.parametrize("bits", [0, 1, 7, 8, 9, 100, 254, 255])
def test_two_keys_part_at_their_first_different_bit(bits: int) -> None:
    one, other = "00" * 32, f"{1 << 255 - bits:064x}"
    head = Head(EMPTY, 1, LEAF)
    for tree in (MapTree({one: head, other: head}), MapTree()):
        tree.update([(other, head), (one, head)])
        siblings = tree.prove(one)
        assert len(siblings) == bits + 1
        assert siblings[1:] == (EMPTY,) * bits
        verify_head(tree.root, one, head, siblings)
        verify_head(tree.root, other, head, tree.prove(other))
    if bits < 255:
        between = f"{1 << 254 - bits:064x}"  # goes with `one` as far as the two do, and a bit further
        place = tree.prove_absence(between)
        assert place.there == Other(bytes(32), head.inner)
        verify_absence(tree.root, between, place.there, place.siblings)
        with pytest.raises(TamperedError, match="bits as ours"):
            verify_absence(tree.root, other, place.there, place.siblings)


@pytest.mark.usefixtures("names_are_keys")
def test_an_empty_place_beside_others_is_proved_empty() -> None:
    tree = MapTree({"00" * 32: Head(EMPTY, 1, LEAF), "01" + "00" * 31: Head(EMPTY, 1, LEAF)})
    place = tree.prove_absence("80" + "00" * 31)
    assert (len(place.siblings), place.there) == (1, None)
    verify_absence(tree.root, "80" + "00" * 31, None, place.siblings)


def test_the_empty_map_has_no_stream() -> None:
    assert MapTree().root == EMPTY
    verify_absence(EMPTY, "membership-m-1", None, ())
    with pytest.raises(TamperedError):
        verify_head(EMPTY, "membership-m-1", Head(EMPTY, 1, LEAF), ())


def test_an_empty_deepest_sibling_is_refused_though_the_root_follows() -> None:
    head = Head(EMPTY, 1, LEAF)
    leaf = map_leaf(stream_key("m"), head.inner)
    value = sha256(b"\3" + b"".join((EMPTY, leaf) if stream_key("m")[0] >> 7 else (leaf, EMPTY))).digest()
    with pytest.raises(TamperedError, match="deepest sibling"):
        verify_head(value, "m", head, (EMPTY,))
    with pytest.raises(TamperedError, match="deepest sibling"):
        verify_absence(value, "m", None, (EMPTY,))


@pytest.mark.parametrize(("most", "verify"), [(256, lambda s: verify_head(EMPTY, "m", Head(EMPTY, 1, LEAF), s)),
                                              (255, lambda s: verify_absence(EMPTY, "m", None, s))])  # fmt: skip
def test_more_siblings_than_a_key_has_bits_are_malformed(most: int, verify: object) -> None:
    assert callable(verify)
    with pytest.raises(TamperedError):
        verify((LEAF,) * most)
    with pytest.raises(MalformedError, match=f"at most {most}"):
        verify((LEAF,) * (most + 1))


@pytest.mark.parametrize("seq", [0, -1, 2**63])
def test_a_seq_that_no_event_has_is_malformed(seq: int) -> None:
    with pytest.raises(MalformedError, match="seq"):
        verify_head(EMPTY, "m", Head(EMPTY, seq, LEAF), ())


@given(BOOKS.filter(bool), st.data())
def test_a_spoilt_proof_is_never_taken(heads: dict[str, Head], data: st.DataObject) -> None:
    tree = MapTree(heads)
    stream = data.draw(st.sampled_from(sorted(heads)))
    siblings = list(tree.prove(stream))
    kind = data.draw(st.sampled_from(["drop", "add", "flip", "swap", "root"]))
    place = data.draw(st.integers(0, max(0, len(siblings) - 1)))
    root = tree.root
    if kind == "root" or (kind in ("drop", "flip") and not siblings):
        root = bytes([root[0] ^ 1]) + root[1:]
    elif kind == "drop":
        siblings.pop(place)
    elif kind == "add":
        siblings.insert(place, data.draw(st.binary(min_size=32, max_size=32)))
    elif kind == "flip":
        siblings[place] = bytes([siblings[place][0] ^ 1]) + siblings[place][1:]
    else:
        before = list(siblings)
        siblings.reverse()
        if siblings == before:
            return
    with pytest.raises(ProofError):
        verify_head(root, stream, heads[stream], siblings)


def test_the_example_of_the_specification_is_true() -> None:
    head = Head(blinded(b"\x22" * 16), 2, LEAF)
    shown = re.findall("[0-9a-f]{64}", heads_map.__doc__ or "")
    key = stream_key("membership-m-1")
    assert shown == [value.hex() for value in (key, head.blind, head.inner, map_leaf(key, head.inner))]
    assert MapTree({"membership-m-1": head}).root.hex() == shown[-1]
