"""The decisions of both programmes a page at a time, the newest first: for who looks through them, or for some of them.

    page = decisions_page(view, Wanted(at_us=at_us, outcome="not-met"), limit=100)
    page = decisions_page(view, read_cursor(page.next), limit=100)

A cursor holds all that the first page was asked, and the position up to which something was known then. So the pages that
follow are of the same list, however the book has grown since.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

from ledger.errors import UnknownMembership
from ledger.instants import BEGINNING_US, END_US
from ledger.membership import can_be_membership
from ledger.programmes.capability.events import Outcome as DesignationOutcome
from ledger.programmes.survey.events import Outcome as RenewalOutcome
from projections.decision_reader import Chosen, DecisionReader, Place
from projections.questions.all_decisions import AnyDecisionTaken
from projections.questions.cursors import POSITION_MAX, cursor_text, cursor_values, is_number, no_cursor
from projections.questions.decisions import decision_taken
from projections.questions.designation_decisions import designation_decision_taken
from projections.questions.view import View

LIMIT_MAX: Final = 1_000
EDITION_NAME_MAX: Final = 200
Programme = Literal["survey", "capability"]
OUTCOMES: Final[tuple[str, ...]] = (*get_args(RenewalOutcome), *get_args(DesignationOutcome))
"""Of renewals and of designations; no outcome is of both."""


@dataclass(frozen=True, slots=True)
class DecisionsPage:
    """Some decisions, the newest first, and where the next page begins."""

    decisions: tuple[AnyDecisionTaken, ...]
    """The decisions that were looked for; none is left out down to where the page ends."""
    next: str | None
    """The cursor of the next page, which may have others; null where there are none."""


class Wanted(NamedTuple):
    """A page that is asked for."""

    at_us: int = END_US
    """Only those taken by this instant."""
    known_at: int | None = None
    membership: str | None = None
    programme: Programme | None = None
    """Only those on renewals (survey), or on designations (capability)."""
    outcome: str | None = None
    edition: str | None = None
    """Only those that name this edition of the rules."""
    below: int = POSITION_MAX
    """Only those at an earlier position."""


def decisions_page(view: View, wanted: Wanted, limit: int) -> DecisionsPage:
    """A page of decisions. Raises UnknownMembership for one that is in no programme as known then.

    It passes over a bounded number of decisions that were taken after the instant asked about (`decision_reader`), so that
    it costs the same however many there are: it may hold fewer than `limit`, or none, and still not be the last.
    """
    readers: dict[Programme, DecisionReader] = {"survey": view.renewals(), "capability": view.designations()}
    known = min(reader.known_at(wanted.known_at) for reader in readers.values())
    if wanted.membership is not None:
        _require(view, wanted.membership, known)
    chosen = Chosen(wanted.membership, wanted.edition, wanted.outcome, min(known + 1, wanted.below), wanted.at_us)
    found: list[tuple[Place, Programme]] = []
    through = 0
    for programme, reader in readers.items():
        if wanted.programme in (None, programme):
            places, last = reader.newest(chosen, limit + 1, wanted.at_us >= END_US)
            found += [(place, programme) for place in places]
            through = max(through, last)
    sure = sorted((one for one in found if one[0].position >= through), reverse=True)
    shown = sure[:limit]
    decisions = _decisions(view, shown, wanted.at_us, known)
    below = shown[-1][0].position if len(sure) > limit else through
    following = cursor_text(wanted._replace(known_at=known, below=below)) if below else None
    return DecisionsPage(tuple(decisions), following)


def _decisions(view: View, shown: list[tuple[Place, Programme]], at_us: int, known: int) -> list[AnyDecisionTaken]:
    """The decisions at some places, in their order."""
    renewals = [place for place, programme in shown if programme == "survey"]
    designations = [place for place, programme in shown if programme == "capability"]
    by_position: dict[int, AnyDecisionTaken] = {}
    for position, (row, superseded) in view.renewals().decisions_of(renewals, at_us, known).items():
        by_position[position] = decision_taken(row, superseded)
    for position, (decided, superseded) in view.designations().decisions_of(designations, at_us, known).items():
        by_position[position] = designation_decision_taken(decided, superseded)
    return [by_position[place.position] for place, _ in shown]


def _require(view: View, membership: str, known: int) -> None:
    """Raises UnknownMembership where a membership is in no programme."""
    try:
        view.eligibility().require(membership, known)
    except UnknownMembership:
        if not view.designations().areas_of(membership, known):
            raise


def read_cursor(text: str) -> Wanted:
    """The page that a cursor stands for. Raises BadInput."""
    wanted = Wanted(*cursor_values(text, len(Wanted._fields)))
    if not (
        is_number(wanted.at_us, BEGINNING_US, END_US)
        and is_number(wanted.known_at, 0, POSITION_MAX)
        and (wanted.membership is None or (isinstance(wanted.membership, str) and can_be_membership(wanted.membership)))
        and wanted.programme in (None, *get_args(Programme))
        and wanted.outcome in (None, *OUTCOMES)
        and (
            wanted.edition is None or (isinstance(wanted.edition, str) and 0 < len(wanted.edition) <= EDITION_NAME_MAX)
        )
        and is_number(wanted.below, 0, POSITION_MAX)
    ):
        raise no_cursor()
    return wanted
