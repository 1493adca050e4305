"""Announcements by example; that they are right over random histories stands in test_properties.py."""

from __future__ import annotations

from typing import Any
from unittest import mock

from ledger.programmes.survey import announce as announcing
from ledger.programmes.survey import flips as counting
from ledger.proof.log.event import parse_event
from ledger.proof.survey.recheck import check_stream
from tests.ledger.programmes.survey.story import ACCEPTED, Story, ten_responses
from tests.oracle.survey.time import instant
from tests.support.real_book import RealBook

TENTH = "2010-06-15T00:00:09.000000Z"
EXPIRY = "2011-06-15T00:00:00.000000Z"


def test_the_tenth_response_announces_and_the_ninth_and_the_eleventh_do_not(story: Story) -> None:
    story.respond("2010-06-15T00:00:00Z", "adatum", 8)
    story.respond("2010-06-15T00:00:08Z", "fabrikam")
    assert story.announced() == []
    story.respond("2010-06-15T00:00:09Z", "fabrikam")
    assert story.announced() == [(TENTH, True, "response", False)]
    story.respond("2010-06-15T00:00:10Z", "fabrikam", 3)
    assert story.announced() == [(TENTH, True, "response", False)]


def test_an_announcement_says_what_holds_at_its_instant(story: Story) -> None:
    ten_responses(story)
    assert story.book.announced("m-1") == [
        {
            "satisfied": True,
            "previous": False,
            "via": "responses",
            "location": "main",
            "counted": 10,
            "organisations": 2,
            "edition": "2009-11",
            "effective_at": TENTH,
            "cause": "response",
            "revises": False,
        }
    ]


def test_a_fact_announces_every_change_since_the_one_before(story: Story) -> None:
    ten_responses(story)
    ten_responses(story, "2014-01-01T00:00:00Z")
    assert story.announced() == [
        (TENTH, True, "response", False),
        (EXPIRY, False, "expiry", False),
        ("2014-01-01T00:00:09.000000Z", True, "response", False),
    ]


def test_a_review_announces_an_expiry_at_its_exact_instant_however_late_it_comes(story: Story) -> None:
    ten_responses(story)
    story.book.review(instant("2011-06-14T23:59:59.999999Z"))
    assert len(story.announced()) == 1
    story.book.review(instant("2019-01-01T00:00:00Z"))
    assert story.announced()[1:] == [(EXPIRY, False, "expiry", False)]
    event = story.last("EligibilityChanged")
    assert event.fact is None
    assert event.actor == "csat-ledger"


def test_a_review_of_an_instant_reviewed_before_announces_nothing(story: Story) -> None:
    ten_responses(story)
    for when in ("2012-01-01T00:00:00Z", "2012-01-01T00:00:00Z", "2011-01-01T00:00:00Z"):
        story.book.review(instant(when))
    assert len(story.announced()) == 2


def test_a_review_of_an_earlier_instant_takes_no_horizon_back(story: Story) -> None:
    story.book.review(instant("2012-01-01T00:00:00Z"))
    enrolment = {"membership": "m-2", "name": "Contoso", "level": "gold"}
    assert story.tell("enrol-membership", "2009-10-01T00:00:00Z", **enrolment) == ACCEPTED
    story.book.review(instant("2010-01-01T00:00:00Z"))
    for membership in ("m-1", "m-2"):
        for organisation, times in (("adatum", 8), ("fabrikam", 2)):
            story.respond("2011-06-15T00:00:00Z", organisation, times, membership=membership)
    assert [one["revises"] for one in story.book.announced("m-1")] == [True]
    assert [one["revises"] for one in story.book.announced("m-2")] == [False]


def test_a_review_moves_the_horizon_of_the_memberships_enrolled_so_far_and_of_no_other(story: Story) -> None:
    story.book.review(instant("2012-01-01T00:00:00Z"))
    enrolment = {"membership": "m-2", "name": "Contoso", "level": "gold"}
    assert story.tell("enrol-membership", "2009-10-01T00:00:00Z", **enrolment) == ACCEPTED
    ten_responses(story)
    for organisation, times in (("adatum", 8), ("fabrikam", 2)):
        story.respond("2010-06-15T00:00:00Z", organisation, times, membership="m-2")
    assert [(one["effective_at"], one["revises"]) for one in story.book.announced("m-1")] == [
        (TENTH, True),
        (EXPIRY, True),
    ]
    assert [one["revises"] for one in story.book.announced("m-2")] == [False]


def test_a_late_response_moves_an_announced_change_forward(story: Story) -> None:
    ten_responses(story)
    story.respond("2010-06-10T00:00:00Z", "fabrikam")
    assert story.announced() == [
        (TENTH, True, "response", False),
        ("2010-06-15T00:00:08.000000Z", True, "response", True),
    ]


def test_a_late_response_over_the_cap_announces_nothing(story: Story) -> None:
    ten_responses(story)
    story.respond("2010-06-10T00:00:00Z", "adatum", 3)
    assert len(story.announced()) == 1


