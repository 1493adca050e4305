"""The decisions on designations, superseded ones among them: `decisions` of the capability programme."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ledger.instants import END_US, format_instant
from ledger.programmes.capability.events import Best, Outcome, Qualification, Track

if TYPE_CHECKING:
    from projections.questions.answers import View


@dataclass(frozen=True, slots=True)
class DesignationDecision:
    """A decision on a designation at an anniversary (C3), as `decide-designation` prints it."""

    membership: str
    area: str
    anniversary: str
    window_from: str
    window_to: str
    outcome: Outcome
    first_qualified_at: str | None
    at_first: Qualification | None
    best: Best | None
    edition: str | None
    track: Track
    month: str | None
    revision: int
    position: int


@dataclass(frozen=True, slots=True)
class DesignationDecisionTaken(DesignationDecision):
    """A decision as it stands in the list of decisions; `superseded` by a later one on the same anniversary."""

    superseded: bool
    decided_at: str


def decision_of(membership: str, area: str, position: int, said: Mapping[str, Any]) -> DesignationDecision:
    """The answer that the data of a DesignationDecided event make."""
    return DesignationDecision(membership=membership, area=area, position=position, **said)


def designation_decisions(
    view: View, membership: str | None, area: str | None, at_us: int = END_US, known_at: int | None = None
) -> list[DesignationDecisionTaken]:
    """The decisions taken by an instant, as known by a position, in the order of the ledger.

    Of all designations, or of those of a membership, of an area, or of both: where both are named, raises
    UnknownDesignation for one that was not opened by then.
    """
    reader = view.designations()
    known = reader.known_at(known_at)
    if membership is not None and area is not None:
        reader.require(membership, area, known)
    taken = reader.all_decisions(membership, area, at_us, known)
    newest = {(one.membership, one.area, one.anniversary): one.position for one in taken}
    return [
        DesignationDecisionTaken(
            membership=one.membership,
            area=one.area,
            position=one.position,
            superseded=newest[one.membership, one.area, one.anniversary] != one.position,
            decided_at=format_instant(one.decided_us),
            **one.said,
        )
        for one in taken
    ]
