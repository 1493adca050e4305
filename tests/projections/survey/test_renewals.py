"""Renewals ahead, at the edges of what an edition and the calendar allow."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest

from ledger.errors import UnknownMembership
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
            assert (one.missing, one.missing_organisations, one.invitations) == (missing, missing, 4 * missing)
            story.respond("2010-12-01T00:00:00Z", f"org-{missing}")


def test_looking_ahead_further_than_the_calendar_goes_finds_every_date() -> None:
    with real_book() as book:
        story = Story(book)
        for day in ("2011-03-01", "9999-12-31"):
            story.tell("set-renewal-date", "2010-12-01T00:00:00Z", renewal_date=day)
        assert [one.renewal_date for one in renewals(book, 10**9)] == ["2011-03-01", "9999-12-31"]
        assert [one.renewal_date for one in renewals(book, 0)] == []


@pytest.mark.parametrize("seed", range(8))
def test_what_is_missing_meets_the_requirement_and_less_does_not(seed: int) -> None:
    """The missing responses of the missing organisations do; one less does not, nor do they of too few organisations."""
    random = Random(seed)
    day, known = "2010-12-02T00:00:00Z", [f"org-{number}" for number in range(random.choice([1, 1, 2, 3]))]
    minima = {"min_responses": random.randint(1, 6), "min_organisations": random.randint(1, 4)}
    told = [random.choice(known) for _ in range(random.randint(0, 5))]

    def lacking(more: list[str]) -> Renewal:
        with real_book() as book:
            story = Story(book)
            story.publish("some", "2010-12-01T00:00:00Z", per_org_cap=random.randint(2, 8), **minima)
            story.tell("set-renewal-date", "2010-12-01T00:00:00Z", renewal_date="2011-03-01")
            for organisation in [*told, *more]:
                story.respond(day, organisation)
            (one,) = renewals(book)
        return one

    random.setstate(state := random.getstate())
    first = lacking([])
    others = [f"other-{number}" for number in range(first.missing)]
    random.setstate(state)
    assert lacking(others).missing == 0
    if first.missing:
        random.setstate(state)
        assert lacking(others[:-1]).missing == 1
    if told and first.missing_organisations:
        random.setstate(state)
        too_few = others[: first.missing_organisations - 1]
        assert lacking([*too_few, *told[:1] * (first.missing - len(too_few))]).missing_organisations == 1
        random.setstate(state)
        enough = others[: first.missing_organisations]
        assert lacking(enough).missing_organisations == 0


def test_the_renewals_of_one_membership_are_those_of_all_that_are_its_own() -> None:
    with real_book() as book:
        story = Story(book)
        for number in (1, 2, 3):
            story.tell("set-renewal-date", "2010-12-01T00:00:00Z", renewal_date=f"2011-0{number}-01")
        with projected(book) as projections:
            projections.catch_up()
            with projections.view() as view:
                own = questions.renewals(view, AT_US, 90, membership="m-1")
                assert own == [one for one in questions.renewals(view, AT_US, 90) if one.membership == "m-1"]
                assert len(own) == 3
                assert questions.renewals(view, AT_US, 90, limit=1, membership="m-1") == own[:1]
                with pytest.raises(UnknownMembership):
                    questions.renewals(view, AT_US, 90, membership="m-9")
