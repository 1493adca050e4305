"""The demo's facts in a book of a test, and what became of each: the survey programme with all its types of facts.

Recorded as the demo does, a day in a transaction and a review at the end of each month, with its clock; then come facts
of the types that the demo lacks, and a decision on every renewal that is due, before and after an edition in the past.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any

from console.demo.survey import DEMO_PICKS, END, generate
from ledger.errors import Refused
from ledger.instants import DAY_US, format_instant, midnight_us
from ledger.programmes.registry import fact_from_object
from tests.support.real_book import RealBook

SEED, MEMBERSHIPS = 1, 40
NOW_US = midnight_us(END) + DAY_US
MEMBER = DEMO_PICKS[0].membership
NAMES = ("Varnholt Mills", "Varnholt Mills Ltd", "VARNHOLT MILLS")
LACKING: Sequence[dict[str, Any]] = (
    *({"type": "record-consent", "subject": f"s-{n}", "customer_org": name} for n, name in enumerate(NAMES[:2])),
    {"type": "same-organisation", "organisation": NAMES[1], "same_as": NAMES[0]},
    {"type": "same-organisation", "organisation": NAMES[1], "same_as": NAMES[0]},  # already-joined
    {"type": "separate-organisations", "organisation": NAMES[1], "same_as": NAMES[0]},
    {"type": "record-consent", "subject": "s-2", "customer_org": NAMES[2]},  # organisation-spelling
    {"type": "distinct-organisation", "organisation": NAMES[2], "from": NAMES[0]},
    {"type": "same-organisation", "organisation": NAMES[2], "same_as": "nobody"},  # unknown-organisation
)
"""Facts of the types that the demo lacks, all of one membership."""
EDITION = {
    "type": "publish-rulebook", "id": "golden-edition", "edition": "golden", "effective_from": "2012-10-01T00:00:00Z",
    "min_responses": 4, "per_org_cap": 3, "min_organisations": 2, "window_months": 12, "min_evaluations": 3,
    "pool_locations": True, "occurred_at": format_instant(NOW_US),
}  # fmt: skip
"""In the past: what was announced from then on is announced anew."""


@dataclass
class Recorded:
    """The book, and what became of each fact."""

    book: RealBook
    refusals: dict[str, bytes] = field(default_factory=dict)
    outcomes: dict[str, list[str]] = field(default_factory=dict)

    def record(self, arrivals: Sequence[tuple[int, Any]]) -> None:
        """Facts in one transaction, at the arrival of the last."""
        self.book.now_us = arrivals[-1][0]
        month = self.outcomes.setdefault(format_instant(self.book.now_us)[:7], [])
        taken: list[Any] = []
        for _, fact in arrivals:
            try:
                taken.append(fact_from_object(fact))
            except Refused as refusal:
                self._refused(refusal.code, refusal.sentence, fact["id"])
                month.append(repr((fact["id"], "refused", None, refusal.code)))
        for fact, outcome in zip(taken, self.book.record(taken), strict=True):
            if outcome.status == "refused":
                self._refused(outcome.code or "", outcome.sentence or "", fact.id)
            month.append(repr((fact.id, outcome.status, outcome.position, outcome.code)))

    def _refused(self, code: str, sentence: str, fact: str) -> None:
        self.refusals[f"{len(self.refusals) + 1:03} {fact}"] = f"{code}: {sentence}".encode()


def record_all(book: RealBook) -> Recorded:
    """The demo's facts, a day in a transaction and a review at the end of each month; then the others."""
    recorded = Recorded(book)
    arrivals = generate(SEED, MEMBERSHIPS)
    for month, of_month in groupby(arrivals, key=lambda arrival: format_instant(arrival[0])[:7]):
        for _, of_day in groupby(of_month, key=lambda arrival: arrival[0] // DAY_US):
            recorded.record(list(of_day))
        year, number = int(month[:4]), int(month[5:])
        book.now_us = midnight_us(date(year + number // 12, number % 12 + 1, 1)) - 1
        book.writer.review()
    at = format_instant(NOW_US)
    for number, fact in enumerate(LACKING):
        recorded.record([(NOW_US, {"id": f"golden-{number}", "membership": MEMBER, "occurred_at": at, **fact})])
    recorded.record([*decisions_due(book, "first")])
    recorded.record([(NOW_US, EDITION)])
    book.writer.review()
    recorded.record([*decisions_due(book, "again")])  # refused, but for those that the edition changed
    return recorded


def decisions_due(book: RealBook, turn: str) -> Iterator[tuple[int, Any]]:
    """A decision on every renewal that was ever set and is due."""
    dates = sorted(
        {(row.stream.removeprefix("membership-"), json.loads(row.stored)["data"]["renewal_date"])
         for row in book.feed() if row.type == "RenewalDateSet"}
    )  # fmt: skip
    for membership, day in dates:
        if midnight_us(date.fromisoformat(day)) <= NOW_US:
            yield (
                NOW_US,
                {
                    "type": "decide-renewal", "id": f"golden {turn} {membership} {day}", "membership": membership,
                    "renewal_date": day, "occurred_at": format_instant(NOW_US),
                },
            )  # fmt: skip
