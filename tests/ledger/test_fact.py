"""What a malformed fact is told: what was found and what was expected, and no value that nobody knows."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from ledger.errors import Refused
from ledger.programmes.registry import parse_fact
from tests.console.support import enrolment

FIRST: dict[str, Any] = enrolment()[0]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"id": 7}, "id: found what is no text, expected text"),
        ({"id": "x" * 300}, "id: found more than 200 characters, expected 200 at most"),
        ({"id": ""}, "id: found fewer than 1 characters, expected 1 at least"),
        (
            {"membership": "m 🎉"},
            "membership: found a text of another form, expected one that matches ^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$",
        ),
        ({"level": "lead"}, "level: found another, expected 'gold', 'silver' or 'small-business'"),
        ({"locations": {}}, "locations: found no list, expected one"),
        ({"locations": ["l"] * 51}, "locations: found more than 50 in it, expected 50 at most"),
    ],
    ids=["number", "long", "empty", "form", "word", "list", "many"],
)
def test_a_member_that_is_malformed_is_told_what_was_found_and_what_was_expected(
    wrong: dict[str, Any], told: str
) -> None:
    with pytest.raises(Refused) as refused:
        parse_fact(orjson.dumps(FIRST | wrong))
    assert (refused.value.code, refused.value.sentence) == ("malformed", told)


def test_a_member_that_is_missing_is_named() -> None:
    with pytest.raises(Refused, match="name: found none, expected one"):
        parse_fact(orjson.dumps({key: value for key, value in FIRST.items() if key != "name"}))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("-1", "units: found less than 0, expected 0 at least"),
        (str(10**12 + 1), "units: found more than 1000000000000, expected 1000000000000 at most"),
        ("1.5", "units: found what is no whole number, expected one"),
        ("null", "units: found what is no whole number, expected one"),
    ],
    ids=["negative", "large", "part", "none"],
)
def test_a_figure_out_of_its_bounds_is_told_them(wrong: str, told: str) -> None:
    report = {
        "type": "report-usage",
        "id": "u",
        "membership": "m-1",
        "area": "a",
        "occurred_at": "2024-06-08T10:00:00Z",
    }
    figures = {"customer": "c", "workload": "w", "month": "2024-05", "units": 5, "association": "pal"}
    with pytest.raises(Refused) as refused:
        parse_fact(orjson.dumps(report | figures | {"units": "?"}).replace(b'"?"', wrong.encode()))
    assert (refused.value.code, refused.value.sentence) == ("malformed", told)


def test_a_fact_in_windows_1252_is_told_so_and_not_that_its_json_is_wrong() -> None:
    line = orjson.dumps(FIRST | {"name": "Muller"}).replace(b"Muller", "Müller".encode("cp1252"))
    with pytest.raises(Refused) as refused:
        parse_fact(line)
    byte = line.index(b"\xfc") + 1
    assert refused.value.sentence == (
        f"the fact: found what is no UTF-8 at byte {byte:,}, as in Windows-1252, expected JSON in UTF-8"
    )


def test_a_line_that_is_no_json_is_told_where() -> None:
    with pytest.raises(Refused, match=r"^malformed: the fact: found no JSON: trailing comma at line 1 column 8$"):
        parse_fact(b'{"a":1,}')


@pytest.mark.parametrize("line", [b"7", b"null", b"[]"])
def test_what_is_no_object_is_told_so(line: bytes) -> None:
    with pytest.raises(Refused, match="the fact: found no object, expected one"):
        parse_fact(line)
