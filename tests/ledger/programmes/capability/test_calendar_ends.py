"""Anniversaries, dates and windows where the calendar begins and ends."""

from __future__ import annotations

import pytest

from ledger.errors import BadInput, Refused
from ledger.instants import END_US, format_instant
from ledger.programmes.capability.calendar import parse_anniversary
from ledger.programmes.capability.editions import Scorebook
from ledger.programmes.capability.outcome import window
from tests.ledger.programmes.capability.book import BOTH
from tests.oracle.capability_from_text.story import edition, fact


def scorebook(window_months: int) -> Scorebook:
    book = Scorebook()
    book.publish(edition("e", "0001-01-01T00:00:00Z", window_months=window_months))
    return book


@pytest.mark.parametrize("day", ["0001-01-01", "1899-12-31", "9999-01-01", "9999-12-31"])
@pytest.mark.parametrize("kind", ["set-anniversary", "decide-designation"])
def test_an_anniversary_beyond_the_months_that_there_are_is_malformed_and_its_bounds_are_named(
    kind: str, day: str
) -> None:
    with pytest.raises(
        Refused, match=f"found '{day}', expected an anniversary from 1900-01-01 to 9998-12-31"
    ) as refused:
        BOTH.facts.from_object(fact(kind, "2024-07-01T00:00:00Z", anniversary=day))
    assert refused.value.code == "malformed"


def test_the_calendars_first_day_is_refused_in_words_of_this_programme() -> None:
    certificate = {"certificate": "z", "person": "p", "code": "c", "tier": "advanced", "valid_from": "0001-01-01"}
    with pytest.raises(Refused, match=r"expected 0001-01-02 or later.*for no date") as refused:
        BOTH.facts.from_object(fact("record-certificate", "2024-07-01T00:00:00Z", **certificate))
    assert "renewal" not in refused.value.sentence


@pytest.mark.parametrize("months", [1, 6, 1_200])
def test_every_window_of_an_anniversary_lies_in_the_calendar(months: int) -> None:
    first, last = window(scorebook(months), "1900-01-01")
    assert format_instant(last) == "1900-01-31T23:59:59.999999Z"
    assert format_instant(first) == {1: "1900-01", 6: "1899-08", 1_200: "1800-02"}[months] + "-01T00:00:00.000000Z"
    assert format_instant(window(scorebook(months), "9998-12-31")[1]) == "9998-12-31T23:59:59.999999Z"


def test_a_window_that_ends_with_the_calendar_takes_nothing_else_away() -> None:
    """No fact says so any more, but a book may hold what an earlier program took."""
    assert window(scorebook(6), "9999-12-31")[1] == END_US
    with pytest.raises(BadInput):
        parse_anniversary("9999-12-31")
