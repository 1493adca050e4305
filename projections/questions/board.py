"""Who is eligible, and who will lose it, when and why, if nothing more arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ledger.instants import DAY_US, END_US, format_instant
from ledger.programmes.survey.editions import Rulebook
from ledger.programmes.survey.events import Via
from ledger.programmes.survey.flips import standing
from ledger.programmes.survey.tally import Evidence
from projections.questions.answer import Count, Instant, Position
from projections.questions.status import NextChange, location_statuses, next_change
from projections.questions.view import View
from projections.survey.outlook import outlook

State = Literal["losing", "eligible", "not-eligible"]
LOSING: Final = "losing"
ELIGIBLE: Final = "eligible"
NOT_ELIGIBLE: Final = "not-eligible"
_RANK: Final[dict[State, int]] = {LOSING: 0, ELIGIBLE: 1, NOT_ELIGIBLE: 2}


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One membership on the board."""

    membership: str
    """The membership."""
    name: str
    """The partner's name."""
    state: State
    """`losing`: eligible, and no more within the time asked for; `eligible`; `not-eligible`."""
    at: Instant
    """The instant from which the board is seen."""
    known_at: Position
    """The position of the ledger up to which something is known."""
    required: bool
    """Whether the requirement binds: an edition is in force and the level is gold."""
    satisfied: bool
    """Whether the requirement is met."""
    via: Via | None
    """By what it is met; null where it is not."""
    counted: Count
    """Responses applied at the location with the highest count."""
    organisations: Count
    """Organisations with a response that counts there."""
    next_change: NextChange | None
    """The next instant at which `satisfied` flips if nothing more arrives; null if there is none."""
    why: str | None
    """What takes the eligibility away at the next change, in a few words; null where nothing does."""


def board(view: View, at_us: int, within_days: int, known_at: int | None = None) -> list[BoardRow]:
    """Every membership at an instant: those that lose their eligibility within so many days first, in order of when.

    The others by name of membership, the eligible ones first. As known by a position: a membership that was enrolled
    later is not among them.
    """
    reader = view.eligibility()
    known = reader.known_at(known_at)
    rulebook = reader.rulebook(known)
    soon_us = min(END_US, at_us + within_days * DAY_US)
    rows = []
    for chunk in reader.memberships(known):
        evidence = reader.evidence_from([membership for membership, _ in chunk], at_us, known)
        rows += [
            board_row(membership, name, evidence[membership], rulebook, at_us, soon_us, known)
            for membership, name in chunk
        ]
    return sorted(rows, key=lambda row: (_RANK[row.state], _lost_at(row)))


def board_row(
    membership: str, name: str, evidence: Evidence, rulebook: Rulebook, at_us: int, soon_us: int, known_at: int
) -> BoardRow:
    """A membership on the board; `soon_us` ends the time within which losing it is shown."""
    found = outlook(evidence, rulebook, at_us)
    satisfied, change_us = found.standing.satisfied, found.next_change_us
    state: State = NOT_ELIGIBLE
    if satisfied:
        state = LOSING if change_us is not None and change_us <= soon_us else ELIGIBLE
    return BoardRow(
        membership=membership,
        name=name,
        state=state,
        at=format_instant(at_us),
        known_at=known_at,
        required=found.required,
        satisfied=satisfied,
        via=found.standing.via,
        counted=found.standing.counted,
        organisations=found.standing.organisations,
        next_change=next_change(found),
        why=_why_lost(evidence, rulebook, change_us) if satisfied and change_us is not None else None,
    )


def _lost_at(row: BoardRow) -> str:
    return row.next_change.at if row.state == LOSING and row.next_change is not None else ""


def _why_lost(evidence: Evidence, rulebook: Rulebook, lost_us: int) -> str:
    """In a few words, what takes the eligibility away: the difference that one microsecond makes."""
    before, after = (standing(evidence, rulebook, instant_us) for instant_us in (lost_us - 1, lost_us))
    edition = rulebook.in_force(lost_us)
    if edition is None or before.edition != after.edition:
        return f"edition {after.edition} takes effect"
    if before.via == "evaluations":
        counting = evidence.evaluations_counting(lost_us, edition)
        if counting == 0:
            return "Learning is given up"
        return f"an evaluation expires, {counting} of {edition.min_evaluations} left"
    had, left = (
        location_statuses(evidence, edition, instant_us)[before.location or ""] for instant_us in (lost_us - 1, lost_us)
    )
    fewer = [name for name, count in had.by_org.items() if left.by_org.get(name) != count]
    whose = f"a response of {fewer[0]}" if len(fewer) == 1 else "several responses"
    if left.organisations < edition.min_organisations:
        return f"{whose} expires, {left.organisations} of {edition.min_organisations} organisations left"
    return f"{whose} expires, {left.counted} of {edition.min_responses} left"
