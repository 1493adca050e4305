"""What is told on of a message that was refused: nothing that would tie an answer to its invitation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ledger.errors import Refused
from ledger.programmes.registry import PROGRAMMES
from ledger.telling import as_told, key_as_told

RESPONSE: dict[str, Any] = {
    "type": "record-response",
    "id": "f-1",
    "membership": "m-1",
    "occurred_at": "2010-03-01T00:00:00Z",
    "response": "r-1",
    "customer_org": "Harbour Works",
    "invitation": "inv-1",
}


def told(message: dict[str, Any]) -> Any:
    with pytest.raises(Refused):
        PROGRAMMES.facts.parse(json.dumps(message))
    left = as_told(json.dumps(message).encode(), PROGRAMMES.facts, None)
    return None if left is None else json.loads(left)


@pytest.mark.parametrize("name", ["inv-1", "the invitation inv-1", "inv-1\n", "Invitation"])
def test_a_member_that_its_type_does_not_have_is_left_out_with_its_name(name: str) -> None:
    assert told(RESPONSE | {name: "inv-1"}) == RESPONSE | {"customer_org": None, "invitation": None}
    without_invitation = {key: value for key, value in RESPONSE.items() if key != "invitation"}
    assert told(without_invitation | {name: None}) == without_invitation | {"customer_org": None}


def test_a_member_of_its_type_that_holds_further_objects_is_null() -> None:
    assert told(RESPONSE | {"customer_org": {"of": "inv-1"}}) == RESPONSE | {"customer_org": None, "invitation": None}
    assert told(RESPONSE | {"customer_org": [["inv-1"]]}) == RESPONSE | {"customer_org": None, "invitation": None}


def test_a_field_that_is_written_otherwise_than_the_model_calls_it_is_told() -> None:
    about = {"type": "distinct-organisation", "id": "f", "membership": "m-1", "organisation": "a", "from": 7}
    assert told(about) == about
    assert told(about | {"from_": "b"}) == about


def test_a_message_of_no_known_type_is_not_told() -> None:
    assert told(RESPONSE | {"type": "record-poem"}) is None


@pytest.mark.parametrize(
    "spoilt",
    [
        {"id": "Jo Example"},
        {"id": "jo@example.org"},
        {"membership": "Jo Example"},
        {"response": "+491701234567"},
        {"response": "01701234567"},
        {"response": "the one of Jo Example"},
        {"customer_org": "Jo Example, 192.0.2.17"},
        {"occurred_at": "when Jo Example was here"},
        {"actor": ["Jo Example", "r-1"]},
    ],
)
def test_of_a_malformed_message_no_text_is_told_that_could_be_a_persons(spoilt: dict[str, Any]) -> None:
    left = told({**RESPONSE, "anonymous": 7, **spoilt})
    (name,) = spoilt
    assert left[name] in (None, [None, "r-1"])
    assert left["type"] == "record-response"


def test_a_message_that_says_nothing_of_anybody_is_told_to_the_byte() -> None:
    line = b'{"type": "record-evaluation",  "id":"f-1", "membership":"m-1", "occurred_at":"2010", "evaluation":"e-1"}'
    assert as_told(line, PROGRAMMES.facts, None) == line


@pytest.mark.parametrize(
    ("key", "left"),
    [
        (b"m-1", b"m-1"),
        (b"", b""),
        (b"jo@example.org", b""),
        (b"Jo Example", b""),
        (b"+49 170 1234567", b""),
        (b"\xff", b""),
    ],
)
def test_the_key_of_a_message_is_told_unless_it_could_be_a_persons(key: bytes, left: bytes) -> None:
    assert key_as_told(key) == left


def test_what_a_key_said_that_stands_there_twice_is_not_told() -> None:
    line = b'{"type":"record-evaluation","id":"jo@example.org","id":"f-1","membership":"m-1","evaluation":"e-1"}'
    left = as_told(line, PROGRAMMES.facts, None)
    assert left is not None
    assert b"example.org" not in left
    assert json.loads(left)["id"] == "f-1"
    nested = b'{"type":"publish-scorebook","id":"f-1","rates":{"jo@example.org":1,"jo@example.org":2}}'
    assert b"example.org" not in (as_told(nested, PROGRAMMES.facts, None) or b"")
