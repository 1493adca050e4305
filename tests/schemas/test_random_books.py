"""Whatever is told to the ledger, what it stores keeps to the released schemas."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from tests.oracle.capability_from_text import form as capability_form
from tests.oracle.capability_from_text.histories import histories as designations
from tests.oracle.survey.form import is_reserved, is_well_formed
from tests.oracle.survey.time import instant
from tests.support.histories import History, histories
from tests.support.real_book import RealBook, real_book
from tests.support.soak import scaled

SCHEMAS = Path(__file__).parents[2] / "schemas"
NOW = instant("2030-01-01T00:00:00Z")
"""After everything that a history of designations tells."""


@cache
def validator(kind: str, name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((SCHEMAS / kind / f"{name}.v1.json").read_bytes()))


def check_events(book: RealBook) -> None:
    for row in book.feed():
        validator("events", row.type).validate(json.loads(row.stored))


@settings(max_examples=scaled(25))
@given(histories(reviews=True, max_actions=20))
def test_every_event_of_a_random_history_keeps_to_its_schema(history: History) -> None:
    with real_book() as book:
        for fact, now in history:
            if fact is None:
                book.review(now)
                continue
            book.tell(fact, now)
            if is_well_formed(fact) and not is_reserved(fact["id"]):
                validator("facts", fact["type"]).validate(fact)
        check_events(book)


@settings(max_examples=scaled(25), deadline=None, suppress_health_check=[*HealthCheck])
@given(designations())
def test_every_event_of_random_designations_keeps_to_its_schema(facts: list[dict[str, Any]]) -> None:
    with real_book() as book:
        for fact in facts:
            book.tell(fact, NOW)
            assert validator("facts", fact["type"]).is_valid(fact) == capability_form.is_well_formed(fact), fact
        book.review(NOW)
        check_events(book)
