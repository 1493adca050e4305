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
from ledger.programmes.capability.flips import NEVER, next_change, score_at
from ledger.programmes.capability.state import Announcement, Designation
from ledger.programmes.programme import Span

REPORTS: Final = ("UsageReported", "RevenueReported")
LOOK_AHEAD: Final = 32
"""So many instants at which a score can become another are looked at beyond those that are asked for."""
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
    only = state.more_people if kind == "certificate" else None
    return Span(first_us, horizon_us if end_us is None else min(end_us, horizon_us), kind, only)


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
    instant = next_change(state, scorebook, after_us)
    while instant <= until_us:
        if score_at(state, scorebook, instant).qualified != qualified:
            found.append(entry_at(state, scorebook, instant))
            qualified = not qualified
        instant = next_change(state, scorebook, instant)
    return found, _quiet_from(state, scorebook, instant, qualified)


def quiet_until(state: Designation, scorebook: Scorebook, at_us: int, qualified: bool) -> int:
    """An instant after another before which nothing known can flip the status, which is `qualified` there."""
    return _quiet_from(state, scorebook, next_change(state, scorebook, at_us), qualified)


def _quiet_from(state: Designation, scorebook: Scorebook, instant: int, qualified: bool) -> int:
    """The first instant from one on that flips the status; where the next few do not, the one after them.

    Who imports a long past has as long a future before the horizon, and would look through all of it with each fact.
    """
    for _ in range(LOOK_AHEAD):
        if instant >= NEVER or score_at(state, scorebook, instant).qualified != qualified:
            break
        instant = next_change(state, scorebook, instant)
    return instant


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
