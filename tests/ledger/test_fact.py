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
            "membership: found a text of another form, expected one that matches '^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$'",
        ),
        ({"level": "lead"}, "level: found another, expected 'gold', 'silver' or 'small-business'"),
        ({"locations": {}}, "locations: found no list, expected one"),
    ],
    ids=["number", "long", "empty", "form", "word", "list"],
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


@pytest.mark.parametrize("line", [b"7", b"null", b"[]"])
def test_what_is_no_object_is_told_so(line: bytes) -> None:
    with pytest.raises(Refused, match="the fact: found no object, expected one"):
        parse_fact(line)