def test_a_response_at_the_horizon_itself_revises_nothing_where_nothing_was_announced_there(story: Story) -> None:
    for organisation in ("adatum", "adatum", "adatum", "fabrikam", "fabrikam", "fabrikam", "tailspin", "wingtip"):
        story.respond("2010-06-15T00:00:00Z", organisation)
    story.respond("2010-06-15T00:00:00Z", "contoso", 1)
    story.respond("2010-06-15T00:00:00Z", "contoso", 1)
    assert story.announced() == [("2010-06-15T00:00:00.000000Z", True, "response", False)]


def test_a_voiding_takes_an_announced_change_back_and_says_what_holds_instead(story: Story) -> None:
    *_, last = ten_responses(story)
    story.void(last, "2010-07-01T00:00:00Z")
    assert story.announced("effective_at", "satisfied", "previous", "cause", "revises", "counted") == [
        (TENTH, True, False, "response", False, 10),
        (TENTH, False, False, "void", True, 9),
    ]


def test_a_voiding_compares_the_past_first_and_then_announces_what_lies_ahead_as_new(story: Story) -> None:
    first, *_ = ten_responses(story)
    story.respond("2010-09-01T00:00:00Z", "fabrikam")
    story.void(first, "2012-01-01T00:00:00Z")
    assert story.announced() == [
        (TENTH, True, "response", False),
        (TENTH, False, "void", True),
        ("2010-09-01T00:00:00.000000Z", True, "response", True),
        ("2011-06-15T00:00:01.000000Z", False, "expiry", False),
    ]


def test_after_a_voiding_an_expiry_is_announced_as_early_as_it_now_comes(story: Story) -> None:
    """With eleven responses the second expiry would matter, with ten the first; the writer must not go by the eleven."""
    ten_responses(story)
    (eleventh,) = story.respond("2010-06-15T00:01:00Z", "tailspin")
    story.book.reopen()
    story.tell("set-renewal-date", "2010-06-15T00:01:30Z", renewal_date="2011-03-01")
    story.void(eleventh, "2010-06-15T00:02:00Z")
    story.book.review(instant("2011-06-15T00:00:00.500000Z"))
    assert story.announced()[1:] == [(EXPIRY, False, "expiry", False)]


def test_what_was_taken_back_is_not_said_again_when_something_before_it_is_revised(story: Story) -> None:
    story.publish("short", "2010-01-01T00:00:00Z", min_responses=1, min_organisations=1, window_months=1)
    (taken_back,) = story.respond("2012-06-01T00:00:00Z", "adatum")
    story.void(taken_back, "2012-06-02T00:00:00Z")
    story.respond("2010-03-01T00:00:00Z", "adatum")
    assert story.announced() == [
        ("2012-06-01T00:00:00.000000Z", True, "response", False),
        ("2012-06-01T00:00:00.000000Z", False, "void", True),
        ("2010-03-01T00:00:00.000000Z", True, "response", True),
        ("2010-04-01T00:00:00.000000Z", False, "expiry", True),
    ]


def test_an_edition_in_the_past_revises_every_membership_in_the_same_transaction(story: Story) -> None:
    enrolment = {"membership": "m-2", "name": "Contoso", "level": "gold"}
    assert story.tell("enrol-membership", "2009-10-01T00:00:00Z", **enrolment) == ACCEPTED
    ten_responses(story)
    for organisation, times in (("adatum", 8), ("fabrikam", 1)):
        story.respond("2010-06-15T00:00:00Z", organisation, times, membership="m-2")
    before = story.book.store.max_position()
    story.publish("nine", "2010-06-01T00:00:00Z", min_responses=9)
    rows = story.book.store.read_feed(before, 10)
    assert [(row.stream, row.type) for row in rows] == [
        ("programme", "RulebookPublished"),
        ("membership-m-1", "EligibilityChanged"),
        ("membership-m-2", "EligibilityChanged"),
    ]
    assert story.announced() == [
        (TENTH, True, "response", False),
        ("2010-06-15T00:00:08.000000Z", True, "response", True),
    ]
    assert story.last("EligibilityChanged", "m-2").data["revises"] is False  # the horizon itself, and the first word


def test_an_edition_in_the_future_announces_nothing_until_its_day_has_come(story: Story) -> None:
    ten_responses(story)
    story.publish("strict", "2010-09-01T00:00:00Z", min_responses=11)
    assert len(story.announced()) == 1
    story.book.review(instant("2010-08-31T23:59:59.999999Z"))
    assert len(story.announced()) == 1
    story.book.review(instant("2010-09-01T00:00:00Z"))
    assert story.announced()[1:] == [("2010-09-01T00:00:00.000000Z", False, "rulebook", False)]


