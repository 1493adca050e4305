"""A decision looks at the instants that its own event vouches for, though the ledger's clock stands behind the book."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.instants import format_instant, parse_instant
from ledger.proof.capability.recheck import DesignationCheck
from ledger.proof.log.event import parse_event
from ledger.writing.writer import Writer
from tests.ledger.programmes.capability.book import BOTH
from tests.ledger.seal.designations import AREA, STREAM, decide, designation_facts, designation_verdict
from tests.ledger.seal.support import Ledger, sqlite_ledger

CLOSED = "2024-06-20T00:00:00Z"


class Clock:
    """Says what it is told to."""

    us = parse_instant(CLOSED)

    def __call__(self) -> int:
        return self.us


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    """All but the decision of the worked example: qualified from the close of May 2024 on."""
    with sqlite_ledger(tmp_path, []) as made:
        made.writer = Writer(made.store, clock, BOTH, rehearsal=True)
        clock.us = parse_instant("2024-06-20T00:04:00Z")
        made.record(designation_facts()[:-1])
        yield made
        made.writer.close()


def told(ledger: Ledger, at: str) -> tuple[str, str | None]:
    fact = {"id": f"decide-{at}", "membership": "m-1", "area": AREA, **decide(at)}
    (outcome,) = ledger.writer.record([BOTH.facts.from_object(fact)])
    return outcome.status, outcome.code


def test_an_honest_decision_under_a_clock_that_stepped_back_is_confirmed(ledger: Ledger, clock: Clock) -> None:
    """The clock stands before the close, recorded_at after it; the fact occurred between the two, as far as is tolerated."""
    clock.us = parse_instant("2024-06-19T23:59:59Z")
    assert told(ledger, "2024-06-20T00:00:01Z") == ("accepted", None)
    ledger.seal()
    report = designation_verdict(ledger)
    assert (report.verdict, report.difference) == ("confirmed", None)
    assert report.decision is not None
    assert report.decision["first_qualified_at"] == "2024-06-20T00:00:00.000000Z"
    assert (ledger.audit().verdict, ledger.audit().findings) == ("confirmed", [])


def test_what_lies_after_the_fact_is_not_looked_at(ledger: Ledger, clock: Clock) -> None:
    clock.us = parse_instant("2024-06-19T23:59:59Z")
    assert told(ledger, "2024-06-19T23:59:59.999999Z") == ("refused", "anniversary-not-due")
    assert told(ledger, "2024-06-20T00:05:00Z") == ("refused", "in-the-future")
    assert told(ledger, CLOSED) == ("accepted", None)


@pytest.mark.parametrize("behind_s", [0, 1, 60, 299])
@pytest.mark.parametrize("ahead_s", [-600, -1, 0, 1, 60, 300])
def test_ledger_and_verifier_agree_wherever_the_clock_stands(
    ledger: Ledger, clock: Clock, behind_s: int, ahead_s: int
) -> None:
    """The book was last recorded four minutes after the close; the decision occurs before, at or after the clock."""
    clock.us = parse_instant("2024-06-20T00:04:00Z") - behind_s * 1_000_000
    told(ledger, format_instant(clock.us + ahead_s * 1_000_000))
    check = DesignationCheck(STREAM)
    for row in ledger.store.read_feed(0, 1_000):
        if row.stream in (STREAM, f"scorebook/{AREA}"):
            check.take(parse_event(row.stored))
    assert check.finish() == []
