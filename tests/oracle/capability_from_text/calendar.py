"""Months for the oracle, written YYYY-MM and counted by hand, and the instants at which they start and end."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.oracle.survey.time import MICROSECOND, add_months, days_in_month, start_of

FIRST = datetime.min.replace(tzinfo=UTC)


def starts(month: str) -> datetime:
    """00:00 UTC of the month's first day."""
    return start_of(f"{month}-01")


def last_microsecond(month: str) -> datetime:
    year, number = int(month[:4]), int(month[5:])
    day = starts(month).replace(day=days_in_month(year, number))
    return day.replace(hour=23, minute=59, second=59, microsecond=999_999)


def is_over(month: str, at: datetime) -> bool:
    return at > last_microsecond(month)


def a_year_before(month: str) -> str:
    return f"{int(month[:4]) - 1:04d}-{month[5:]}"


def month_before(month: str) -> str | None:
    """The month before, or None before January of the year 1."""
    year, number = int(month[:4]), int(month[5:]) - 1
    if number == 0:
        year, number = year - 1, 12
    return None if year == 0 else f"{year:04d}-{number:02d}"


def window(anniversary: str, months: int) -> tuple[datetime, datetime]:
    """The first and the last microsecond of the anniversary's month and the months before it, `months` in all (C3)."""
    first = last = anniversary[:7]
    for _ in range(months - 1):
        earlier = month_before(first)
        if earlier is None:
            break
        first = earlier
    return starts(first), last_microsecond(last)


def a_year_on(anniversary: str) -> datetime:
    """00:00 UTC of the day twelve months on; 29 February gives 28 February."""
    return add_months(start_of(anniversary), 12)


__all__ = ["FIRST", "MICROSECOND", "a_year_before", "a_year_on", "is_over", "last_microsecond", "starts", "window"]
