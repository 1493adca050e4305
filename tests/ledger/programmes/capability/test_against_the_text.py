"""The ledger against the oracle that somebody wrote from the rules' text alone: every outcome, event and announcement."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from ledger.errors import Refused
from tests.ledger.programmes.capability.book import BOTH, Book
from tests.ledger.programmes.capability.test_properties import NOW
from tests.oracle.capability.histories import AREA, history
from tests.oracle.capability_from_text.announcements import announcements
from tests.oracle.capability_from_text.histories import AREAS, MEMBERSHIPS, histories
from tests.oracle.capability_from_text.oracle import Oracle
from tests.support.real_book import some_folder
from tests.support.soak import scaled

IN_THE_STREAMS_NAME = ("membership", "area")


def told(book: Book, fact: Any) -> tuple[str, str | None, int]:
    try:
        (outcome,) = book.tell(fact)
    except Refused as refusal:
        return "refused", refusal.code, 0
    return outcome.status, outcome.code, outcome.position


def plain(data: dict[str, Any]) -> dict[str, Any]:
    """What is said, however missing fields and instants are written."""
    instants = {name for name, value in data.items() if isinstance(value, str) and value.endswith("Z") and "T" in value}
    return {
        name: value
        for name, value in data.items()
        if value is not None and name not in instants | {*IN_THE_STREAMS_NAME}
    }


def check(folder: Path, facts: list[dict[str, Any]], designations: list[tuple[str, str]]) -> None:
    book, oracle = Book(folder, NOW), Oracle()
    try:
        for fact in facts:
            said, what = oracle.record(fact, NOW)
            status, code, position = told(book, fact)
            assert (status, code) == (said, what if said == "refused" else None), fact
            if said == "accepted":
                (row,) = book.store.read_feed(position - 1, 1)
                event = BOTH.decode(row.stored)
                ((event_type, data),) = what
                assert (event.type, plain(event.data)) == (event_type, plain(data))
        for membership, area in designations:
            expected = [
                {name: value for name, value in one.items() if name != "by"}
                for one in announcements(oracle, membership, area)
            ]
            assert [event.data for event in book.events(membership, area, "DesignationChanged")] == expected
    finally:
        book.close()


@settings(max_examples=scaled(40), deadline=None, suppress_health_check=[*HealthCheck])
@given(histories())
def test_histories_that_the_text_suggests(facts: list[dict[str, Any]]) -> None:
    with some_folder() as folder:
        check(folder, facts, [(membership, area) for membership in MEMBERSHIPS for area in AREAS])


@pytest.mark.parametrize("seed", range(9_000, 9_025))
def test_histories_that_nearly_qualify(seed: int, tmp_path: Path) -> None:
    check(tmp_path, list(history(Random(seed), 40)), [("m-1", AREA)])
