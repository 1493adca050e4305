"""What a projection says of positions that it does not have."""

from __future__ import annotations

import pytest

from ledger.errors import UnknownMembership
from tests.ledger.programmes.survey.story import Story, ten_responses
from tests.oracle.survey.time import instant
from tests.support.real_book import projected, real_book

AT = instant("2010-07-01T00:00:00Z")


def test_a_position_that_is_not_there_yet_stands_for_the_last_one_that_is() -> None:
    with real_book() as book:
        ten_responses(Story(book))
        end = book.store.max_position()
        with projected(book) as projection:
            projection.catch_up()
            assert projection.status("m-1", AT, 10**9) == projection.status("m-1", AT)
            assert projection.status("m-1", AT)["known_at"] == end


def test_a_projection_that_lags_answers_for_the_position_it_has_reached() -> None:
    with real_book() as book:
        story = Story(book)
        story.respond("2010-06-15T00:00:00Z", "adatum", 8)
        with projected(book) as projection:
            projection.catch_up()
            reached = book.store.max_position()
            story.respond("2010-06-15T00:00:08Z", "fabrikam", 2)
            answer = projection.status("m-1", AT)
            assert (answer["known_at"], answer["counted"]) == (reached, 8)
            assert answer == book.status_from_stream("m-1", AT, reached)
            projection.catch_up()
            assert projection.status("m-1", AT)["satisfied"] is True


@pytest.mark.parametrize("known", [-1, 0, 2])
def test_before_it_was_enrolled_a_membership_is_unknown(known: int) -> None:
    with real_book() as book:
        Story(book)
        with projected(book) as projection:
            projection.catch_up()
            with pytest.raises(UnknownMembership):
                projection.status("m-1", AT, known)
            assert projection.status("m-1", AT, 3)["satisfied"] is False


def test_the_enrolment_itself_is_known_at_its_own_position() -> None:
    with real_book() as book:
        story = Story(book)
        story.tell("add-location", "2010-01-01T00:00:00Z", location="Oslo")
        with projected(book) as projection:
            projection.catch_up()
            assert list(projection.status("m-1", AT, 3)["locations"]) == ["main"]
            assert list(projection.status("m-1", AT, 4)["locations"]) == ["Oslo", "main"]
