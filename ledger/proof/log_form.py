"""The form of the log's own events, which belong to no programme: those of the stream `log`.

    ClockAccepted   {"last_recorded_at"}         an instant, before the event's own recorded_at: somebody accepts that the book
                                                 was last recorded then
    KeyRotated      {"old","new","statement"}    one key of the log hands over to another (see `ledger.proof.log.keys`)
    ErasureRequested, ErasureCompleted           what is kept of a person apart from the book is to be erased, is erased:
                    {"subject"}                  the reference by which the book knows the person
    ResultsPublished {"month"}                   the results of a month, YYYY-MM, were published

All are of version 1, have the id of a fact, and whoever caused it, or null. The fact of an erasure is named after its subject,
`csat-ledger:erasure-requested:<subject>` and `csat-ledger:erasure-completed:<subject>`, that of a publication
`csat-ledger:results-published:<month>`, so each stands once in a book. There are no others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.proof.form import Form, check_event, pattern, record, reference
from ledger.proof.log.errors import RefutedError, Words
from ledger.proof.log.event import Event, format_instant, parse_instant
from ledger.proof.log.keys import EVENT_TYPE, check_rotation

CLOCK_ACCEPTED = "ClockAccepted"
NAMED_AFTER = {
    "ErasureRequested": ("csat-ledger:erasure-requested:", "subject"),
    "ErasureCompleted": ("csat-ledger:erasure-completed:", "subject"),
    "ResultsPublished": ("csat-ledger:results-published:", "month"),
}
"""By type how the id of its fact begins, and which member follows."""
_LAST = "last_recorded_at"


def _rotation(value: Any, _what: str) -> object:
    return check_rotation(value, "rotation")


FORMS: Mapping[str, Form] = {
    CLOCK_ACCEPTED: record({_LAST: parse_instant}),
    EVENT_TYPE: _rotation,
    **dict.fromkeys(("ErasureRequested", "ErasureCompleted"), record({"subject": reference})),
    "ResultsPublished": record({"month": pattern("[0-9]{4}-(0[1-9]|1[0-2])", "a month, YYYY-MM")}),
}


def check_log_event(event: Event) -> tuple[str, str] | None:
    """An event of the log's own stream, in its form; of a rotation the old and the new key. Raises a ProofError."""
    check_event(event, FORMS)
    if event.type == CLOCK_ACCEPTED:
        if parse_instant(event.data[_LAST], event.where) >= event.recorded_us:
            expected = Words(f"an instant before {format_instant(event.recorded_us)}, its recorded_at")
            raise RefutedError(f"{event.where}: {_LAST}", found=event.data[_LAST], expected=expected)
        return None
    if event.type in NAMED_AFTER:
        begins, member = NAMED_AFTER[event.type]
        if event.fact != begins + event.data[member]:
            expected = Words(f"{begins} and the {member}, {event.data[member]}")
            raise RefutedError(f"{event.where}: fact", found=event.fact, expected=expected)
        return None
    old, new = check_rotation(event.data, event.where)
    return str(old), str(new)
