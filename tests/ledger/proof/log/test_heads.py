"""The heads entry: its one form, and that no event can be taken for it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.log import heads
from ledger.proof.log.errors import MalformedError
from ledger.proof.log.heads import HeadsEntry, is_heads_entry, parse_heads_entry
from ledger.proof.log.map import EMPTY, Head, blinded
from ledger.proof.log.map_tree import MapTree

LEAF = b"\x11" * 32


def test_the_entry_is_canonical_json_and_the_example_of_the_specification_is_true() -> None:
    entry = HeadsEntry(MapTree({"membership-m-1": Head(blinded(b"\x22" * 16), 2, LEAF)}).root, 1, 2)
    (shown,) = re.findall(r'^    (\{"map":"[A-Za-z0-9+/=]{44}".*\})$', heads.__doc__ or "", re.MULTILINE)
    assert entry.encoded == shown.encode()
    assert is_heads_entry(entry.encoded)
    assert not is_heads_entry(b'{"actor":null}')
    assert parse_heads_entry(entry.encoded) == entry


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":2', b'"v":1'), (b'"type":"heads"', b'"type":"Heads"'), (b'"streams":1', b'"streams":-1'),
        (b'"streams":1', b'"streams":0'), (b'"streams":1', b'"streams":3'), (b'"through":2', b'"through":"2"'),
        (b'"through":2', b'"through":0'), (b',"v":2', b""), (b'"v":2', b'"v":2,"w":1'), (b":2}", b": 2}"), (b'="', b'"'),
        (b'{"', b'{"a":1,"'),
    ],
)  # fmt: skip
def test_heads_entries_in_another_form_are_refused(old: bytes, new: bytes) -> None:
    entry = HeadsEntry(LEAF, 1, 2).encoded
    assert old in entry
    with pytest.raises(MalformedError):
        parse_heads_entry(entry.replace(old, new, 1))


def test_a_map_without_streams_has_no_entry() -> None:
    with pytest.raises(MalformedError, match="1 or more streams"):
        parse_heads_entry(HeadsEntry(EMPTY, 1, 2).encoded)


@given(st.binary(max_size=200))
def test_reading_a_heads_entry_never_crashes(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_heads_entry(data)
