"""Renewals that are not decided: the overdue ones first, then those ahead; where each stands, and what is missing (I5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from ledger.instants import DAY_US, evaluation_us, format_instant, midnight_us, parse_date
from ledger.programmes.survey.editions import Rulebook
from ledger.programmes.survey.flips import is_satisfied, standing
from ledger.programmes.survey.outcome import is_required
from ledger.programmes.survey.tally import Evidence
from projections.questions.answer import Count, Day, Position
from projections.questions.view import View
from projections.survey.eligibility_reader import CHUNK

Answered = tuple[int, int]
"""Of how many invitations how many were answered, as (answered, sent): whole numbers, so that nothing is rounded."""
ASSUMED_RESPONSE_RATE: Final[Answered] = (1, 4)
"""Where a partner has no rate of its own, or one of 0, with which nothing could be planned (I5)."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """A renewal that is not decided."""

    membership: str
    """The membership."""
    renewal_date: Day
    """YYYY-MM-DD."""
    days: int
    """From the instant asked for to 00:00 UTC of the date, rounded up; negative where it is past."""
    overdue: bool
    """Whether the date is before the day of the instant asked for."""
    required: bool
    """Whether the requirement binds on the date."""
    satisfied_now: bool
    """Whether it is met at the instant asked for."""
    satisfied_on_date: bool
    """Whether it is met when the renewal is evaluated, if nothing more arrives."""
    counted_on_date: Count
    """Responses applied then."""
    organisations_on_date: Count
    """Organisations with a response that counts then."""
    missing: Count
    """Responses that the location closest to it lacks; 0 where it is satisfied or not required."""
    missing_organisations: Count
    """Organisations that this location lacks: of so many others, at least, must the missing responses come."""
    rate_own: float | None
    """The partner's own response rate; null where no invitation was sent."""
    rate_used: float
    """The rate that was planned with."""
    invitations: Count
    """Invitations to send for the missing responses; 0 where the date is past."""
    known_at: Position
    """The position of the ledger up to which something is known."""


def renewals(
    view: View,
    at_us: int,
    within_days: int,
    known_at: int | None = None,
    limit: int | None = None,
    membership: str | None = None,
) -> list[Renewal]:
    """Renewal dates that are not decided yet: those before the day of `at_us` first, then those up to so many days ahead.

    The earliest first, so many of them at most, of one membership or of all. What is missing is what the status on the date
    lacks if nothing more arrives. Raises UnknownMembership where the one was not enrolled by then.
    """
    today = date(1970, 1, 1) + timedelta(days=at_us // DAY_US)
    last = today + timedelta(days=min(within_days, (date.max - today).days))
    reader = view.eligibility()
    known = reader.known_at(known_at)
    if membership is not None:
        reader.require(membership, known)
    rows = view.renewals().undecided(last.isoformat(), known, limit, membership)
    rulebook = reader.rulebook(known)
    found = []
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        memberships = sorted({membership for membership, _ in chunk})
        from_us = min(at_us, evaluation_us(parse_date(chunk[0][1])))
        evidence = reader.evidence_from(memberships, from_us, known)
        rates = _response_rates(view, memberships, known)
        now = {name: is_satisfied(evidence[name], rulebook, at_us) for name in memberships}
        for name, day in chunk:
            of = evidence[name]
            found.append(_renewal(name, day, of, rulebook, at_us, known, now[name], rates.get(name)))
    return found


def _response_rates(view: View, memberships: Sequence[str], known: int) -> dict[str, Answered]:
    """Of those memberships that sent any invitation."""
    answered = view.eligibility().answered_invitations(known, memberships)
    sent = view.participation().sent_invitations(memberships, known)
    return {membership: (min(answered.get(membership, 0), number), number) for membership, number in sent.items()}


def _renewal(
    membership: str,
    day: str,
    evidence: Evidence,
    rulebook: Rulebook,
    at_us: int,
    known_at: int,
    satisfied_now: bool,
    own: Answered | None,
) -> Renewal:
    # A renewal today was evaluated at midnight; what stands now is no part of it.
    date_us = evaluation_us(parse_date(day))
    on_date = standing(evidence, rulebook, date_us)
    required = is_required(evidence, rulebook, date_us)
    answered, sent = own if own is not None and own[0] else ASSUMED_RESPONSE_RATE
    nothing = on_date.satisfied or not required
    missing, organisations = (0, 0) if nothing else _missing(evidence, rulebook, date_us)
    overdue = day < format_instant(at_us)[:10]
    return Renewal(
        membership=membership,
        renewal_date=day,
        days=(midnight_us(parse_date(day)) - at_us + DAY_US - 1) // DAY_US,
        overdue=overdue,
        required=required,
        satisfied_now=satisfied_now,
        satisfied_on_date=on_date.satisfied,
        counted_on_date=on_date.counted,
        organisations_on_date=on_date.organisations,
        missing=missing,
        missing_organisations=organisations,
        rate_own=None if own is None else own[0] / own[1],
        rate_used=answered / sent,
        invitations=0 if overdue else -(-missing * sent // answered),
        known_at=known_at,
    )


def _missing(evidence: Evidence, rulebook: Rulebook, at_us: int) -> tuple[int, int]:
    """Responses and organisations that the location closest to it lacks at an instant (R1, R3)."""
    edition = rulebook.in_force(at_us)
    if edition is None:
        return 0, 0

    def lacking(counted: int, organisations: int) -> tuple[int, int]:
        others = max(0, edition.min_organisations - organisations)
        return max(0, edition.min_responses - counted, others), others

    counts = [pool.count(at_us, edition) for pool in evidence.pools(edition).values()]
    return min(lacking(counted, organisations) for counted, organisations in [(0, 0), *counts])
