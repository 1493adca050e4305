"""The sample programme: the same for a seed, of the size asked for, and with all that the ledger must cope with.

What the ledger would refuse is worked out here by a small book of its own, so that these tests lean on no writer.
"""

from __future__ import annotations

import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import orjson
import pytest

from console.demo.survey import DEMO_MEMBERSHIPS, DEMO_PICKS, END, Fact, generate, picks, scale
from console.demo.survey.refused import KINDS
from ledger.errors import Refused
from ledger.instants import DAY_US, midnight_us, parse_instant
from ledger.programmes.registry import fact_from_object

GIVEN, WITHDRAWN = "record-consent", "withdraw-consent"


class Book:
    """What was accepted, kept as plainly as can be; `take` says what becomes of a fact."""

    def __init__(self) -> None:
        self.ids: dict[str, Fact] = {}
        self.locations: dict[str, list[str]] = {}
        self.consents: dict[tuple[str, str, str], list[tuple[str, str]]] = defaultdict(list)
        self.invitations: dict[str, Fact] = {}
        self.reminded: set[str] = set()
        self.answered: dict[str, list[str]] = defaultdict(list)
        self.responses: dict[str, Fact] = {}
        self.void: dict[str, str] = {}
        self.anonymous: set[str] = set()
        self.evaluations: set[str] = set()
        self.accepted: list[Fact] = []

    def take(self, fact: Fact) -> str:
        try:
            fact_from_object(fact)
        except Refused as refused:
            return refused.code
        if fact["id"] in self.ids:
            return "duplicate" if self.ids[fact["id"]] == fact else "id-reused"
        if fact["type"] != "enrol-membership" and fact["membership"] not in self.locations:
            return "unknown-membership"
        code = getattr(self, fact["type"].replace("-", "_"))(fact)
        if code:
            return str(code)
        self.ids[fact["id"]] = fact
        self.accepted.append(fact)
        return "accepted"

    def enrol_membership(self, fact: Fact) -> str | None:
        if fact["membership"] in self.locations:
            return "already-enrolled"
        self.locations[fact["membership"]] = list(fact["locations"])
        return None

    def update_membership(self, fact: Fact) -> None: ...

    def set_renewal_date(self, fact: Fact) -> None: ...

    def add_location(self, fact: Fact) -> str | None:
        if fact["location"] in self.locations[fact["membership"]]:
            return "location-exists"
        self.locations[fact["membership"]].append(fact["location"])
        return None

    def record_consent(self, fact: Fact) -> None:
        self.consents[fact["membership"], fact["subject"], fact["customer_org"]].append(
            (fact["occurred_at"], fact["type"])
        )

    withdraw_consent = record_consent

    def _consent_missing(self, invitation: Fact, at: str) -> bool:
        known = self.consents[invitation["membership"], invitation["subject"], invitation["customer_org"]]
        return max(((when, what) for when, what in known if when <= at), default=("", WITHDRAWN))[1] != GIVEN

    def _place(self, fact: Fact) -> str | None:
        known = self.locations[fact["membership"]]
        if "location" not in fact:
            return "location-needed" if len(known) > 1 else None
        return None if fact["location"] in known else "unknown-location"

    def record_invitation(self, fact: Fact) -> str | None:
        code = self._place(fact)
        if code:
            return code
        if self._consent_missing(fact, fact["occurred_at"]):
            return "consent-missing"
        if fact["invitation"] in self.invitations:
            return "invitation-exists"
        self.invitations[fact["invitation"]] = fact
        return None

    def record_reminder(self, fact: Fact) -> str | None:
        reference = fact["invitation"]
        if reference not in self.invitations:
            return "unknown-invitation"
        if self._consent_missing(self.invitations[reference], fact["occurred_at"]):
            return "consent-missing"
        if self.invitations[reference]["channel"] != "operator":
            return "reminder-not-operator"
        if reference in self.reminded:
            return "already-reminded"
        if any(self.responses[answer]["occurred_at"] <= fact["occurred_at"] for answer in self._answers(reference)):
            return "already-answered"
        self.reminded.add(reference)
        return None

    def _answers(self, reference: str) -> Iterator[str]:
        return (answer for answer in self.answered[reference] if answer not in self.void)

    def record_response(self, fact: Fact) -> str | None:
        code, reference = self._place(fact), fact.get("invitation")
        if code:
            return code
        if reference is not None:
            if reference not in self.invitations:
                return "unknown-invitation"
            if any(self._answers(reference)):
                return "already-answered"
            if self.invitations[reference]["customer_org"] != fact["customer_org"]:
                return "org-mismatch"
        if fact["response"] in self.responses:
            return "response-exists"
        self.responses[fact["response"]] = fact
        if reference is not None:
            self.answered[reference].append(fact["response"])
        if fact.get("anonymous"):
            self.anonymous.add(fact["response"])
        return None

    def choose_anonymity(self, fact: Fact) -> str | None:
        if fact["response"] not in self.responses:
            return "unknown-response"
        if fact["response"] in self.anonymous:
            return "already-anonymous"
        self.anonymous.add(fact["response"])
        return None

    def void_response(self, fact: Fact) -> str | None:
        if fact["response"] not in self.responses:
            return "unknown-response"
        if fact["response"] in self.void:
            return "already-void"
        self.void[fact["response"]] = fact["reason"]
        return None

    def record_evaluation(self, fact: Fact) -> str | None:
        if fact["evaluation"] in self.evaluations:
            return "evaluation-exists"
        self.evaluations.add(fact["evaluation"])
        return None