def test_learning_gained_and_lost_are_announced_as_changes_of_the_membership(story: Story) -> None:
    story.evaluate("2010-06-15T00:00:00Z", 10)
    story.tell("update-membership", "2010-08-01T00:00:00Z", competencies=["Learning"])
    story.tell("update-membership", "2010-09-01T00:00:00Z", competencies=[])
    story.tell("update-membership", "2010-07-01T00:00:00Z", competencies=["LEARNING"])
    assert story.announced() == [
        ("2010-08-01T00:00:00.000000Z", True, "membership", False),
        ("2010-09-01T00:00:00.000000Z", False, "membership", False),
        ("2010-07-01T00:00:00.000000Z", True, "membership", True),
        ("2010-09-01T00:00:00.000000Z", False, "membership", True),
    ]


def test_a_location_that_comes_first_by_name_is_named_where_nothing_is_counted(book: RealBook) -> None:
    story = Story(book, competencies=["Learning"], locations=["Oslo"])
    story.evaluate("2010-06-15T00:00:00Z", 10)
    assert story.announced("location", "revises") == [("Oslo", False)]
    story.tell("add-location", "2010-05-01T00:00:00Z", location="Bergen")
    assert story.announced("location", "effective_at", "via") == [
        ("Oslo", "2010-06-15T00:00:00.000000Z", "evaluations"),
        ("Bergen", "2010-06-15T00:00:00.000000Z", "evaluations"),
    ]


def test_the_only_response_of_an_organisation_can_be_voided_under_a_pooled_edition_from_a_fresh_start(
    book: RealBook,
) -> None:
    """The pool of all locations is built when first asked for; by then the organisation has nothing in it any more."""
    story = Story(book)
    pooled: dict[str, Any] = {"pool_locations": True, "window_months": 1}
    story.publish("pooled", "2009-01-01T00:00:00Z", **pooled, min_responses=1, min_organisations=1)
    (name,) = story.respond("2009-02-01T00:00:00Z", "adatum")
    assert [one[1] for one in story.announced()] == [True, False]
    book.reopen()
    story.void(name, "2009-02-02T00:00:00Z")
    assert story.announced()[-1] == ("2009-02-01T00:00:00.000000Z", False, "void", True)


def test_responses_that_cannot_matter_cost_no_search(story: Story) -> None:
    """Far from the requirement, and far above it, nothing is looked for; so a long stream costs linear time."""
    ten_responses(story)
    story.respond("2010-06-15T00:01:00Z", "fabrikam", 3)
    with (
        mock.patch.object(announcing, "flip_or_quiet", wraps=counting.flip_or_quiet) as search,
        mock.patch.object(announcing, "standing", wraps=counting.standing) as look,
    ):
        story.respond("2010-06-16T00:00:00Z", "adatum", 20)
        story.respond("2010-06-15T00:30:00Z", "adatum", 20)
        assert (search.call_count, look.call_count) == (0, 0)


def test_a_burst_of_responses_at_one_instant_is_announced_once(story: Story) -> None:
    """The tenth satisfies; the others at its instant change the count of that announcement, and are no news."""
    for _ in range(20):
        story.respond("2010-06-15T00:00:00Z", "adatum")
        story.respond("2010-06-15T00:00:00Z", "fabrikam")
    assert story.announced("effective_at", "satisfied", "counted") == [("2010-06-15T00:00:00.000000Z", True, 10)]


def test_counts_that_were_overtaken_are_said_anew_where_something_before_them_is_revised(story: Story) -> None:
    story.publish("short", "2010-01-01T00:00:00Z", min_responses=1, min_organisations=1, window_months=1)
    for _ in range(2):
        story.respond("2010-03-01T00:00:00Z", "adatum")
    assert story.announced("effective_at", "counted") == [("2010-03-01T00:00:00.000000Z", 1)]
    story.respond("2010-01-10T00:00:00Z", "adatum")
    assert story.announced("effective_at", "satisfied", "counted", "cause")[1:] == [
        ("2010-01-10T00:00:00.000000Z", True, 1, "response"),
        ("2010-02-10T00:00:00.000000Z", False, 0, "expiry"),
        ("2010-03-01T00:00:00.000000Z", True, 2, "response"),
    ]


def test_an_expiry_at_the_instant_at_which_learning_is_gained_is_an_expiry(story: Story) -> None:
    """Else a source could have the verifier, who says so too, refute a book that the writer made."""
    story.respond("2010-06-01T00:00:00Z", "Brontegard", 8)
    story.respond("2010-07-01T00:00:00Z", "Lindomar", 2)
    assert story.tell("update-membership", "2011-06-01T00:00:00Z", competencies=["Learning"]) == ACCEPTED
    assert story.announced("effective_at", "satisfied", "cause")[-1] == ("2011-06-01T00:00:00.000000Z", False, "expiry")
    rows = [*story.book.store.read_stream("programme"), *story.book.store.read_stream("membership-m-1")]
    ordered = sorted(rows, key=lambda row: row.position)
    assert check_stream(parse_event(row.stored) for row in ordered).differences == []
