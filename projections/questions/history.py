"""How a membership's eligibility changed, as it was announced and as that stands now (DESIGN 6)."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.instants import END_US, format_instant
from ledger.programmes.survey.events import Cause, Via
from projections.questions.answer import Count, Instant, Position
from projections.questions.standing_changes import standing_changes
from projections.questions.view import View


@dataclass(frozen=True, slots=True)
class Change:
    """A change of eligibility."""

    effective_at: Instant
    """The exact instant from which on it holds."""
    satisfied: bool
    """Whether the requirement is met from then on."""
    via: Via | None
    """By what it is met; null where it is not."""
    counted: Count
    """Responses applied then, at the location shown."""
    organisations: Count
    """Organisations with a response that counted then."""
    cause: Cause
    """What changed it."""
    position: Position
    """Where the announcement stands in the ledger."""


def history(view: View, membership: str, at_us: int = END_US, known_at: int | None = None) -> list[Change]:
    """The history up to an instant, as it was announced by a position, the earliest change first.

    Later announcements have replaced what they revise. An announcement that says what held before it is left out: it only
    replaced a flip that is none any more. Raises UnknownMembership.
    """
    announced = view.eligibility().announcements(membership, known_at)
    return [
        Change(format_instant(change.effective_us), *change[1:])
        for change in standing_changes(announced, lambda one: one.satisfied)
        if change.effective_us <= at_us
    ]
