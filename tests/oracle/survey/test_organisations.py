"""Organisations under several spellings and names, counted by hand from the text."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracle.survey.book import ACCEPTED, NOW, Book
from tests.oracle.survey.organisations import groups, known_names

DAY = "2010-06-01T00:00:00Z"
SPELLING = ("refused", "organisation-spelling")
UNKNOWN = ("refused", "unknown-organisation")
MISSING = ("refused", "consent-missing")


def answer(book: Book, organisation: str, when: str = DAY, **fields: Any) -> tuple[str, str | None]:
    return book.tell("record-response", when, response=f"r-{book.count + 1}", customer_org=organisation, **fields)


def by_org(book: Book, when: str = "2010-07-01T00:00:00Z", known: int | None = None) -> dict[str, Any]:
    found: dict[str, Any] = book.status(when, known)["locations"]["main"]["by_org"]
    return found


# One spelling


def test_a_name_that_folds_like_a_known_one_and_is_spelt_otherwise_is_refused() -> None:
    book = Book()
    assert answer(book, "Brontegard") == ACCEPTED
    assert [answer(book, name) for name in ("BRONTEGARD", "Bronte-gard", "Brontegard")] == [
        SPELLING,
        SPELLING,
        ACCEPTED,
    ]
    assert book.consent(DAY, "brontegard") == SPELLING
    assert book.invite(DAY, "brontegard") == SPELLING
    assert book.join("brontegard", "Adatum") == SPELLING
    assert book.join("Adatum", "brontegard") == SPELLING


def test_what_was_refused_makes_nothing_known() -> None:
    book = Book()
    assert book.invite(DAY, "Brontegard") == MISSING
    assert answer(book, "BRONTEGARD") == ACCEPTED
    assert known_names(book.oracle, "m-1") == ["BRONTEGARD"]


def test_names_are_known_within_their_membership_only() -> None:
    book = Book()
    book.tell("enrol-membership", DAY, membership="m-2", name="Two", level="gold")
    assert answer(book, "Brontegard") == ACCEPTED
    assert answer(book, "BRONTEGARD", membership="m-2") == ACCEPTED


@pytest.mark.parametrize(
    "first",
    [
        lambda book: book.consent(DAY, "Adatum"),
        lambda book: book.withdraw(DAY, "Adatum"),
        lambda book: answer(book, "Adatum"),
        lambda book: book.join("Adatum", "Fabrikam"),
        lambda book: book.join("Fabrikam", "Adatum"),
    ],
)
def test_consents_withdrawals_responses_and_joins_make_a_name_known(first: Any) -> None:
    book = Book()
    assert first(book) == ACCEPTED
    assert answer(book, "ADATUM") == SPELLING


def test_a_name_of_a_void_response_stays_known() -> None:
    book = Book()
    (response,) = book.respond(DAY, "Adatum")
    book.tell("void-response", DAY, response=response, reason="test")
    assert answer(book, "ADATUM") == SPELLING


def test_a_name_told_apart_is_known_and_passes_whatever_else_folds_alike() -> None:
    book = Book()
    answer(book, "cust a")
    assert book.tell_apart("CUST A", "cust a") == ACCEPTED
    assert [answer(book, name) for name in ("CUST A", "cust a", "Cust A")] == [ACCEPTED, ACCEPTED, SPELLING]
    assert list(by_org(book)) == ["cust a", "CUST A"]


def test_two_new_names_of_one_join_may_not_fold_alike() -> None:
    assert Book().join("Adatum", "ADATUM") == SPELLING


# Withdrawals


def test_a_withdrawal_under_another_spelling_is_taken_under_the_known_one() -> None:
    book = Book()
    book.consent(DAY, "Adatum")
    assert book.withdraw("2010-06-02T00:00:00Z", "ADATUM") == ACCEPTED
    taken = book.oracle.accepted[-1]
    assert (taken.fact["customer_org"], taken.spelt, taken.also) == ("Adatum", True, ())
    assert book.invite("2010-06-03T00:00:00Z", "Adatum") == MISSING


def test_a_withdrawal_names_every_known_name_that_folds_alike_and_holds_for_each() -> None:
    book = Book()
    for name in ("cust a", "Cust A"):
        if name == "Cust A":
            book.tell_apart("Cust A", "cust a")
        assert book.consent(DAY, name) == ACCEPTED
    assert book.withdraw("2010-06-02T00:00:00Z", "CUST-A") == ACCEPTED
    taken = book.oracle.accepted[-1]
    assert (taken.fact["customer_org"], taken.spelt, taken.also) == ("cust a", True, ("Cust A",))
    assert [book.invite("2010-06-03T00:00:00Z", name) for name in ("cust a", "Cust A")] == [MISSING, MISSING]


def test_a_withdrawal_under_a_known_name_or_one_that_nothing_folds_like_is_taken_as_it_is() -> None:
    book = Book()
    book.consent(DAY, "Adatum")
    for name in ("Adatum", "Fabrikam"):
        assert book.withdraw(DAY, name) == ACCEPTED
        taken = book.oracle.accepted[-1]
        assert (taken.fact["customer_org"], taken.spelt, taken.also) == (name, False, ())
    assert known_names(book.oracle, "m-1") == ["Adatum", "Fabrikam"]


# The known spelling on demand


def test_the_known_spelling_is_taken_on_demand_and_the_digest_is_of_what_was_handed_in() -> None:
    book = Book()
    answer(book, "Adatum")
    fact = {"type": "record-response", "membership": "m-1", "occurred_at": DAY, "response": "r", "id": "x"}
    assert book.oracle.record({**fact, "customer_org": "ADATUM"}, NOW, known_spelling=True) == ACCEPTED
    assert (book.oracle.accepted[-1].fact["customer_org"], book.oracle.accepted[-1].spelt) == ("Adatum", True)
    assert book.oracle.record({**fact, "customer_org": "ADATUM"}, NOW) == ("duplicate", None)
    assert book.oracle.record({**fact, "customer_org": "Adatum"}, NOW) == ("refused", "id-reused")


def test_the_known_spelling_cannot_be_taken_where_several_names_fold_alike() -> None:
    book = Book()
    answer(book, "cust a")
    book.tell_apart("Cust A", "cust a")
    assert answer(book, "CUST A", known_spelling=True) == SPELLING
    assert answer(book, "Cust A", known_spelling=True) == ACCEPTED
    assert not book.oracle.accepted[-1].spelt


def test_the_known_spelling_is_judged_by_the_rules_as_if_it_had_been_told() -> None:
    book = Book()
    book.consent(DAY, "Adatum")
    invitation: dict[str, Any] = {"subject": "s-1", "channel": "partner", "invitation": "i"}
    invited = book.tell("record-invitation", DAY, customer_org="ADATUM", known_spelling=True, **invitation)
    assert invited == ACCEPTED
    assert answer(book, "a.datum", invitation="i", known_spelling=True) == ACCEPTED


# Joining, separating, telling apart


def test_joined_names_count_as_one_under_the_name_known_first() -> None:
    book = Book()
    book.respond(DAY, "Adatum Ltd", 6)
    book.respond(DAY, "Adatum Limited", 4)
    book.respond(DAY, "Fabrikam", 1)
    known = len(book.oracle.accepted)
    assert book.join("Adatum Limited", "Adatum Ltd") == ACCEPTED
    assert by_org(book) == {
        "Adatum Ltd": {"received": 10, "applied": 8, "names": ["Adatum Ltd", "Adatum Limited"]},
        "Fabrikam": {"received": 1, "applied": 1},
    }
    status = book.status("2010-07-01T00:00:00Z")
    assert (status["counted"], status["organisations"], status["satisfied"]) == (9, 2, False)
    before = book.status("2010-07-01T00:00:00Z", known)
    assert (before["counted"], before["organisations"], before["satisfied"]) == (11, 3, True)


def test_a_joined_name_without_a_response_is_one_of_the_names() -> None:
    book = Book()
    assert book.join("Adatum", "Adatum Ltd") == ACCEPTED
    answer(book, "Adatum Ltd")
    assert by_org(book) == {"Adatum": {"received": 1, "applied": 1, "names": ["Adatum", "Adatum Ltd"]}}


def test_two_organisations_that_are_one_do_not_satisfy_the_minimum() -> None:
    book = Book()
    book.publish("two", "2009-12-01T00:00:00Z", min_responses=2)
    answer(book, "Adatum")
    answer(book, "Adatum Ltd")
    assert book.satisfied("2010-07-01T00:00:00Z")
    book.join("Adatum", "Adatum Ltd")
    assert not book.satisfied("2010-07-01T00:00:00Z")


def test_a_name_with_itself_or_two_names_of_one_group_are_already_joined() -> None:
    book = Book()
    said = [book.join(*pair) for pair in (("a", "a"), ("a", "b"), ("b", "a"), ("b", "c"), ("a", "c"))]
    already = ("refused", "already-joined")
    assert said == [already, ACCEPTED, already, ACCEPTED, already]


def test_only_a_join_of_just_these_two_can_be_undone() -> None:
    book = Book()
    for pair in (("a", "b"), ("b", "c")):
        assert book.join(*pair) == ACCEPTED
    assert book.separate("a", "c") == ("refused", "not-joined")
    assert book.separate("a", "a") == ("refused", "not-joined")
    assert book.separate("b", "a") == ACCEPTED
    assert book.separate("a", "b") == ("refused", "not-joined")
    assert groups(book.oracle, "m-1") == {"a": ["a"], "b": ["b", "c"], "c": ["b", "c"]}


def test_names_are_to_be_separated_and_told_apart_as_they_are_known() -> None:
    book = Book()
    book.join("Adatum", "Fabrikam")
    assert book.separate("ADATUM", "Fabrikam") == UNKNOWN
    assert book.separate("Adatum", "Tailspin") == UNKNOWN
    assert book.tell_apart("adatum", "ADATUM") == UNKNOWN
    assert book.tell_apart("Tailspin Toys", "Tailspin") == UNKNOWN


def test_a_separation_splits_the_group_and_each_part_is_named_by_its_first_name() -> None:
    book = Book()
    for name in ("a", "b", "c", "d"):
        answer(book, name)
    for pair in (("c", "d"), ("b", "c"), ("a", "d")):
        assert book.join(*pair) == ACCEPTED
    assert by_org(book)["a"]["names"] == ["a", "b", "c", "d"]
    assert book.separate("c", "d") == ACCEPTED
    assert {name: line["names"] for name, line in by_org(book).items()} == {"a": ["a", "d"], "b": ["b", "c"]}


def test_joins_are_folded_by_position_whenever_they_occurred() -> None:
    book = Book()
    answer(book, "a")
    answer(book, "b")
    assert book.join("a", "b", "2011-01-01T00:00:00Z") == ACCEPTED
    assert list(by_org(book, "2010-06-02T00:00:00Z")) == ["a"]
    assert book.separate("a", "b", "2010-02-01T00:00:00Z") == ACCEPTED
    assert list(by_org(book, "2010-06-02T00:00:00Z")) == ["a", "b"]
    assert book.join("a", "b", "2010-03-01T00:00:00Z") == ACCEPTED


def test_a_known_name_or_one_that_folds_otherwise_is_already_distinct() -> None:
    book = Book()
    answer(book, "Adatum")
    already = ("refused", "already-distinct")
    assert book.tell_apart("Fabrikam", "Adatum") == already
    assert book.tell_apart("Adatum", "Adatum") == already
    assert book.tell_apart("ADATUM", "Adatum") == ACCEPTED
    assert book.tell_apart("ADATUM", "Adatum") == already


def test_a_first_spelling_that_was_a_typing_error_is_mended_by_telling_apart_and_joining() -> None:
    book = Book()
    answer(book, "aDATUM")
    assert answer(book, "Adatum") == SPELLING
    assert book.tell_apart("Adatum", "aDATUM") == ACCEPTED
    assert book.join("Adatum", "aDATUM") == ACCEPTED
    assert answer(book, "Adatum") == ACCEPTED
    assert by_org(book) == {"aDATUM": {"received": 2, "applied": 2, "names": ["aDATUM", "Adatum"]}}


# Over a group


def test_consent_is_the_last_word_under_any_name_of_the_group() -> None:
    book = Book()
    book.consent("2010-06-01T00:00:00Z", "a")
    book.withdraw("2010-06-03T00:00:00Z", "b")
    assert book.invite("2010-06-04T00:00:00Z", "b") == MISSING
    book.join("a", "b")
    said = [book.invite(f"2010-06-0{day}T00:00:00Z", name) for day in (2, 4) for name in ("a", "b")]
    assert said == [ACCEPTED, ACCEPTED, MISSING, MISSING]
    book.separate("a", "b")
    said = [book.invite("2010-06-04T00:00:00Z", name) for name in ("a", "b")]
    assert said == [ACCEPTED, MISSING]


def test_of_two_words_at_one_instant_the_one_recorded_later_is_the_last() -> None:
    book = Book()
    book.join("a", "b")
    book.withdraw(DAY, "a")
    book.consent(DAY, "b")
    assert book.invite(DAY, "a") == ACCEPTED
    book.withdraw(DAY, "a")
    assert book.invite(DAY, "b") == MISSING


def test_an_answer_may_come_under_another_name_of_the_group_that_was_invited() -> None:
    book = Book()
    book.consent(DAY, "a")
    answer(book, "b")
    assert (
        book.tell("record-invitation", DAY, invitation="i", subject="s-1", customer_org="a", channel="operator")
        == ACCEPTED
    )
    assert answer(book, "b", invitation="i") == ("refused", "org-mismatch")
    book.join("a", "b")
    assert answer(book, "b", invitation="i") == ACCEPTED
    # What was accepted stays, also after the two are separated again.
    assert book.separate("a", "b") == ACCEPTED
    assert list(by_org(book)) == ["b"]


# The order of the checks


def test_a_location_is_judged_before_a_name_and_a_name_before_consent() -> None:
    book = Book(locations=["Oslo", "Bergen"])
    answer(book, "Adatum", location="Oslo")
    assert answer(book, "ADATUM", location="Rome") == ("refused", "unknown-location")
    assert answer(book, "ADATUM") == ("refused", "location-needed")
    assert answer(book, "ADATUM", location="Oslo", invitation="none") == SPELLING
    invitation: dict[str, Any] = {"invitation": "i", "subject": "s-9", "channel": "operator", "location": "Oslo"}
    assert book.tell("record-invitation", DAY, customer_org="ADATUM", **invitation) == SPELLING
    assert book.tell("record-invitation", DAY, customer_org="Adatum", **invitation) == MISSING


def test_spelling_is_judged_before_joined_and_known_before_not_joined_and_distinct() -> None:
    book = Book()
    answer(book, "Adatum")
    assert book.join("ADATUM", "ADATUM") == SPELLING
    assert book.separate("ADATUM", "ADATUM") == UNKNOWN
    assert book.tell_apart("Adatum", "ADATUM") == UNKNOWN
    assert book.tell("same-organisation", DAY, membership="m-9", organisation="a", same_as="a") == (
        "refused",
        "unknown-membership",
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"organisation": "a"},
        {"organisation": "a", "from": "b"},
        {"organisation": "a", "same_as": "b", "customer_org": "c"},
        {"organisation": "a", "same_as": " b"},
        {"organisation": "a", "same_as": "b\u200d"},
        {"organisation": "a", "same_as": "b@c"},
        {"organisation": "a", "same_as": None},
    ],
)
def test_a_join_that_has_not_its_two_names_is_malformed(fields: dict[str, Any]) -> None:
    assert Book().tell("same-organisation", DAY, **fields) == ("refused", "malformed")
