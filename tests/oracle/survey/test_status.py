"""Examples counted by hand that pin the oracle itself to the facts of the programme and to the readings of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.oracle.survey.book import Book, ten_responses
from tests.oracle.survey.status import UnknownMembershipError
from tests.oracle.survey.time import MICROSECOND, add_months, instant, stamp

# The requirement


def test_ten_responses_from_two_organisations_satisfy_and_nine_do_not() -> None:
    book = Book()
    ten_responses(book)
    assert not book.satisfied("2010-06-15T00:00:08.999999Z")
    status = book.status("2010-06-15T00:00:09Z")
    assert status == {
        "membership": "m-1",
        "required": True,
        "satisfied": True,
        "via": "responses",
        "location": "main",
        "counted": 10,
        "organisations": 2,
        "edition": "2009-11",
        "locations": {
            "main": {
                "satisfied": True,
                "counted": 10,
                "organisations": 2,
                "by_org": {"adatum": {"received": 8, "applied": 8}, "fabrikam": {"received": 2, "applied": 2}},
            }
        },
        "evaluations": 0,
        "next_change": {"at": "2011-06-15T00:00:00.000000Z", "satisfied": False},
        "next_renewal": None,
    }


def test_ninth_response_from_one_organisation_is_not_applied() -> None:
    book = Book()
    names = book.respond("2010-06-15T00:00:00Z", "adatum", 9)
    book.respond("2010-06-16T00:00:00Z", "fabrikam")
    status = book.status("2010-07-01T00:00:00Z")
    assert (status["counted"], status["satisfied"]) == (9, False)
    assert status["locations"]["main"]["by_org"]["adatum"] == {"received": 9, "applied": 8}
    book.tell("set-renewal-date", "2010-07-01T00:00:00Z", renewal_date="2010-08-01")
    decision = book.oracle.decision("m-1", "2010-08-01")
    assert decision["outcome"] == "not-met"
    over = {"customer_org": "adatum", "group": "adatum"}
    assert decision["left_out"] == [{"response": names[8], "reason": "over-cap", **over}]
    assert [line["response"] for line in decision["applied"][:8]] == names[:8]


def test_applied_are_the_earliest_received_and_not_the_first_recorded() -> None:
    book = Book()
    book.publish("small", "2009-12-01T00:00:00Z", per_org_cap=1)
    book.respond("2010-06-02T00:00:00Z", "adatum")
    (late,) = book.respond("2010-06-01T00:00:00Z", "adatum")
    decision = book.oracle.decision("m-1", "2010-08-01")
    assert [line["response"] for line in decision["applied"]] == [late]


def test_of_two_responses_received_at_one_instant_the_one_recorded_first_is_applied() -> None:
    book = Book()
    book.publish("small", "2009-12-01T00:00:00Z", per_org_cap=1)
    first, second = (book.respond("2010-06-02T00:00:00Z", "adatum")[0] for _ in range(2))
    decision = book.oracle.decision("m-1", "2010-08-01")
    assert [line["response"] for line in decision["applied"]] == [first]
    over = {"customer_org": "adatum", "group": "adatum"}
    assert decision["left_out"] == [{"response": second, "reason": "over-cap", **over}]


def test_one_organisation_is_not_enough_even_where_the_cap_would_let_it() -> None:
    book = Book()
    book.publish("wide", "2009-12-01T00:00:00Z", per_org_cap=20)
    book.respond("2010-06-15T00:00:00Z", "adatum", 12)
    status = book.status("2010-07-01T00:00:00Z")
    assert (status["counted"], status["organisations"], status["satisfied"]) == (12, 1, False)
    book.respond("2010-06-16T00:00:00Z", "fabrikam")
    assert book.satisfied("2010-07-01T00:00:00Z")


def test_a_minimum_of_three_organisations_is_checked_on_its_own() -> None:
    book = Book()
    book.publish("three", "2009-12-01T00:00:00Z", min_organisations=3)
    ten_responses(book)
    assert not book.satisfied("2010-07-01T00:00:00Z")
    book.respond("2010-06-20T00:00:00Z", "tailspin")
    assert book.satisfied("2010-07-01T00:00:00Z")


# The window


def test_a_response_of_june_2010_counts_for_a_renewal_in_march_2011() -> None:
    book = Book()
    ten_responses(book, "2010-06-15T10:22:33Z")
    decision = book.oracle.decision("m-1", "2011-03-01")
    assert decision["outcome"] == "met"
    assert decision["evaluated_at"] == "2011-02-28T23:59:59.999999Z"
    assert len(decision["applied"]) == 10
    assert decision["applied"][0]["received_at"] == "2010-06-15T10:22:33.000000Z"


def test_a_response_counts_from_its_receipt_until_the_same_time_a_year_on() -> None:
    book = Book()
    book.respond("2010-06-15T10:22:33.123456Z", "adatum")
    counted = {
        "2010-06-15T10:22:33.123455Z": 0,
        "2010-06-15T10:22:33.123456Z": 1,
        "2011-06-15T10:22:33.123455Z": 1,
        "2011-06-15T10:22:33.123456Z": 0,
    }
    assert {when: book.status(when)["counted"] for when in counted} == counted


def test_a_renewal_is_evaluated_at_the_last_microsecond_before_its_day() -> None:
    book = Book()
    book.respond("2010-06-14T23:59:59.999999Z", "adatum")
    book.respond("2010-06-15T00:00:00Z", "fabrikam")
    # A year on, the first is out of the window by that very microsecond, and the second still in it.
    assert [line["customer_org"] for line in book.oracle.decision("m-1", "2011-06-15")["applied"]] == ["fabrikam"]
    # On the day itself, what is received at midnight comes too late.
    assert [line["customer_org"] for line in book.oracle.decision("m-1", "2010-06-15")["applied"]] == ["adatum"]


def test_an_instant_with_an_offset_is_the_instant_in_utc() -> None:
    book = Book()
    book.respond("2010-06-15T01:00:00+02:00", "adatum")
    assert book.status("2010-06-14T23:00:00Z")["counted"] == 1


@pytest.mark.parametrize(
    ("received", "months", "expires"),
    [
        ("2012-02-29T09:00:00Z", 12, "2013-02-28T09:00:00.000000Z"),
        ("2012-02-28T10:00:00Z", 12, "2013-02-28T10:00:00.000000Z"),
        ("2011-02-28T10:00:00Z", 12, "2012-02-28T10:00:00.000000Z"),
        ("2012-02-29T09:00:00Z", 48, "2016-02-29T09:00:00.000000Z"),
        ("2010-08-31T00:00:00Z", 1, "2010-09-30T00:00:00.000000Z"),
        ("2010-11-30T00:00:00Z", 3, "2011-02-28T00:00:00.000000Z"),
        ("2011-12-31T23:59:59.999999Z", 2, "2012-02-29T23:59:59.999999Z"),
        ("2099-02-28T00:00:00Z", 12, "2100-02-28T00:00:00.000000Z"),
    ],
)
def test_a_window_ends_on_the_same_day_of_the_month_or_the_last_one(received: str, months: int, expires: str) -> None:
    assert stamp(add_months(instant(received), months)) == expires


def test_a_response_of_29_february_can_expire_before_one_of_28_february() -> None:
    book = Book()
    book.respond("2012-02-28T10:00:00Z", "adatum")
    book.respond("2012-02-29T09:00:00Z", "fabrikam")
    organisations = {
        "2013-02-28T08:59:59.999999Z": ["adatum", "fabrikam"],
        "2013-02-28T09:00:00Z": ["adatum"],
        "2013-02-28T10:00:00Z": [],
    }
    assert {when: list(book.status(when)["locations"]["main"]["by_org"]) for when in organisations} == organisations


def test_responses_are_cumulative_over_survey_periods() -> None:
    book = Book()
    book.respond("2010-02-01T00:00:00Z", "adatum", 4)
    book.respond("2010-05-01T00:00:00Z", "fabrikam", 3)
    book.respond("2010-08-01T00:00:00Z", "tailspin", 3)
    assert book.flips() == [
        ("2010-08-01T00:00:02.000000Z", True, "response"),
        ("2011-02-01T00:00:00.000000Z", False, "expiry"),
    ]


def test_the_eleventh_response_puts_the_expiry_off() -> None:
    book = Book()
    book.respond("2010-02-01T00:00:00Z", "adatum", 1)
    book.respond("2010-03-01T00:00:00Z", "adatum", 5)
    book.respond("2010-04-01T00:00:00Z", "fabrikam", 5)
    assert book.status("2010-05-01T00:00:00Z")["next_change"] == {
        "at": "2011-03-01T00:00:00.000000Z",
        "satisfied": False,
    }
    assert book.status("2011-03-01T00:00:00Z")["next_change"] is None


def test_a_response_over_the_cap_takes_the_place_of_one_that_expires() -> None:
    book = Book()
    book.respond("2010-02-01T00:00:00Z", "adatum", 1)
    book.respond("2010-03-01T00:00:00Z", "adatum", 8)
    book.respond("2010-04-01T00:00:00Z", "fabrikam", 2)
    assert book.status("2011-01-31T00:00:00Z")["counted"] == 10
    assert book.status("2011-02-01T00:00:00Z")["counted"] == 10
    assert book.flips()[1][0] == "2011-03-01T00:00:00.000000Z"


# Memberships, locations, evaluations


def test_each_membership_must_satisfy_the_requirement_on_its_own() -> None:
    book = Book()
    book.tell("enrol-membership", "2010-01-01T00:00:00Z", membership="m-2", name="Contoso Two", level="gold")
    book.respond("2010-06-15T00:00:00Z", "adatum", 8)
    book.respond("2010-06-15T00:00:00Z", "fabrikam", 2, membership="m-2")
    assert not book.satisfied("2010-07-01T00:00:00Z")
    assert book.oracle.status("m-2", instant("2010-07-01T00:00:00Z"))["counted"] == 2


def test_one_location_that_meets_the_requirement_is_enough() -> None:
    book = Book(locations=["Oslo", "Bergen"])
    book.respond("2010-06-15T00:00:00Z", "adatum", 8, location="Oslo")
    book.respond("2010-06-16T00:00:00Z", "fabrikam", 8, location="Bergen")
    assert not book.satisfied("2010-07-01T00:00:00Z")
    book.respond("2010-06-17T00:00:00Z", "fabrikam", 2, location="Oslo")
    status = book.status("2010-07-01T00:00:00Z")
    assert (status["satisfied"], status["location"], status["counted"]) == (True, "Oslo", 10)
    decision = book.oracle.decision("m-1", "2010-07-01")
    assert {line["reason"] for line in decision["left_out"]} == {"other-location"}
    assert len(decision["left_out"]) == 8


def test_the_satisfied_location_is_named_before_one_that_counts_more() -> None:
    book = Book(locations=["Oslo", "Bergen"])
    book.publish("three", "2009-12-01T00:00:00Z", min_responses=2, per_org_cap=9)
    book.respond("2010-06-15T00:00:00Z", "adatum", 5, location="Oslo")
    book.respond("2010-06-15T00:00:00Z", "adatum", location="Bergen")
    book.respond("2010-06-15T00:00:00Z", "fabrikam", location="Bergen")
    assert book.status("2010-07-01T00:00:00Z")["location"] == "Bergen"


def test_equal_locations_are_named_by_the_first_name() -> None:
    book = Book(locations=["Oslo", "Bergen"])
    assert book.status("2010-07-01T00:00:00Z")["location"] == "Bergen"


def test_pooled_locations_share_one_count_and_one_cap() -> None:
    book = Book(locations=["Oslo", "Bergen"])
    book.publish("pooled", "2009-12-01T00:00:00Z", pool_locations=True)
    book.respond("2010-06-15T00:00:00Z", "adatum", 5, location="Oslo")
    book.respond("2010-06-15T00:00:00Z", "adatum", 5, location="Bergen")
    book.respond("2010-06-16T00:00:00Z", "fabrikam", 1, location="Bergen")
    status = book.status("2010-07-01T00:00:00Z")
    assert list(status["locations"]) == ["*"]
    assert (status["location"], status["counted"], status["satisfied"]) == ("*", 9, False)
    assert status["locations"]["*"]["by_org"]["adatum"] == {"received": 10, "applied": 8}
    book.respond("2010-06-17T00:00:00Z", "tailspin", 1, location="Oslo")
    assert book.satisfied("2010-07-01T00:00:00Z")
    assert {line["reason"] for line in book.oracle.decision("m-1", "2010-07-01")["left_out"]} == {"over-cap"}


def test_ten_evaluations_satisfy_while_learning_is_held() -> None:
    book = Book(competencies=["LEARNING"])
    book.evaluate("2010-03-01T00:00:00Z", 10)
    book.tell("update-membership", "2010-06-01T00:00:00Z", competencies=["Hosting"])
    book.tell("update-membership", "2010-09-01T00:00:00Z", competencies=["Hosting", "Learning"])
    assert book.flips() == [
        ("2010-03-01T00:00:00.000000Z", True, "evaluation"),
        ("2010-06-01T00:00:00.000000Z", False, "membership"),
        ("2010-09-01T00:00:00.000000Z", True, "membership"),
        ("2011-03-01T00:00:00.000000Z", False, "expiry"),
    ]
    assert book.status("2010-05-01T00:00:00Z")["evaluations"] == 10
    assert book.status("2010-07-01T00:00:00Z")["evaluations"] == 0


def test_evaluations_without_learning_count_for_nothing() -> None:
    book = Book(competencies=["Learning Solutions"])
    book.evaluate("2010-03-01T00:00:00Z", 12)
    assert book.flips() == []


def test_a_learning_membership_may_still_use_responses_and_these_are_named_first() -> None:
    book = Book(competencies=["Learning"])
    book.evaluate("2010-06-01T00:00:00Z", 10)
    ten_responses(book, "2010-06-15T00:00:00Z")
    assert book.status("2010-06-14T00:00:00Z")["via"] == "evaluations"
    assert book.status("2010-07-01T00:00:00Z")["via"] == "responses"
    # One way takes over from the other without a flip in between.
    assert book.flips()[1] == ("2011-06-15T00:00:00.000000Z", False, "expiry")


def test_level_and_competencies_hold_from_when_they_occurred_however_late_they_are_told() -> None:
    book = Book()
    book.tell("update-membership", "2010-06-01T00:00:00Z", level="silver")
    book.tell("update-membership", "2010-03-01T00:00:00Z", level="small-business")
    required = {
        "2009-10-31T00:00:00Z": False,
        "2009-11-01T00:00:00Z": True,
        "2010-03-01T00:00:00Z": False,
        "2010-06-01T00:00:00Z": False,
    }
    assert {when: book.status(when)["required"] for when in required} == required
    assert book.oracle.attribute("m-1", "level", instant("2010-07-01T00:00:00Z")) == "silver"


def test_silver_can_be_satisfied_but_is_not_required_to_be() -> None:
    book = Book(level="silver")
    ten_responses(book)
    status = book.status("2010-07-01T00:00:00Z")
    assert (status["required"], status["satisfied"]) == (False, True)
    assert book.oracle.decision("m-1", "2010-08-01")["outcome"] == "not-required"


# Voiding


def test_a_void_response_counts_at_no_instant_once_the_voiding_is_known() -> None:
    book = Book()
    ten_responses(book)
    before = len(book.oracle.accepted)
    assert book.tell("void-response", "2010-12-01T00:00:00Z", response="r-2", reason="fraud") == ("accepted", None)
    assert not book.satisfied("2010-07-01T00:00:00Z")
    assert book.satisfied("2010-07-01T00:00:00Z", known=before)
    decision = book.oracle.decision("m-1", "2010-08-01")
    assert decision["left_out"] == [{"response": "r-2", "reason": "void"}]
    assert len(decision["applied"]) == 9


def test_a_void_response_gives_its_place_under_the_cap_to_the_next() -> None:
    book = Book()
    book.respond("2010-06-15T00:00:00Z", "adatum", 9)
    book.respond("2010-06-16T00:00:00Z", "fabrikam", 2)
    book.tell("void-response", "2010-07-01T00:00:00Z", response="r-2", reason="test")
    assert book.status("2010-07-01T00:00:00Z")["counted"] == 10


def test_void_is_named_before_other_location_and_that_before_over_cap() -> None:
    book = Book(locations=["Oslo", "Bergen"])
    book.publish("one", "2009-12-01T00:00:00Z", per_org_cap=1)
    applied, void, over = book.respond("2010-06-15T00:00:00Z", "adatum", 3, location="Oslo")
    book.respond("2010-06-16T00:00:00Z", "fabrikam", location="Oslo")
    elsewhere, elsewhere_void = book.respond("2010-06-17T00:00:00Z", "adatum", 2, location="Bergen")
    book.tell("void-response", "2010-07-01T00:00:00Z", response=void, reason="test")
    book.tell("void-response", "2010-07-01T00:00:00Z", response=elsewhere_void, reason="test")
    decision = book.oracle.decision("m-1", "2010-08-01")
    assert decision["applied"][0]["response"] == applied
    assert [(line["response"], line["reason"]) for line in decision["left_out"]] == [
        (void, "void"),
        (over, "over-cap"),
        (elsewhere, "other-location"),
        (elsewhere_void, "void"),
    ]


# Editions


def test_before_the_first_edition_nothing_is_required_and_nothing_is_satisfied() -> None:
    book = Book()
    ten_responses(book, "2009-10-10T00:00:00Z")
    status = book.status("2009-10-31T23:59:59.999999Z")
    assert (status["required"], status["satisfied"], status["edition"]) == (False, False, None)
    assert status["locations"]["main"] == {"satisfied": False, "counted": 0, "organisations": 0, "by_org": {}}
    assert status["next_change"] == {"at": "2009-11-01T00:00:00.000000Z", "satisfied": True}
    assert book.flips()[0] == ("2009-11-01T00:00:00.000000Z", True, "rulebook")
    decision = book.oracle.decision("m-1", "2009-11-01")
    assert (decision["outcome"], decision["applied"], decision["left_out"]) == ("not-required", [], [])


def test_the_second_shipped_edition_takes_over_in_april_2013_with_the_same_figures() -> None:
    book = Book()
    ten_responses(book, "2012-12-01T00:00:00Z")
    assert book.status("2013-03-31T23:59:59.999999Z")["edition"] == "2009-11"
    assert book.status("2013-04-01T00:00:00Z")["edition"] == "2013-04"
    assert [cause for _, _, cause in book.flips()] == ["response", "expiry"]


def test_an_edition_holds_from_its_effective_instant_for_every_response_there_is() -> None:
    book = Book()
    ten_responses(book)
    book.publish("short", "2010-10-01T00:00:00Z", window_months=3)
    book.publish("long", "2010-12-01T00:00:00Z", window_months=24)
    assert book.flips() == [
        ("2010-06-15T00:00:09.000000Z", True, "response"),
        ("2010-10-01T00:00:00.000000Z", False, "rulebook"),
        ("2010-12-01T00:00:00.000000Z", True, "rulebook"),
        ("2012-06-15T00:00:00.000000Z", False, "expiry"),
    ]


def test_of_two_editions_with_one_instant_the_one_published_later_is_in_force() -> None:
    book = Book()
    book.publish("b", "2010-01-01T00:00:00Z", min_responses=1, min_organisations=1)
    book.publish("a", "2010-01-01T02:00:00+02:00", min_responses=99)
    assert book.status("2010-01-01T00:00:00Z")["edition"] == "a"
    assert book.status("2010-01-01T00:00:00Z", known=2)["edition"] == "b"


def test_an_edition_published_in_the_future_is_seen_by_the_next_change() -> None:
    book = Book()
    book.respond("2019-12-01T00:00:00Z", "adatum")
    book.publish("easy", "2020-03-01T00:00:00Z", min_responses=1, min_organisations=1)
    assert book.status("2020-01-01T00:00:00Z")["next_change"] == {
        "at": "2020-03-01T00:00:00.000000Z",
        "satisfied": True,
    }


# What is known


def test_what_is_not_yet_known_changes_no_answer() -> None:
    book = Book()
    ten_responses(book)
    assert book.status("2010-07-01T00:00:00Z", known=10)["counted"] == 9
    assert book.status("2010-07-01T00:00:00Z", known=11)["counted"] == 10
    with pytest.raises(UnknownMembershipError):
        book.status("2010-07-01T00:00:00Z", known=0)


def test_an_instant_knows_what_was_recorded_by_then() -> None:
    book = Book()
    for hour in (1, 2):
        now = datetime(2020, 1, 2, hour, tzinfo=UTC)
        book.tell("record-evaluation", "2010-01-01T00:00:00Z", now, evaluation=f"e-{hour}")
    assert book.oracle.known_by(datetime(2020, 1, 2, 1, tzinfo=UTC)) == 2
    assert book.oracle.known_by(datetime(2020, 1, 2, 1, tzinfo=UTC) - MICROSECOND) == 1
