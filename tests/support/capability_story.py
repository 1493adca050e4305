"""A fixed history of the capability programme in a real book, with every type of fact, refusal, cause and outcome.

What it makes of the book is frozen (`tests.test_golden_capability`): nothing here is drawn, and nothing is to be changed.
New things are told after what there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ledger.errors import Refused
from ledger.instants import format_instant, parse_instant
from ledger.programmes.capability.editions import SHIPPED_AREA
from ledger.programmes.registry import fact_from_object
from tests.support.real_book import RealBook

Fact = dict[str, Any]
OTHER_AREA: Final = "data-and-ai"
PARTNER, SMALL = {"membership": "m-1", "area": SHIPPED_AREA}, {"membership": "m-2", "area": OTHER_AREA}
BY_TRACK: Final = {"enterprise": 2, "smb": 1}
EASY: Final = {
    "min_centipoints": 5,
    "window_months": 6,
    "net_adds": {"max": 300, "each": 100, "threshold_cents": {"enterprise": 500, "smb": 100}, "associations": ["cpor"]},
    "intermediate": {"max": 200, "each": {"enterprise": 50, "smb": 101}, "people": BY_TRACK},
    "advanced": {"max": 150, "each": {"enterprise": 21, "smb": 75}, "people": BY_TRACK},
    "usage_growth": {"max": 300, "each_percent": 10, "base_mcv": BY_TRACK},
    "deployments": {"max": 200, "each": 40, "threshold_mcv": {"enterprise": 10, "smb": 5}},
    "track": {"workloads": 2, "threshold_cents": 400},
    "rates": {
        "alpha": {"rate_milli": 1000, "associations": ["cpor", "pal"]},
        "beta": {"rate_milli": 10**7, "associations": ["csp-2"]},
    },
}


def usage(month: str, customer: str, units: int, workload: str = "customer-insights", association: str = "pal") -> Fact:
    keys = {"customer": customer, "workload": workload, "month": month, "association": association}
    return {"type": "report-usage", **keys, "units": units}


def revenue(month: str, customer: str, cents: int, workload: str = "any", association: str = "csp-1") -> Fact:
    keys = {"customer": customer, "workload": workload, "month": month, "association": association}
    return {"type": "report-revenue", **keys, "amount_cents": cents}


def certificate(name: str, person: str, tier: str, valid_from: str, valid_until: str | None = None) -> Fact:
    until = {} if valid_until is None else {"valid_until": valid_until}
    fields = {"certificate": name, "person": person, "code": "mb-310", "tier": tier, "valid_from": valid_from}
    return {"type": "record-certificate", **fields, **until}


def scorebook(edition: str, effective_from: str, **figures: Any) -> Fact:
    fields = {"edition": edition, "effective_from": effective_from, **EASY, **figures}
    return {"type": "publish-scorebook", "area": OTHER_AREA, **fields}


def close(month: str) -> Fact:
    return {"type": "close-month", "month": month}


def correct(month: str, closed_at: str) -> Fact:
    return {"type": "correct-close", "month": month, "closed_at": closed_at}


def decide(anniversary: str) -> Fact:
    return {"type": "decide-designation", "anniversary": anniversary}


def end(name: str, on: str) -> Fact:
    return {"type": "end-certificate", "certificate": name, "on": on}


def anniversary(day: str) -> Fact:
    return {"type": "set-anniversary", "anniversary": day}


OPEN: Final = {"type": "open-designation", "name": "Contoso"}
Told = tuple[str, dict[str, Any], Sequence[Fact]]

WORKED_EXAMPLE: Final[Sequence[Told]] = (
    ("2023-06-20T08:00:00Z", PARTNER, [OPEN, anniversary("2024-07-31"), anniversary("2020-02-29")]),
    ("2023-06-20T08:00:00Z", PARTNER, [usage("2023-05", "c-1", 25_000)]),
    ("2023-06-20T08:00:00Z", PARTNER, [usage("2023-05", f"c-{n}", 20_000) for n in range(2, 7)]),
    ("2023-06-20T09:00:00Z", PARTNER, [close("2023-05")]),
    ("2024-01-10T00:00:00Z", PARTNER, [certificate(f"i-{n}", f"p-{n}", "intermediate", "2024-01-01") for n in (1, 2, 3)]),
    ("2024-01-10T00:00:00Z", PARTNER, [certificate(f"a-{n}", f"p-{n}", "advanced", "2024-01-01") for n in (1, 2)]),
    ("2024-06-03T00:00:00Z", PARTNER, [usage("2024-05", f"c-{n}", 50_000) for n in (1, 2, 3)]),
    ("2024-06-03T00:00:00Z", PARTNER, [usage("2024-05", f"c-{n}", 12_500) for n in (4, 5, 6, 7)]),
    ("2024-06-03T00:00:00Z", PARTNER, [revenue("2024-05", f"c-{n}", 25_000) for n in (1, 2, 3)]),
    ("2024-06-20T00:00:00Z", PARTNER, [close("2024-05")]),  # 74 points: qualified
    ("2024-06-25T00:00:00Z", PARTNER, [decide("2024-07-31")]),
    ("2024-07-02T00:00:00Z", PARTNER, [usage("2023-05", "c-6", 19_995)]),  # the base is not met any more: 44 points
    ("2024-07-02T00:00:00Z", PARTNER, [decide("2024-07-31"), decide("2020-02-29")]),
    ("2024-07-03T00:00:00Z", PARTNER, [usage("2023-05", "c-6", 20_000), revenue("2024-05", "c-9", 1, association="pal")]),
    ("2024-08-01T00:00:00Z", PARTNER, [decide("2024-07-31")]),
)  # fmt: skip
"""The README's partner, who loses a metric by a restatement and gets it back; and an anniversary before any edition."""
SMALL_ONES: Final[Sequence[Told]] = (
    ("2024-08-02T00:00:00Z", {}, [scorebook("first", "2022-12-15T00:00:00Z")]),
    ("2024-08-02T00:00:00Z", SMALL, [OPEN, anniversary("2024-06-15"), anniversary("2023-01-31")]),
    ("2024-08-02T00:00:00Z", SMALL, [usage("2023-01", "c-1", 10, "alpha"), usage("2024-01", "c-1", 11, "alpha")]),
    ("2024-08-02T00:00:00Z", SMALL, [usage("2024-01", "c-2", 6, "alpha"), usage("2024-01", "c-2", 5, "alpha", "cpor")]),
    ("2024-08-02T00:00:00Z", SMALL, [revenue("2024-01", "c-1", 100, "alpha", "cpor")]),
    ("2024-08-02T00:00:00Z", SMALL, [certificate("z-1", "p-1", "intermediate", "2024-02-29", "2024-06-10")]),
    ("2024-08-02T00:00:00Z", SMALL, [certificate("z-2", "p-1", "advanced", "2023-12-31")]),
    ("2024-02-20T00:00:00Z", SMALL, [close("2024-01"), decide("2023-01-31")]),
    ("2024-08-03T00:00:00Z", SMALL, [correct("2024-01", "2024-02-19T12:00:00+02:00"), decide("2024-06-15")]),
    ("2024-08-04T00:00:00Z", SMALL, [end("z-1", "2024-05-01"), decide("2024-06-15"), end("z-1", "2024-06-01")]),
    ("2024-08-05T00:00:00Z", {}, [scorebook("hard", "2024-04-01T00:00:00Z", min_centipoints=10**12, window_months=1)]),
    ("2024-08-05T00:00:00Z", SMALL, [decide("2024-06-15")]),
    ("2024-08-06T00:00:00Z", {}, [scorebook("easy", "2024-05-05T00:00:00.000001Z", min_centipoints=1)]),
    ("2024-08-06T00:00:00Z", SMALL, [decide("2024-06-15"), certificate("z-3", "p-2", "intermediate", "2024-08-20")]),
    ("2024-08-07T00:00:00Z", SMALL, [revenue(month, "c-1", 401, work, "cpor") for month in ("2023-01", "2024-01")
     for work in ("alpha", "gamma")]),
    ("2024-08-07T00:00:00Z", SMALL, [usage("2024-01", "c-3", 10**12, "alpha"), usage("2023-01", "c-1", 2, "alpha")]),
    ("2024-08-07T00:00:00Z", SMALL, [revenue("2024-01", f"c-{n}", 500, "alpha", "cpor") for n in (4, 5)]),
    ("2024-08-21T00:00:00Z", SMALL, [certificate("z-4", "p-3", "advanced", "2024-02-29")]),  # enterprise
    ("2024-08-22T00:00:00Z", {}, [scorebook("next", "2025-01-01T00:00:00Z", min_centipoints=10**6)]),
    ("2024-09-20T00:00:00Z", SMALL, [close("2024-08"), usage("2024-08", "c-1", 1, "alpha")]),  # nothing a year before
    ("2024-09-21T00:00:00Z", SMALL, [correct("2024-08", "2024-09-20T00:00:00Z"), close("2023-08"), decide("2024-06-15")]),
    ("2024-09-22T00:00:00Z", SMALL, [usage("2023-08", "c-1", 2, "alpha"), usage("2024-08", "c-1", 11, "alpha"),
     usage("2024-08", "c-2", 10, "alpha"), revenue("2024-08", "c-1", 500, "alpha", "cpor")]),
    ("2024-09-22T00:00:00Z", SMALL, [end("z-3", "2024-11-15"),
     certificate("z-5", "p-4", "intermediate", "2024-12-01", "2025-06-01")]),
)  # fmt: skip
"""An area of its own, in whose scorebook a report makes or breaks it: all causes, both tracks, months out of order."""
FEW: Final = SMALL_ONES[:12]
"""So much of it has announcements, revised ones, and decisions, for a test that does something to each event."""
REFUSED: Final[Sequence[Told]] = (
    ("2024-10-01T00:00:00Z", PARTNER, [OPEN, {"type": "close-month", "month": "2024-13"}, close("2024-10"),
     close("2024-05")]),
    ("2024-10-01T00:00:00Z", {"membership": "m-1", "area": "no-such"}, [OPEN, close("2024-05")]),
    ("2024-10-01T00:00:00Z", SMALL, [usage("2024-01", "c-1", 1, "gamma"), correct("2024-02", "2024-03-01T00:00:00Z")]),
    ("2024-10-01T00:00:00Z", SMALL, [correct("2024-01", "2024-01-31T23:59:59.999999Z"),
     correct("2024-01", "2024-10-01T00:00:00.000001Z")]),
    ("2024-10-01T00:00:00Z", SMALL, [certificate("z-1", "p-9", "advanced", "2024-01-01"), end("z-9", "2024-01-01")]),
    ("2024-10-01T00:00:00Z", SMALL, [decide("2024-06-16"), anniversary("2026-06-16"), decide("2026-06-16"),
     decide("2024-06-15")]),
    ("2024-10-01T00:00:00Z", SMALL, [usage("2024-10", "c-1", 1, "alpha"), revenue("2024-10", "c-1", 1)]),
    ("2024-10-01T00:00:00Z", {}, [scorebook("hard", "2030-01-01T00:00:00Z"),
     scorebook("none", "2030-01-01T00:00:00Z", rates={})]),
)  # fmt: skip
"""What is turned away, a code each; ids that are taken, reserved, or too early come beside (`tell_all`)."""


