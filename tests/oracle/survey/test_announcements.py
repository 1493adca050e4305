"""What must be announced, counted by hand: which flips are issued, when, with which cause, and which are issued anew."""

from __future__ import annotations

from tests.oracle.survey.announcements import announcements, fold
from tests.oracle.survey.book import ACCEPTED, Book, ten_responses
from tests.oracle.survey.time import instant


def test_a_fact_announces_the_flips_between_the_old_horizon_and_its_own_instant() -> None:
    book = Book()
    ten_responses(book)
    assert book.oracle.horizon("m-1") == instant("2010-06-15T00:00:09Z")
    book.respond("2011-08-01T00:00:00Z", "adatum")
    assert book.announced() == [
        ("2010-06-15T00:00:09.000000Z", False, True, "response", False),
        ("2011-06-15T00:00:00.000000Z", True, False, "expiry", False),
    ]


def test_a_review_announces_an_expiry_at_its_exact_instant() -> None:
    book = Book()
    ten_responses(book)
    book.oracle.review(instant("2011-06-14T23:59:59.999999Z"))
    assert len(book.announced()) == 1
    book.oracle.review(instant("2011-09-01T00:00:00Z"))
    assert book.announced()[1] == ("2011-06-15T00:00:00.000000Z", True, False, "expiry", False)
    assert book.oracle.horizon("m-1") == instant("2011-09-01T00:00:00Z")


def test_a_voiding_takes_an_announced_flip_back() -> None:
    book = Book()
    ten_responses(book)
    book.oracle.review(instant("2011-09-01T00:00:00Z"))
    book.tell("void-response", "2010-12-01T00:00:00Z", response="r-2", reason="fraud")
    issued = announcements(book.oracle, "m-1")
    assert book.announced()[2:] == [("2010-06-15T00:00:09.000000Z", False, False, "void", True)]
    assert [one["satisfied"] for one in fold(issued)] == [False]


def test_a_late_response_moves_an_announced_flip_forward_in_time() -> None:
    book = Book()
    ten_responses(book)
    book.oracle.review(instant("2010-09-01T00:00:00Z"))
    book.respond("2010-06-10T00:00:00Z", "fabrikam")
    assert book.announced()[1:] == [("2010-06-15T00:00:08.000000Z", False, True, "response", True)]
    history = book.oracle.true_history("m-1", instant("2010-09-01T00:00:00Z"))
    assert [one["effective_at"] for one in fold(announcements(book.oracle, "m-1"))] == [
        flip["effective_at"] for flip in history
    ]


def test_the_tenth_response_at_the_horizon_itself_is_no_revision() -> None:
    book = Book()
    book.respond("2010-06-15T00:00:00Z", "adatum", 8)
    book.respond("2010-06-15T00:00:07Z", "fabrikam")
    book.respond("2010-06-15T00:00:07Z", "fabrikam")
    assert book.announced() == [("2010-06-15T00:00:07.000000Z", False, True, "response", False)]


def test_an_edition_in_the_past_revises_what_was_announced() -> None:
    book = Book()
    ten_responses(book)
    book.publish("more", "2010-06-01T00:00:00Z", min_responses=11)
    book.publish("later", "2010-07-01T00:00:00Z")
    assert book.announced() == [
        ("2010-06-15T00:00:09.000000Z", False, True, "response", False),
        ("2010-06-15T00:00:09.000000Z", False, False, "rulebook", True),
    ]
    book.oracle.review(instant("2010-08-01T00:00:00Z"))
    assert book.announced()[2] == ("2010-07-01T00:00:00.000000Z", False, True, "rulebook", False)


# Issued anew, or overtaken


def test_more_responses_at_the_instant_of_a_flip_overtake_its_counts_unannounced() -> None:
    book = Book()
    book.respond("2010-06-15T00:00:00Z", "adatum", 8)
    for _ in range(5):
        book.respond("2010-06-16T00:00:00Z", "fabrikam")
    assert book.announced() == [("2010-06-16T00:00:00.000000Z", False, True, "response", False)]
    (standing,) = fold(announcements(book.oracle, "m-1"))
    (true,) = book.oracle.true_history("m-1", instant("2010-06-16T00:00:00Z"))
    assert (standing["counted"], true["counted"]) == (10, 13)


