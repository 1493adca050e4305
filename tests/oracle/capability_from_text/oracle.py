"""How a fact comes in: judged by form, then id, then rules, and kept where it is accepted.

Readings of the text:
- `in-the-future` is checked first of the rules, also for a close that is put after its own fact (`closed_at`).
- An id of the program's own (`csat-ledger:…`) is refused with `reserved-id`, as in the first programme.
- An event's data are the fields of the fact's own type; those of a decision what was decided, and its revision.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.oracle.capability_from_text.book import Accepted, Book
from tests.oracle.capability_from_text.decisions import decided
from tests.oracle.capability_from_text.form import content_of, is_personal, is_well_formed, own_fields
from tests.oracle.capability_from_text.refusals import refusals
from tests.oracle.survey.form import is_reserved
from tests.oracle.survey.time import MICROSECOND, instant

EVENTS = {
    "open-designation": "DesignationOpened",
    "set-anniversary": "AnniversarySet",
    "report-usage": "UsageReported",
    "report-revenue": "RevenueReported",
    "close-month": "MonthClosed",
    "correct-close": "MonthCloseCorrected",
    "record-certificate": "CertificateRecorded",
    "end-certificate": "CertificateEnded",
    "decide-designation": "DesignationDecided",
    "publish-scorebook": "ScorebookPublished",
}


class Oracle(Book):
    """A book that judges what is told to it."""

    def judge(self, fact: Any, now: datetime) -> tuple[str, Any]:
        """What would become of a fact: ("accepted", [(event type, data)]), ("duplicate", None), ("refused", code)."""

        if not is_well_formed(fact):
            return "refused", "personal-data" if is_personal(fact) else "malformed"
        if is_reserved(fact["id"]):
            return "refused", "reserved-id"
        for earlier in self.known_facts():
            if earlier.fact["id"] == fact["id"]:
                if content_of(earlier.fact) == content_of(fact):
                    return "duplicate", None
                return "refused", "id-reused"
        for code in refusals(self, fact, now):
            return "refused", code
        data = own_fields(fact)
        if fact["type"] == "decide-designation":
            content = decided(self, fact, min(now, instant(fact["occurred_at"])))
            before = self.decisions(fact["membership"], fact["area"], fact["anniversary"])
            data = {**content, "revision": len(before) + 1}
        return "accepted", [(EVENTS[fact["type"]], data)]

    def record(self, fact: Any, now: datetime) -> tuple[str, Any]:
        """Judge a fact and, where it is accepted, keep it."""
        said = self.judge(fact, now)
        if said[0] == "accepted":
            content = None
            if fact["type"] == "decide-designation":
                content = {key: value for key, value in said[1][0][1].items() if key != "revision"}
            recorded_at = max([now, *(one.recorded_at + MICROSECOND for one in self.accepted)])
            entry = Accepted(len(self.accepted) + 1, recorded_at, instant(fact["occurred_at"]), dict(fact), content)
            self.accepted.append(entry)
        return said
