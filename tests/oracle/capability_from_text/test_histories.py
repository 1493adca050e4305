"""The histories reach what they are for: every refusal, cause, outcome and turn that the rules have.

Two kinds are counted together: those that the text suggests (hypothesis), and those that nearly qualify (seeded). What a
property test says of them is worth what is counted here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.oracle.capability.histories import LAST, history
from tests.oracle.capability_from_text.announcements import announcements
from tests.oracle.capability_from_text.calendar import a_year_before
from tests.oracle.capability_from_text.decisions import window_of
from tests.oracle.capability_from_text.histories import histories
from tests.oracle.capability_from_text.oracle import Oracle
from tests.oracle.capability_from_text.score import instants, last_month, state
from tests.oracle.survey.time import MICROSECOND, instant

NOW = LAST + timedelta(days=1)
CODES = {
    *("malformed", "id-reused", "in-the-future", "unknown-area", "unknown-designation", "already-open"),
    *("month-not-over", "unknown-workload", "month-already-closed", "month-not-closed", "certificate-exists"),
    *("unknown-certificate", "scorebook-exists", "anniversary-not-set", "anniversary-not-due"),
    "designation-already-decided",
}
CAUSES = {
    *(("close", False), ("certificate", False), ("expiry", False), ("scorebook", False)),
    *(("report", True), ("close", True), ("certificate", True), ("scorebook", True)),
}
TURNS = {
    *("enterprise", "base not met", "negative growth", "no month closed", "before the first edition"),
    *("a zero metric keeps enough points from qualifying", "qualified", "a larger association replaces"),
    *("edition starts inside a window", "window of another length", "several editions", "two editions at one instant"),
    *("close moved back", "close moved on", "closed out of order", "closed at one instant"),
    *("restated after its close", "restated before its close", "restated a year after", "withdrawn"),
    *("certificate from a leap day", "certificate until a leap day", "ended on a leap day", "certificate withdrawn"),
    *("ended after its own end", "ended twice", "one person twice", "a flip at a month's end", "a flip on a leap day"),
    *("a flip replaced by none", "revises the whole past", "decided again", "decided within its window"),
}


def turns(oracle: Oracle, membership: str, area: str, announced: list[dict[str, Any]]) -> Iterator[str]:
    """What there is in the history of a designation, by the names above."""
    facts = oracle.facts_of(membership, area)
    yield from _of_closes(facts)
    yield from _of_reports(oracle, membership, area, facts)
    yield from _of_certificates(facts)
    editions = [instant(one["effective_from"]) for one in oracle.editions(area)]
    yield from ["several editions"] * (len(editions) > 2)
    yield from ["two editions at one instant"] * (len({*editions}) < len(editions))
    for one in facts:
        if one.type == "decide-designation":
            first, last = window_of(oracle, area, one.fact["anniversary"], one.number - 1)
            starts = [instant(edition["effective_from"]) for edition in oracle.editions(area, one.number - 1)]
            yield from ["edition starts inside a window"] * any(first < start <= last for start in starts)
            yield from ["window of another length"] * ((last - first).days not in range(180, 186))
            yield from ["decided within its window"] * (one.occurred_at < last)
            decided = oracle.decisions(membership, area, one.fact["anniversary"])
            yield from ["decided again"] * (len(decided) > 1)
    yield from _of_instants(oracle, membership, area)
    earliest = min((issue["effective_at"] for issue in announced), default=None)
    yield from ["revises the whole past"] * any(
        issue["revises"] and issue["effective_at"] == earliest for issue in announced[1:]
    )
    for issue in announced:
        at = instant(issue["effective_at"])
        yield from ["a flip replaced by none"] * (issue["qualified"] == issue["previous"])
        yield from ["a flip at a month's end"] * ((at.day, at.hour, at.microsecond) == (1, 0, 0))
        yield from ["a flip on a leap day"] * ((at.month, at.day) == (2, 29))


def _of_closes(facts: list[Any]) -> Iterator[str]:
    closed: dict[str, Any] = {}
    for one in facts:
        if one.type == "correct-close":
            moved = instant(one.fact["closed_at"])
            yield "close moved back" if moved < closed[one.fact["month"]] else "close moved on"
            closed[one.fact["month"]] = moved
        if one.type == "close-month":
            yield from ["closed out of order"] * any(month > one.fact["month"] for month in closed)
            yield from ["closed at one instant"] * (one.occurred_at in closed.values())
            closed[one.fact["month"]] = one.occurred_at


def _of_reports(oracle: Oracle, membership: str, area: str, facts: list[Any]) -> Iterator[str]:
    latest: dict[tuple[str, ...], int] = {}
    for one in facts:
        if one.type not in ("report-usage", "report-revenue"):
            continue
        fact = one.fact
        key = tuple(fact[name] for name in ("type", "customer", "workload", "month", "association"))
        amount = fact.get("units", fact.get("amount_cents"))
        closed = oracle.closes(membership, area, one.number - 1)
        if latest.get(key, amount) != amount:
            yield "restated after its close" if fact["month"] in closed else "restated before its close"
            yield from ["restated a year after"] * (fact["month"] in map(a_year_before, closed))
            yield from ["withdrawn"] * (amount == 0)
        others = [value for other, value in latest.items() if other[:4] == key[:4] and other != key]
        yield from ["a larger association replaces"] * any(0 < value < amount for value in others)
        latest[key] = amount


def _of_certificates(facts: list[Any]) -> Iterator[str]:
    known: dict[str, Any] = {}
    ended: Counter[str] = Counter()
    for one in facts:
        fact = one.fact
        if one.type == "record-certificate":
            yield from ["certificate from a leap day"] * fact["valid_from"].endswith("02-29")
            yield from ["certificate until a leap day"] * (fact.get("valid_until") or "").endswith("02-29")
            held = [(other["person"], other["tier"]) for other in known.values()]
            yield from ["one person twice"] * ((fact["person"], fact["tier"]) in held)
            known[fact["certificate"]] = fact
        if one.type == "end-certificate":
            certificate = known[fact["certificate"]]
            yield from ["ended on a leap day"] * fact["on"].endswith("02-29")
            yield from ["certificate withdrawn"] * (fact["on"] == certificate["valid_from"])
            yield from ["ended after its own end"] * (fact["on"] > (certificate.get("valid_until") or "9999"))
            yield from ["ended twice"] * (ended[fact["certificate"]] > 0)
            ended[fact["certificate"]] += 1


def _of_instants(oracle: Oracle, membership: str, area: str) -> Iterator[str]:
    for at in instants(oracle, membership, area):
        found = state(oracle, membership, area, at)
        if found["edition"] is None:
            yield from ["before the first edition"] * (last_month(oracle, membership, area, at) is not None)
            continue
        growth = found["metrics"]["usage-growth"]
        edition = oracle.edition(area, at)
        assert edition is not None
        enough = found["centipoints"] >= edition["min_centipoints"]
        yield from ["enterprise"] * (found["track"] == "enterprise")
        yield from ["qualified"] * found["qualified"]
        yield from ["a zero metric keeps enough points from qualifying"] * (enough and not found["qualified"])
        yield from ["no month closed"] * (found["month"] is None)
        percent = int(growth["percent"] or 0)
        yield from ["base not met"] * (growth["base_met"] is False and percent > 0)
        yield from ["negative growth"] * (percent < 0)


def count(facts: list[dict[str, Any]], found: Counter[Any]) -> None:
    oracle = Oracle()
    for number, fact in enumerate(facts):
        said, what = oracle.record(fact, NOW)
        found[said if said != "refused" else what] += 1
        if said == "accepted" and what[0][0] == "DesignationDecided":
            found["outcome", what[0][1]["outcome"]] += 1
            found["track", what[0][1]["track"]] += 1
        if len(facts) % 2 and number % 17 == 16:
            oracle.review(instant(fact["occurred_at"]) + timedelta(days=30) - MICROSECOND)
    for membership, area in oracle.designations():
        announced = announcements(oracle, membership, area)
        found.update(turns(oracle, membership, area, announced))
        for issue in announced:
            found["cause", issue["cause"], issue["revises"]] += 1
            found["announced track", issue["track"]] += 1


@pytest.mark.slow
def test_the_histories_reach_every_refusal_cause_outcome_and_turn() -> None:
    found: Counter[Any] = Counter()

    # The same draw in each run: another one may miss what is seldom.
    @settings(max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck])
    @given(histories())
    def collect(facts: list[dict[str, Any]]) -> None:
        count(facts, found)

    collect()
    for seed in range(40):
        count(list(history(Random(seed), 60)), found)
    print(*sorted(found.items(), key=str), sep="\n")
    wanted = {
        *CODES, *TURNS, "accepted", "duplicate",
        *(("cause", *cause) for cause in CAUSES),
        *(("outcome", outcome) for outcome in ("qualified", "not-qualified", "no-edition")),
        *((kind, track) for kind in ("track", "announced track") for track in ("smb", "enterprise")),
    }  # fmt: skip
    assert {one for one in wanted if not found[one]} == set()
    assert found["accepted"] > 0.5 * sum(found[one] for one in (*CODES, "accepted", "duplicate"))
