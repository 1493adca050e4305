"""Calendar months as whole numbers: the month 2024-05 is 2024 * 12 + 4, so that a year before is 12 less."""

from __future__ import annotations

from datetime import date
from typing import Final

from ledger.instants import midnight_us

FIRST_MONTH: Final = 1900 * 12
LAST_MONTH: Final = 9998 * 12 + 11
YEAR: Final = 12


def month_number(text: str) -> int:
    """The number of a month written YYYY-MM."""
    return int(text[:4]) * 12 + int(text[5:]) - 1


def month_text(number: int) -> str:
    """YYYY-MM."""
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def month_start_us(number: int) -> int:
    """00:00 UTC of the first day of a month, in microseconds since 1970."""
    return midnight_us(date(number // 12, number % 12 + 1, 1))


def month_end_us(number: int) -> int:
    """The first microsecond after a month."""
    return month_start_us(number + 1)