def test_a_flip_by_another_way_or_another_location_at_the_same_instant_is_issued_anew() -> None:
    book = Book(competencies=["Learning"], locations=["Oslo", "Bergen"])
    book.publish("small", "2009-12-01T00:00:00Z", min_responses=1, min_organisations=1, min_evaluations=1)
    when = "2010-06-15T00:00:00Z"
    book.evaluate(when, 1)
    book.respond(when, "adatum", location="Oslo")
    book.respond(when, "adatum", location="Bergen")
    issued = [(one["via"], one["location"], one["cause"], one["revises"]) for one in announcements(book.oracle, "m-1")]
    assert issued == [
        ("evaluations", "Bergen", "evaluation", False),
        ("responses", "Oslo", "response", True),
        ("responses", "Bergen", "response", True),
    ]


def test_a_flip_under_another_edition_is_issued_anew() -> None:
    book = Book()
    ten_responses(book)
    book.publish("the-same-figures", "2010-01-01T00:00:00Z")
    issued = [(one["effective_at"], one["edition"], one["cause"]) for one in announcements(book.oracle, "m-1")]
    flip = "2010-06-15T00:00:09.000000Z"
    assert issued == [(flip, "2009-11", "response"), (flip, "the-same-figures", "response")]


def test_what_comes_after_a_flip_that_is_issued_anew_is_issued_anew_with_it() -> None:
    book = Book()
    ten_responses(book)
    book.oracle.review(instant("2011-09-01T00:00:00Z"))
    book.respond("2010-06-10T00:00:00Z", "fabrikam")
    assert book.announced()[2:] == [
        ("2010-06-15T00:00:08.000000Z", False, True, "response", True),
        ("2011-06-15T00:00:00.000000Z", True, False, "expiry", True),
    ]


def test_a_later_difference_leaves_the_flips_before_it_as_they_were_announced() -> None:
    book = Book()
    ten_responses(book)
    book.oracle.review(instant("2011-09-01T00:00:00Z"))
    book.respond("2010-07-01T00:00:00Z", "adatum")
    assert book.announced()[2:] == [
        ("2011-06-15T00:00:00.000000Z", True, True, "response", True),
        ("2011-06-15T00:00:01.000000Z", True, False, "expiry", True),
    ]


# Organisations


def test_a_join_takes_an_announced_flip_back_and_a_separation_brings_it_again() -> None:
    book = Book()
    ten_responses(book)
    assert book.join("fabrikam", "adatum") == ACCEPTED
    assert book.separate("adatum", "fabrikam") == ACCEPTED
    assert book.announced()[1:] == [
        ("2010-06-15T00:00:09.000000Z", False, False, "organisation", True),
        ("2010-06-15T00:00:09.000000Z", False, True, "response", True),
    ]


def test_a_join_that_moves_a_flip_takes_it_back_and_leaves_the_moved_one_its_cause() -> None:
    book = Book()
    book.respond("2010-06-15T00:00:00Z", "adatum", 4)
    book.respond("2010-06-15T00:01:00Z", "adatum ltd", 5)
    book.respond("2010-06-15T00:02:00Z", "fabrikam", 2)
    book.join("adatum ltd", "adatum")
    assert book.announced() == [
        ("2010-06-15T00:02:00.000000Z", False, True, "response", False),
        ("2010-06-15T00:02:00.000000Z", False, False, "organisation", True),
        ("2010-06-15T00:02:01.000000Z", False, True, "response", True),
    ]


def test_a_join_a_separation_and_a_telling_apart_move_the_horizon_to_their_own_instant() -> None:
    for step in (
        lambda book, when: book.join("adatum", "tailspin", when),
        lambda book, when: book.tell_apart("ADATUM", "adatum", when),
    ):
        book = Book()
        ten_responses(book)
        assert step(book, "2011-09-01T00:00:00Z") == ACCEPTED
        assert book.announced()[1:] == [("2011-06-15T00:00:00.000000Z", True, False, "expiry", False)]
