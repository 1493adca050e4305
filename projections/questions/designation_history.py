"""When a designation was qualified, as it was announced and as that stands now (DESIGN 6): `history M --area A`."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.instants import END_US, format_instant
from ledger.programmes.capability.events import Cause
from projections.questions.answer import Instant, Position
from projections.questions.standing_changes import standing_changes
from projections.questions.view import View


@dataclass(frozen=True, slots=True)
class QualificationChange:
    """A designation becomes qualified, or is no more."""

    effective_at: Instant
    """The exact instant from which on it holds."""
    qualified: bool
    """Whether it is qualified from then on."""
    centipoints: int
    """The score at that instant as it was announced, in hundredths; without what was learned since and flips nothing."""
    cause: Cause
    """What changed it."""
    position: Position
    """Where the announcement stands in the ledger."""


def designation_history(
    view: View, membership: str, area: str, at_us: int = END_US, known_at: int | None = None
) -> list[QualificationChange]:
    """The changes up to an instant that stood announced by a position, the earliest first. Raises UnknownDesignation.

    Later announcements have replaced what they revise, and one that says what held before it is left out: it only replaced
    a flip that is none any more.
    """
    announced = view.designations().announcements(membership, area, known_at)
    return [
        QualificationChange(format_instant(change.effective_us), *change[1:])
        for change in standing_changes(announced, lambda one: one.qualified)
        if change.effective_us <= at_us
    ]
