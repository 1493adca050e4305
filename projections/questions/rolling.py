"""The rolling count of a membership over time (R1, R2, R5): how many responses counted at each instant, and what was asked.

Between two points nothing changes. What lies after the last receipt is what becomes of it if nothing more arrives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger.instants import BEGINNING_US, DAY_US, END_US, add_months, format_instant
from ledger.programmes.survey.editions import Rulebook
from ledger.programmes.survey.flips import standing
from ledger.programmes.survey.tally import Evidence
from projections.questions.answer import Count, Instant, Position
from projections.questions.view import View

POINTS_MAX: Final = 1_200
"""So many points are told at most: of a longer history only how it stood at so many instants, as far apart."""


@dataclass(frozen=True, slots=True)
class RollingPoint:
    """How a membership stood from an instant on."""

    at: Instant
    """From when on."""
    counted: Count
    """Responses applied at the location with the highest count."""
    organisations: Count
    """Organisations with a response that counts there."""
    min_responses: Count | None
    """Responses that the edition in force asks for; null before the first edition."""
    satisfied: bool
    """Whether the requirement is met."""


@dataclass(frozen=True, slots=True)
class RollingCount:
    """The rolling count of a membership between two instants."""

    membership: str
    """The membership."""
    name: str
    """The partner's name."""
    at: Instant
    """The instant asked about; it is told, whatever else is."""
    from_: Instant
    """The first instant that is told."""
    to: Instant
    """The last."""
    known_at: Position
    """The position of the ledger up to which something is known."""
    exact: bool
    """Whether every change is a point; else points are as far apart, and what lies between two may be otherwise."""
    points: tuple[RollingPoint, ...]
    """How it stood, the earliest first."""


def rolling(
    view: View,
    membership: str,
    at_us: int,
    known_at: int | None = None,
    from_us: int | None = None,
    to_us: int | None = None,
) -> RollingCount:
    """The count from `from_us` (default: a month before the first receipt) to `to_us` (default: a month after all that is
    known has expired), `at_us` among them. Raises UnknownMembership.
    """
    reader = view.eligibility()
    known = reader.known_at(known_at)
    evidence = reader.evidence_from([membership], BEGINNING_US, known)[membership]
    rulebook = reader.rulebook(known)
    received = list(reader.instants_received(membership, known))
    changes = _changes(received, rulebook)
    first = min([*received, at_us])
    last = max([at_us, *(one for one in changes if received and one > received[-1])])
    begin_us = max(BEGINNING_US, first - 30 * DAY_US) if from_us is None else from_us
    end_us = min(END_US, last + 30 * DAY_US) if to_us is None else to_us
    end_us = max(begin_us, end_us)
    inside = sorted({begin_us, end_us, *(one for one in (*changes, at_us) if begin_us < one < end_us)})
    exact = len(inside) <= POINTS_MAX
    if not exact:
        inside = sorted({*(begin_us + (end_us - begin_us) * place // (POINTS_MAX - 1) for place in range(POINTS_MAX))})
    points = [_point(evidence, rulebook, instant_us) for instant_us in inside]
    kept = [one for place, one in enumerate(points) if place in (0, len(points) - 1) or _differ(one, points[place - 1])]
    return RollingCount(
        membership,
        reader.name(membership, known),
        format_instant(at_us),
        format_instant(begin_us),
        format_instant(end_us),
        known,
        exact,
        tuple(kept),
    )


def _changes(received: list[int], rulebook: Rulebook) -> set[int]:
    """Every instant at which a count can become another: receipts, expiries under each window, and editions."""
    windows = {edition.window_months for edition in rulebook.editions}
    expiries = {add_months(one, months) for one in received for months in windows}
    return {*received, *expiries, *(edition.effective_us for edition in rulebook.editions)}


def _point(evidence: Evidence, rulebook: Rulebook, at_us: int) -> RollingPoint:
    found = standing(evidence, rulebook, at_us)
    edition = rulebook.in_force(at_us)
    return RollingPoint(
        format_instant(at_us), found.counted, found.organisations, None if edition is None else edition.min_responses,
        found.satisfied,
    )  # fmt: skip


def _differ(one: RollingPoint, other: RollingPoint) -> bool:
    return (one.counted, one.organisations, one.min_responses, one.satisfied) != (
        other.counted, other.organisations, other.min_responses, other.satisfied,
    )  # fmt: skip
