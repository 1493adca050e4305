"""Who changes status next is what the status of each membership says of its next change, whatever the book and the instant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadInput
from ledger.instants import DAY_US, END_US, parse_instant
from projections.questions import upcoming
from projections.questions.status import status
from projections.questions.upcoming import UpcomingPage, first_page, read_cursor, upcoming_page
from projections.questions.view import View
from projections.survey import changes_ahead
from tests.console.support import edition, enrolment, met, response
from tests.oracle.survey.time import instant
from tests.support.books_of_both import Step, Told, books_of_both
from tests.support.histories import histories
from tests.support.real_book import RealBook, micros, projected, real_book
from tests.support.soak import scaled

Changes = list[tuple[str, str, bool]]


@contextmanager
def bounds(**others: int) -> Iterator[None]:
    """With other bounds on what a page looks at, so that small books reach them."""
    modules = {"EVALUATED_MAX": upcoming, "EVALUATED": upcoming, "LOOKED_AT_MAX": upcoming, "SPAN_US": changes_ahead}
    before = {name: vars(modules[name])[name] for name in others}
    try:
        for name, value in others.items():
            vars(modules[name])[name] = value
        yield
    finally:
        for name, value in before.items():
            vars(modules[name])[name] = value


def one_by_one(view: View, at_us: int, until_us: int) -> Changes:
    """What `status` says of each membership."""
    found = []
    for chunk in view.eligibility().memberships():
        for membership, _ in chunk:
            change = status(view, membership, at_us).next_change
            if change is not None and parse_instant(change.at) <= until_us:
                found.append((change.at, membership, change.satisfied))
    return sorted(found)


def told_of(pages: list[UpcomingPage]) -> Changes:
    return [(one.at, one.membership, one.satisfied) for page in pages for one in page.changes]


def pages_of(view: View, book: RealBook, at_us: int, days: int, limit: int) -> list[UpcomingPage]:
    """All pages; each is asked with the cursor of the one before, as text."""
    pages = [upcoming_page(view, book.store, first_page(at_us, days), limit)]
    while pages[-1].next is not None:
        assert len(pages) < 3_000
        assert len(pages[-1].changes) <= limit
        wanted = read_cursor(pages[-1].next)
        assert len(pages) == 1 or wanted.after > read_cursor(pages[-2].next or "").after
        pages.append(upcoming_page(view, book.store, wanted, limit))
    return pages


def compare(view: View, book: RealBook, draw: Random, instants: list[int], *, caught_up: bool) -> int:
    """Holds the two against each other at some instants; returns how many changes there were."""
    number = 0
    for _ in range(6):
        at_us = draw.choice(instants) + draw.choice((-1, 0, 1, -200 * DAY_US, 100 * DAY_US))
        days = draw.choice((0, 1, 30, 90, 365, 2_000))
        expected = one_by_one(view, at_us, min(END_US, at_us + days * DAY_US))
        chosen = draw.choice(({}, {"EVALUATED_MAX": 1, "EVALUATED": 1}, {"EVALUATED_MAX": 2, "LOOKED_AT_MAX": 1}))
        many = {"EVALUATED_MAX": 400} if draw.random() < 0.5 else chosen
        with bounds(**many, SPAN_US=draw.choice((DAY_US, 40 * DAY_US, 3_000 * DAY_US))):
            pages = pages_of(view, book, at_us, days, draw.choice((1, 2, 1_000)))
        complete = all(page.complete for page in pages)
        assert complete or not caught_up, "an edition that is not projected is said to be lacking, and nothing else"
        assert told_of(pages) == expected or not complete
        number += len(expected)
    return number


@settings(max_examples=scaled(25), deadline=None)
@given(histories(max_actions=25, reviews=True, names=True), st.integers(0, 2**32 - 1))
def test_changes_ahead_are_those_of_each_status_while_a_book_is_told_as_it_happens(
    steps: list[tuple[Any, datetime]], seed: int
) -> None:
    draw = Random(seed)
    with real_book() as book, projected(book) as projections:
        stops = {draw.randrange(len(steps) + 1), len(steps)}
        projections.catch_up()
        for place, (content, now) in enumerate(steps, 1):
            if content is None:
                book.review(now)
            else:
                book.tell(content, now)
            if draw.random() < 0.3:  # so that some is in the book that the projections do not have
                projections.catch_up()
            if place in stops:
                instants = [micros(when) for _, when in steps]
                with projections.view() as view:
                    compare(view, book, draw, instants, caught_up=False)
                projections.catch_up()
                with projections.view() as view:
                    compare(view, book, draw, instants, caught_up=True)


@settings(max_examples=scaled(12), deadline=None)
@given(books_of_both(), st.integers(0, 2**32 - 1))
def test_changes_ahead_are_those_of_each_status_where_all_is_told_late(steps: list[Step], seed: int) -> None:
    draw = Random(seed)
    with real_book() as book, projected(book) as projections:
        told = Told(book)
        for step in steps:
            told.tell(step)
        projections.catch_up()
        instants = [parse_instant(f"{year}-06-01T00:00:00Z") for year in range(2009, 2016)]
        with projections.view() as view:
            compare(view, book, draw, instants, caught_up=True)


def test_a_loss_is_told_with_its_day_and_its_reason_and_nothing_beyond_the_days() -> None:
    now = instant("2010-08-01T00:00:00Z")
    with real_book() as book, projected(book) as projections:
        for content in met():
            assert book.tell(content, now)[0] == "accepted"
        projections.catch_up()
        with projections.view() as view:
            at_us = parse_instant("2011-05-20T00:00:00Z")
            (change,) = upcoming_page(view, book.store, first_page(at_us, 90), 10).changes
            found = status(view, "m-1", at_us).next_change
            assert found is not None
            assert (change.at, change.satisfied, change.membership) == (found.at, False, "m-1")
            assert change.why is not None
            assert "expires" in change.why
            until_us = parse_instant(change.at)
            days = (until_us - at_us) // DAY_US
            assert upcoming_page(view, book.store, first_page(at_us, days), 10).changes == ()
            assert len(upcoming_page(view, book.store, first_page(at_us, days + 1), 10).changes) == 1


def test_an_edition_that_makes_all_eligible_is_ahead_of_each() -> None:
    now = instant("2011-08-01T00:00:00Z")
    facts = [edition("lax", "2011-09-01T00:00:00Z", min_responses=1, min_organisations=1)]
    for membership in ("m-1", "m-2", "m-3"):
        facts += [*enrolment(membership), response(11, "Lindomar", "2010-12-01T10:00:00Z", membership)]
    with real_book() as book, projected(book) as projections:
        for content in facts:
            assert book.tell(content, now)[0] == "accepted"
        projections.catch_up()
        for many in (400, 1):
            with projections.view() as view, bounds(EVALUATED_MAX=many):
                expected = one_by_one(view, micros(now), micros(now + timedelta(days=40)))
                assert [at for at, _, satisfied in expected if satisfied] == ["2011-09-01T00:00:00.000000Z"] * 3
                assert told_of(pages_of(view, book, micros(now), 40, 10)) == expected


def test_looking_ahead_for_thousands_of_years_ends_where_nothing_changes_any_more() -> None:
    now = instant("2010-08-01T00:00:00Z")
    with real_book() as book, projected(book) as projections:
        for content in [*met(), *enrolment("m-2")]:
            assert book.tell(content, now)[0] == "accepted"
        projections.catch_up()
        with projections.view() as view, bounds(EVALUATED_MAX=1, LOOKED_AT_MAX=1, SPAN_US=200 * DAY_US):
            pages = pages_of(view, book, micros(now), 2_900_000, 10)
            assert told_of(pages) == one_by_one(view, micros(now), END_US)
        assert len(pages) < 20, "a page for each span until all has expired, and the last edition has taken effect"


def test_what_is_too_far_behind_the_book_says_that_it_may_lack_something(monkeypatch: pytest.MonkeyPatch) -> None:
    now = instant("2010-08-01T00:00:00Z")
    with real_book() as book, projected(book) as projections:
        for content in enrolment("m-1"):
            book.tell(content, now)
        projections.catch_up()
        for content in met()[len(enrolment("m-1")) :]:
            book.tell(content, now)
        with projections.view() as view:
            assert upcoming_page(view, book.store, first_page(micros(now), 400), 10).complete
            monkeypatch.setattr(changes_ahead, "BEHIND_MAX", 3)
            assert not upcoming_page(view, book.store, first_page(micros(now), 400), 10).complete


@pytest.mark.parametrize(
    "text", ["", "!", "W10", "WzEsMiwzLDRd", "WzEwLDUsNywibS0xIl0", "WzEsOSw1LCIvIl0", "x" * 3_000]
)
def test_what_is_no_cursor_is_told_so(text: str) -> None:
    with pytest.raises(BadInput, match="cursor"):
        read_cursor(text)
