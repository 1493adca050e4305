"""JSON that has more than one reading, or none, is refused."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.log import strictjson
from ledger.proof.log.errors import MalformedError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"a":1,"a":1}', "'a' twice"),
        (b'[{"b":{"a":1,"\\u0061":2}}]', "'a' twice"),
        (b"[1.0]", "1.0"),
        (b"[1e2]", "1e2"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"[9223372036854775808]", "9223372036854775808"),
        (b"[-9223372036854775809]", "-9223372036854775809"),
        (b"[" + b"9" * 1_000_000 + b"]", "999"),
        (b"[" * 100_000, "deep nesting"),
        (b"[" * 100_000 + b"]" * 100_000, "deep nesting"),
        (b"[" * 40 + b"]" * 40, "deep nesting"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "deep nesting"),
        (b'"\xff"', "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'"\\ud800"', "not UTF-8"),
        (b'["\\uDC00\\uD800"]', "not UTF-8"),
        (b"\xef\xbb\xbf{}", "found a byte order mark"),
        ("{}".encode("utf-16"), "found UTF-16"),
        (gzip.compress(b"{}", mtime=0), "found gzip"),
        (b"", "found nothing"),
        (b"{} {}", "Extra data"),
        (b"[01]", "an error"),
        (b"{'a':1}", "an error"),
        (b'{"a":1,}', "an error"),
        (b'"a\nb"', "an error"),
        (b"nul", "an error"),
    ],
)
def test_ambiguous_or_absurd_json_is_refused(data: bytes, found: str) -> None:
    with pytest.raises(MalformedError) as caught:
        strictjson.loads(data, "policy")
    assert "policy" in str(caught.value)
    assert found in str(caught.value)
    assert len(str(caught.value)) < 500


def test_too_many_bytes_are_refused_unread() -> None:
    with pytest.raises(MalformedError, match="found 9 bytes, expected at most 8"):
        strictjson.loads(b"{{{{{{{{{", max_bytes=8)


@given(VALUES)
def test_canonical_json_is_read_as_written(value: Any) -> None:
    data = strictjson.canonical(value)
    assert strictjson.loads(data) == value
    assert strictjson.canonical(strictjson.loads(data)) == data


@given(st.one_of(st.binary(max_size=60), st.text('{}[]":,01eE.-\\ud8a ', max_size=40).map(str.encode)))
def test_whatever_is_read_is_what_the_standard_parser_reads(data: bytes) -> None:
    try:
        value = strictjson.loads(data)
    except MalformedError:
        return
    assert value == json.loads(data)


@given(st.text("AQgw=\n +/-_", max_size=12))
def test_each_byte_string_has_one_base64_text(text: str) -> None:
    try:
        data = strictjson.base64_bytes(text, "hash")
    except MalformedError:
        return
    assert strictjson.base64_text(data) == text
