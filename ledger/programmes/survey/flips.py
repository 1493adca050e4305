"""Counting: where a membership stands at an instant, and when that changes next. Pure; writer and projections share it.

Nothing here walks time step by step. While a membership is satisfied it stays so until responses that suffice by
themselves expire; while it is not, until as many further receipts as it lacks. `next_flip` jumps from one such instant
to the next.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Final

from ledger.instants import format_instant
from ledger.programmes.survey.editions import Edition, Rulebook
from ledger.programmes.survey.events import Via
from ledger.programmes.survey.overview import Best
from ledger.programmes.survey.responses import Receipts
from ledger.programmes.survey.tally import Evidence

_NEVER: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a membership stands at one instant; `location` is the one that `counted` and `organisations` are of."""

    satisfied: bool
    via: Via | None
    location: str | None
    counted: int
    organisations: int
    edition: str | None


def standing(evidence: Evidence, rulebook: Rulebook, at_us: int) -> Standing:
    """Where the membership stands at an instant (R1, R2, R3, R5, R9, R11).

    The location shown is the satisfied one with the highest count, else the one with the highest count, ties by name.
    """
    edition = rulebook.in_force(at_us)
    if edition is None:
        return Standing(False, None, min(evidence.locations, default=None), 0, 0, None)
    found = _best(evidence, edition, at_us)
    via: Via | None = None
    if found.enough:
        via = "responses"
    elif evidence.evaluations_counting(at_us, edition) >= edition.min_evaluations:
        via = "evaluations"
    return Standing(via is not None, via, found.location or None, found.counted, found.organisations, edition.edition)


def _best(evidence: Evidence, edition: Edition, at_us: int) -> Best:
    overview = evidence.overview(edition)
    if overview is not None:
        return overview.best(at_us)
    ranked = []
    for name, pool in evidence.pools(edition).items():
        counted, organisations = pool.count(at_us, edition)
        enough = counted >= edition.min_responses and organisations >= edition.min_organisations
        ranked.append((not enough, -counted, name, organisations))
    missing, negative_count, location, organisations = min(ranked, default=(True, 0, "", 0))
    return Best(not missing, -negative_count, location, organisations)


def is_satisfied(evidence: Evidence, rulebook: Rulebook, at_us: int) -> bool:
    """Whether the requirement is met at an instant."""
    edition = rulebook.in_force(at_us)
    if edition is None:
        return False
    overview = evidence.overview(edition)
    if overview is not None:
        enough = overview.enough_at(at_us)
    else:
        enough = any(pool.satisfied(at_us, edition) for pool in evidence.pools(edition).values())
    return enough or evidence.evaluations_counting(at_us, edition) >= edition.min_evaluations


def next_flip(evidence: Evidence, rulebook: Rulebook, after_us: int, satisfied: bool, until_us: int) -> int | None:
    """The first instant in (after_us, until_us] at which `satisfied` is otherwise; None if there is none.

    `satisfied` is what holds at `after_us`; ValueError where it is said to be false and is true.
    """
    instant = flip_or_quiet(evidence, rulebook, after_us, satisfied, until_us)
    return instant if instant <= until_us else None


def flip_or_quiet(evidence: Evidence, rulebook: Rulebook, after_us: int, satisfied: bool, until_us: int) -> int:
    """The first flip in (after_us, until_us]; or, where there is none, an instant after `until_us` up to which
    `satisfied` surely stays what it is.
    """
    instant = after_us
    while True:
        instant = quiet_until(evidence, rulebook, instant, satisfied)
        if instant > until_us or is_satisfied(evidence, rulebook, instant) != satisfied:
            return instant


def quiet_until(evidence: Evidence, rulebook: Rulebook, at_us: int, satisfied: bool) -> int:
    """An instant after `at_us` before which `satisfied` surely stays what it is at `at_us`.

    A lower bound, cheap to have; beyond the end of time where nothing that is known can change it.
    """
    edition = rulebook.in_force(at_us)
    next_edition = rulebook.next_start(at_us)
    bound = _NEVER if next_edition is None else next_edition
    if edition is None:
        return bound
    if satisfied:
        return min(bound, _satisfied_until(evidence, edition, at_us))
    return min(bound, _unsatisfied_until(evidence, edition, at_us))


def _satisfied_until(evidence: Evidence, edition: Edition, at_us: int) -> int:
    """Each expiry takes at most one from the count, and at most one organisation."""
    latest = at_us + 1
    overview = evidence.overview(edition)
    if overview is None:
        for pool in evidence.pools(edition).values():
            latest = max(latest, pool.satisfied_until(at_us, edition) or latest)
    elif overview.enough_at(at_us):
        latest = overview.enough_until(at_us)
    spare = evidence.evaluations_counting(at_us, edition) - edition.min_evaluations
    if spare >= 0:
        expiries = evidence.evaluations.expiries(edition.window_months)
        until = expiries[bisect_right(expiries, at_us) + spare]
        next_learning = evidence.learning.next_entry(at_us)
        latest = max(latest, until if next_learning is None else min(until, next_learning))
    return latest


def _unsatisfied_until(evidence: Evidence, edition: Edition, at_us: int) -> int:
    """Each receipt adds at most one to the count, and at most one organisation."""
    earliest = _NEVER
    overview = evidence.overview(edition)
    if overview is not None:
        _require_missing(not overview.enough_at(at_us), at_us)
        earliest = overview.enough_from(at_us)
    else:
        for pool in evidence.pools(edition).values():
            counted, organisations = pool.count(at_us, edition)
            missing = _require_missing(
                max(edition.min_responses - counted, edition.min_organisations - organisations), at_us
            )
            place = bisect_right(pool.receipts.instants, at_us) + missing - 1
            if place < len(pool.receipts.instants):
                earliest = min(earliest, pool.receipts.instants[place])
    if evidence.learning.at(at_us, False):
        missing = edition.min_evaluations - evidence.evaluations.counting(at_us, edition.window_months)
        _require_missing(missing, at_us)
        place = bisect_right(evidence.evaluations.instants, at_us) + missing - 1
        if place < len(evidence.evaluations.instants):
            earliest = min(earliest, evidence.evaluations.instants[place])
    else:
        next_learning = evidence.learning.next_entry(at_us)
        if next_learning is not None:
            earliest = min(earliest, next_learning)
    return earliest


def _require_missing(missing: int, at_us: int) -> int:
    if missing <= 0:  # who goes on from here would go in a circle
        raise ValueError(f"found enough at {format_instant(at_us)}, expected what does not satisfy the edition")
    return missing


def below_cap_hull(receipts: Receipts, months: int, cap: int, first_us: int, end_us: int) -> tuple[int, int] | None:
    """The smallest [a, b) that holds every instant of [first_us, end_us) at which fewer than `cap` count, or None.

    Found by jumping: while `cap` or more count, as many expiries must pass as there are to spare (or, looking back, as
    many receipts). Outside the hull one response more or less of the organisation changes nothing (R2).
    """
    instants, expiries = receipts.instants, receipts.expiries(months)
    low = first_us
    while (spare := bisect_right(instants, low) - bisect_right(expiries, low) - cap) >= 0:
        low = expiries[bisect_right(expiries, low) + spare]
        if low >= end_us:
            return None
    high = end_us
    while (spare := bisect_left(instants, high) - bisect_left(expiries, high) - cap) >= 0:
        high = instants[bisect_left(instants, high) - 1 - spare]
    return low, high
