"""Where a membership stands: at any instant, as it was known at any position (DESIGN 5).

The same shape comes from a projection (`status`) and from a fold of the whole stream (`status_from_evidence`); a property
test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ledger.instants import format_instant
from ledger.programmes.survey.editions import Edition, Rulebook
from ledger.programmes.survey.events import Via
from ledger.programmes.survey.tally import Evidence
from projections.questions.answer import LEFT_OUT, Count, Day, Instant, MayBeLeftOut, Position
from projections.questions.view import View
from projections.survey.outlook import Outlook, outlook


@dataclass(frozen=True, slots=True)
class NextChange:
    """When `satisfied` flips next if nothing more arrives."""

    at: Instant
    """The instant from which on it is otherwise."""
    satisfied: bool
    """What it is from then on."""


@dataclass(frozen=True, slots=True)
class OrganisationCount:
    """The responses of one customer organisation that count at the instant (R2)."""

    received: Count
    """How many count, before the cap."""
    applied: Count
    """How many are applied: no more than the edition's cap."""
    names: tuple[str, ...] | MayBeLeftOut = LEFT_OUT
    """The names of the organisation, the first known first; only where it has several."""


@dataclass(frozen=True, slots=True)
class LocationStatus:
    """One location, or `*` where the edition pools all locations (R11)."""

    satisfied: bool
    """Whether its responses suffice by themselves."""
    counted: Count
    """Responses applied."""
    organisations: Count
    """Organisations with a response that counts."""
    by_org: Mapping[str, OrganisationCount]
    """The organisations with a response that counts, by name."""


@dataclass(frozen=True, slots=True)
class Status:
    """The status of a membership at an instant, as known at a position."""

    membership: str
    """The membership."""
    at: Instant
    """The instant asked for."""
    known_at: Position
    """The position of the ledger up to which something is known."""
    required: bool
    """Whether the requirement binds: an edition is in force and the level is gold."""
    satisfied: bool
    """Whether the requirement is met."""
    via: Via | None
    """By what it is met; null where it is not."""
    location: str | None
    """The satisfied location with the highest count, else the one with the highest count, ties by name."""
    counted: Count
    """Responses applied at that location."""
    organisations: Count
    """Organisations with a response that counts at that location."""
    edition: str | None
    """The edition of the rules that is in force; null before the first."""
    locations: Mapping[str, LocationStatus]
    """Every location by name."""
    evaluations: Count
    """Evaluations that count."""
    next_change: NextChange | None
    """The next instant at which `satisfied` flips if nothing more arrives; null if there is none."""
    next_renewal: Day | None
    """The renewal date that comes next; null if none is known."""


def status(view: View, membership: str, at_us: int, known_at: int | None = None) -> Status:
    """Where a membership stands at `at_us` (microseconds since 1970), as known at a position; None for all that is known.

    Raises UnknownMembership where it was not enrolled by then.
    """
    reader = view.eligibility()
    known = reader.known_at(known_at)
    found = reader.outlook(membership, at_us, known)
    return _status(membership, found, known, reader.next_renewal(membership, at_us, known))


def status_from_evidence(
    membership: str, evidence: Evidence, rulebook: Rulebook, at_us: int, known_at: int, renewal_dates: Iterable[str]
) -> Status:
    """The same where all evidence and all renewal dates are at hand: a fold of the whole stream."""
    today = format_instant(at_us)[:10]
    next_renewal = min((day for day in renewal_dates if day >= today), default=None)
    return _status(membership, outlook(evidence, rulebook, at_us), known_at, next_renewal)


def _status(membership: str, found: Outlook, known_at: int, next_renewal: str | None) -> Status:
    evidence, standing, edition = found.evidence, found.standing, found.edition
    return Status(
        membership=membership,
        at=format_instant(found.at_us),
        known_at=known_at,
        required=found.required,
        satisfied=standing.satisfied,
        via=standing.via,
        location=standing.location,
        counted=standing.counted,
        organisations=standing.organisations,
        edition=standing.edition,
        locations=location_statuses(evidence, edition, found.at_us),
        evaluations=0 if edition is None else evidence.evaluations_counting(found.at_us, edition),
        next_change=next_change(found),
        next_renewal=next_renewal,
    )


def next_change(found: Outlook) -> NextChange | None:
    """When what an outlook shows is otherwise."""
    change_us = found.next_change_us
    return None if change_us is None else NextChange(format_instant(change_us), not found.standing.satisfied)


def location_statuses(evidence: Evidence, edition: Edition | None, at_us: int) -> dict[str, LocationStatus]:
    """Every location at an instant, by name, under the edition in force then."""
    if edition is None:
        return {name: LocationStatus(False, 0, 0, {}) for name in sorted(evidence.locations)}
    found = {}
    for name, pool in sorted(evidence.pools(edition).items()):
        counted, organisations = pool.count(at_us, edition)
        by_org = {
            organisation: OrganisationCount(
                counting, min(counting, edition.per_org_cap), _names(evidence, organisation)
            )
            for organisation, receipts in sorted(pool.organisations.items())
            if (counting := receipts.counting(at_us, edition.window_months))
        }
        satisfied = counted >= edition.min_responses and organisations >= edition.min_organisations
        found[name] = LocationStatus(satisfied, counted, organisations, by_org)
    return found


def _names(evidence: Evidence, organisation: str) -> tuple[str, ...] | MayBeLeftOut:
    names = evidence.organisations.names_of(organisation)
    return tuple(names) if len(names) > 1 else LEFT_OUT
