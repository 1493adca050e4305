"""The decisions on designations, superseded ones among them: `decisions` of the capability programme."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.instants import END_US, format_instant
from ledger.programmes.capability.events import Best, Outcome, Qualification, Track
from projections.capability.designations_reader import Decided
from projections.questions.answer import Day, Instant, Number, Position
from projections.questions.view import View


@dataclass(frozen=True, slots=True)
class DesignationDecision:
    """A decision on a designation at an anniversary: whether it was qualified on any one day of the window (C3)."""

    membership: str
    """The membership."""
    area: str
    """The solution area of the designation."""
    anniversary: Day
    """YYYY-MM-DD."""
    window_from: Instant
    """The first instant of the window."""
    window_to: Instant
    """The last instant of the window."""
    outcome: Outcome
    """What was decided."""
    first_qualified_at: Instant | None
    """The earliest instant of the window at which it was qualified; null where it was at none."""
    at_first: Qualification | None
    """The score at that instant."""
    best: Best | None
    """The highest score of the window, at its earliest instant; null where no edition was in force."""
    edition: str | None
    """The scorebook edition at the first qualified instant, else at the best; null before the first edition."""
    track: Track
    """Whose thresholds applied then."""
    month: str | None
    """The last month closed by then, YYYY-MM; null where none was."""
    revision: Number
    """1 for the first decision on this anniversary."""
    position: Position
    """Where the decision stands in the ledger."""


@dataclass(frozen=True, slots=True)
class DesignationDecisionTaken(DesignationDecision):
    """A decision as it stands in the list of decisions."""

    superseded: bool
    """Whether a later one on the same anniversary is among the decisions asked for."""
    decided_at: Instant
    """When it was decided."""


def decision_of(membership: str, area: str, position: int, said: Mapping[str, Any]) -> DesignationDecision:
    """The answer that the data of a DesignationDecided event make."""
    return DesignationDecision(membership=membership, area=area, position=position, **said)


def designation_decisions(
    view: View, membership: str | None, area: str | None, at_us: int = END_US, known_at: int | None = None
) -> list[DesignationDecisionTaken]:
    """The decisions taken by an instant, as known by a position, in the order of the ledger.

    Of all designations, or of those of a membership, of an area, or of both. Raises UnknownDesignation for one, or an area of
    none, that was not opened by then.
    """
    reader = view.designations()
    known = reader.known_at(known_at)
    if membership is not None and area is not None:
        reader.require(membership, area, known)
    elif area is not None:
        reader.require_area(area, known)
    taken = reader.all_decisions(membership, area, at_us, known)
    newest = {(one.membership, one.area, one.anniversary): one.position for one in taken}
    return [
        designation_decision_taken(one, newest[one.membership, one.area, one.anniversary] != one.position)
        for one in taken
    ]


def designation_decision_taken(one: Decided, superseded: bool) -> DesignationDecisionTaken:
    """A row of the table as it stands in the list."""
    return DesignationDecisionTaken(
        membership=one.membership,
        area=one.area,
        position=one.position,
        superseded=superseded,
        decided_at=format_instant(one.decided_us),
        **one.said,
    )
