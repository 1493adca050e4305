"""Why a well-formed fact with a new id is refused: every reason, in the order of the contract's list of codes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.oracle.capability_from_text.calendar import is_over
from tests.oracle.capability_from_text.decisions import has_changed, is_due
from tests.oracle.capability_from_text.form import Fact
from tests.oracle.survey.time import instant

if TYPE_CHECKING:
    from tests.oracle.capability_from_text.book import Book

FUTURE_TOLERANCE = timedelta(minutes=5)


def refusals(oracle: Book, fact: Fact, now: datetime) -> Iterator[str]:
    """Every reason to refuse, in the order of the contract's list. Only the first one is asked for."""
    kind, area, occurred_at = fact["type"], fact["area"], instant(fact["occurred_at"])
    if occurred_at > now + FUTURE_TOLERANCE:
        yield "in-the-future"
    if kind == "correct-close" and instant(fact["closed_at"]) > occurred_at:
        yield "in-the-future"
    if kind == "publish-scorebook":
        if fact["edition"] in [one["edition"] for one in oracle.editions(area)]:
            yield "scorebook-exists"
        return
    is_open = (fact["membership"], area) in oracle.designations()
    if kind == "open-designation":
        if not oracle.editions(area):
            yield "unknown-area"
        if is_open:
            yield "already-open"
        return
    if not is_open:
        yield "unknown-designation"
    if "month" in fact:
        yield from _month_refusals(oracle, fact, occurred_at)
    if kind in ("record-certificate", "end-certificate"):
        facts = oracle.facts_of(fact["membership"], area)
        known = [one.fact["certificate"] for one in facts if one.type == "record-certificate"]
        if kind == "record-certificate" and fact["certificate"] in known:
            yield "certificate-exists"
        if kind == "end-certificate" and fact["certificate"] not in known:
            yield "unknown-certificate"
    if kind == "decide-designation":
        until = min(now, occurred_at)
        if fact["anniversary"] not in oracle.anniversaries(fact["membership"], area):
            yield "anniversary-not-set"
        if not is_due(oracle, fact, until):
            yield "anniversary-not-due"
        if not has_changed(oracle, fact, until):
            yield "designation-already-decided"


def _month_refusals(oracle: Book, fact: Fact, occurred_at: datetime) -> Iterator[str]:
    month = fact["month"]
    reached = instant(fact["closed_at"]) if fact["type"] == "correct-close" else occurred_at
    if not is_over(month, reached):
        yield "month-not-over"
    if fact["type"] == "report-usage":
        rated = [workload for edition in oracle.editions(fact["area"]) for workload in edition["rates"]]
        if fact["workload"] not in rated:
            yield "unknown-workload"
    is_closed = month in oracle.closes(fact["membership"], fact["area"])
    if fact["type"] == "close-month" and is_closed:
        yield "month-already-closed"
    if fact["type"] == "correct-close" and not is_closed:
        yield "month-not-closed"
