"""Announcing: which changes of eligibility a fact or a review brings to light (DESIGN 6).

The true history of a membership, as known now, is the list of instants at which `satisfied` flips. It is announced up
to the membership's *horizon*. A fact after the horizon moves it on and announces the flips in between, a fact before
it may change what was announced: then everything from the first differing instant on is announced anew.

The cause of a flip at e, in this order: an edition takes effect at e: rulebook; it becomes satisfied by responses:
response; by evaluations: membership where Learning was gained at e, else evaluation; it ceases to be: membership where
Learning was lost at e, else expiry. Where a flip that was announced is none any more, the announcement that takes its
place says what holds at that instant, and its cause is the kind of the fact.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, NamedTuple

from ledger.event import Cause, EligibilityChangedData, Event
from ledger.instants import BEGINNING_US, DAY_US, add_months, format_instant, parse_instant
from ledger.programmes.survey.editions import Rulebook
from ledger.programmes.survey.flips import below_cap_hull, flip_or_quiet, standing
from ledger.programmes.survey.responses import NO_RECEIPTS
from ledger.programmes.survey.state import Announcement, Membership
from ledger.programmes.survey.tally import Evidence


class Issue(NamedTuple):
    """Announcements to be made, in order; `previous` is what holds just before the first of them.

    Those that take effect up to and including `revises_through_us` revise what was announced, the others are new.
    `quiet_until_us` is the state's, once they are made; None where it must be worked out anew.
    """

    entries: list[Announcement]
    previous: bool
    revises_through_us: int
    quiet_until_us: int | None

    def data(self) -> list[EligibilityChangedData]:
        """The data of the EligibilityChanged events."""
        previous = self.previous
        result: list[EligibilityChangedData] = []
        for entry in self.entries:
            result.append(
                {
                    "cause": entry.cause,
                    "counted": entry.counted,
                    "edition": entry.edition,
                    "effective_at": format_instant(entry.effective_us),
                    "location": entry.location,
                    "organisations": entry.organisations,
                    "previous": previous,
                    "revises": entry.effective_us <= self.revises_through_us,
                    "satisfied": entry.satisfied,
                    "via": entry.via,
                }
            )
            previous = entry.satisfied
        return result


NOTHING: Final = Issue([], False, BEGINNING_US, None)


def announce_fact(state: Membership, rulebook: Rulebook, event: Event, horizon_us: int) -> Issue:
    """What a fact's event brings to light; `state` has evolved by it, `horizon_us` is the horizon before it."""
    occurred_us = event.occurred_us
    if event.type in _OF_EVERY_INSTANT:
        return _announce_change_of_the_past(state, rulebook, event, horizon_us)
    if occurred_us > horizon_us:
        return _announce_in_order(state, rulebook, event, horizon_us)
    if event.type == "ResponseReceived":
        hull = _late_response_hull(state.evidence, rulebook, event, occurred_us, horizon_us, one_more=1)
        return _revise_unless(True, state, rulebook, hull, horizon_us, "response")
    if event.type == "EvaluationReceived":
        hull = (occurred_us, min(horizon_us, _latest_expiry(rulebook, occurred_us)))
        return _revise_unless(True, state, rulebook, hull, horizon_us, "evaluation")
    if event.type == "MembershipUpdated" and "competencies" in event.data:
        return _announce_late_competencies(state, rulebook, occurred_us, horizon_us)
    return NOTHING


def announce_edition(state: Membership, rulebook: Rulebook, effective_us: int, horizon_us: int) -> Issue:
    """What an edition brings to light that took effect before the horizon: it is in force until the next one."""
    next_us = rulebook.next_start(effective_us)
    last_us = horizon_us if next_us is None else min(next_us, horizon_us)
    return revise(state, rulebook, effective_us, last_us, horizon_us, "rulebook")


def advance(state: Membership, rulebook: Rulebook, horizon_us: int, to_us: int) -> Issue:
    """Moves the horizon on: every flip in (horizon_us, to_us], however late the clock runs."""
    previous = state.announced[-1].satisfied if state.announced else False
    if state.quiet_until_us is not None and to_us < state.quiet_until_us:
        return NOTHING
    entries, state.quiet_until_us = flips(state.evidence, rulebook, horizon_us, to_us, previous)
    return Issue(entries, previous, BEGINNING_US, state.quiet_until_us)


