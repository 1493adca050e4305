"""Whatever is told to the ledger of either programme, what it stores keeps to the released schemas."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from jsonschema import Draft202012Validator

from tests.oracle.capability_from_text.histories import histories as capability_histories
from tests.oracle.survey.form import is_reserved
from tests.support.books_of_both import NOW
from tests.support.capability_examples import is_well_formed
from tests.support.histories import History, histories
from tests.support.real_book import RealBook, real_book
from tests.support.soak import scaled

SCHEMAS = Path(__file__).parents[2] / "schemas"


@cache
def validator(kind: str, name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((SCHEMAS / kind / f"{name}.v1.json").read_bytes()))


def check_fact(fact: Any) -> None:
    if is_well_formed(fact) and not is_reserved(fact["id"]):
        validator("facts", fact["type"]).validate(fact)


def check_events(book: RealBook) -> None:
    for row in book.feed():
        validator("events", row.type).validate(json.loads(row.stored))


@settings(max_examples=scaled(25))
@given(histories(reviews=True, max_actions=20))
def test_every_event_of_a_random_history_of_the_survey_keeps_to_its_schema(history: History) -> None:
    with real_book() as book:
        for fact, now in history:
            if fact is None:
                book.review(now)
                continue
            book.tell(fact, now)
            check_fact(fact)
        check_events(book)


@settings(max_examples=scaled(25))
@given(capability_histories())
def test_every_event_of_a_random_history_of_designations_keeps_to_its_schema(history: list[dict[str, Any]]) -> None:
    with real_book() as book:
        for fact in history:
            book.tell(fact, NOW)
            check_fact(fact)
        book.review(NOW)
        check_events(book)
