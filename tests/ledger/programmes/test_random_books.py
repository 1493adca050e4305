"""Random books of both programmes: each is in them as its own oracle has it, which knows nothing of the other.

Afterwards the projections that were kept up are those of a rebuild, a new process goes on as if nothing had been, and the
audit, with the verifier's own rules, has nothing to object to.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings

from ledger.programmes.registry import PROGRAMMES
from tests.ledger.seal.support import Ledger
from tests.oracle.capability_from_text.announcements import announcements as designations_announced
from tests.oracle.survey.announcements import announcements as survey_announced
from tests.support.books_of_both import NOW, Step, Told, books_of_both
from tests.support.histories import ANSWERED_INVITATIONS
from tests.support.real_book import RealBook, projected, real_book
from tests.support.soak import scaled


def as_the_oracles(told: Told) -> Counter[str]:
    """Everything announced is what the oracles say; returns how much that is."""
    found: Counter[str] = Counter()
    for membership in told.survey.memberships():
        assert told.book.announced(membership) == survey_announced(told.survey, membership)
        found["survey"] += len(told.book.announced(membership))
    for membership, area in told.capability.designations():
        expected = [
            {key: value for key, value in one.items() if key != "by"}
            for one in designations_announced(told.capability, membership, area)
        ]
        assert announced(told.book, f"designation-{membership}/{area}") == expected
        found["capability"] += len(expected)
    return found


def announced(book: RealBook, stream: str) -> list[dict[str, Any]]:
    events = [PROGRAMMES.decode(row.stored) for row in book.store.read_stream(stream)]
    return [event.data for event in events if event.type == "DesignationChanged"]


ANSWERED_BEFORE_AND_AFTER = (*ANSWERED_INVITATIONS[:-1], *ANSWERED_INVITATIONS[:1] * 18, ANSWERED_INVITATIONS[-1])
"""With a new process between one answer and the other, which is at the 23rd step: it has the same link key."""


@pytest.mark.slow
@settings(max_examples=scaled(20))
@given(books_of_both())
@example([Step("survey", fact) for fact in ANSWERED_BEFORE_AND_AFTER])
def test_each_programme_is_in_the_book_as_its_own_oracle_has_it(steps: list[Step]) -> None:
    with real_book(cache_bytes_max=20_000) as book, projected(book) as projections:
        told = Told(book)
        for number, step in enumerate(steps):
            told.tell(step)
            if number % 11 == 10:
                projections.catch_up()
            if number % 23 == 22:
                book.writer.close()
                book.writer = book.new_writer()
        as_the_oracles(told)
        projections.catch_up()
        assert set(projections.runner.rebuild().values()) <= {0}
        ledger = Ledger(book.store, Path(book.path).parent / "log")
        ledger.seal()
        report = ledger.audit()
        assert (report.verdict, report.findings) == ("confirmed", [])


@pytest.mark.slow
def test_the_books_hold_announcements_of_both() -> None:
    found: Counter[str] = Counter()

    # The same draw in each run: another one of so few may miss what is counted.
    @settings(max_examples=25, derandomize=True, database=None)
    @given(books_of_both())
    def collect(steps: list[Step]) -> None:
        with real_book() as book:
            told = Told(book)
            for step in steps:
                told.tell(step)
            counted = as_the_oracles(told)
            found.update(counted)
            found["with both"] += counted["survey"] > 0 and counted["capability"] > 0
            found["reviews"] += len(told.survey.reviews)

    collect()
    print(dict(found))
    assert found["survey"] > 20
    assert found["capability"] > 10
    assert found["with both"] > 2
    assert found["reviews"] > 20


def test_an_id_is_taken_whatever_programme_its_fact_is_of() -> None:
    enrolled = {"type": "enrol-membership", "id": "one", "membership": "m-1", "name": "C", "level": "gold"}
    opened = {
        "type": "open-designation",
        "id": "one",
        "membership": "m-1",
        "name": "C",
        "area": "business-applications",
    }
    at = "2024-01-01T00:00:00Z"
    for first, second in ((enrolled, opened), (opened, enrolled)):
        with real_book() as book:
            told = Told(book)
            told.tell(Step("survey" if first is enrolled else "capability", first | {"occurred_at": at}))
            said = [book.tell(fact | {"occurred_at": at}, NOW) for fact in (second, first)]
            assert said == [("refused", "id-reused"), ("duplicate", None)]
