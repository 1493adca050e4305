"""Instants, days and months for the oracle, counted by hand."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache

MICROSECOND = timedelta(microseconds=1)


@cache
def instant(text: str) -> datetime:
    """The instant in UTC that an RFC 3339 text names. Zeros after the sixth digit of the fraction say nothing."""
    to_the_microsecond = re.sub(r"(\.\d{6})0+", r"\1", text.upper())
    return datetime.fromisoformat(to_the_microsecond).astimezone(UTC)


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def days_in_month(year: int, month: int) -> int:
    if month == 2:
        is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return 29 if is_leap else 28
    return 30 if month in (4, 6, 9, 11) else 31


@cache
def add_months(moment: datetime, months: int) -> datetime:
    """The same day and time so many months on; a day that the month does not have becomes its last day."""
    year, month = moment.year, moment.month
    for _ in range(months):
        month += 1
        if month == 13:
            year, month = year + 1, 1
    if year > 9999:
        return datetime.max.replace(tzinfo=UTC)
    return moment.replace(year=year, month=month, day=min(moment.day, days_in_month(year, month)))


def start_of(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
