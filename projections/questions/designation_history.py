"""The announced history of a designation as it stands now: the heart of `history M --area A`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.instants import format_instant

if TYPE_CHECKING:
    from projections.questions.answers import View


@dataclass(frozen=True, slots=True)
class QualificationChange:
    """From `effective_at` on it is, or is no longer, qualified; `centipoints` are hundredths of points at that instant."""

    effective_at: str
    qualified: bool
    centipoints: int
    cause: str
    position: int


def designation_history(view: View, membership: str, area: str) -> list[QualificationChange]:
    """The changes that stand announced, the earliest first (DESIGN 6). Raises UnknownDesignation."""
    return [
        QualificationChange(format_instant(flip.effective_us), *flip[1:])
        for flip in view.designations().history(membership, area)
    ]
