"""The status of a membership at an instant, as an answer: the same shape from the stream as from a projection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ledger.instants import END_US, format_instant
from ledger.programmes.survey.editions import Rulebook
from ledger.programmes.survey.flips import next_flip, standing
from ledger.programmes.survey.outcome import is_required
from ledger.programmes.survey.tally import Evidence


def status_answer(
    membership: str,
    evidence: Evidence,
    rulebook: Rulebook,
    at_us: int,
    known_at: int,
    next_change_us: int | None,
    next_renewal: str | None,
) -> dict[str, Any]:
    """What `csat-ledger status` prints (DESIGN 7).

    `next_change_us` is the next instant at which `satisfied` flips if nothing more arrives, `next_renewal` the renewal
    date that comes next; None if there is none.
    """
    found = standing(evidence, rulebook, at_us)
    edition = rulebook.in_force(at_us)
    locations: dict[str, Any] = {}
    if edition is None:
        for name in sorted(evidence.locations):
            locations[name] = {"satisfied": False, "counted": 0, "organisations": 0, "by_org": {}}
    else:
        for name, pool in sorted(evidence.pools(edition).items()):
            counted, organisations = pool.count(at_us, edition)
            by_org = {
                organisation: {
                    "received": counting,
                    "applied": min(counting, edition.per_org_cap),
                    **_names(evidence, organisation),
                }
                for organisation, receipts in sorted(pool.organisations.items())
                if (counting := receipts.counting(at_us, edition.window_months))
            }
            locations[name] = {
                "satisfied": counted >= edition.min_responses and organisations >= edition.min_organisations,
                "counted": counted,
                "organisations": organisations,
                "by_org": by_org,
            }
    return {
        "membership": membership,
        "at": format_instant(at_us),
        "known_at": known_at,
        "required": is_required(evidence, rulebook, at_us),
        "satisfied": found.satisfied,
        "via": found.via,
        "location": found.location,
        "counted": found.counted,
        "organisations": found.organisations,
        "edition": found.edition,
        "locations": locations,
        "evaluations": 0 if edition is None else evidence.evaluations_counting(at_us, edition),
        "next_change": None
        if next_change_us is None
        else {"at": format_instant(next_change_us), "satisfied": not found.satisfied},
        "next_renewal": next_renewal,
    }


def _names(evidence: Evidence, organisation: str) -> dict[str, list[str]]:
    """The names of an organisation, the first known first, where it has several."""
    names = evidence.organisations.names_of(organisation)
    return {"names": names} if len(names) > 1 else {}


def status_from_evidence(
    membership: str, evidence: Evidence, rulebook: Rulebook, at_us: int, known_at: int, renewal_dates: Iterable[str]
) -> dict[str, Any]:
    """The same where all evidence and all renewal dates are at hand: a fold of the whole stream."""
    satisfied = standing(evidence, rulebook, at_us).satisfied
    change_us = next_flip(evidence, rulebook, at_us, satisfied, END_US)
    today = format_instant(at_us)[:10]
    next_renewal = min((day for day in renewal_dates if day >= today), default=None)
    return status_answer(membership, evidence, rulebook, at_us, known_at, change_us, next_renewal)
