"""A membership's stream read anew, and its recorded decisions taken once more.

It reads the events alone, no projection and no snapshot. Each event comes with the standing at its own instant, as
known right after it; each decision with what the rules say of all that stood in the stream before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ledger.book import GrowingRules, making_sense
from ledger.event import Event
from ledger.programmes.registry import PROGRAMMES
from ledger.programmes.survey.events import RULEBOOK_STREAM, Outcome, Via
from ledger.programmes.survey.flips import Standing, standing
from ledger.programmes.survey.outcome import decide_renewal
from ledger.programmes.survey.programme import SURVEY
from ledger.store.base import Reader
from projections.questions.answer import LEFT_OUT, Count, Day, MayBeLeftOut, Number, Position
from projections.questions.event_step import Difference, EventStep, differences, part_of, step_of
from projections.survey import reading


@dataclass(frozen=True, slots=True)
class ReplayStep(EventStep):
    """An event, and where the membership stands at its occurred_at, as known right after it."""

    satisfied: bool
    """Whether the requirement is met then."""
    via: Via | None
    """By what it is met; null where it is not."""
    location: str | None
    """The location that the figures are of."""
    counted: Count
    """Responses applied there."""
    organisations: Count
    """Organisations with a response that counts there."""
    edition: str | None
    """The edition of the rules in force then; null before the first."""


@dataclass(frozen=True, slots=True)
class DecisionCheck:
    """A recorded decision, taken again from what stood in the stream before it."""

    checked: Literal["RenewalDecided"]
    """What was checked."""
    position: Position
    """Where the decision stands in the ledger."""
    renewal_date: Day
    """YYYY-MM-DD."""
    revision: Number
    """1 for the first decision on this renewal."""
    outcome: Outcome
    """What was decided."""
    counted: Count
    """Responses applied, as recorded."""
    same: bool
    """Whether the decision comes out as it was recorded."""
    different: Mapping[str, Difference] | MayBeLeftOut = LEFT_OUT
    """Both sides of each thing that differs, by its name; only where something does."""


def replay(
    book: Reader, membership: str, through: int | None = None, last: int | None = None, before: int | None = None
) -> Iterator[ReplayStep | DecisionCheck]:
    """Each event up to and including a position, in order; then a check of each decision among them.

    Only the `last` events, and of those whose number is below `before`, where that is asked for.

    Raises UnknownMembership where there is no such stream, BrokenHistory where an event does not follow the one before,
    or names what is not there.
    """
    return part_of(_replay(book, membership, through), last, before)


def _replay(book: Reader, membership: str, through: int | None) -> Iterator[ReplayStep | DecisionCheck]:
    rulebooks = GrowingRules(book, PROGRAMMES, SURVEY, RULEBOOK_STREAM)
    revisions: dict[str, int] = {}
    checks = []
    for step in reading.replay(book, membership, through):
        event, state = step.event, step.state
        with making_sense(f"position {event.position}"):
            rulebook = rulebooks.at(event.position)
            if event.type == "RenewalDecided":
                # A decision is no evidence: what it was taken from is the same before it and after it.
                renewal_date = event.data["renewal_date"]
                revision = revisions[renewal_date] = revisions.get(renewal_date, 0) + 1
                checks.append(_check(event, {**decide_renewal(state, rulebook, renewal_date), "revision": revision}))
            found = _step(event, standing(state.evidence, rulebook, event.occurred_us))
        yield found
    yield from checks


def _step(event: Event, found: Standing) -> ReplayStep:
    return ReplayStep(
        *step_of(event, SURVEY.announcement),
        satisfied=found.satisfied,
        via=found.via,
        location=found.location,
        counted=found.counted,
        organisations=found.organisations,
        edition=found.edition,
    )


def _check(event: Event, anew: Mapping[str, Any]) -> DecisionCheck:
    recorded: Mapping[str, Any] = event.data
    same = recorded == anew
    return DecisionCheck(
        checked="RenewalDecided",
        position=event.position,
        renewal_date=recorded["renewal_date"],
        revision=recorded["revision"],
        outcome=recorded["outcome"],
        counted=recorded["counted"],
        same=same,
        different=LEFT_OUT if same else differences(recorded, anew),
    )
