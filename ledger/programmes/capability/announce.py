"""Announcing for the capability programme: what a flip is, and which instants an event can have changed (DESIGN 6).

The cause of an announcement that a fact makes by revising is that fact's kind (report, close, certificate, scorebook).
Of any other it is what takes effect at its instant: scorebook; close, where the last month becomes another; certificate,
where it becomes qualified; else expiry.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, Final

from ledger.event import Event
from ledger.instants import format_instant
from ledger.programmes.capability.calendar import month_number, month_text
from ledger.programmes.capability.editions import Scorebook
from ledger.programmes.capability.flips import flip_after, score_at
from ledger.programmes.capability.state import Announcement, Designation
from ledger.programmes.programme import Span

REPORTS: Final = ("UsageReported", "RevenueReported")
_MOVED: Final = {
    "MonthClosed": "close",
    "MonthCloseCorrected": "close",
    "CertificateRecorded": "certificate",
    "CertificateEnded": "certificate",
}
"""Events that change something from an instant on, with the kind of their fact."""


def span(state: Designation, event: Event, horizon_us: int) -> Span | None:
    """The instants up to the horizon whose status an event can have changed; `state` has evolved by it."""
    if event.type in REPORTS:
        changed, kind = state.closes.span(month_number(event.data["month"])), "report"
    elif event.type in _MOVED:
        changed, kind = state.changed, _MOVED[event.type]
    else:
        return None
    if changed is None or changed[0] > horizon_us:
        return None
    first_us, end_us = changed
    return Span(first_us, horizon_us if end_us is None else min(end_us, horizon_us), kind)


def disturbs(state: Designation, event: Event) -> bool:
    """Whether an event can change when something happens next by itself: a report only for months that are compared."""
    if event.type in REPORTS:
        return state.closes.span(month_number(event.data["month"])) is not None
    return event.type in _MOVED


def flips(
    state: Designation, scorebook: Scorebook, after_us: int, until_us: int, qualified: bool
) -> tuple[list[Announcement], int]:
    """The true history in (after_us, until_us], where `qualified` holds at `after_us`; and how long it stays quiet then."""
    found: list[Announcement] = []
    instant = flip_after(state, scorebook, after_us, qualified)
    while instant <= until_us:
        found.append(entry_at(state, scorebook, instant))
        qualified = not qualified
        instant = flip_after(state, scorebook, instant, qualified)
    return found, instant


def entry_at(state: Designation, scorebook: Scorebook, at_us: int) -> Announcement:
    """What is to be said of an instant, and what takes effect at it."""
    now = score_at(state, scorebook, at_us)
    return Announcement(
        at_us,
        now.qualified,
        now.centipoints,
        now.points,
        None if now.month is None else month_text(now.month),
        now.track,
        None if now.edition is None else now.edition.edition,
        _cause(state, scorebook, at_us, now.qualified),
    )


def _cause(state: Designation, scorebook: Scorebook, at_us: int, qualified: bool) -> str:
    if scorebook.starts_at(at_us):
        return "scorebook"
    instants = state.closes.instants
    place = bisect_left(instants, at_us)
    if place < len(instants) and instants[place] == at_us:
        return "close"
    return "certificate" if qualified else "expiry"


def announcement_data(area: str, entry: Announcement, previous: bool, revises: bool, kind: str) -> dict[str, Any]:
    """The data of the DesignationChanged event that announces an entry."""
    return {
        "area": area,
        "cause": kind if revises else entry.cause,
        "centipoints": entry.centipoints,
        "edition": entry.edition,
        "effective_at": format_instant(entry.effective_us),
        "metrics": entry.metrics,
        "month": entry.month,
        "previous": previous,
        "qualified": entry.qualified,
        "revises": revises,
        "track": entry.track,
    }
