"""Instants and calendar months against the standard library's own arithmetic."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadInput
from ledger.instants import (
    BEGINNING_US,
    DAY_US,
    END_US,
    EPOCH,
    MICROSECOND,
    add_months,
    add_months_to_each,
    canonical_instant,
    evaluation_us,
    format_instant,
    midnight_us,
    parse_date,
    parse_instant,
    parse_renewal_date,
)
from tests.oracle.survey import time as oracle_time
from tests.support.soak import scaled

moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(max_examples=scaled(200))
@given(moments)
def test_an_instant_comes_back_from_its_text(moment: datetime) -> None:
    instant_us = (moment - EPOCH) // MICROSECOND
    text = format_instant(instant_us)
    assert text == moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    assert parse_instant(text) == instant_us
    assert canonical_instant(text) == text


@settings(max_examples=scaled(200))
@given(moments, offsets, st.sampled_from("Tt "), st.integers(0, 6))
def test_every_spelling_of_rfc_3339_names_the_same_instant(
    moment: datetime, offset: timezone, separator: str, digits: int
) -> None:
    moment = moment.replace(microsecond=moment.microsecond - moment.microsecond % 10 ** (6 - digits))
    here = moment.astimezone(offset)
    fraction = f".{here.microsecond:06d}"[: digits + 1] if digits else ""
    text = here.replace(tzinfo=None).isoformat(sep=separator, timespec="seconds") + fraction
    spelt = text + here.strftime("%z")[:3] + ":" + here.strftime("%z")[3:5]
    assert parse_instant(spelt) == (moment - EPOCH) // MICROSECOND
    assert canonical_instant(spelt) == format_instant(parse_instant(spelt))
    if offset == UTC:
        for end in "Zz":
            assert canonical_instant(text + end) == canonical_instant(spelt)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2010-06-15",
        "2010-06-15T10:22:33",
        "2010-06-15T10:22Z",
        "2010-06-15T10:22:33.Z",
        "2010-06-15T10:22:33.1234567Z",
        "2010-06-15T10:22:33.12345600000001Z",
        "2010-06-15T10:22:33,5Z",
        "2010-06-15T10:22:33+01",
        "2010-06-15T10:22:33+0100",
        "2010-06-15T10:22:33+01:60",
        "2010-06-15T10:22:33+24:00",
        "2010-06-15T24:00:00Z",
        "2010-06-15T23:60:00Z",
        "2010-06-15T23:59:60Z",
        "2010-02-29T00:00:00Z",
        "2010-13-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",
        "2010-06-15T10:22:33Z\n",
        " 2010-06-15T10:22:33Z",
        "２０１０-06-15T10:22:33Z",
        "2010-W24-2T10:22:33Z",
        "20100615T102233Z",
    ],
)
def test_what_names_no_instant_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="expected"):
        parse_instant(text)
    with pytest.raises(BadInput, match="expected"):
        canonical_instant(text)


@pytest.mark.parametrize("fraction", [".1234560", ".123456000000000", ".1000000", ".0000000"])
def test_decimals_beyond_a_microsecond_are_taken_where_they_are_zero(fraction: str) -> None:
    kept = fraction[:7].ljust(7, "0")
    assert canonical_instant(f"2010-06-15T10:22:33{fraction}+02:00") == f"2010-06-15T08:22:33{kept}Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2010-06-15T10:22:33.1234567Z", "at most six decimals, but for zeros: instants are kept to the microsecond"),
        ("2016-12-31T23:59:60Z", "there are no leap seconds here, give the last second before it or the first after"),
        ("2016-12-31T23:59:60.5+01:00", "there are no leap seconds here"),
        ("2010-06-15T10:22:33", "an offset after it, such as 2010-06-15T10:22:33Z"),
        ("2010-06-15", "a time and an offset after the date, such as 2010-06-15T00:00:00Z"),
        ("0001-01-01T00:00:00+00:01", "an instant between the years 1 and 9999 in UTC"),
        ("2010-02-29T00:00:00Z", "an instant of the calendar"),
        ("yesterday", "an RFC 3339 instant with an offset"),
    ],
)
def test_the_reason_why_a_text_names_no_instant_is_the_true_one(text: str, expected: str) -> None:
    with pytest.raises(BadInput, match=re.escape(expected)):
        parse_instant(text)


def test_months_beyond_the_calendar_lead_to_an_instant_after_its_end() -> None:
    late = parse_instant("9999-06-15T12:00:00Z")
    assert add_months(late, 6) <= END_US
    assert END_US < add_months(late, 7) <= add_months(late + 1, 7) <= add_months(END_US, 1_200)


@settings(max_examples=scaled(300))
@given(st.text(alphabet="0123456789-:.TtZz +", max_size=32))
def test_reading_an_instant_never_fails_otherwise(text: str) -> None:
    try:
        instant_us = parse_instant(text)
    except BadInput:
        return
    assert parse_instant(format_instant(instant_us)) == instant_us


def test_the_calendar_goes_from_the_year_1_to_the_year_9999() -> None:
    assert format_instant(BEGINNING_US) == "0001-01-01T00:00:00.000000Z"
    assert format_instant(END_US) == "9999-12-31T23:59:59.999999Z"
    assert parse_instant("9999-12-31T23:59:59.999999Z") == END_US
    assert parse_instant("0001-01-01T00:00:00Z") == BEGINNING_US


@settings(max_examples=scaled(300))
@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)), st.integers(1, 1200))
def test_adding_months_is_counting_them_one_by_one(moment: datetime, months: int) -> None:
    expected = oracle_time.add_months(moment, months)
    assert add_months((moment - EPOCH) // MICROSECOND, months) == (expected - EPOCH) // MICROSECOND


@given(
    st.lists(st.integers(BEGINNING_US, END_US) | st.integers(0, 3).map(lambda day: day * DAY_US + 7)),
    st.integers(1, 1200),
)
def test_months_are_added_to_many_instants_as_to_each(instants: list[int], months: int) -> None:
    assert add_months_to_each(instants, months) == [add_months(one, months) for one in instants]


def test_months_are_added_to_every_day_of_eight_years_as_the_calendar_has_it() -> None:
    """2096 to 2104: a leap year, the year 2100 that is none, and another leap year."""
    day = date(2096, 1, 1)
    while day < date(2104, 12, 31):
        for months in (1, 11, 12, 13, 24, 48):
            year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
            for last in (day.day, 30, 29, 28):
                try:
                    expected = date(year, month + 1, min(day.day, last))
                    break
                except ValueError:
                    continue
            assert add_months(midnight_us(day) + 5, months) == midnight_us(expected) + 5
        day += timedelta(days=1)


@settings(max_examples=scaled(100))
@given(st.dates(date(1970, 1, 1), date(2100, 1, 1)).filter(lambda day: day.day <= 28), st.integers(1, 60))
def test_the_same_instant_comes_back_where_the_day_exists_in_both_months(day: date, months: int) -> None:
    assert add_months(add_months(midnight_us(day), months), -months) == midnight_us(day)


def test_expiry_is_not_monotone_in_receipt() -> None:
    leap, eve = parse_instant("2012-02-29T09:00:00Z"), parse_instant("2012-02-28T10:00:00Z")
    assert eve < leap
    assert add_months(leap, 12) < add_months(eve, 12)


def test_a_renewal_is_evaluated_at_the_last_microsecond_before_its_day() -> None:
    assert format_instant(evaluation_us(parse_date("2011-03-01"))) == "2011-02-28T23:59:59.999999Z"
    assert format_instant(evaluation_us(parse_date("0001-01-02"))) == "0001-01-01T23:59:59.999999Z"


@pytest.mark.parametrize("text", ["", "2011-2-1", "2011-02-29", "20110301", "2011-03-01T00:00:00Z", "0001-01-01"])
def test_what_is_no_date_of_a_renewal_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="expected"):
        parse_renewal_date(text)
