"""Hypothesis strategies for the lines of a facts file with which something went wrong: bytes without the newline."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.oracle.survey.form import Fact
from tests.support.capability_examples import CAPABILITY_EXAMPLES, MAY_BE_NOTHING

Draw = Callable[[st.SearchStrategy[Any]], Any]

COMMON = {"membership": "m-1", "occurred_at": "2010-06-15T10:22:33.123456Z"}
EXAMPLES: tuple[Fact, ...] = (
    {
        "type": "enrol-membership",
        "id": "f-1",
        **COMMON,
        "name": "Contoso",
        "level": "gold",
        "competencies": ["Learning"],
        "solution_areas": [],
        "business_model": "reseller",
        "locations": ["Oslo", "Tromsø"],
    },
    {"type": "update-membership", "id": "f-2", **COMMON, "level": "silver"},
    {"type": "add-location", "id": "f-3", **COMMON, "location": "Bergen"},
    {"type": "set-renewal-date", "id": "f-4", **COMMON, "renewal_date": "2011-03-01"},
    {"type": "record-consent", "id": "f-5", **COMMON, "subject": "s-1", "customer_org": "adatum"},
    {"type": "withdraw-consent", "id": "f-6", **COMMON, "subject": "s-1", "customer_org": "adatum"},
    {
        "type": "record-invitation",
        "id": "f-7",
        **COMMON,
        "invitation": "i-1",
        "subject": "s-1",
        "customer_org": "adatum",
        "location": "Oslo",
        "channel": "operator",
        "language": "nb",
    },
    {"type": "record-reminder", "id": "f-8", **COMMON, "invitation": "i-1"},
    {
        "type": "record-response",
        "id": "f-9",
        **COMMON,
        "response": "r-1",
        "customer_org": "adatum",
        "location": "Oslo",
        "invitation": "i-1",
        "anonymous": True,
    },
    {"type": "choose-anonymity", "id": "f-10", **COMMON, "response": "r-1"},
    {"type": "void-response", "id": "f-11", **COMMON, "response": "r-1", "reason": "fraud"},
    {"type": "record-evaluation", "id": "f-12", **COMMON, "evaluation": "e-1", "actor": "operator"},
    {"type": "decide-renewal", "id": "f-13", **COMMON, "renewal_date": "2011-03-01"},
    {"type": "same-organisation", "id": "f-15", **COMMON, "organisation": "adatum", "same_as": "fabrikam"},
    {"type": "separate-organisations", "id": "f-16", **COMMON, "organisation": "adatum", "same_as": "fabrikam"},
    {"type": "distinct-organisation", "id": "f-17", **COMMON, "organisation": "ADATUM", "from": "adatum"},
    {
        "type": "publish-rulebook",
        "id": "f-14",
        "occurred_at": "2010-06-15T10:22:33Z",
        "edition": "2010-07",
        "effective_from": "2010-07-01T00:00:00Z",
        "min_responses": 10,
        "per_org_cap": 8,
        "min_organisations": 2,
        "window_months": 12,
        "min_evaluations": 10,
        "pool_locations": False,
    },
)
ALL_EXAMPLES = EXAMPLES + CAPABILITY_EXAMPLES
"""A fact of every type of both programmes."""
NEVER_RIGHT: tuple[Any, ...] = (
    *(-1, 0, 1.5, 1e308, 10**400, -(2**63), 2**64),
    *({}, [[]], [None], {"$ref": "#"}),
    *("", "\x00", "a\x00b", "x" * 5000, "\ud800", "a\nb"),
)
NEVER_RIGHT_BUT_IN_AN_ID_OR_A_NAME = (" ", "@", "\u202e", " Oslo")
TIMES_NEVER_RIGHT = (
    *("2010-06-15T10:22:33", "2010-06-15", "2010-02-30T00:00:00Z", "2010-06-15T24:00:01Z", "0000-01-01T00:00:00Z"),
    *("2010-06-15T10:22:33.1234567Z", "2010-06-15T10:22:33+25:00", "10000-01-01T00:00:00Z", "1276597353", "now"),
    *("2010-06-15T24:00:00Z", "2010-06-15T10:22:60Z", "2010-06-15T10:22:33+01:60", "2010-06-15_10:22:33Z"),
)
BAD_UTF8 = (b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80")
NOT_OBJECTS = (b"null", b"true", b"[]", b'"fact"', b"17", b"-", b"{", b"}", b"[{}]", b"{}{}", b"NaN", b"\x00", b"'{}'")


def line_of(fact: Fact) -> bytes:
    return json.dumps(fact).encode()


def valid_lines() -> st.SearchStrategy[bytes]:
    """Well-formed facts, one of every type, in JSON with and without escapes and spaces."""
    facts = st.sampled_from(ALL_EXAMPLES)
    return st.one_of(
        facts.map(line_of),
        facts.map(lambda fact: json.dumps(fact, ensure_ascii=False, separators=(",", ":")).encode()),
        facts.map(lambda fact: b"  " + json.dumps(fact, sort_keys=True).encode() + b"\t"),
    )


def _insert(line: bytes, place: int, piece: bytes) -> bytes:
    return line[:place] + piece + line[place:]


@st.composite
def truncated_lines(draw: Draw) -> bytes:
    line: bytes = line_of(draw(st.sampled_from(ALL_EXAMPLES)))
    return line[: draw(st.integers(1, len(line) - 1))]


@st.composite
def lines_with_a_wrong_field(draw: Draw) -> bytes:
    """One field holds what it never may, is missing although needed, or does not belong there."""
    fact = dict(draw(st.sampled_from(ALL_EXAMPLES)))
    how = draw(st.sampled_from(("value", "value", "time", "missing", "unknown")))
    if how == "value":
        field = draw(st.sampled_from(sorted(fact)))
        wrong = NEVER_RIGHT if field in ("id", "name") else NEVER_RIGHT + NEVER_RIGHT_BUT_IN_AN_ID_OR_A_NAME
        if field in MAY_BE_NOTHING:
            wrong = tuple(value for value in wrong if value != 0)
        fact[field] = draw(st.sampled_from(wrong))
    if how == "time":
        fact["occurred_at"] = draw(st.sampled_from(TIMES_NEVER_RIGHT))
    if how == "missing":
        del fact[draw(st.sampled_from(("type", "id", "occurred_at")))]
    if how == "unknown":
        fact[draw(st.sampled_from(("score", "email", "Type", "", "__proto__", "membership ")))] = "x"
    return line_of(fact)


@st.composite
def lines_nested_deeply(draw: Draw) -> bytes:
    depth = draw(st.sampled_from((10, 200, 1_100, 20_000, 200_000)))
    opening, closing = draw(st.sampled_from(((b"[", b"]"), (b'{"a":', b"}"))))
    nested: bytes = opening * depth + draw(st.sampled_from((b"1", b""))) + closing * draw(st.sampled_from((0, depth)))
    line = line_of(draw(st.sampled_from(ALL_EXAMPLES)))
    return draw(st.sampled_from((nested, line[:-1] + b', "deep": ' + nested + b"}")))  # type: ignore[no-any-return]


@st.composite
def lines_with_bad_bytes(draw: Draw) -> bytes:
    """Bytes that are no UTF-8, or control characters, put inside a valid line."""
    line: bytes = line_of(draw(st.sampled_from(ALL_EXAMPLES)))
    piece = draw(st.sampled_from((*BAD_UTF8, b"\x00", b"\x1f", b"\x00\x00\x00\x00")))
    return _insert(line, draw(st.integers(0, len(line))), piece)


@st.composite
def very_long_lines(draw: Draw) -> bytes:
    length = draw(st.sampled_from((70_000, 1_000_000, 3_000_000)))
    line = line_of(draw(st.sampled_from(ALL_EXAMPLES)))
    filler: bytes = draw(
        st.sampled_from((b', "x": "' + b"y" * length + b'"}', b', "x": ' + b"9" * length + b"}", b"}" * length))
    )
    return line[:-1] + filler


@st.composite
def lines_with_doubled_keys(draw: Draw) -> bytes:
    """A key that stands twice, with the same or another value, as it is or with an escape."""
    fact = draw(st.sampled_from(ALL_EXAMPLES))
    key = draw(st.sampled_from(sorted(fact)))
    same = json.dumps(fact[key])
    value = draw(st.sampled_from((same, '"f-1"', '"record-response"', "null", "1", '"2011-01-01T00:00:00Z"', "[]")))
    written = draw(st.sampled_from((key, f"\\u{ord(key[0]):04x}{key[1:]}")))
    return line_of(fact)[:-1] + f', "{written}": {value}}}'.encode()


def malformed_lines() -> st.SearchStrategy[bytes]:
    """Lines that must be refused as malformed, whatever the ledger already holds."""
    return st.one_of(
        truncated_lines(),
        lines_with_a_wrong_field(),
        lines_nested_deeply(),
        lines_with_bad_bytes(),
        very_long_lines(),
        lines_with_doubled_keys(),
        st.sampled_from(NOT_OBJECTS),
    )


@st.composite
def mutated_lines(draw: Draw) -> bytes:
    """A valid line with a few bytes changed, dropped, doubled or swapped. It may still be a fact."""
    line = bytearray(draw(valid_lines()))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(line) - 1)))
        how = draw(st.sampled_from(("flip", "drop", "double", "put")))
        if how == "flip" and line:
            line[place] ^= 1 << draw(st.integers(0, 7))
        if how == "drop":
            del line[place : place + draw(st.integers(1, 8))]
        if how == "double":
            line[place:place] = line[place : place + draw(st.integers(1, 20))]
        if how == "put":
            line[place:place] = draw(
                st.sampled_from((b'"', b"\\", b"\\u0000", b"\\ud83d", b"1e999", b"null", b"{", b"]"))
            )
    return bytes(line).replace(b"\n", b" ")


def broken_lines() -> st.SearchStrategy[bytes]:
    """Anything that may stand between two newlines of a facts file. Reading it must never crash."""
    return st.one_of(
        malformed_lines(),
        mutated_lines(),
        st.binary(max_size=60).map(lambda line: line.replace(b"\n", b"")),
        st.text(max_size=40).map(lambda line: line.replace("\n", "").encode("utf-8", "surrogatepass")),
    )


@st.composite
def broken_files(draw: Draw) -> bytes:
    """A file of a few valid and broken lines, with one kind of line end or another, or a byte order mark."""
    lines: list[bytes] = draw(st.lists(st.one_of(valid_lines(), broken_lines(), st.just(b"")), max_size=8))
    end: bytes = draw(st.sampled_from((b"\n", b"\n", b"\r\n")))
    mark: bytes = draw(st.sampled_from((b"", b"", b"\xef\xbb\xbf")))
    return mark + end.join(lines) + draw(st.sampled_from((b"", end)))  # type: ignore[no-any-return]
