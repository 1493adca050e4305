"""A fact of the capability programme, spoilt in every way that we know: its schema turns away what the parser does."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from tests.ledger.programmes.capability.test_form import MISSING, MORE, SPOILT, code, places, spoilt
from tests.oracle.capability_from_text.test_refusals import WELL_FORMED
from tests.schemas.test_contracts import validator

BEYOND_A_SCHEMA = frozenset(("0001-01-01", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"))
"""What has the form, but is the calendar's first date, or leaves the calendar in UTC."""


def beyond(candidate: dict[str, Any], value: Any) -> bool:
    """Whether a schema cannot say it: the calendar's ends, the order of two dates, 1.0 for 1.

    A `$` of JSON Schema is the end; to Python's `re`, with which it is checked here, a newline may follow.
    """
    ends = candidate.get("valid_until")
    in_words = isinstance(value, str) and (value in BEYOND_A_SCHEMA or value.endswith("\n"))
    return in_words or type(value) is float or (isinstance(ends, str) and ends <= candidate.get("valid_from", ""))


@pytest.mark.parametrize("number", range(len(WELL_FORMED)), ids=[good["type"] for good in WELL_FORMED])
def test_schema_and_parser_agree_on_every_spoilt_field(number: int) -> None:
    good = WELL_FORMED[number]
    schema = validator("facts", f"{good['type']}.v1.json")
    schema.validate(good)
    judged = 0
    for way in places(good):
        for value in (*SPOILT, MISSING, MORE):
            candidate = spoilt(good, way, value)
            taken = code(deepcopy(candidate)) is None
            valid = schema.is_valid(json.loads(json.dumps(candidate)))
            judged += 1
            assert valid == taken or (valid and beyond(candidate, value)), (way, value, valid)
    assert judged > 100