class Sample:
    """One run of the generator, and what a ledger would have made of it."""

    def __init__(self, arrivals: Iterable[tuple[int, Fact]]) -> None:
        self.arrivals = list(arrivals)
        self.book = Book()
        self.outcomes = Counter(self.book.take(fact) for _, fact in self.arrivals)
        self.accepted = self.book.accepted
        self.kinds = Counter(fact["type"] for fact in self.accepted)
        self.valid: dict[str, list[Fact]] = defaultdict(list)
        for reference, fact in self.book.responses.items():
            if reference not in self.book.void:
                self.valid[fact["membership"]].append(fact)

    def received(self, membership: str, renewal: str) -> list[Counter[str]]:
        """Responses in the year before a renewal, by organisation, for each location."""
        year_before = f"{int(renewal[:4]) - 1}{renewal[4:]}"
        by_location: dict[str, Counter[str]] = defaultdict(Counter)
        for fact in self.valid[membership]:
            if year_before <= fact["occurred_at"] < renewal:
                by_location[fact.get("location", "")][fact["customer_org"]] += 1
        return list(by_location.values())


def applied(by_org: Counter[str]) -> int:
    return sum(min(8, received) for received in by_org.values())


def is_met(by_org: Counter[str]) -> bool:
    return applied(by_org) >= 10 and len(by_org) >= 2


def digest(facts: Iterable[Any]) -> str:
    hashed = sha256()
    for fact in facts:
        hashed.update(orjson.dumps(fact))
    return hashed.hexdigest()


@pytest.fixture(scope="module")
def sample() -> Sample:
    return Sample(generate(1))


def test_same_seed_gives_same_bytes() -> None:
    first = digest(generate(7, 40, start=date(2011, 1, 1), end=date(2013, 12, 31)))
    assert first == digest(generate(7, 40, start=date(2011, 1, 1), end=date(2013, 12, 31)))
    assert first == "ee1212a59f6ab1db992472bca232aef8d64fab9802003c04e0464b7cf322f7ac"
    assert first != digest(generate(8, 40, start=date(2011, 1, 1), end=date(2013, 12, 31)))


def test_same_seed_gives_same_benchmark_bytes() -> None:
    first = digest(scale(7, 5_000))
    assert first == digest(scale(7, 5_000))
    assert first == "a02108bf08454efaf2340c555de6ac2dfd5d609a91a20199f985b68ec0c76924"
    assert first != digest(scale(8, 5_000))


def test_demo_has_at_least_fifty_thousand_facts_of_a_few_hundred_memberships(sample: Sample) -> None:
    assert len(sample.arrivals) >= 50_000
    assert len(sample.book.locations) == DEMO_MEMBERSHIPS >= 200


@pytest.mark.parametrize(("memberships", "facts"), [(60, 10_000), (60, 30_000), (120, 40_000)])
def test_as_many_facts_come_as_were_asked_for(memberships: int, facts: int) -> None:
    assert sum(1 for _ in generate(3, memberships, facts)) == pytest.approx(facts, rel=1 / 7)


