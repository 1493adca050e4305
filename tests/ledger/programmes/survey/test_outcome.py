"""The decision on a renewal: its limits, and what it costs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from ledger.event import EVENT_BYTES_MAX, FIRST_PREV, Event, encode_event, leaf_hash
from ledger.instants import SECOND_US, midnight_us, parse_date
from ledger.programmes.programme import follow
from ledger.programmes.survey.editions import SHIPPED_EDITIONS, Edition, Rulebook
from ledger.programmes.survey.outcome import LISTED_BYTES_MAX, LISTED_MAX, decide_renewal
from ledger.programmes.survey.programme import SURVEY
from ledger.programmes.survey.state import Membership
from tests.ledger.programmes.survey.story import NOW, Story, ten_responses
from tests.oracle.survey.time import stamp

RULEBOOK = Rulebook(SHIPPED_EDITIONS)
DAY_US = midnight_us(parse_date("2012-06-01"))
RENEWAL = "2013-01-01"


class Stream:
    """A membership's state, fed with events that no store has seen."""

    def __init__(self, locations: tuple[str, ...] = ("main",)) -> None:
        self.state = Membership()
        enrolment = {"name": "Contoso", "level": "gold", "competencies": [], "solution_areas": []}
        self.add("MembershipEnrolled", {**enrolment, "business_model": None, "locations": list(locations)})

    def add(self, event_type: str, data: Any, occurred_us: int = 0) -> None:
        seq = self.state.seq + 1
        event = Event("membership-m-1", seq, event_type, 1, occurred_us, DAY_US, f"f-{seq}", None, FIRST_PREV, data)
        follow(SURVEY, self.state, event, FIRST_PREV)

    def respond(self, count: int, organisations: int, void: bool = False, location: str = "main") -> None:
        """Responses a second apart, of several organisations in turn."""
        for place in range(count):
            reference = f"{location}-{self.state.seq}"
            received_us = DAY_US + place * SECOND_US
            self.add(
                "ResponseReceived",
                {
                    "response": reference,
                    "customer_org": f"org-{place % organisations}",
                    "location": location,
                    "answer_token": None,
                    "anonymous": False,
                },
                received_us,
            )
            if void:
                told = {"response": reference, "reason": "test", "location": location, "received_at": ""}
                self.add("ResponseVoided", {**told, "customer_org": f"org-{place % organisations}"})

    def decide(self) -> dict[str, Any]:
        return decide_renewal(self.state, RULEBOOK, RENEWAL)


def test_at_most_a_hundred_applied_are_listed_and_the_total_tells_how_many_there_are() -> None:
    stream = Stream()
    stream.respond(300, organisations=30)
    decision = stream.decide()
    assert (decision["counted"], decision["applied_total"], decision["left_out_total"]) == (240, 240, 60)
    assert (len(decision["applied"]), len(decision["left_out"])) == (LISTED_MAX, 60)
    assert [line["response"] for line in decision["applied"]] == [f"main-{seq}" for seq in range(1, 101)]
    assert [line["response"] for line in decision["left_out"]] == [f"main-{seq}" for seq in range(241, 301)]
    assert [line["seq"] for line in decision["applied"]] == list(range(2, 102))


def test_at_most_a_hundred_left_out_are_listed_in_the_order_of_their_receipt() -> None:
    stream = Stream(("Oslo", "Bergen"))
    stream.respond(120, organisations=2, location="Oslo")
    stream.respond(120, organisations=2, location="Bergen")
    stream.respond(30, organisations=1, void=True, location="Bergen")
    decision = stream.decide()
    assert decision["location"] == "Bergen"
    assert (decision["applied_total"], decision["left_out_total"]) == (16, 240 - 16 + 30)
    assert len(decision["left_out"]) == LISTED_MAX
    received = {name: (kept.received_us, kept.seq) for name, kept in stream.state.responses.items()}
    listed = [received[line["response"]] for line in decision["left_out"]]
    assert listed == sorted(listed)
    assert {line["reason"] for line in decision["left_out"]} == {"void", "other-location", "over-cap"}


def test_void_is_named_before_other_location_and_that_before_over_cap() -> None:
    stream = Stream(("Oslo", "Bergen"))
    stream.respond(10, organisations=1, location="Oslo")
    stream.respond(1, organisations=1, location="Bergen")
    stream.respond(1, organisations=1, void=True, location="Bergen")
    reasons = {line["response"]: line["reason"] for line in stream.decide()["left_out"]}
    assert sorted(reasons.values()) == ["other-location", "over-cap", "over-cap", "void"]


