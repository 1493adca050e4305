"""Renewals ahead, at the edges of what an edition and the calendar allow."""

from __future__ import annotations

from datetime import UTC, datetime

from projections.questions import renewals as questions
from projections.questions.renewals import Renewal
from tests.ledger.programmes.survey.story import Story
from tests.support.real_book import RealBook, micros, projected, real_book

AT_US = micros(datetime(2011, 1, 1, tzinfo=UTC))


def renewals(book: RealBook, within_days: int = 90) -> list[Renewal]:
    with projected(book) as projections:
        projections.catch_up()
        with projections.view() as view:
            return questions.renewals(view, AT_US, within_days)


def test_where_more_organisations_than_responses_are_asked_for_each_missing_one_is_a_missing_response() -> None:
    with real_book() as book:
        story = Story(book)
        story.publish("many", "2010-12-01T00:00:00Z", min_responses=3, min_organisations=5)
        story.tell("set-renewal-date", "2010-12-01T00:00:00Z", renewal_date="2011-03-01")
        for missing in (5, 4, 3):
            (one,) = renewals(book)
            assert (one.missing, one.invitations) == (missing, 4 * missing)
            story.respond("2010-12-01T00:00:00Z", f"org-{missing}")


def test_looking_ahead_further_than_the_calendar_goes_finds_every_date() -> None:
    with real_book() as book:
        story = Story(book)
        for day in ("2011-03-01", "9999-12-31"):
            story.tell("set-renewal-date", "2010-12-01T00:00:00Z", renewal_date=day)
        assert [one.renewal_date for one in renewals(book, 10**9)] == ["2011-03-01", "9999-12-31"]
        assert [one.renewal_date for one in renewals(book, 0)] == []
