"""The overview counts as the histories of each membership and designation say, at any instant, as known at any position."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.instants import format_instant, parse_instant
from projections.questions.designation_history import designation_history
from projections.questions.history import history
from projections.questions.overview import overview
from projections.questions.renewals import renewals
from projections.questions.status import status
from projections.questions.view import View
from tests.console.support import enrolment, met
from tests.oracle.survey.time import instant
from tests.support.books_of_both import Step, Told, books_of_both
from tests.support.real_book import projected, real_book
from tests.support.soak import scaled

FIRST_US, LAST_US = (parse_instant(f"{year}-01-01T00:00:00Z") for year in (2009, 2026))


def standing(view: View, at_us: int, known: int) -> tuple[int, int, int, int]:
    """Memberships, eligible ones, designations, qualified ones: one by one."""
    memberships = [name for chunk in view.eligibility().memberships(known) for name, _ in chunk]
    keys = [key for chunk in view.designations().keys(known, None) for key in chunk]
    of_each = [history(view, one, at_us, known) for one in memberships]
    of_designations = [designation_history(view, *key, at_us, known) for key in keys]
    eligible = sum(bool(changes) and changes[-1].satisfied for changes in of_each)
    qualified = sum(bool(changes) and changes[-1].qualified for changes in of_designations)
    return len(memberships), eligible, len(keys), qualified


@settings(max_examples=scaled(25), deadline=None)
@given(books_of_both(), st.integers(0, 2**32 - 1))
def test_the_counts_are_those_of_the_histories_one_by_one(steps: list[Step], seed: int) -> None:
    random = Random(seed)
    with real_book() as book, projected(book) as projections:
        told = Told(book)
        for step in steps:
            told.tell(step)
        projections.catch_up()
        with projections.view() as view:
            end = view.eligibility().position
            changes = [one.effective_at for chunk in view.eligibility().memberships() for name, _ in chunk
                       for one in history(view, name)]  # fmt: skip
            for _ in range(6):
                known = random.choice([end, random.randint(0, end)])
                at_us = random.randint(FIRST_US, LAST_US)
                if changes and random.random() < 0.6:
                    at_us = parse_instant(random.choice(changes)) + random.choice([-1, 0, 1])
                found = overview(view, book.store, at_us, known)
                assert (found.memberships, found.eligible, found.designations, found.qualified) == standing(
                    view, at_us, known
                )
                undecided = renewals(view, at_us, 0, known)
                assert found.overdue == sum(one.overdue for one in undecided)
                for month in random.sample(found.months, min(3, len(found.months))):
                    end_us = min(at_us, _end_us(month.month))
                    _, eligible, _, qualified = standing(view, end_us, known)
                    assert (month.eligible, month.qualified) == (eligible, qualified)
                assert [one.month for one in found.months] == sorted({one.month for one in found.months})
                assert not found.months or found.months[-1].month == format_instant(at_us)[:7]


def _end_us(month: str) -> int:
    """The last microsecond of a month."""
    year, number = int(month[:4]), int(month[5:])
    after = f"{year + number // 12}-{number % 12 + 1:02d}-01T00:00:00Z"
    return parse_instant(after) - 1


def test_what_is_remembered_of_one_book_is_not_told_of_another_that_ends_with_the_same_event() -> None:
    now = instant("2012-01-01T00:00:00Z")
    found = []
    for facts in (met(), [*met()[:-1], *enrolment("m-8")]):
        with real_book() as book, projected(book) as projections:
            for fact in facts:
                assert book.tell(fact, now)[0] == "accepted"
            assert book.tell(enrolment("m-9")[0], now + timedelta(seconds=1))[0] == "accepted"
            projections.catch_up()
            with projections.view() as view:
                eligible = overview(view, book.store, parse_instant("2010-07-01T00:00:00Z")).eligible
            found.append((eligible, book.feed()[-1].stored))
    (eligible, last), (of_the_other, its_last) = found
    assert last == its_last, "the two books are meant to end with the same event"
    assert (eligible, of_the_other) == (1, 0)


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59.999999Z", "9999-12-01T00:00:00Z", "9999-11-30T00:00:00Z"])
def test_at_the_end_of_the_calendar_the_last_fifty_years_are_told(at: str) -> None:
    with real_book() as book, projected(book) as projections:
        for fact in met():
            assert book.tell(fact, instant("2012-01-01T00:00:00Z"))[0] == "accepted"
        projections.catch_up()
        with projections.view() as view:
            found = overview(view, book.store, parse_instant(at))
    assert (len(found.months), found.months[-1].month) == (600, at[:7])
    assert found.months[0].eligible == found.eligible == found.months[-1].eligible


def test_what_time_changes_and_nobody_has_announced_is_said_to_be_left_out() -> None:
    """Where no clock ran, the board and the owner's page told counts of months ago as of today, without a word."""
    at_us = parse_instant("2012-01-01T00:00:00Z")
    with real_book() as book, projected(book) as projections:
        for fact in met():
            assert book.tell(fact, instant("2010-08-01T00:00:00Z"))[0] == "accepted"
        projections.catch_up()
        with projections.view() as view:
            before = overview(view, book.store, at_us)
            (membership,) = [name for chunk in view.eligibility().memberships() for name, _ in chunk]
            assert status(view, membership, at_us).satisfied is False
            now = overview(view, book.store, book.now_us)
            known = view.eligibility().position
        book.review(instant("2012-01-01T00:00:00Z"))
        projections.catch_up()
        with projections.view() as view:
            after = overview(view, book.store, at_us)
            as_known_then = overview(view, book.store, at_us, known)
    assert (before.eligible, before.complete) == (1, False)
    assert (now.eligible, now.complete) == (1, True)
    assert (after.eligible, after.complete) == (0, True)
    assert (as_known_then.eligible, as_known_then.complete) == (1, False)
