"""Events of the log itself, which belong to no programme: their stream, and what each type holds."""

from __future__ import annotations

from typing import Final, TypedDict

from ledger.event import EventTypes

LOG_STREAM: Final = "log"
CLOCK_ACCEPTED: Final = "ClockAccepted"
KEY_ROTATED: Final = "KeyRotated"
ERASURE_REQUESTED: Final = "ErasureRequested"
ERASURE_COMPLETED: Final = "ErasureCompleted"
RESULTS_PUBLISHED: Final = "ResultsPublished"


class ClockAcceptedData(TypedDict):
    """Somebody accepts the instant at which the book was last recorded, though the clock says another (DESIGN 5)."""

    last_recorded_at: str


class KeyRotatedData(TypedDict):
    """One key of the log hands over to another; both sign `statement` (see `ledger.proof.log.keys`)."""

    old: str
    new: str
    statement: str


class ErasureRequestedData(TypedDict):
    """What is kept of a person apart from the book is to be erased; who that is, and why, stands in no event."""

    subject: str


class ErasureCompletedData(TypedDict):
    """Nothing is kept of that person any more: its key, what was sealed under it and what it was found by are gone."""

    subject: str


class ResultsPublishedData(TypedDict):
    """The results of a month were published, apart from the book: they are never published anew (S1, S2)."""

    month: str


LOG_EVENTS: Final = EventTypes(
    {
        (KEY_ROTATED, 1): KeyRotatedData,
        (CLOCK_ACCEPTED, 1): ClockAcceptedData,
        (ERASURE_REQUESTED, 1): ErasureRequestedData,
        (ERASURE_COMPLETED, 1): ErasureCompletedData,
        (RESULTS_PUBLISHED, 1): ResultsPublishedData,
    }
)


def erasure_requested_id(subject: str) -> str:
    """The id of the fact that the erasure of a subject was asked for: once in a book, however often it is done."""
    return f"csat-ledger:erasure-requested:{subject}"


def erasure_completed_id(subject: str) -> str:
    """The id of the fact that a subject was erased."""
    return f"csat-ledger:erasure-completed:{subject}"


def results_published_id(month: str) -> str:
    """The id of the fact that the results of a month were published: once in a book."""
    return f"csat-ledger:results-published:{month}"
