"""The samples of the log's own events, and what their streams are called, for their schemas."""

from __future__ import annotations

from typing import Final

from ledger.fact import Reference
from ledger.log_events import LOG_STREAM
from ledger.programmes.schema_forms import EventSample, SchemaForms, StreamForm, form

MONTH: Final = "^[0-9]{4}-(0[1-9]|1[0-2])$"
LOG_SAMPLES: Final[dict[str, EventSample]] = {
    "KeyRotated": EventSample(
        4,
        "2014-02-01T00:00:00.000000Z",
        "2014-02-01T00:00:00.000000Z",
        "csat-ledger:key-rotated:1",
        "csat-ledger",
        {
            "old": "ledger.example/renewals+a05394b1+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
            "new": "ledger.example/renewals+f9af5f7b+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk",
            "statement": "\n".join(
                (
                    "csat-ledger/key-rotated/v1",
                    "ledger.example/renewals+a05394b1+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
                    "ledger.example/renewals+f9af5f7b+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk",
                    "",
                    "— ledger.example/renewals oFOUsWeVUeMQy5VctWhHShU/6A5NGeuFl0"
                    "VsGQLj67KpNt9kRBHOWUoASHb5iuAUYaUfO9yQ56FESeFDkYkjdSCstwM=",
                    "— ledger.example/renewals +a9fe6ZiAn45FDG4/62s+6a5uyyyWuegcg"
                    "7Gn8jLMiX9GpPZCwmBsSDrqkKcXTl7Ro1itWvRbGzvsTMsQsObZUmwmw8=",
                    "",
                )
            ),
        },
    ),
    "ClockAccepted": EventSample(
        5,
        "2026-11-26T09:00:00.000000Z",
        "2099-01-01T00:00:00.000001Z",
        "csat-ledger:clock-accepted:2099-01-01T00:00:00.000000Z",
        "csat-ledger",
        {"last_recorded_at": "2099-01-01T00:00:00.000000Z"},
    ),
    "ErasureRequested": EventSample(
        6,
        "2027-03-01T09:00:00.000000Z",
        "2099-01-01T00:00:00.000002Z",
        "csat-ledger:erasure-requested:4f1c2d0e8b7a69580c1d2e3f40516273",
        "csat-ledger",
        {"subject": "4f1c2d0e8b7a69580c1d2e3f40516273"},
    ),
    "ErasureCompleted": EventSample(
        7,
        "2027-03-01T09:00:01.000000Z",
        "2099-01-01T00:00:00.000003Z",
        "csat-ledger:erasure-completed:4f1c2d0e8b7a69580c1d2e3f40516273",
        "csat-ledger",
        {"subject": "4f1c2d0e8b7a69580c1d2e3f40516273"},
    ),
    "ResultsPublished": EventSample(
        8,
        "2027-04-01T09:00:00.000000Z",
        "2099-01-01T00:00:00.000004Z",
        "csat-ledger:results-published:2027-03",
        "csat-ledger",
        {"month": "2027-03"},
    ),
}

LOG_FORMS: Final = SchemaForms(
    facts={},
    events=LOG_SAMPLES,
    subjects=StreamForm({"const": LOG_STREAM}, LOG_STREAM),
    event_fields={"subject": form(Reference), "month": {"type": "string", "pattern": MONTH}},
)
