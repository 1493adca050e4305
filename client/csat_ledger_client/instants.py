"""Instants as the ledger writes them, `YYYY-MM-DDTHH:MM:SS.ffffffZ`: exact to the microsecond, so that none is rounded."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from csat_ledger_client.errors import BadRequest

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


def instant_us(text: str) -> int:
    """Microseconds since 1970 of an instant as the ledger writes it. Raises ValueError where it is none."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"found {text[:40]!r}, expected an instant with an offset")
    return (found - EPOCH) // MICROSECOND


def instant_text(when: datetime | date | str) -> str:
    """What a question takes as an instant: RFC 3339 text as it is, a datetime with an offset, a date.

    Raises BadRequest where it is none of these, a datetime has no offset, or is of no year from 1 to 9999 in UTC.
    """
    if isinstance(when, str):
        return when
    if isinstance(when, datetime):
        if when.utcoffset() is None:
            raise BadRequest(f"found {when!r}, expected a datetime with a time zone")
        try:
            in_utc = when.astimezone(UTC)
        except OverflowError:
            raise BadRequest(f"found {when!r}, expected an instant of the years 1 to 9999 in UTC") from None
        # strftime would write the year 999 with three digits.
        return in_utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    if isinstance(when, date):
        return when.isoformat()
    raise BadRequest(f"found {type(when).__name__}, expected RFC 3339 text, a date, or a datetime with a time zone")
