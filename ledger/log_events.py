"""Events of the log itself, which belong to no programme: their stream, and what each type holds."""

from __future__ import annotations

from typing import Final, TypedDict

from ledger.event import EventTypes

LOG_STREAM: Final = "log"
CLOCK_ACCEPTED: Final = "ClockAccepted"
KEY_ROTATED: Final = "KeyRotated"


class ClockAcceptedData(TypedDict):
    """Somebody accepts the instant at which the book was last recorded, though the clock says another (DESIGN 5)."""

    last_recorded_at: str


class KeyRotatedData(TypedDict):
    """One key of the log hands over to another; both sign `statement` (see `ledger.proof.log.keys`)."""

    old: str
    new: str
    statement: str


LOG_EVENTS: Final = EventTypes({(KEY_ROTATED, 1): KeyRotatedData, (CLOCK_ACCEPTED, 1): ClockAcceptedData})
