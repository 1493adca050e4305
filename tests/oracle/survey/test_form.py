"""The oracle's reading of one line: strict JSON, instants to the microsecond, the program's own ids."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracle.survey.book import ACCEPTED, NOW, Book
from tests.oracle.survey.form import NotStrictError, content_of, is_well_formed, read_line
from tests.oracle.survey.time import instant, stamp

FACT: dict[str, Any] = {
    "type": "record-evaluation",
    "id": "x",
    "membership": "m-1",
    "occurred_at": "2010-06-15T10:22:33Z",
    "evaluation": "e-1",
}


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"record-evaluation","id":"x","id":"y"}',
        b'{"type":"record-evaluation","id":"x","id":"x"}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":[{"b":1,"b":2}]}',
        b'{"id":"x","\\u0069d":"y"}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1}{}',
        b'{"a":1},',
        b'{"a":"\xff"}',
        b"\xef\xbb\xbf{}",
        b"",
    ],
)
def test_a_line_that_is_no_strict_json_is_no_fact(line: bytes) -> None:
    with pytest.raises(NotStrictError):
        read_line(line)


def test_the_same_key_in_two_objects_is_not_doubled() -> None:
    assert read_line(b' {"a":[{"b":1},{"b":2}]}\t') == {"a": [{"b": 1}, {"b": 2}]}


@pytest.mark.parametrize(
    ("text", "to_the_microsecond"),
    [
        ("2010-06-15T10:22:33.1234560Z", "2010-06-15T10:22:33.123456Z"),
        ("2010-06-15T10:22:33.123456000000+00:00", "2010-06-15T10:22:33.123456Z"),
        ("2010-06-15T10:22:33.0000000Z", "2010-06-15T10:22:33.000000Z"),
        ("2010-06-15T10:22:33.1Z", "2010-06-15T10:22:33.100000Z"),
    ],
)
def test_zeros_after_the_sixth_digit_of_a_fraction_say_nothing(text: str, to_the_microsecond: str) -> None:
    assert is_well_formed({**FACT, "occurred_at": text})
    assert stamp(instant(text)) == to_the_microsecond
    assert content_of({**FACT, "occurred_at": text}) == content_of({**FACT, "occurred_at": to_the_microsecond})


@pytest.mark.parametrize("text", ["33.1234567", "33.12345600000001", "33.", "60", "60.0000000"])
def test_a_finer_fraction_or_a_leap_second_is_malformed(text: str) -> None:
    assert not is_well_formed({**FACT, "occurred_at": f"2010-06-15T10:22:{text}Z"})


@pytest.mark.parametrize("figure", [10.0, True, "10", None, 0])
def test_a_number_that_is_not_whole_is_malformed_where_a_whole_one_is_due(figure: Any) -> None:
    book = Book()
    assert book.publish("one", "2010-01-01T00:00:00Z", min_responses=figure) == ("refused", "malformed")


@pytest.mark.parametrize(
    ("fact_id", "said"),
    [
        ("csat-ledger:", ("refused", "reserved-id")),
        ("csat-ledger:edition:2009-11", ("refused", "reserved-id")),
        ("csat-ledger", ACCEPTED),
        ("csat-ledger-x:1", ACCEPTED),
        ("x csat-ledger:1", ACCEPTED),
    ],
)
def test_an_id_of_the_programs_own_is_refused_from_outside(fact_id: str, said: tuple[str, str | None]) -> None:
    assert Book().oracle.record({**FACT, "id": fact_id}, NOW) == said


def test_a_reserved_id_is_judged_after_the_form_and_before_the_rules() -> None:
    book = Book()
    fact = {**FACT, "id": "csat-ledger:x", "membership": "m-9"}
    assert book.oracle.record(fact, NOW) == ("refused", "reserved-id")
    assert book.oracle.record({**fact, "evaluation": 7}, NOW) == ("refused", "malformed")
