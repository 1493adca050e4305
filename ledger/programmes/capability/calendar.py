"""The calendar of the capability programme: which months and dates a fact may name, and when a month begins and ends.

Months are whole numbers: 2024-05 is 2024 * 12 + 4, so that a year before is 12 less.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from ledger.errors import BadInput
from ledger.instants import END_US, END_YEAR, midnight_us, parse_date

FIRST_MONTH: Final = 1900 * 12
LAST_MONTH: Final = 9998 * 12 + 11
YEAR: Final = 12
FIRST_DATE: Final = date(1, 1, 2)
FIRST_ANNIVERSARY: Final = date(1900, 1, 1)
LAST_ANNIVERSARY: Final = date(9998, 12, 31)
"""An anniversary lies in a month that there is: its window, and the twelve months after it, lie in the calendar."""


def month_number(text: str) -> int:
    """The number of a month written YYYY-MM."""
    return int(text[:4]) * 12 + int(text[5:]) - 1


def month_text(number: int) -> str:
    """YYYY-MM."""
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def month_start_us(number: int) -> int:
    """00:00 UTC of the first day of a month, in microseconds since 1970; of the one after 9999-12 it is END_US + 1."""
    if number > END_YEAR * 12 + 11:
        return END_US + 1
    return midnight_us(date(number // 12, number % 12 + 1, 1))


def month_end_us(number: int) -> int:
    """The first microsecond after a month."""
    return month_start_us(number + 1)


def parse_day(text: str) -> date:
    """A date that a fact may name: any but the calendar's first. Raises BadInput."""
    day = parse_date(text)
    if day < FIRST_DATE:
        raise BadInput(
            f"found {text!r}, expected {FIRST_DATE} or later: many write the calendar's first day for no date"
        )
    return day


def parse_anniversary(text: str) -> date:
    """The date of an anniversary, in one of the months that there are. Raises BadInput."""
    day = parse_date(text)
    if not FIRST_ANNIVERSARY <= day <= LAST_ANNIVERSARY:
        raise BadInput(f"found {text!r}, expected an anniversary from {FIRST_ANNIVERSARY} to {LAST_ANNIVERSARY}")
    return day
