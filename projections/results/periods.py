"""Months and quarters by their names: YYYY-MM and YYYY-Qn, of UTC, as everywhere in the ledger."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from ledger.errors import BadInput
from ledger.instants import midnight_us

_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)
LAST_MONTH: Final = "9999-11"
"""The last month that ends at an instant which the calendar has."""


def parse_month(text: str) -> str:
    """A month YYYY-MM. Raises BadInput for anything else."""
    if not _MONTH.fullmatch(text) or not "0001-01" <= text <= LAST_MONTH:
        raise BadInput(f"found {text[:40]!r}, expected a month such as 2010-06")
    return text


def quarter_of(month: str) -> str:
    """The quarter of a month."""
    return f"{month[:4]}-Q{(int(month[5:]) + 2) // 3}"


def first_month_of(period: str) -> str:
    """The month itself, or the first one of a quarter."""
    return period if "Q" not in period else f"{period[:4]}-{3 * int(period[6:]) - 2:02}"


def ends_quarter(month: str) -> bool:
    """Whether a month is the last one of its quarter."""
    return int(month[5:]) % 3 == 0


def month_after(month: str) -> str:
    """The month after a month."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year + 1:04}-01" if number == 12 else f"{year:04}-{number + 1:02}"


def month_before(month: str) -> str:
    """The month before a month."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year - 1:04}-12" if number == 1 else f"{year:04}-{number - 1:02}"


def month_end_us(month: str) -> int:
    """The instant at which a month is over: the first that is not in it."""
    after = month_after(month)
    return midnight_us(date(int(after[:4]), int(after[5:]), 1))


def months_from(first: str, through: str) -> Iterator[str]:
    """The months from one through another; none where the first comes later, or after the calendar's end."""
    month = first
    while month <= through and len(month) == len(through):  # 10000-01 comes after 9999-12, and is none
        yield month
        month = month_after(month)


def quarters_from(first: str, through: str) -> Iterator[str]:
    """The quarters that begin or go on from a month on, and end through another."""
    for month in months_from(first, through):
        if ends_quarter(month):
            yield quarter_of(month)


def period_before(period: str) -> str:
    """The month before a month, or the quarter before a quarter."""
    if "Q" not in period:
        return month_before(period)
    year, quarter = int(period[:4]), int(period[6:])
    return f"{year - 1:04}-Q4" if quarter == 1 else f"{year:04}-Q{quarter - 1}"
