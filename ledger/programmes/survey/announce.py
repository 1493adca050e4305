"""Announcing for the survey programme: what a flip is, and which instants an event can have changed (DESIGN 6).

The cause of a flip at e, in this order: an edition takes effect at e: rulebook; it becomes satisfied by responses:
response; by evaluations: membership where Learning was gained at e, else evaluation; it ceases to be: membership where
Learning was lost at e, else expiry. Where a flip that was announced is none any more, the announcement that takes its
place says what holds at that instant, and its cause is the kind of the fact.
"""

from __future__ import annotations

from typing import Any, Final

from ledger.event import Event
from ledger.instants import DAY_US, add_months, format_instant, parse_instant
from ledger.programmes.programme import Span
from ledger.programmes.survey.editions import Rulebook
from ledger.programmes.survey.events import Cause
from ledger.programmes.survey.flips import below_cap_hull, flip_or_quiet, standing
from ledger.programmes.survey.responses import NO_RECEIPTS
from ledger.programmes.survey.state import Announcement, Membership
from ledger.programmes.survey.tally import Evidence


def announcement_data(entry: Announcement, previous: bool, revises: bool) -> dict[str, Any]:
    """The data of the EligibilityChanged event that announces an entry."""
    return {
        "cause": entry.cause,
        "counted": entry.counted,
        "edition": entry.edition,
        "effective_at": format_instant(entry.effective_us),
        "location": entry.location,
        "organisations": entry.organisations,
        "previous": previous,
        "revises": revises,
        "satisfied": entry.satisfied,
        "via": entry.via,
    }


def span(state: Membership, rulebook: Rulebook, event: Event, horizon_us: int) -> Span | None:
    """The instants up to the horizon whose status an event can have changed; `state` has evolved by it."""
    change = _OF_EVERY_INSTANT.get(event.type)
    if change is not None:
        return change(state, rulebook, event, horizon_us)
    occurred_us = event.occurred_us
    if occurred_us > horizon_us:
        return None
    if event.type == "ResponseReceived":
        return _response_span(state.evidence, rulebook, event, occurred_us, horizon_us, one_more=1)
    if event.type == "EvaluationReceived":
        last_us = min(horizon_us, _latest_expiry(rulebook, occurred_us))
        return Span(occurred_us, last_us, "evaluation", only=True)
    if event.type == "MembershipUpdated" and "competencies" in event.data:
        # Competencies hold until the next word on them (R9).
        next_us = state.evidence.learning.next_entry(occurred_us)
        return Span(occurred_us, horizon_us if next_us is None else min(next_us, horizon_us), "membership")
    return None


def disturbs(_state: Membership, event: Event) -> bool:
    """Whether an event can change when something happens next without another event."""
    return event.type in _DISTURBING or (event.type == "MembershipUpdated" and "competencies" in event.data)


def flips_at_once(state: Membership, rulebook: Rulebook, event: Event, holds: bool, quiet: bool) -> bool:
    """Whether the status may flip at an event after the horizon: only a receipt can satisfy at its own instant."""
    if not quiet:
        return True
    if event.type in _OF_EVERY_INSTANT or holds:
        return False
    if event.type == "ResponseReceived":
        edition = rulebook.in_force(event.occurred_us)
        if edition is None:
            return False
        pool = state.evidence.pool(event.data["location"], edition.pool_locations)
        if pool.receipts.counting(event.occurred_us, edition.window_months) < edition.min_responses:
            return False  # not even without a cap
        return pool.satisfied(event.occurred_us, edition)
    return event.type in _RECEIPTS


def flips(
    evidence: Evidence, rulebook: Rulebook, after_us: int, until_us: int, satisfied: bool
) -> tuple[list[Announcement], int]:
    """The true history in (after_us, until_us], where `satisfied` holds at `after_us`; and how long it stays quiet then."""
    found: list[Announcement] = []
    instant = flip_or_quiet(evidence, rulebook, after_us, satisfied, until_us)
    while instant <= until_us:
        found.append(entry_at(evidence, rulebook, instant, None))
        satisfied = found[-1].satisfied
        instant = flip_or_quiet(evidence, rulebook, instant, satisfied, until_us)
    return found, instant