def test_facts_come_in_order_of_arrival_and_never_before_they_occurred(sample: Sample) -> None:
    previous_us = 0
    for arrival_us, fact in sample.arrivals:
        assert arrival_us >= previous_us
        assert arrival_us < midnight_us(END) + DAY_US
        if fact.get("evaluation") != "e-broken":
            assert parse_instant(fact["occurred_at"]) <= arrival_us, fact
        previous_us = arrival_us


def test_every_kind_of_fact_comes_in_both_editions(sample: Sample) -> None:
    kinds = {
        "enrol-membership", "update-membership", "add-location", "set-renewal-date", "record-consent",
        "withdraw-consent", "record-invitation", "record-reminder", "record-response", "choose-anonymity",
        "void-response", "record-evaluation",
    }  # fmt: skip
    for later in (False, True):
        found = {fact["type"] for fact in sample.accepted if (fact["occurred_at"] >= "2013-04-01") == later}
        assert found == kinds


def test_refused_are_just_the_wrong_facts_and_they_are_few(sample: Sample) -> None:
    refused = {code: count for code, count in sample.outcomes.items() if code not in ("accepted", "duplicate")}
    assert set(refused) == set(KINDS)
    assert sum(refused.values()) < len(sample.arrivals) / 200
    for kind, count in refused.items():  # they are dealt out in turn, so one that was accepted by mistake would show
        assert abs(count - max(refused.values())) <= 1, kind


def test_some_facts_are_sent_twice(sample: Sample) -> None:
    assert 100 < sample.outcomes["duplicate"] < len(sample.arrivals) / 100


