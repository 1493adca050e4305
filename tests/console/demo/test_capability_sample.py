"""The sample of the capability programme: the same for a seed, accepted but for the wrong facts, scored as promised.

What the scores should be is asked of the oracle that was written from the rules' text alone.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import groupby
from typing import Any

import orjson
import pytest

from console.demo.capability import AREA, DEMO_PARTNERS, END, KINDS, PICKS, RESTATEMENT, START, Pick, generate
from console.demo.capability.refused import MADE
from console.demo.survey import generate as generate_survey
from ledger.errors import Refused
from ledger.instants import DAY_US, midnight_us, parse_instant
from ledger.programmes.registry import fact_from_object
from tests.oracle.capability_from_text.book import Accepted, Book
from tests.oracle.capability_from_text.decisions import decided
from tests.oracle.capability_from_text.oracle import Oracle
from tests.oracle.capability_from_text.score import METRICS, flips, left_out, score, state
from tests.oracle.survey.time import instant
from tests.support.real_book import real_book

Fact = dict[str, Any]
NOW = instant("2025-01-01T00:00:00Z")
THORNBURY, FARROWDALE = PICKS


class Recorded:
    """The demo's facts in a book of the ledger's, and what became of each."""

    def __init__(self, arrivals: Sequence[tuple[int, Fact]]) -> None:
        self.outcomes: list[tuple[Fact, str]] = []  # accepted, duplicate, or the code of a refusal
        with real_book() as book:
            for _, of_day in groupby(arrivals, key=lambda arrival: arrival[0] // DAY_US):
                taken = []
                for book.now_us, fact in of_day:
                    try:
                        taken.append((fact, fact_from_object(fact)))
                    except Refused as refusal:
                        self.outcomes.append((fact, refusal.code))
                for (fact, _), outcome in zip(taken, book.record([one for _, one in taken]), strict=True):
                    self.outcomes.append((fact, outcome.code or outcome.status))
            book.now_us = midnight_us(END) + DAY_US
            book.writer.review()
            self.events: dict[str, list[tuple[str, Any]]] = defaultdict(list)
            for row in book.feed():
                self.events[row.stream].append((row.type, json.loads(row.stored)["data"]))
        self.codes = Counter(outcome for _, outcome in self.outcomes)
        self.accepted = [fact for fact, outcome in self.outcomes if outcome == "accepted"]

    def of(self, kind: str) -> Iterator[tuple[str, Any]]:
        """(stream, data) of all events of a type."""
        for stream, events in self.events.items():
            for found, data in events:
                if found == kind:
                    yield stream, data

    def oracle(self, membership: str) -> Book:
        """The oracle with what was accepted of one partner, and the editions."""
        return told([fact for fact in self.accepted if fact.get("membership") in (None, membership)])


def told(facts: Sequence[Fact]) -> Book:
    """An oracle that believes the facts, in their order."""
    book = Book()
    for number, fact in enumerate(facts, 1):
        occurred_at = instant(fact["occurred_at"])
        book.accepted.append(Accepted(number, occurred_at, occurred_at, fact))
    return book


def digest(arrivals: Sequence[tuple[int, Fact]]) -> str:
    hashed = sha256()
    for arrival in arrivals:
        hashed.update(orjson.dumps(arrival))
    return hashed.hexdigest()


@pytest.fixture(scope="module")
def arrivals() -> list[tuple[int, Fact]]:
    return list(generate(1))


@pytest.fixture(scope="module")
def recorded(arrivals: list[tuple[int, Fact]]) -> Recorded:
    return Recorded(arrivals)


@pytest.fixture(scope="module")
def thornbury() -> Oracle:
    return judged(THORNBURY)


@pytest.fixture(scope="module")
def farrowdale() -> Oracle:
    return judged(FARROWDALE)


def judged(pick: Pick) -> Oracle:
    """The oracle that judged all facts of one of the two, none of which may be refused."""
    oracle = Oracle()
    for _, fact in generate(2, 2):
        if fact.get("membership") in (None, pick.membership):
            assert oracle.record(fact, NOW)[0] == "accepted", fact
    return oracle


def known_by(oracle: Book, when: str) -> int:
    """How many facts had occurred before an instant; the scripted ones are known seconds later, in their order."""
    return len([one for one in oracle.accepted if one.occurred_at < instant(when)])


def points(oracle: Book, pick: Pick, at: str, known: int | None = None) -> dict[str, int]:
    found = state(oracle, pick.membership, AREA, instant(at), known)
    return {name: metric["centipoints"] for name, metric in found["metrics"].items()}


def test_same_seed_gives_same_bytes() -> None:
    first = digest(list(generate(7, 6)))
    assert first == digest(list(generate(7, 6)))
    assert first == "9c45369ef62903c48d0d3616bd1ef6959eca8e4cc94e80f07b4a0a21e03f559b"
    assert first != digest(list(generate(8, 6)))


def test_facts_come_in_order_of_arrival_within_three_years_and_never_before_they_occurred(
    arrivals: list[tuple[int, Fact]],
) -> None:
    previous_us = midnight_us(START)
    for arrival_us, fact in arrivals:
        assert previous_us <= arrival_us < midnight_us(END) + DAY_US
        assert parse_instant(fact["occurred_at"]) <= arrival_us, fact
        previous_us = arrival_us
    assert (END.year - START.year, END.month - START.month) == (2, 11)


def test_no_fact_has_an_id_of_the_survey_programme_and_some_partners_are_in_both(recorded: Recorded) -> None:
    survey = [fact for _, fact in generate_survey(1)]
    assert not {fact["id"] for fact in survey} & {fact["id"] for fact, _ in recorded.outcomes}
    enrolled = {fact["membership"]: fact["name"] for fact in reversed(survey) if fact["type"] == "enrol-membership"}
    opened = {fact["membership"]: fact["name"] for fact in recorded.accepted if fact["type"] == "open-designation"}
    both = enrolled.keys() & opened.keys()
    assert len(both) > 20
    assert all(enrolled[membership] == opened[membership] for membership in both)


def test_forty_partners_are_told_with_every_type_of_fact(recorded: Recorded) -> None:
    kinds = Counter(fact["type"] for fact in recorded.accepted)
    assert kinds["open-designation"] == DEMO_PARTNERS == 40
    assert set(kinds) == {
        "open-designation", "set-anniversary", "report-usage", "report-revenue", "close-month", "correct-close",
        "record-certificate", "end-certificate", "decide-designation", "publish-scorebook",
    }  # fmt: skip
    assert kinds["correct-close"] > 20
    assert kinds["end-certificate"] > 20
    assert 20_000 < len(recorded.accepted) < 45_000


def test_refused_are_just_the_wrong_facts_each_with_the_code_it_was_made_for(recorded: Recorded) -> None:
    refused = [(fact, code) for fact, code in recorded.outcomes if code not in ("accepted", "duplicate")]
    assert {code for _, code in refused} == set(KINDS)
    made = [code for fact, code in refused if code in MADE]
    assert made == [MADE[number % len(MADE)] for number in range(len(made))]
    twice = [fact for fact, code in refused if code not in MADE]
    assert {fact["type"] for fact in twice} == {"decide-designation"}
    assert len(refused) < len(recorded.outcomes) / 200


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_nothing_else_is_refused_whatever_the_seed(seed: int) -> None:
    found = Recorded(list(generate(seed, 7)))
    refused = [code for _, code in found.outcomes if code not in ("accepted", "duplicate")]
    assert set(refused) <= set(KINDS)
    made = [code for code in refused if code in MADE]
    assert made == [MADE[number % len(MADE)] for number in range(len(made))]
    assert len(made) > len(MADE)


def test_some_facts_are_sent_twice(recorded: Recorded) -> None:
    assert 50 < recorded.codes["duplicate"] < len(recorded.outcomes) / 100


def test_months_are_reported_before_they_are_closed_but_for_some_and_some_are_restated(recorded: Recorded) -> None:
    closed: set[tuple[str, str]] = set()
    seen: dict[tuple[Any, ...], int] = {}
    found = Counter[str]()
    for fact in recorded.accepted:
        if fact["type"] == "close-month":
            closed.add((fact["membership"], fact["month"]))
        if fact["type"] not in ("report-usage", "report-revenue"):
            continue
        late = (fact["membership"], fact["month"]) in closed
        key = tuple(fact[name] for name in ("type", "membership", "customer", "workload", "month", "association"))
        figure: int = fact["units" if fact["type"] == "report-usage" else "amount_cents"]
        found["restated" if key in seen else "late" if late else "in time"] += 1
        found["restated after the close"] += late and key in seen
        found["withdrawn"] += figure == 0
        seen[key] = figure
    assert found["in time"] > 0.9 * found.total()
    assert all(found[what] > 50 for what in ("late", "restated", "restated after the close", "withdrawn")), found


def test_closes_lie_about_the_20th_and_some_are_put_at_another_instant(recorded: Recorded) -> None:
    days = Counter(int(fact["occurred_at"][8:10]) for fact in recorded.accepted if fact["type"] == "close-month")
    assert days[20] > 0.9 * days.total()
    assert days[20] < days.total()
    assert all(20 <= day <= 26 for day in days)


def test_anniversaries_are_decided_with_every_outcome_on_either_track(recorded: Recorded) -> None:
    outcomes = Counter((data["outcome"], data["track"]) for _, data in recorded.of("DesignationDecided"))
    assert outcomes["qualified", "smb"] >= 10
    assert outcomes["qualified", "enterprise"] >= 3
    assert outcomes["not-qualified", "smb"] >= 10
    assert outcomes["no-edition", "smb"] >= 3
    early = [data for _, data in recorded.of("DesignationDecided") if data["window_to"] < "2023-06-13"]
    assert {data["outcome"] for data in early} == {"no-edition"}


def test_qualification_is_won_and_lost_by_closes_certificates_expiries_and_restatements(recorded: Recorded) -> None:
    causes = Counter((data["cause"], data["qualified"]) for _, data in recorded.of("DesignationChanged"))
    for cause in ("close", "report"):
        assert causes[cause, True] >= 2, causes
        assert causes[cause, False] >= 2, causes
    assert causes["expiry", False] >= 2, causes
    assert causes["certificate", True] >= 2, causes
    assert sum(data["revises"] for _, data in recorded.of("DesignationChanged")) >= 10


@pytest.mark.parametrize("place", [2, 3, 7, 11, 25, 30])
def test_the_oracle_decides_and_announces_what_the_ledger_did(recorded: Recorded, place: int) -> None:
    opened = [fact["membership"] for fact in recorded.accepted if fact["type"] == "open-designation"]
    membership = opened[place]
    oracle = recorded.oracle(membership)
    said = [data for stream, data in recorded.of("DesignationDecided") if stream == f"designation-{membership}/{AREA}"]
    asked = [one for one in oracle.accepted if one.type == "decide-designation"]
    assert said
    for data, one in zip(said, asked, strict=True):
        expected = decided(oracle, one.fact, one.occurred_at, one.number - 1)
        expected = {name: value for name, value in expected.items() if name not in ("membership", "area")}
        assert {name: value for name, value in data.items() if name != "revision"} == expected
    stands: list[tuple[str, bool]] = []
    for stream, data in recorded.of("DesignationChanged"):
        if stream == f"designation-{membership}/{AREA}":
            stands = [one for one in stands if one[0] < data["effective_at"]]
            if data["qualified"] != data["previous"]:
                stands.append((data["effective_at"], data["qualified"]))
    true = [(moment, holds) for moment, holds in flips(oracle, membership, AREA) if moment <= NOW]
    assert [(instant(moment), holds) for moment, holds in stands] == true


def test_reports_are_left_out_for_either_reason(recorded: Recorded) -> None:
    reasons = Counter[str]()
    for fact in recorded.accepted:
        if fact["type"] == "open-designation":
            oracle = recorded.oracle(fact["membership"])
            reasons.update(one["reason"] for one in left_out(oracle, fact["membership"], AREA, NOW))
    assert reasons["association"] >= 5
    assert reasons["smaller"] >= 5


def test_the_two_partners_are_the_same_whatever_the_seed() -> None:
    facts = [[fact for _, fact in generate(seed, 2) if fact.get("membership")] for seed in (1, 2)]
    assert facts[0] == facts[1]
    assert {fact["membership"] for fact in facts[0]} == {pick.membership for pick in PICKS}


def test_thornbury_has_the_74_points_of_the_worked_example(thornbury: Oracle) -> None:
    known = known_by(thornbury, RESTATEMENT.before)
    assert points(thornbury, THORNBURY, RESTATEMENT.closed_at, known) == {
        "net-adds": 900,
        "intermediate": 1200,
        "advanced": 1500,
        "usage-growth": 3000,
        "deployments": 800,
    }
    found = score(thornbury, THORNBURY.membership, AREA, instant(RESTATEMENT.closed_at), known)
    assert (found["centipoints"], found["qualified"], found["track"]) == (7400, True, "smb")
    assert found["month"] == RESTATEMENT.month
    growth = found["metrics"]["usage-growth"]
    assert (growth["mcv_milli"], growth["mcv_milli_year_before"]) == ("40000000", "25000000")
    assert growth["percent"] == "60"


def test_thornbury_loses_the_base_by_a_restatement_of_five_units_and_gets_it_back(thornbury: Oracle) -> None:
    membership, closed_at = THORNBURY.membership, instant(RESTATEMENT.closed_at)
    found = []
    for when in (RESTATEMENT.before, RESTATEMENT.restated, RESTATEMENT.corrected):
        seen = state(thornbury, membership, AREA, closed_at, known_by(thornbury, when))
        growth = seen["metrics"]["usage-growth"]
        found.append((seen["centipoints"], seen["qualified"], growth["base_met"], growth["mcv_milli_year_before"]))
    assert found == [
        (RESTATEMENT.centipoints, True, True, "25000000"),
        (RESTATEMENT.centipoints_restated, False, False, "24999000"),
        (RESTATEMENT.centipoints, True, True, "25000000"),
    ]
    restating = thornbury.accepted[known_by(thornbury, RESTATEMENT.before)].fact
    assert (restating["customer"], restating["month"], restating["units"]) == ("cust-6", "2023-05", 19_995)


def test_the_close_of_may_alone_qualifies_thornbury(thornbury: Oracle) -> None:
    membership = THORNBURY.membership
    june = instant("2024-07-20T06:00:00Z")
    assert flips(thornbury, membership, AREA) == [(instant(RESTATEMENT.closed_at), True), (june, False)]
    assert state(thornbury, membership, AREA, june)["metrics"]["deployments"]["centipoints"] == 0


@pytest.mark.parametrize("pick", PICKS, ids=[pick.membership for pick in PICKS])
def test_either_is_decided_as_promised(pick: Pick, thornbury: Oracle, farrowdale: Oracle) -> None:
    oracle = thornbury if pick is THORNBURY else farrowdale
    fact = {"membership": pick.membership, "area": AREA, "anniversary": pick.anniversary}
    assert pick.anniversary in oracle.anniversaries(pick.membership, AREA)
    found = decided(oracle, fact, NOW)
    assert found["outcome"] == pick.outcome
    assert found["best"]["centipoints"] == pick.centipoints
    if pick.outcome == "qualified":
        assert instant(found["first_qualified_at"]) == instant(RESTATEMENT.closed_at)


def test_farrowdale_has_85_points_and_a_metric_at_zero_in_all_of_its_window(farrowdale: Oracle) -> None:
    for month in ("05", "06", "07", "08", "09", "10"):
        at = f"2024-{month}-31T12:00:00Z" if month in ("05", "07", "08", "10") else f"2024-{month}-30T12:00:00Z"
        found = points(farrowdale, FARROWDALE, at)
        assert sum(found.values()) == FARROWDALE.centipoints
        assert [name for name in METRICS if not found[name]] == ["net-adds"]
    without = left_out(farrowdale, FARROWDALE.membership, AREA, instant("2024-10-31T00:00:00Z"))
    assert {(one["what"], one["association"], one["reason"]) for one in without} == {("revenue", "pal", "association")}
    assert len(without) == 6


def test_one_of_the_two_alone_is_no_programme() -> None:
    with pytest.raises(ValueError, match="expected at least 2"):
        generate(1, 1)
