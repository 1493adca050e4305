"""The counts of decisions are what counting the events by hand gives, at any instant, as known at any position."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from console.demo.capability import generate as generate_capability
from console.demo.survey import generate
from ledger.errors import Refused
from ledger.event import Event
from ledger.instants import parse_instant
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from projections.questions.decision_counts import DecisionCount, decision_counts
from tests.support.books_of_both import Step, Told, books_of_both
from tests.support.real_book import Projected, RealBook, projected, real_book
from tests.support.soak import scaled

NOW_US = parse_instant("2026-01-01T00:00:00Z")
DAYS = {"RenewalDecided": ("survey", "renewal_date"), "DesignationDecided": ("capability", "anniversary")}
Counts = Counter[tuple[str, str, str | None, str]]


def decide(facts: list[dict[str, Any]], turn: int) -> list[dict[str, Any]]:
    """A decision on each renewal date that some facts set, after all that occurred."""
    return [
        {
            "type": "decide-renewal", "id": f"decided-{turn}-{fact['id']}", "membership": fact["membership"],
            "renewal_date": fact["renewal_date"], "occurred_at": "2025-12-01T00:00:00Z",
        }
        for fact in facts
        if fact["type"] == "set-renewal-date"
    ]  # fmt: skip


def decided_in(book: RealBook) -> list[Event]:
    events = (PROGRAMMES.decode(row.stored, row.position) for row in book.feed())
    return [event for event in events if event.type in DAYS]


def counted_by_hand(decided: list[Event], at_us: int, known: int) -> Counts:
    newest: dict[tuple[str, str], Event] = {}
    for event in decided:
        if (event.position or 0) <= known and event.occurred_us <= at_us:
            newest[event.stream, event.data[DAYS[event.type][1]]] = event
    return Counter(
        (DAYS[one.type][0], f"{day[:4]}-Q{1 + (int(day[5:7]) - 1) // 3}", one.data["edition"], one.data["outcome"])
        for (_, day), one in newest.items()
    )


def as_counter(rows: list[DecisionCount]) -> Counts:
    return Counter({(row.programme, row.quarter, row.edition, row.outcome): row.decisions or 0 for row in rows})


def compare(projections: Projected, decided: list[Event], draw: Random, times: int) -> set[int]:
    """Holds the two against each other at instants and positions about decisions; returns the sums that were told."""
    end = projections.book.store.max_position()
    asked = [(NOW_US, end), (NOW_US, 0)]
    for _ in range(times if decided else 0):
        one, other = draw.choice(decided), draw.choice(decided)
        asked.append((one.occurred_us - draw.choice((0, 1)), (other.position or 0) - draw.choice((0, 1))))
    told = set()
    with projections.view() as opened:
        for at_us, known in asked:
            rows = decision_counts(opened, at_us, known)
            assert as_counter(rows) == counted_by_hand(decided, at_us, known)
            assert all(row.decisions for row in rows)
            told.add(sum(row.decisions or 0 for row in rows))
    return told


@settings(max_examples=scaled(20), deadline=None)
@given(books_of_both(), st.integers(0, 2**32 - 1))
def test_counts_are_those_of_the_events_of_whatever_book(steps: list[Step], seed: int) -> None:
    with real_book() as book, projected(book) as projections:
        told = Told(book)
        for step in steps:
            told.tell(step)
        projections.catch_up()
        compare(projections, decided_in(book), Random(seed), 8)


def test_counts_are_those_of_the_events_of_both_programmes() -> None:
    """Both generated programmes, in an order in which facts come late, so that decisions are taken again."""
    with real_book() as book, projected(book) as projections:
        book.now_us = NOW_US
        survey = [content for _, content in generate(5, memberships=4)]
        contents = [*survey[:700], *decide(survey, 1), *survey[700:], *decide(survey, 2)]
        contents += [
            content for number, (_, content) in enumerate(generate_capability(5, partners=4)) if number < 2_800
        ]
        taken = []
        for content in contents:
            try:
                taken.append(fact_from_object(content))
            except Refused:
                continue
        book.record(taken)
        projections.catch_up()
        decided = decided_in(book)
        assert {event.type for event in decided} == set(DAYS)
        assert "RenewalDecided" in {event.type for event in decided if event.data["revision"] > 1}
        assert len(compare(projections, decided, Random(7), 60)) > 10
        with projections.view() as opened:
            rows = decision_counts(opened)
        assert [row.programme for row in rows] == sorted((row.programme for row in rows), reverse=True)
