"""Deciding: whether a fact is recorded, and as which event. Pure; refuses with a stable code and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ledger.errors import refuse
from ledger.event import NewEvent
from ledger.instants import format_instant, parse_instant
from ledger.programmes.capability.calendar import month_end_us, month_number
from ledger.programmes.capability.editions import Scorebook
from ledger.programmes.capability.outcome import decide_designation, window
from ledger.programmes.capability.state import Designation
from ledger.programmes.programme import check_not_in_the_future

if TYPE_CHECKING:  # facts are pydantic's, and who only reads the book need not import it
    from ledger.programmes.capability import facts

Decided = tuple[str, dict[str, Any]]


def decide(
    state: Designation,
    fact: facts.DesignationFact,
    scorebook: Scorebook,
    now_us: int,
    occurred_us: int,
    recorded_us: int,
) -> NewEvent:
    """The event that a fact about a designation becomes. Raises Refused where a rule turns it away.

    Whether it lies in the future is judged by the clock, `now_us`; what a decision looks at ends with `recorded_us`.
    """
    check_not_in_the_future(fact, occurred_us, now_us)
    if fact.type == "correct-close":
        _check_close_said(fact, occurred_us)
    if fact.type == "open-designation":
        if not scorebook.editions:
            refuse("unknown-area", f"area {fact.area!r} has no scorebook; publish-scorebook makes it known")
    elif not state.opened:
        refuse("unknown-designation", f"membership {fact.membership!r} has opened no designation in {fact.area!r}")
    event_type, data = _DECIDE[fact.type](state, fact, scorebook, recorded_us, occurred_us)
    return NewEvent(event_type, fact.occurred_at, data)


def publish(fact: facts.PublishScorebook, scorebook: Scorebook, now_us: int, occurred_us: int) -> NewEvent:
    """The event that a new edition becomes (C1); an edition's name is used once in its area."""
    check_not_in_the_future(fact, occurred_us, now_us)
    if fact.edition in scorebook.names:
        refuse("scorebook-exists", f"edition {fact.edition!r} of {fact.area!r} was published already")
    data = fact.model_dump(exclude={"id", "occurred_at", "actor", "type", "area"})
    return NewEvent("ScorebookPublished", fact.occurred_at, data)


def _check_close_said(fact: Any, occurred_us: int) -> None:
    if parse_instant(fact.closed_at) > occurred_us:
        refuse("in-the-future", f"found closed_at {fact.closed_at}, expected at most occurred_at {fact.occurred_at}")


def _check_month_over(month: str, instant_us: int) -> None:
    """A month is closed, or reported for, after it ended."""
    end_us = month_end_us(month_number(month))
    if instant_us < end_us:
        found = format_instant(instant_us)
        refuse("month-not-over", f"found {found} for month {month}, expected {format_instant(end_us)} or later")


def _open(state: Designation, fact: Any, *_: object) -> Decided:
    if state.opened:
        refuse("already-open", f"membership {fact.membership!r} has a designation in {fact.area!r} already")
    return "DesignationOpened", {"name": fact.name}


def _set_anniversary(_state: Designation, fact: Any, *_: object) -> Decided:
    return "AnniversarySet", {"anniversary": fact.anniversary}


def _report_usage(_state: Designation, fact: Any, scorebook: Scorebook, _recorded_us: int, occurred_us: int) -> Decided:
    _check_month_over(fact.month, occurred_us)
    if fact.workload not in scorebook.workloads:
        refuse("unknown-workload", f"found workload {fact.workload!r}, expected one that an edition has a rate for")
    return "UsageReported", _reported(fact) | {"units": fact.units}


def _report_revenue(
    _state: Designation, fact: Any, _scorebook: Scorebook, _recorded_us: int, occurred_us: int
) -> Decided:
    _check_month_over(fact.month, occurred_us)
    return "RevenueReported", _reported(fact) | {"amount_cents": fact.amount_cents}


def _reported(fact: Any) -> dict[str, Any]:
    return {
        "association": fact.association,
        "customer": fact.customer,
        "month": fact.month,
        "workload": fact.workload,
    }


def _close_month(state: Designation, fact: Any, _scorebook: Scorebook, _recorded_us: int, occurred_us: int) -> Decided:
    _check_month_over(fact.month, occurred_us)
    closed_us = state.closes.closed_us.get(month_number(fact.month))
    if closed_us is not None:
        refuse(
            "month-already-closed",
            f"month {fact.month} was closed at {format_instant(closed_us)}; correct-close moves it",
        )
    return "MonthClosed", {"month": fact.month}


def _correct_close(state: Designation, fact: Any, *_: object) -> Decided:
    _check_month_over(fact.month, parse_instant(fact.closed_at))
    if month_number(fact.month) not in state.closes.closed_us:
        refuse("month-not-closed", f"month {fact.month} was never closed")
    return "MonthCloseCorrected", {"closed_at": fact.closed_at, "month": fact.month}


def _record_certificate(state: Designation, fact: Any, *_: object) -> Decided:
    if fact.certificate in state.certificates:
        refuse("certificate-exists", f"certificate {fact.certificate!r} was recorded before")
    names = ("certificate", "code", "person", "tier", "valid_from", "valid_until")
    return "CertificateRecorded", {name: getattr(fact, name) for name in names}


def _end_certificate(state: Designation, fact: Any, *_: object) -> Decided:
    if fact.certificate not in state.certificates:
        refuse("unknown-certificate", f"found certificate {fact.certificate!r}, expected one that was recorded")
    return "CertificateEnded", {"certificate": fact.certificate, "on": fact.on}


def _decide(state: Designation, fact: Any, scorebook: Scorebook, recorded_us: int, occurred_us: int) -> Decided:
    known = state.anniversaries.get(fact.anniversary)
    if known is None:
        refuse("anniversary-not-set", f"anniversary {fact.anniversary} was never set for {fact.membership!r}")
    reached_us = min(recorded_us, occurred_us)  # what the event itself says, so that anybody can verify it
    from_us, to_us = window(scorebook, fact.anniversary)
    if reached_us < from_us:
        refuse(
            "anniversary-not-due", f"found {format_instant(reached_us)}, expected {format_instant(from_us)} or later"
        )
    content = decide_designation(state, scorebook, fact.anniversary, reached_us)
    same = content == known.content
    due = content["outcome"] == "qualified" or reached_us > to_us or (known.content is not None and not same)
    if not due:
        refuse(
            "anniversary-not-due",
            f"found {format_instant(reached_us)} and no day on which it was qualified so far, expected "
            f"{format_instant(to_us + 1)} or later",
        )
    if same:
        refuse(
            "designation-already-decided",
            f"the anniversary {fact.anniversary} was decided (revision {known.revision}) and nothing has changed since",
        )
    return "DesignationDecided", {**content, "revision": known.revision + 1}


_DECIDE: Final[dict[str, Callable[..., Decided]]] = {
    "open-designation": _open,
    "set-anniversary": _set_anniversary,
    "report-usage": _report_usage,
    "report-revenue": _report_revenue,
    "close-month": _close_month,
    "correct-close": _correct_close,
    "record-certificate": _record_certificate,
    "end-certificate": _end_certificate,
    "decide-designation": _decide,
}
