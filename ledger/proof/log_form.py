"""The form of the log's own events, which belong to no programme: those of the stream `log`.

    ClockAccepted   {"last_recorded_at"}         an instant, before the event's own recorded_at: somebody accepts that the book
                                                 was last recorded then
    KeyRotated      {"old","new","statement"}    one key of the log hands over to another (see `ledger.proof.log.keys`)

Both are of version 1, have the id of a fact, and whoever caused it, or null. There are no others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.proof.form import Form, check_event, record
from ledger.proof.log.errors import RefutedError, Words
from ledger.proof.log.event import Event, format_instant, parse_instant
from ledger.proof.log.keys import EVENT_TYPE, check_rotation

CLOCK_ACCEPTED = "ClockAccepted"
_LAST = "last_recorded_at"


def _rotation(value: Any, _what: str) -> object:
    return check_rotation(value, "rotation")


FORMS: Mapping[str, Form] = {CLOCK_ACCEPTED: record({_LAST: parse_instant}), EVENT_TYPE: _rotation}


def check_log_event(event: Event) -> tuple[str, str] | None:
    """An event of the log's own stream, in its form; of a rotation the old and the new key. Raises a ProofError."""
    check_event(event, FORMS)
    if event.type == CLOCK_ACCEPTED:
        if parse_instant(event.data[_LAST], event.where) >= event.recorded_us:
            expected = Words(f"an instant before {format_instant(event.recorded_us)}, its recorded_at")
            raise RefutedError(f"{event.where}: {_LAST}", found=event.data[_LAST], expected=expected)
        return None
    old, new = check_rotation(event.data, event.where)
    return str(old), str(new)