def revise(state: Membership, rulebook: Rulebook, first_us: int, last_us: int, horizon_us: int, kind: Cause) -> Issue:
    """Announces anew from the first instant at which what was announced and the true history differ.

    They can differ only in [first_us, last_us], where last_us is at most the horizon.
    """
    announced = state.announced
    begin = bisect_left(announced, first_us, key=lambda entry: entry.effective_us)
    end = bisect_left(announced, last_us + 1, key=lambda entry: entry.effective_us)
    before = announced[begin - 1].satisfied if begin else False
    claimed = _flips_only(announced[begin:end], before)
    true, _ = flips(state.evidence, rulebook, first_us - 1, last_us, before)
    same = 0
    while same < len(claimed) and same < len(true) and claimed[same].flip == true[same].flip:
        same += 1
    claimed, true, before = claimed[same:], true[same:], (true[same - 1].satisfied if same else before)
    if not claimed and not true:
        return NOTHING
    effective_us = min(entry.effective_us for entry in claimed[:1] + true[:1])
    entries = list(true)
    if not true or true[0].effective_us != effective_us:
        now = standing(state.evidence, rulebook, effective_us)
        entries.insert(
            0,
            Announcement(
                effective_us, now.satisfied, now.via, now.location, now.counted, now.organisations, now.edition, kind
            ),
        )
    for entry in _flips_only(announced[end:], entries[-1].satisfied):
        entries.append(_flip_at(state.evidence, rulebook, entry.effective_us))
    state.quiet_until_us = None
    revises = effective_us < horizon_us or (bool(announced) and announced[-1].effective_us >= effective_us)
    return Issue(entries, before, horizon_us if revises else BEGINNING_US, None)


def flips(
    evidence: Evidence, rulebook: Rulebook, after_us: int, until_us: int, satisfied: bool
) -> tuple[list[Announcement], int]:
    """The true history in (after_us, until_us], where `satisfied` holds at `after_us`; and how long it stays quiet then."""
    found: list[Announcement] = []
    instant = flip_or_quiet(evidence, rulebook, after_us, satisfied, until_us)
    while instant <= until_us:
        found.append(_flip_at(evidence, rulebook, instant))
        satisfied = found[-1].satisfied
        instant = flip_or_quiet(evidence, rulebook, instant, satisfied, until_us)
    return found, instant


def _flip_at(evidence: Evidence, rulebook: Rulebook, at_us: int) -> Announcement:
    """What is to be said of a flip at an instant."""
    now = standing(evidence, rulebook, at_us)
    cause = _cause(evidence, rulebook, at_us, now.via)
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


def _announce_in_order(state: Membership, rulebook: Rulebook, event: Event, horizon_us: int) -> Issue:
    """The common case. Only a receipt can satisfy at its own instant; all else is quiet until `quiet_until_us`."""
    previous = state.announced[-1].satisfied if state.announced else False
    occurred_us = event.occurred_us
    quiet = state.quiet_until_us is not None and occurred_us < state.quiet_until_us
    if quiet and (previous or event.type not in _RECEIPTS):
        return NOTHING
    if quiet and event.type == "ResponseReceived":
        edition = rulebook.in_force(occurred_us)
        if edition is None:
            return NOTHING
        pool = state.evidence.pool(event.data["location"], edition.pool_locations)
        if pool.receipts.counting(occurred_us, edition.window_months) < edition.min_responses:
            return NOTHING  # not even without a cap
        if not pool.satisfied(occurred_us, edition):
            return NOTHING
    state.quiet_until_us = None
    return advance(state, rulebook, horizon_us, occurred_us)


_OF_EVERY_INSTANT: Final = ("ResponseVoided", "LocationAdded", "OrganisationsJoined", "OrganisationsSeparated")
"""They change what held before they occurred."""
_RECEIPTS: Final = ("ResponseReceived", "EvaluationReceived", "MembershipUpdated")


