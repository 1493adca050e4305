"""Participation: the counts are those of a plain count over the facts that were accepted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest

from console.demo.survey import generate
from ledger.errors import Refused, UnknownMembership
from ledger.instants import parse_instant
from ledger.programmes.registry import fact_from_object
from projections.questions.participation import participation
from projections.survey.participation import COUNTERS
from projections.survey.participation_reader import By
from tests.support.real_book import Projected, as_json, projected, real_book

NOW = datetime(2016, 1, 1, tzinfo=UTC)

Key = Callable[[dict[str, Any]], str]


def month(fact: dict[str, Any]) -> str:
    return str(fact["occurred_at"][:7])


def quarter(fact: dict[str, Any]) -> str:
    year, number = month(fact).split("-")
    return (
        f"{year}-Q{ {'01': 1, '02': 1, '03': 1, '04': 2, '05': 2, '06': 2, '07': 3, '08': 3, '09': 3}.get(number, 4) }"
    )


def membership(fact: dict[str, Any]) -> str:
    return str(fact["membership"])


def brute_force(facts: list[dict[str, Any]], key: Key) -> dict[str, Counter[str]]:
    """A plain count, group by group."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    simple = {
        "record-consent": "consents",
        "withdraw-consent": "consents_withdrawn",
        "record-invitation": "invitations",
        "record-reminder": "reminders",
        "record-response": "responses",
        "void-response": "responses_voided",
        "choose-anonymity": "responses_anonymous",
        "record-evaluation": "evaluations",
    }
    for fact in facts:
        if fact["type"] not in simple:
            continue
        group = counts[key(fact)]
        group[simple[fact["type"]]] += 1
        if fact["type"] == "record-invitation" and fact["channel"] == "operator":
            group["invitations_by_operator"] += 1
        if fact["type"] == "record-response":
            group["responses_to_invitations"] += fact.get("invitation") is not None
            group["responses_anonymous"] += bool(fact.get("anonymous"))
    return dict(counts)


class Told:
    """A projected book, and the facts that it accepted."""

    def __init__(self, projections: Projected, facts: list[dict[str, Any]]) -> None:
        self.projections = projections
        self.facts = facts

    def ask(self, about: str | None, by: By) -> list[dict[str, Any]]:
        with self.projections.view() as opened:
            return as_json(participation(opened, about, by))


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    with real_book() as book, projected(book) as projections:
        contents, parsed = [], []
        for _, content in islice(generate(3, memberships=7), 2_200):
            try:
                parsed.append(fact_from_object(content))
            except Refused:
                continue
            contents.append(content)
        book.now_us = parse_instant("2016-01-01T00:00:00Z")
        outcomes = book.record(parsed)
        accepted = [one for one, outcome in zip(contents, outcomes, strict=True) if outcome.status == "accepted"]
        assert len(outcomes) - len(accepted) > 0, "duplicates and refused facts belong to it"
        projections.catch_up()
        yield Told(projections, accepted)


KEYS: dict[str, Key] = {"month": month, "quarter": quarter, "membership": membership}


@pytest.mark.parametrize("by", KEYS)
def test_sums_equal_a_plain_count_over_the_accepted_facts(told: Told, by: str) -> None:
    expected = brute_force(told.facts, KEYS[by])
    answers = told.ask(None, by)
    assert [answer[by] for answer in answers] == sorted(expected)
    for answer in answers:
        assert {name: answer[name] for name in COUNTERS} == {name: expected[answer[by]][name] for name in COUNTERS}


@pytest.mark.parametrize("by", KEYS)
def test_sums_of_one_membership_equal_a_plain_count_over_its_facts(told: Told, by: str) -> None:
    for name in {fact["membership"] for fact in told.facts}:
        expected = brute_force([fact for fact in told.facts if fact["membership"] == name], KEYS[by])
        answers = told.ask(name, by)
        assert [answer[by] for answer in answers] == sorted(expected)
        for answer in answers:
            assert {one: answer[one] for one in COUNTERS} == {one: expected[answer[by]][one] for one in COUNTERS}


def test_the_generated_facts_have_something_of_everything(told: Told) -> None:
    totals = sum(brute_force(told.facts, month).values(), Counter[str]())
    missing = {name for name in COUNTERS if not totals[name]}
    assert missing <= {"consents_withdrawn", "evaluations"}


def test_the_response_rate_is_invitations_answered_by_what_is_not_void_of_invitations_sent(told: Told) -> None:
    void = {fact["response"] for fact in told.facts if fact["type"] == "void-response"}
    answers = told.ask(None, "membership")
    assert answers
    for answer in answers:
        own = [fact for fact in told.facts if fact["membership"] == answer["membership"]]
        answered = {
            fact["invitation"]
            for fact in own
            if fact["type"] == "record-response" and fact.get("invitation") and fact["response"] not in void
        }
        assert answer["invitations_answered"] == len(answered)
        assert answer["response_rate"] == len(answered) / answer["invitations"] <= 1


def test_a_month_and_a_quarter_have_counts_and_no_rate(told: Told) -> None:
    assert all("response_rate" not in answer for by in ("month", "quarter") for answer in told.ask(None, by))


@pytest.mark.parametrize("by", ["membership", "quarter", "month"])
def test_an_unknown_membership_is_refused_instead_of_having_taken_no_part(told: Told, by: By) -> None:
    with pytest.raises(UnknownMembership):
        told.ask("nobody", by)


def test_anonymity_and_voiding_are_counted_in_the_month_in_which_they_happened_and_the_response_stays_counted() -> None:
    with real_book() as book, projected(book) as projections:
        facts: list[dict[str, Any]] = [
            {"type": "enrol-membership", "occurred_at": "2010-01-01T00:00:00Z", "name": "Contoso", "level": "gold"},
            response("r-1", "2010-03-31T23:59:59.999999Z"),
            response("r-2", "2010-03-31T23:59:59Z", anonymous=True),
            response("r-3", "2010-03-15T00:00:00Z"),
            {"type": "choose-anonymity", "occurred_at": "2010-04-01T00:00:00Z", "response": "r-1"},
            {"type": "void-response", "occurred_at": "2010-06-30T23:00:00-02:00", "response": "r-2", "reason": "test"},
        ]
        for number, fact in enumerate(facts):
            assert book.tell({"id": f"f-{number}", "membership": "m-1", **fact}, NOW) == ("accepted", None)
        projections.catch_up()
        with projections.view() as opened:
            by_month = {one["month"]: one for one in as_json(participation(opened, "m-1", "month"))}
            by_quarter = {one["quarter"]: one for one in as_json(participation(opened, None, "quarter"))}
    fields = ("responses", "responses_anonymous", "responses_voided")
    assert {name: tuple(one[f] for f in fields) for name, one in by_month.items()} == {
        "2010-03": (3, 1, 0),
        "2010-04": (0, 1, 0),
        "2010-07": (0, 0, 1),  # by UTC
    }
    assert {name: tuple(one[f] for f in fields) for name, one in by_quarter.items()} == {
        "2010-Q1": (3, 1, 0),
        "2010-Q2": (0, 1, 0),
        "2010-Q3": (0, 0, 1),
    }


def response(name: str, when: str, **fields: Any) -> dict[str, Any]:
    return {"type": "record-response", "occurred_at": when, "response": name, "customer_org": "Fabrikam", **fields}