def test_a_response_outside_the_window_is_neither_applied_nor_left_out() -> None:
    stream = Stream()
    stream.respond(3, organisations=1)
    stream.respond(3, organisations=1, void=True)
    decision = decide_renewal(stream.state, RULEBOOK, "2013-06-02")
    assert (decision["applied"], decision["left_out"], decision["left_out_total"]) == ([], [], 0)
    decision = decide_renewal(stream.state, RULEBOOK, "2012-06-01")
    assert (decision["applied"], decision["left_out"], decision["left_out_total"]) == ([], [], 0)


def test_before_the_first_edition_nothing_is_applied_and_nothing_required() -> None:
    decision = decide_renewal(Stream().state, RULEBOOK, "2009-11-01")
    named = ("outcome", "edition", "location", "counted", "applied_total", "left_out_total")
    assert [decision[name] for name in named] == ["not-required", None, "main", 0, 0, 0]


def operations(call: Callable[[], object]) -> int:
    """How many functions are called, Python's own ones included."""
    count = 0

    def profile(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("void", [False, True], ids=["counting", "void"])
def test_a_decision_on_100000_responses_costs_at_most_twice_one_on_100(void: bool) -> None:
    costs = []
    for count in (100, 100_000):
        stream = Stream()
        stream.respond(200, organisations=5)
        stream.respond(count, organisations=5, void=void)
        stream.decide()
        costs.append(operations(stream.decide))
    assert costs[1] <= 2 * costs[0], costs


@pytest.mark.parametrize("wide", ["\U0001f600" * 60, '"' * 60], ids=["of four bytes", "escaped"])
def test_the_largest_decision_fits_into_an_event(wide: str) -> None:
    """Names of 64 characters that take four bytes each, or two where they are escaped: fewer are listed, all counted."""
    location, reference = wide + "main", "r" * 60
    stream = Stream((location,))
    for place in range(400):
        data = {"response": f"{reference}{place:04d}", "customer_org": f"{wide}{place % 200:04d}", "location": location}
        stream.add("ResponseReceived", {**data, "answer_token": None, "anonymous": False}, DAY_US + place % 200)
    strict = Rulebook([Edition(wide, 0, 10, 1, 2, 12, 10, False)])
    decision = decide_renewal(stream.state, strict, RENEWAL)
    for listed in (decision["applied"], decision["left_out"]):
        sizes = [len(orjson.dumps(entry)) + 1 for entry in listed]
        assert sum(sizes) <= LISTED_BYTES_MAX < sum(sizes) + sizes[-1]
    stored = encode_event(
        stream="membership-" + "m" * 64,
        seq=10**12,
        event_type="RenewalDecided",
        occurred_at=decision["evaluated_at"],
        recorded_at=decision["evaluated_at"],
        fact="\U0001f600" * 200,
        actor=wide,
        prev=FIRST_PREV,
        salt="A" * 22 + "==",
        data={**decision, "revision": 10**6},
    )
    assert len(stored) <= EVENT_BYTES_MAX
    assert len(leaf_hash(stored)) == 64
    assert orjson.loads(stored)["data"]["applied_total"] == 200


def test_a_hundred_of_each_are_listed_where_names_are_as_long_as_names_are() -> None:
    stream = Stream()
    for place in range(400):
        name = f"Brontegard Shipping and Forwarding {place % 200:03d}"
        data = {"response": f"r-{place:08d}", "customer_org": name, "location": "main"}
        stream.add("ResponseReceived", {**data, "answer_token": None, "anonymous": False}, DAY_US + place % 200)
    strict = Rulebook([Edition("strict", 0, 10, 1, 2, 12, 10, False)])
    decision = decide_renewal(stream.state, strict, RENEWAL)
    assert (len(decision["applied"]), len(decision["left_out"])) == (100, 100)


def test_a_decision_is_taken_from_what_was_known_when_it_was_asked_for(story: Story) -> None:
    *_, last = ten_responses(story)
    assert story.decide("2011-03-01")["outcome"] == "met"
    story.void(last)
    revised = {"membership": "m-1", "renewal_date": "2011-03-01"}
    assert story.tell("decide-renewal", stamp(NOW), **revised) == ("accepted", None)
    decided = [event.data for event in story.events() if event.type == "RenewalDecided"]
    assert [(data["outcome"], data["revision"]) for data in decided] == [("met", 1), ("not-met", 2)]
    assert decided[1]["left_out"] == [{"response": last, "reason": "void"}]


def test_what_changed_outside_the_window_does_not_open_a_decision_again(story: Story) -> None:
    ten_responses(story)
    story.decide("2011-03-01")
    story.respond("2012-01-01T00:00:00Z", "adatum", 3)
    again = {"membership": "m-1", "renewal_date": "2011-03-01"}
    assert story.tell("decide-renewal", stamp(NOW), **again) == ("refused", "renewal-already-decided")
