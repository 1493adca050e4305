"""The ledger against the oracle that somebody wrote from the rules' text alone: every outcome, event and announcement;

scores and next changes as known at the end and before, and the offline verifier's own implementation beside both.
`tests/oracle/capability_from_text/test_histories.py` counts what the histories reach.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from ledger.errors import Refused
from ledger.programmes.capability.flips import NEVER, flip_after
from tests.ledger.programmes.capability.book import BOTH, Book, micros
from tests.ledger.programmes.capability.test_properties import NOW, check_by_the_verifier, told_score
from tests.oracle.capability.histories import AREA, history
from tests.oracle.capability_from_text.announcements import announcements
from tests.oracle.capability_from_text.form import is_well_formed
from tests.oracle.capability_from_text.histories import AREAS, MEMBERSHIPS, histories
from tests.oracle.capability_from_text.oracle import Oracle
from tests.oracle.capability_from_text.score import instants, score
from tests.oracle.survey.time import MICROSECOND, instant
from tests.support.real_book import some_folder
from tests.support.soak import scaled

IN_THE_STREAMS_NAME = ("membership", "area")
STATE = ("edition", "track", "month", "compared_with", "centipoints", "qualified", "metrics")


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
    random = Random(len(facts))
    book, oracle = Book(folder, NOW, random.choice([1 << 26, 2_000])), Oracle()
    reviewed, positions = random.random() < 0.5, [0]
    try:
        for number, fact in enumerate(facts):
            if reviewed and number % 13 == 12 and is_well_formed(fact):
                until = min(NOW, instant(fact["occurred_at"]) + random.choice([1, 30, 400]) * timedelta(days=1))
                book.writer.review(micros(until))
                oracle.review(until)
            if random.random() < 0.03:
                book.reopen()
            said, what = oracle.record(fact, NOW)
            status, code, position = told(book, fact)
            assert (status, code) == (said, what if said == "refused" else None), fact
            if said == "accepted":
                positions.append(position)
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
            check_scores(book, oracle, (membership, area), positions, random)
            check_by_the_verifier(book, membership, area)
    finally:
        book.close()


def check_scores(
    book: Book, oracle: Oracle, designation: tuple[str, str], positions: list[int], random: Random
) -> None:
    """Scores and next changes at a few instants where something may change, or a microsecond before, as known then or now.

    `positions` has, for each number of facts that may be known, the position of the last of them.
    """
    opened = next(
        (one.number for one in oracle.accepted
         if one.type == "open-designation" and (one.fact["membership"], one.fact["area"]) == designation), None,
    )  # fmt: skip
    if opened is None:
        return
    for _ in range(4):
        known = random.choice([len(oracle.accepted), random.randint(opened, len(oracle.accepted))])
        at = random.choice([*instants(oracle, *designation, known), NOW]) - random.choice([0, 1]) * MICROSECOND
        state, scorebook = book.state(*designation, positions[known]), book.scorebook(designation[1], positions[known])
        expected = score(oracle, *designation, at, known)
        assert told_score(state, scorebook, at) == {name: expected[name] for name in STATE}, (at, known)
        flip_us = flip_after(state, scorebook, micros(at), expected["qualified"])
        change = expected["next_change"]
        assert (None if flip_us == NEVER else flip_us) == (change and micros(instant(change["at"]))), (at, known)


@settings(max_examples=scaled(40), deadline=None, suppress_health_check=[*HealthCheck])
@given(histories())
def test_histories_that_the_text_suggests(facts: list[dict[str, Any]]) -> None:
    with some_folder() as folder:
        check(folder, facts, [(membership, area) for membership in MEMBERSHIPS for area in AREAS])


@pytest.mark.parametrize("seed", range(9_000, 9_025))
def test_histories_that_nearly_qualify(seed: int) -> None:
    with some_folder() as folder:
        check(folder, list(history(Random(seed), 40)), [("m-1", AREA)])