@dataclass
class Story:
    """The book, and what became of each fact."""

    book: Any
    """A `RealBook`, or what else has a clock `now_us`, a `writer` and `record`."""
    outcomes: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    told: list[tuple[Fact | None, str]] = field(default_factory=list)
    """Each fact, or None for a review, with the clock at which it was told."""
    count: int = 0

    def tell(self, now: str, where: dict[str, Any], facts: Sequence[Fact]) -> None:
        """Facts in one transaction, each occurring now, unless it says otherwise itself."""
        self.book.now_us = max(self.book.now_us, parse_instant(now))
        taken = []
        for fact in facts:
            self.count += 1
            told = {"id": f"s-{self.count:03}", "occurred_at": now, **where, **fact}
            self.told.append((told, format_instant(self.book.now_us)))
            name = f"{self.count:03} {told['type']} {told['id']}"
            try:
                taken.append((name, fact_from_object(told)))
            except Refused as refusal:
                self._refused(name, refusal.code, refusal.sentence)
        for (name, _), outcome in zip(taken, self.book.record([fact for _, fact in taken]), strict=True):
            self.outcomes[name] = repr((outcome.status, outcome.position, outcome.stream, outcome.seq))
            if outcome.status == "refused":
                self._refused(name, outcome.code or "", outcome.sentence or "")

    def review(self, until: str) -> None:
        self.book.now_us = max(self.book.now_us, parse_instant(until))
        self.told.append((None, until))
        done = self.book.writer.review(parse_instant(until))
        self.outcomes[f"{self.count:03} review {until}"] = repr((done.announced, done.position))

    def _refused(self, name: str, code: str, sentence: str) -> None:
        self.refusals[name] = f"{code}: {sentence}"
        self.outcomes[name] = "refused"


def tell_all(book: RealBook) -> Story:
    """The whole history."""
    story = Story(book)
    for told in (*WORKED_EXAMPLE, *SMALL_ONES):
        story.tell(*told)
        if told[0] in ("2023-06-20T09:00:00Z", "2024-06-25T00:00:00Z", "2024-08-21T00:00:00Z"):
            story.review(told[0])
    story.review("2024-09-23T00:00:00Z")
    for told in REFUSED:
        story.tell(*told)
    again = {"id": "s-001", "occurred_at": "2023-06-20T08:00:00Z", **PARTNER}
    story.tell("2024-10-01T00:00:00Z", {}, [OPEN | again, OPEN | again | {"name": "Wingtip"}])
    story.tell("2024-10-01T00:00:00Z", SMALL, [close("2023-10") | {"id": "s:1"}, close("2023-09")])
    story.tell("2024-10-01T00:00:00Z", SMALL, [close("2023-11") | {"id": "csat-ledger:close"}])
    story.tell("2024-10-01T00:00:00Z", SMALL, [close("2023-11") | {"occurred_at": "2024-10-01T00:05:00.000001Z"}])
    story.review("2025-06-01T00:00:00Z")
    return story