def entry_at(evidence: Evidence, rulebook: Rulebook, at_us: int, kind: Cause | None) -> Announcement:
    """What is to be said of an instant; the cause is `kind`, or where that is None the one of the flip there."""
    now = standing(evidence, rulebook, at_us)
    cause = _cause(evidence, rulebook, at_us, now.via) if kind is None else kind
    return Announcement(at_us, now.satisfied, now.via, now.location, now.counted, now.organisations, now.edition, cause)


def _cause(evidence: Evidence, rulebook: Rulebook, at_us: int, via: str | None) -> Cause:
    if rulebook.takes_effect_at(at_us):
        return "rulebook"
    if via == "responses":
        return "response"
    held, holds = evidence.learning.at(at_us - 1, False), evidence.learning.at(at_us, False)
    if via == "evaluations":
        return "membership" if holds and not held else "evaluation"
    return "membership" if held and not holds else "expiry"


def _voided_span(state: Membership, rulebook: Rulebook, event: Event, horizon_us: int) -> Span | None:
    """A voided response counts at no instant at all."""
    received_us = parse_instant(event.data["received_at"])
    return _response_span(state.evidence, rulebook, event, received_us, horizon_us, one_more=0)


def _regrouped_span(state: Membership, rulebook: Rulebook, event: Event, _horizon_us: int) -> Span | None:
    """Where the two that were joined or separated just now can both have something that counts.

    Names that are one organisation are one at every instant. A join can only take from what counts, a separation only
    add to it.
    """
    if state.regrouped is None:
        return None
    first_us, last_us = state.regrouped
    only = event.type == "OrganisationsSeparated"
    # The expiry of an earlier receipt can lie after that of the last one, by less than a day.
    return Span(first_us, _latest_expiry(rulebook, last_us) + DAY_US, "organisation", only)


def _location_span(state: Membership, rulebook: Rulebook, event: Event, horizon_us: int) -> Span | None:
    """From the first flip announced with a location in whose place the one just added is to be shown.

    A location is there at every instant once it is known. Nothing is counted there, so it can be shown only in place of a
    location that counts nothing either and whose name comes after it; responses never satisfy with none.
    """
    added, before = event.data["location"], False
    for entry in state.announced:
        if entry.satisfied == before:
            continue
        before = entry.satisfied
        if entry.via != "responses" and entry.location is not None and added < entry.location:
            now = standing(state.evidence, rulebook, entry.effective_us)
            if now.location != entry.location:
                return Span(entry.effective_us, horizon_us, "membership")
    return None


def _response_span(
    evidence: Evidence, rulebook: Rulebook, event: Event, received_us: int, horizon_us: int, one_more: int
) -> Span | None:
    """Where a response more or less of an organisation can make a difference: where its cap is not reached (R2)."""
    kind, only = ("response", True) if one_more else ("void", False)
    last_us = min(_latest_expiry(rulebook, received_us), horizon_us)
    figures = rulebook.counting_alike(received_us, last_us)
    if figures is None:
        return Span(received_us, last_us, kind, only)
    cap, months, pooled = figures
    data = event.data
    organisations = evidence.pool(data["location"], pooled).organisations
    organisation = evidence.organisations.name_of(data["customer_org"])
    receipts = organisations.get(organisation, NO_RECEIPTS)  # its only response was voided just now
    hull = below_cap_hull(receipts, months, cap + one_more, received_us, add_months(received_us, months))
    if hull is None or hull[0] > last_us:
        return None
    return Span(hull[0], min(hull[1], last_us), kind, only)


def _latest_expiry(rulebook: Rulebook, received_us: int) -> int:
    return add_months(received_us, rulebook.longest_window) if rulebook.longest_window else received_us


_OF_EVERY_INSTANT: Final = {
    "ResponseVoided": _voided_span,
    "LocationAdded": _location_span,
    "OrganisationsJoined": _regrouped_span,
    "OrganisationsSeparated": _regrouped_span,
}
"""They change what held before they occurred."""
_RECEIPTS: Final = ("ResponseReceived", "EvaluationReceived", "MembershipUpdated")
_DISTURBING: Final = ("ResponseVoided", "OrganisationsJoined", "OrganisationsSeparated")