def test_some_facts_come_weeks_late_and_many_slightly_out_of_order(sample: Sample) -> None:
    lateness_us = Counter[int]()
    out_of_order, latest_us = 0, 0
    for arrival_us, fact in sample.arrivals:
        if fact.get("evaluation") != "e-broken":
            occurred_us = parse_instant(fact["occurred_at"])
            lateness_us[min((arrival_us - occurred_us) // DAY_US, 7)] += 1
            out_of_order += occurred_us < latest_us
            latest_us = max(latest_us, occurred_us)
    assert 0.02 < lateness_us[7] / lateness_us.total() < 0.1
    assert sum(lateness_us[days] for days in range(1, 7)) > 200
    assert 0.05 < out_of_order / len(sample.arrivals) < 0.5


def test_a_quarter_of_the_invitations_is_answered_on_either_channel(sample: Sample) -> None:
    book = sample.book
    for channel in ("operator", "partner"):
        invited = [reference for reference, fact in book.invitations.items() if fact["channel"] == channel]
        assert len(invited) > 5_000
        assert 0.2 < sum(1 for reference in invited if book.answered[reference]) / len(invited) < 0.3


def test_responses_come_by_open_link_anonymous_and_void_for_every_reason(sample: Sample) -> None:
    book = sample.book
    responses = len(book.responses)
    assert 0.05 < sum(1 for fact in book.responses.values() if "invitation" not in fact) / responses < 0.4
    assert 0.05 < len(book.anonymous) / responses < 0.25
    assert sample.kinds["choose-anonymity"] > 100
    assert set(book.void.values()) == {"test", "duplicate", "fraud", "withdrawn"}
    assert 0.01 < len(book.void) / responses < 0.06
    assert 0.2 < sample.kinds["record-reminder"] / sample.kinds["record-invitation"] < 0.7


def test_memberships_differ_in_level_competency_and_locations(sample: Sample) -> None:
    enrolled = [fact for fact in sample.accepted if fact["type"] == "enrol-membership"]
    assert {fact["level"] for fact in enrolled} == {"gold", "silver", "small-business"}
    assert sum("Learning" in fact["competencies"] for fact in enrolled) > 5
    assert sum(len(fact["locations"]) > 1 for fact in enrolled) > 5
    changes = [fact for fact in sample.accepted if fact["type"] == "update-membership"]
    assert {"silver", "gold"} <= {fact.get("level") for fact in changes}
    assert any("competencies" in fact for fact in changes)
    assert len({fact["name"] for fact in enrolled}) == len(enrolled)


def test_renewal_dates_are_set_in_advance_a_year_apart(sample: Sample) -> None:
    dates: dict[str, list[str]] = defaultdict(list)
    for fact in sample.accepted:
        if fact["type"] == "set-renewal-date":
            assert fact["occurred_at"] < fact["renewal_date"]
            dates[fact["membership"]].append(fact["renewal_date"])
    assert max(map(len, dates.values())) >= 4
    for found in dates.values():
        assert [text[4:] for text in found] == [found[0][4:]] * len(found)
        assert len(set(found)) == len(found)


def test_renewals_are_met_comfortably_narrowly_by_a_second_organisation_or_not(sample: Sample) -> None:
    seen: Counter[str] = Counter()
    outcomes: dict[str, str] = defaultdict(str)
    for fact in sample.accepted:
        if fact["type"] != "set-renewal-date" or fact["renewal_date"] > END.isoformat():
            continue
        places = sample.received(fact["membership"], fact["renewal_date"]) or [Counter()]
        best = max(places, key=lambda by_org: (is_met(by_org), applied(by_org)))
        met, counted = is_met(best), applied(best)
        seen["comfortable"] += counted >= 15
        seen["just met"] += met and counted <= 11
        seen["just missed"] += counted in (8, 9)
        seen["cap bites"] += counted < best.total()
        seen["missed by the cap"] += not met and best.total() >= 10
        seen["met by the second organisation"] += met and max(best.values(), default=0) >= 8 and counted <= 12
        seen["one location of several"] += met and len(places) > 1
        seen["far off"] += counted < 5
        outcomes[fact["membership"]] += "x" if met else "-"
    seen["lapses and recovers"] = sum("x-x" in found or "-x-" in found for found in outcomes.values())
    assert all(seen[name] >= 5 for name in seen), seen
    assert len(seen) == 9


def test_learning_memberships_have_evaluations_enough_and_too_few(sample: Sample) -> None:
    by_year: Counter[tuple[str, str]] = Counter()
    for fact in sample.accepted:
        if fact["type"] == "record-evaluation":
            by_year[fact["membership"], fact["occurred_at"][:4]] += 1
    assert max(by_year.values()) >= 10
    assert min(by_year.values()) < 10


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_picks_come_out_as_written_whatever_the_seed(seed: int) -> None:
    end = END if seed == 1 else END - timedelta(days=100 * seed)
    found = Sample(generate(seed, 12, end=end))
    assert [pick.outcome for pick in picks(end)] == ["met", "not-met"]
    for pick in picks(end):
        renewal = pick.renewal_date.isoformat()
        assert pick.renewal_date < end
        assert any(
            fact["type"] == "set-renewal-date"
            and fact["membership"] == pick.membership
            and fact["renewal_date"] == renewal
            for fact in found.accepted
        )
        places = found.received(pick.membership, renewal)
        assert max(map(applied, places)) == pick.counted
        assert any(map(is_met, places)) == (pick.outcome == "met")
        assert any(by_org.total() > applied(by_org) for by_org in places)


def test_demo_picks_are_those_of_the_default_end() -> None:
    assert picks(END) == DEMO_PICKS


def test_too_short_a_time_or_too_few_memberships_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at least 550"):
        generate(1, 10, start=date(2014, 1, 1))
    with pytest.raises(ValueError, match="expected at least 2"):
        generate(1, 1)


@pytest.mark.parametrize("facts", [0, 1, 100, 20_000])
def test_benchmark_facts_are_exactly_as_many_all_valid_and_in_order(facts: int) -> None:
    book, previous, memberships, total = Book(), "", set(), 0
    for fact in scale(5, facts):
        assert book.take(fact) == "accepted", fact
        assert fact["occurred_at"] >= previous
        previous = fact["occurred_at"]
        memberships.add(fact["membership"])
        total += 1
    assert total == facts
    if facts >= 1_000:
        assert 150 < facts / len(memberships) < 190
        answered = sum(1 for answers in book.answered.values() if answers)
        assert 0.2 < answered / len(book.invitations) < 0.3
        assert book.void
        assert sum(1 for fact in book.accepted if fact["type"] == "choose-anonymity")


def test_benchmark_facts_take_no_memory() -> None:
    next(scale(1, 200_000))
    tracemalloc.start()
    try:
        for _ in scale(1, 40_000):
            pass
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
