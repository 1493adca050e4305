"""Instants and calendar months.

An instant is a whole number of microseconds since 1970-01-01T00:00:00Z (names end in `_us`); as text it is always
`YYYY-MM-DDTHH:MM:SS.ffffffZ`. No floats, no local time, no leap seconds.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from ledger.errors import BadInput

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
MICROSECOND: Final = timedelta(microseconds=1)
SECOND_US: Final = 1_000_000
DAY_US: Final = 86_400 * SECOND_US
BEGINNING_US: Final = (datetime(1, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
END_YEAR: Final = 9999
END_US: Final = (datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC) - EPOCH) // MICROSECOND

_TIME: Final = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d"  # some versions of the standard library would let 24:00 pass
_DAY: Final = r"\d{4}-\d{2}-\d{2}[Tt ]"
_OFFSET: Final = r"([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)"
RFC3339_PATTERN: Final = rf"^{_DAY}{_TIME}(\.\d{{1,6}}0*)?{_OFFSET}$"
_RFC3339: Final = re.compile(RFC3339_PATTERN[1:-1], re.ASCII)
_TOO_FINE: Final = re.compile(rf"{_DAY}{_TIME}\.\d{{7,}}{_OFFSET}", re.ASCII)
_LEAP_SECOND: Final = re.compile(rf"{_DAY}([01]\d|2[0-3]):[0-5]\d:60(\.\d+)?{_OFFSET}", re.ASCII)
_NO_OFFSET: Final = re.compile(rf"{_DAY}{_TIME}(\.\d+)?", re.ASCII)
_DAY_ALONE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CANONICAL: Final = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}T{_TIME}(\.\d{{6}})?Z", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@lru_cache(maxsize=32_768)
def parse_instant(text: str) -> int:
    """The instant that an RFC 3339 text with an offset names.

    Raises BadInput where the text has another form, no offset, decimals that are finer than a microsecond, or names no
    instant between the years 1 and 9999 in UTC.
    """
    if not _CANONICAL.fullmatch(text):
        text = _to_canonical_form(text)
    try:
        instant_us = (datetime.fromisoformat(text) - EPOCH) // MICROSECOND
    except (ValueError, OverflowError) as error:
        raise BadInput(f"found {text[:40]!r}, expected an instant of the calendar: {error}") from None
    if not BEGINNING_US <= instant_us <= END_US:
        raise BadInput(f"found {text[:40]!r}, expected an instant between the years 1 and 9999 in UTC")
    return instant_us


def _to_canonical_form(text: str) -> str:
    """What the standard library reads: upper case letters, and six decimals where there are any."""
    if not _RFC3339.fullmatch(text):
        raise BadInput(f"found {text[:40]!r}, expected {_expected_instead_of(text)}")
    head, rest = text[:19].upper().replace(" ", "T"), text[19:].upper()
    if rest[0] == ".":
        digits = len(rest) - len(rest[1:].lstrip("0123456789"))
        rest = rest[:digits].ljust(7, "0")[:7] + rest[digits:]
    return head + rest


def _expected_instead_of(text: str) -> str:
    """What a text that names no instant lacks."""
    if _TOO_FINE.fullmatch(text):
        return "at most six decimals, but for zeros: instants are kept to the microsecond"
    if _LEAP_SECOND.fullmatch(text):
        return (
            "seconds from 00 to 59: there are no leap seconds here, give the last second before it or the first after"
        )
    if _NO_OFFSET.fullmatch(text):
        return f"an offset after it, such as {text[:19]}Z"
    if _DAY_ALONE.fullmatch(text):
        return f"a time and an offset after the date, such as {text}T00:00:00Z"
    return "an RFC 3339 instant with an offset, such as 2010-06-15T10:22:33Z"


def canonical_instant(text: str) -> str:
    """The canonical text of the instant that an RFC 3339 text names; errors as `parse_instant`."""
    instant_us = parse_instant(text)
    if text[-1] == "Z" and text[10] == "T":
        if len(text) == 27:
            return text
        if len(text) == 20:
            return text[:19] + ".000000Z"
    return format_instant(instant_us)


def format_instant(instant_us: int) -> str:
    """The canonical text of an instant: always six decimals, always Z."""
    days, rest_us = divmod(instant_us, DAY_US)
    seconds, micros = divmod(rest_us, SECOND_US)
    minutes, second = divmod(seconds, 60)
    return f"{_day_text(days)}{_MINUTE_TEXTS[minutes]}{second:02d}.{micros:06d}Z"


_MINUTE_TEXTS: Final = tuple(f"T{minutes // 60:02d}:{minutes % 60:02d}:" for minutes in range(24 * 60))


_DAY_TEXTS: dict[int, str] = {}


def _day_text(days: int) -> str:
    text = _DAY_TEXTS.get(days)
    if text is None:
        if len(_DAY_TEXTS) > 20_000:  # fifty years; a bound, should somebody feed more
            _DAY_TEXTS.clear()
        text = _DAY_TEXTS[days] = date.fromordinal(days + EPOCH_ORDINAL).isoformat()
    return text


def parse_date(text: str) -> date:
    """A calendar date `YYYY-MM-DD`. Raises BadInput for anything else."""
    if not _DATE.fullmatch(text):
        raise BadInput(f"found {text[:40]!r}, expected a date such as 2011-03-01")
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"found {text[:40]!r}, expected a date of the calendar: {error}") from None
    return day


def parse_renewal_date(text: str) -> date:
    """A calendar date that a renewal may have: any but the calendar's first. Raises BadInput."""
    day = parse_date(text)
    if day == date.min:
        raise BadInput(f"found {text!r}, expected a later date: a renewal is evaluated on its eve")
    return day