def _announce_change_of_the_past(state: Membership, rulebook: Rulebook, event: Event, horizon_us: int) -> Issue:
    """Facts that change what held before they occurred.

    A voided response counts at no instant at all. A location is there at every instant once it is known, and may be the
    first by name among those with nothing counted. Names that are one organisation are one at every instant.
    """
    if event.type == "ResponseVoided":
        received_us = parse_instant(event.data["received_at"])
        hull = _late_response_hull(state.evidence, rulebook, event, received_us, horizon_us, one_more=0)
        issue = _revise_unless(False, state, rulebook, hull, horizon_us, "void")
    elif event.type in ("OrganisationsJoined", "OrganisationsSeparated"):
        # A join can only take from what counts, a separation only add to it.
        adds = event.type == "OrganisationsSeparated"
        issue = _revise_unless(adds, state, rulebook, _regrouped_hull(state, rulebook), horizon_us, "organisation")
    else:
        stale_us = _first_with_another_location(state, rulebook, event.data["location"])
        issue = NOTHING if stale_us is None else revise(state, rulebook, stale_us, horizon_us, horizon_us, "membership")
    if event.occurred_us <= horizon_us:
        return issue
    if not issue.entries:
        return advance(state, rulebook, horizon_us, event.occurred_us)
    later, quiet_us = flips(state.evidence, rulebook, horizon_us, event.occurred_us, issue.entries[-1].satisfied)
    return Issue(issue.entries + later, issue.previous, issue.revises_through_us, quiet_us)


def _announce_late_competencies(state: Membership, rulebook: Rulebook, occurred_us: int, horizon_us: int) -> Issue:
    """Competencies hold until the next word on them (R9)."""
    next_us = state.evidence.learning.next_entry(occurred_us)
    last_us = horizon_us if next_us is None else min(next_us, horizon_us)
    return revise(state, rulebook, occurred_us, last_us, horizon_us, "membership")


def _first_with_another_location(state: Membership, rulebook: Rulebook, added: str) -> int | None:
    """The first flip announced with a location in whose place the one just added is to be shown.

    Nothing is counted there, so it can be shown only in place of a location that counts nothing either and whose name
    comes after it; responses never satisfy with none.
    """
    for entry in _flips_only(state.announced, False):
        if entry.via != "responses" and entry.location is not None and added < entry.location:
            now = standing(state.evidence, rulebook, entry.effective_us)
            if now.location != entry.location:
                return entry.effective_us
    return None


def _late_response_hull(
    evidence: Evidence, rulebook: Rulebook, event: Event, received_us: int, horizon_us: int, one_more: int
) -> tuple[int, int] | None:
    """Where a response more or less of an organisation can make a difference: where its cap is not reached (R2)."""
    last_us = min(_latest_expiry(rulebook, received_us), horizon_us)
    figures = rulebook.counting_alike(received_us, last_us)
    if figures is None:
        return received_us, last_us
    cap, months, pooled = figures
    data = event.data
    organisations = evidence.pool(data["location"], pooled).organisations
    organisation = evidence.organisations.name_of(data["customer_org"])
    receipts = organisations.get(organisation, NO_RECEIPTS)  # its only response was voided just now
    hull = below_cap_hull(receipts, months, cap + one_more, received_us, add_months(received_us, months))
    if hull is None or hull[0] > last_us:
        return None
    return hull[0], min(hull[1], last_us)


def _regrouped_hull(state: Membership, rulebook: Rulebook) -> tuple[int, int] | None:
    """Where the two that were joined or separated just now can both have something that counts."""
    if state.regrouped is None:
        return None
    first_us, last_us = state.regrouped
    # The expiry of an earlier receipt can lie after that of the last one, by less than a day.
    return first_us, _latest_expiry(rulebook, last_us) + DAY_US


def _latest_expiry(rulebook: Rulebook, received_us: int) -> int:
    return add_months(received_us, rulebook.longest_window) if rulebook.longest_window else received_us


def _revise_unless(
    already: bool,
    state: Membership,
    rulebook: Rulebook,
    hull: tuple[int, int] | None,
    horizon_us: int,
    kind: Cause,
) -> Issue:
    """Revises, but not where it has been `already` throughout what the fact can only bring about."""
    if hull is None:
        return NOTHING
    hull = hull[0], min(hull[1], horizon_us)
    if hull[0] > hull[1]:
        return NOTHING
    place = bisect_left(state.announced, hull[0], key=lambda entry: entry.effective_us)
    undisturbed = place == len(state.announced) or state.announced[place].effective_us > hull[1]
    if undisturbed and state.satisfied_before(hull[0]) == already:
        return NOTHING
    return revise(state, rulebook, hull[0], hull[1], horizon_us, kind)


def _flips_only(entries: list[Announcement], before: bool) -> list[Announcement]:
    """Without those that change nothing: they only took the place of what is none any more."""
    kept = []
    for entry in entries:
        if entry.satisfied != before:
            kept.append(entry)
            before = entry.satisfied
    return kept
