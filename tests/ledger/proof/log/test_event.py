"""The stored bytes of an event, read strictly: of a salt there is one form, and no event is without."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ledger.proof.log.errors import MalformedError
from ledger.proof.log.event import FIRST_PREV, parse_event
from tests.ledger.proof.book import canonical, stored_event

STORED = stored_event(
    "membership-m-1", 1, FIRST_PREV, type_="LocationAdded", occurred_at="2010-01-01T00:00:00.000000Z",
    data={"location": "x"},
)  # fmt: skip


def test_an_event_with_a_salt_is_read() -> None:
    assert parse_event(STORED).stream == "membership-m-1"


@pytest.mark.parametrize(
    "salt",
    [
        None, 7, "", "A" * 24, "A" * 22, "A" * 21 + "B==", "A" * 43 + "=", "A" * 20 + "-_==", " " + "A" * 21 + "==",
        "A" * 22 + "==\n",
    ],
    ids=repr,
)  # fmt: skip
def test_a_salt_that_is_not_16_bytes_in_canonical_base64_is_malformed(salt: Any) -> None:
    with pytest.raises(MalformedError, match="salt"):
        parse_event(canonical(json.loads(STORED) | {"salt": salt}))


def test_an_event_without_a_salt_is_malformed() -> None:
    event = json.loads(STORED)
    del event["salt"]
    with pytest.raises(MalformedError):
        parse_event(canonical(event))
