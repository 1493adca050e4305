"""The decisions on renewals that were taken, in the order of the ledger; of one renewal each is a revision."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.instants import format_instant
from ledger.programmes.survey.events import Outcome, Via
from projections.questions.answer import Count, Day, Instant, Number, Position
from projections.questions.view import View
from projections.survey.renewals_reader import DecisionRow


@dataclass(frozen=True, slots=True)
class DecisionTaken:
    """A decision as it stands in the list of decisions."""

    membership: str
    """The membership."""
    renewal_date: Day
    """YYYY-MM-DD."""
    revision: Number
    """1 for the first decision on this renewal."""
    outcome: Outcome
    """What was decided."""
    superseded: bool
    """Whether a later one on the same renewal is among the decisions asked for."""
    via: Via | None
    """By what the requirement was met; null where it was not."""
    location: str | None
    """The location that was counted."""
    counted: Count
    """Responses applied."""
    organisations: Count
    """Organisations with a response that counted."""
    edition: str | None
    """The edition of the rules in force on the date; null before the first."""
    decided_at: Instant
    """When it was decided."""
    position: Position
    """Where the decision stands in the ledger."""


def decisions(view: View, membership: str | None, at_us: int, known_at: int | None = None) -> list[DecisionTaken]:
    """The decisions taken by an instant, as known by a position, of one membership or of all.

    Raises UnknownMembership where one is named that was not enrolled by then.
    """
    reader = view.eligibility()
    known = reader.known_at(known_at)
    if membership is not None:
        reader.require(membership, known)
    rows = view.renewals().decisions(membership, at_us, known)
    newest = {(row.membership, row.renewal_date): row.revision for row in rows}
    return [decision_taken(row, newest[row.membership, row.renewal_date] != row.revision) for row in rows]


def decision_taken(row: DecisionRow, superseded: bool) -> DecisionTaken:
    """A row of the table as it stands in the list."""
    return DecisionTaken(
        membership=row.membership,
        renewal_date=row.renewal_date,
        revision=row.revision,
        outcome=row.outcome,
        superseded=superseded,
        via=row.via,
        location=row.location,
        counted=row.counted,
        organisations=row.organisations,
        edition=row.edition,
        decided_at=format_instant(row.decided_us),
        position=row.position,
    )
