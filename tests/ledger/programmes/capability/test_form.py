"""The form of every field, spoilt in every way that we know, judged by the ledger and by the oracle of the text."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from ledger.errors import Refused
from tests.ledger.programmes.capability.book import BOTH
from tests.oracle.capability_from_text.form import is_well_formed
from tests.oracle.capability_from_text.story import fact
from tests.oracle.capability_from_text.test_refusals import WELL_FORMED

RATE = {"rate_milli": 1, "associations": ["pal"]}
SPOILT: list[Any] = [
    *(None, True, False, 0, 1, -1, 1.0, 1.5, [], {}, ["pal"], ["pal", "pal"], ["pal", "cpor"], ["x"]),
    *(1200, 1201, 10**7, 10**7 + 1, 10**12, 10**12 + 1, 2**53 + 1, 2**63, 2**64),
    *("", "x", "X y", " x", "x ", "-", "--", "1", "a" * 40, "a" * 41, "A", "a_b", "a.b", "c:d/e", "c+d=e~#f", "x@y"),
    *("\u00e9", "\u200b", "a\n", "c" * 64, "c" * 65, "cpor", "CPOR", "intermediate", "no-such"),
    *("1900-01", "1899-12", "9998-12", "9999-01", "2024-00", "2024-13", "2024-1", "2024-01-01", "20240101"),
    *(
        "2023-02-29",
        "2024-02-29",
        "0001-01-01",
        "0001-01-02",
        "1899-12-31",
        "1900-01-01",
        "9998-12-31",
        "9999-01-01",
        "9999-12-31",
        "2024-W01-1",
    ),
    *("2024-06-01T00:00:00Z", "2024-06-01 00:00:00z", "2024-06-01T00:00:00", "2024-06-01T23:59:60Z"),
    *("2024-06-01T00:00:00.1234567Z", "2024-06-01T00:00:00.1234560Z", "9999-12-31T23:59:59-01:00"),
    *("0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
    *({"enterprise": 1, "smb": 1}, {"enterprise": 1}, {"enterprise": 1, "smb": 1, "x": 1}),
    *(RATE, {"retail": RATE}, {"Retail": RATE}, {"": RATE}),
]
MISSING, MORE = object(), object()


def places(value: Any, way: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The way to every field of a fact, and to every figure within."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*way, key)
            yield from places(inner, (*way, key))


def spoilt(good: dict[str, Any], way: tuple[str, ...], value: Any) -> dict[str, Any]:
    found = deepcopy(good)
    place = found
    for key in way[:-1]:
        place = place[key]
    if value is MISSING:
        del place[way[-1]]
    elif value is MORE:
        place["more"] = 1
    else:
        place[way[-1]] = deepcopy(value)
    return found


def code(candidate: dict[str, Any]) -> str | None:
    """The code with which the ledger refuses the form, or None where it takes it."""
    try:
        BOTH.facts.from_object(candidate)
    except Refused as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize("number", range(len(WELL_FORMED)), ids=[good["type"] for good in WELL_FORMED])
def test_the_ledger_takes_the_form_that_the_text_allows_and_no_other(number: int) -> None:
    good = WELL_FORMED[number]
    for way in places(good):
        if way == ("type",):
            continue
        for value in (*SPOILT, MISSING, MORE):
            candidate = spoilt(good, way, value)
            expected = None if is_well_formed(candidate) else "malformed"
            assert code(deepcopy(candidate)) == expected, (way, value)


def test_a_month_is_written_in_ascii_digits() -> None:
    assert code(fact("close-month", "2024-07-01T00:00:00Z", month="\uff12\uff10\uff12\uff14-05")) == "malformed"
