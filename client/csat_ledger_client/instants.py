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

    Raises BadRequest where a datetime has no offset.
    """
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise BadRequest(f"found {when!r}, expected a datetime with a time zone")
        return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return when if isinstance(when, str) else when.isoformat()
