"""What is said of an erasure, at the command line and over HTTP: references, instants, and the exports to be withdrawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ledger.instants import format_instant
from projections.questions.answer import Instant

if TYPE_CHECKING:
    from ledger.vault.erasing import Erased


@dataclass(frozen=True, slots=True)
class ExportToWithdraw:
    """An export that had the subject in it, and is outside the vault."""

    export: str
    """Its id."""
    at: Instant
    """When it was made."""
    actor: str
    """Who made it."""
    what: str
    """What was handed out: contacts, comments, results, report."""


@dataclass(frozen=True, slots=True)
class SubjectErasure:
    """A subject of whom the vault keeps nothing any more."""

    subject: str
    """The reference."""
    outcome: Literal["erased", "erased-before"]
    """Whether it was erased now, or had been before."""
    requested_at: Instant
    """When it was asked for."""
    completed_at: Instant
    """When it was over."""
    exports: tuple[ExportToWithdraw, ...]
    """The exports that listed it, to be removed by whoever has them."""


def erasure_shown(erased: Erased, before: bool) -> SubjectErasure:
    """An erasure that is over; `before` says that it was so already when it was asked for this time."""
    return SubjectErasure(
        erased.subject,
        "erased-before" if before else "erased",
        format_instant(erased.requested_us),
        format_instant(erased.completed_us),
        tuple(ExportToWithdraw(one.export, format_instant(one.at_us), one.actor, one.what) for one in erased.exports),
    )
