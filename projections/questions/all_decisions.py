"""The decisions of both programmes in one list, in the order of the ledger: what `csat-ledger decisions` answers."""

from __future__ import annotations

from ledger.errors import UnknownMembership
from projections.questions.decisions import DecisionTaken, decisions
from projections.questions.designation_decisions import DesignationDecisionTaken, designation_decisions
from projections.questions.view import View

AnyDecisionTaken = DecisionTaken | DesignationDecisionTaken


def all_decisions(
    view: View, membership: str | None, area: str | None, at_us: int, known_at: int | None = None
) -> list[AnyDecisionTaken]:
    """Those taken by an instant, as known by a position: all, or of a membership; in an area those on designations alone.

    Raises UnknownMembership where one is named that is in no programme, UnknownDesignation as `designation_decisions`.
    """
    found: list[AnyDecisionTaken] = [*designation_decisions(view, membership, area, at_us, known_at)]
    if area is None:
        found += _on_renewals(view, membership, at_us, known_at)
    return sorted(found, key=lambda one: one.position)


def _on_renewals(view: View, membership: str | None, at_us: int, known_at: int | None) -> list[DecisionTaken]:
    """Those of a membership of whatever programme. Raises UnknownMembership where it is in none."""
    try:
        return decisions(view, membership, at_us, known_at)
    except UnknownMembership:
        designations = view.designations()
        if membership is None or not designations.areas_of(membership, designations.known_at(known_at)):
            raise
        return []
