"""What a decision says and when it may be taken again, counted by hand."""

from __future__ import annotations

from typing import Any

from tests.oracle.survey.book import ACCEPTED, Book, ten_responses
from tests.oracle.survey.decisions import LISTED_MAX
from tests.oracle.survey.time import instant


def test_a_renewal_is_decided_again_only_after_something_changed() -> None:
    book = Book()
    ten_responses(book)
    decide: dict[str, Any] = {"kind": "decide-renewal", "when": "2010-09-01T00:00:00Z", "renewal_date": "2010-09-01"}
    assert book.tell(**decide) == ("refused", "renewal-date-not-set")
    book.tell("set-renewal-date", "2010-07-01T00:00:00Z", renewal_date="2010-09-01")
    assert book.tell(**{**decide, "when": "2010-08-31T23:59:59.999999Z"}) == ("refused", "renewal-not-due")
    assert book.oracle.decision("m-1", "2010-09-01")["revision"] == 1
    assert book.tell(**decide) == ("accepted", None)
    assert book.tell(**decide) == ("refused", "renewal-already-decided")
    assert book.oracle.decision("m-1", "2010-09-01")["revision"] == 1
    book.tell("void-response", "2010-09-02T00:00:00Z", response="r-2", reason="fraud")
    assert book.oracle.decision("m-1", "2010-09-01")["outcome"] == "not-met"
    assert book.tell(**decide) == ("accepted", None)
    assert book.oracle.decision("m-1", "2010-09-01")["revision"] == 2


def test_a_renewal_is_not_due_while_the_ledgers_own_clock_has_not_reached_it() -> None:
    book = Book()
    book.tell("set-renewal-date", "2010-07-01T00:00:00Z", renewal_date="2010-09-01")
    now = instant("2010-08-31T23:58:00Z")
    said = book.tell("decide-renewal", "2010-09-01T00:00:00Z", now, renewal_date="2010-09-01")
    assert said == ("refused", "renewal-not-due")


# Organisations


def renewal(book: Book, day: str = "2010-09-01") -> None:
    assert book.tell("set-renewal-date", "2010-07-01T00:00:00Z", renewal_date=day) == ACCEPTED


def test_a_decision_names_the_group_of_what_is_applied_and_of_what_is_over_the_cap() -> None:
    book = Book()
    names = book.respond("2010-06-15T00:00:00Z", "adatum", 5) + book.respond("2010-06-16T00:00:00Z", "adatum ltd", 4)
    book.join("adatum ltd", "adatum")
    decision = book.oracle.decision("m-1", "2010-09-01")
    assert decision["applied"][-1] == {
        "response": names[7],
        "customer_org": "adatum ltd",
        "group": "adatum",
        "received_at": "2010-06-16T00:00:02.000000Z",
    }
    assert decision["left_out"] == [
        {"response": names[8], "reason": "over-cap", "customer_org": "adatum ltd", "group": "adatum"}
    ]
    assert (decision["counted"], decision["organisations"], decision["outcome"]) == (8, 1, "not-met")


def test_a_join_that_changes_the_name_of_a_group_lets_the_renewal_be_decided_again() -> None:
    book = Book()
    book.consent("2010-06-01T00:00:00Z", "adatum")
    book.respond("2010-06-15T00:00:00Z", "adatum ltd")
    renewal(book)
    assert book.decide("2010-09-01") == ACCEPTED
    book.join("tailspin", "adatum ltd")
    assert book.decide("2010-09-01") == ("refused", "renewal-already-decided")
    book.join("adatum ltd", "adatum")
    assert book.decide("2010-09-01") == ACCEPTED
    assert book.oracle.decision("m-1", "2010-09-01")["revision"] == 2


def test_a_telling_apart_changes_nothing_of_a_decision() -> None:
    book = Book()
    ten_responses(book)
    renewal(book)
    assert book.decide("2010-09-01") == ACCEPTED
    book.tell_apart("ADATUM", "adatum")
    assert book.decide("2010-09-01") == ("refused", "renewal-already-decided")


# What is listed


def test_an_entry_beyond_the_hundredth_that_only_changes_its_group_changes_nothing() -> None:
    book = Book()
    book.publish("wide", "2009-12-01T00:00:00Z", per_org_cap=200, min_organisations=1)
    book.consent("2010-06-01T00:00:00Z", "tailspin")
    book.respond("2010-06-15T00:00:00Z", "adatum", LISTED_MAX)
    book.respond("2010-06-16T00:00:00Z", "fabrikam")
    renewal(book)
    assert book.decide("2010-09-01") == ACCEPTED
    book.join("fabrikam", "tailspin")
    assert book.decide("2010-09-01") == ("refused", "renewal-already-decided")
