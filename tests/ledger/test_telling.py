"""What is told on of a message that was refused: nothing that would tie an answer to its invitation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ledger.errors import Refused
from ledger.programmes.registry import PROGRAMMES
from ledger.telling import as_told

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
    assert told(RESPONSE | {name: "inv-1"}) == RESPONSE | {"invitation": None}
    without_invitation = {key: value for key, value in RESPONSE.items() if key != "invitation"}
    assert told(without_invitation | {name: None}) == without_invitation


def test_a_member_of_its_type_that_holds_further_objects_is_null() -> None:
    assert told(RESPONSE | {"customer_org": {"of": "inv-1"}}) == RESPONSE | {"customer_org": None, "invitation": None}
    assert told(RESPONSE | {"customer_org": [["inv-1"]]}) == RESPONSE | {"customer_org": None, "invitation": None}


def test_a_field_that_is_written_otherwise_than_the_model_calls_it_is_told() -> None:
    about = {"type": "distinct-organisation", "id": "f", "membership": "m-1", "organisation": "a", "from": 7}
    assert told(about) == about
    assert told(about | {"from_": "b"}) == about


def test_a_message_of_no_known_type_is_not_told() -> None:
    assert told(RESPONSE | {"type": "record-poem"}) is None