def midnight_us(day: date) -> int:
    """The instant at which a date begins: 00:00 UTC."""
    return (day.toordinal() - EPOCH_ORDINAL) * DAY_US


def evaluation_us(renewal_date: date) -> int:
    """The instant at which a renewal is evaluated (R1, R7): the last microsecond before 00:00 UTC of its date."""
    return midnight_us(renewal_date) - 1


def month_begin_us(instant_us: int) -> int:
    """00:00 UTC of the first day of the month in which an instant lies."""
    return parse_instant(f"{format_instant(instant_us)[:7]}-01T00:00:00.000000Z")


def add_months(instant_us: int, months: int) -> int:
    """The same day of the month and time of day `months` calendar months on (R5).

    A day that the month lacks becomes the month's last: 29 February and twelve months give 28 February. So later
    instants need not give later results: 29 February 09:00 comes back before 28 February 10:00 does. Beyond the year
    9999 it is an instant after END_US, which nobody can ask about.
    """
    days, time_us = divmod(instant_us, DAY_US)
    return _days_after(days, months) * DAY_US + time_us


def add_months_to_each(instants: Collection[int], months: int) -> list[int]:
    """As `add_months`, of many instants at once: several times faster where they have days in common."""
    days = {instant_us // DAY_US for instant_us in instants}
    shifts = {day: (_days_after(day, months) - day) * DAY_US for day in days}
    return [instant_us + shifts[instant_us // DAY_US] for instant_us in instants]


def _days_after(days: int, months: int) -> int:
    key = (days, months)
    shifted = _SHIFTED_DAYS.get(key)
    if shifted is None:
        if len(_SHIFTED_DAYS) > 50_000:
            _SHIFTED_DAYS.clear()
        shifted = _SHIFTED_DAYS[key] = _shift_day(days, months)
    return shifted


def earliest_counting_us(at_us: int, months: int) -> int:
    """An instant before which nothing received can count at `at_us` under a window of so many months.

    Two days earlier than the window, so that no clamped end of a month is missed; each receipt is then tested by itself.
    """
    if at_us - BEGINNING_US < (months + 1) * 31 * DAY_US:
        return BEGINNING_US
    return add_months(at_us, -months) - 2 * DAY_US


_SHIFTED_DAYS: dict[tuple[int, int], int] = {}


def _shift_day(days: int, months: int) -> int:
    day = date.fromordinal(days + EPOCH_ORDINAL)
    month_index = day.year * 12 + day.month - 1 + months
    year, month = divmod(month_index, 12)
    if year > END_YEAR:
        return date.max.toordinal() + 1 - EPOCH_ORDINAL
    last = _MONTH_DAYS[month]
    if month == 1 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        last = 29
    return date(year, month + 1, min(day.day, last)).toordinal() - EPOCH_ORDINAL
