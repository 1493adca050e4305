"""A designation's stream read anew, and its recorded decisions taken once more: what `replay M --area A` answers.

It reads the events alone, no projection and no snapshot. Each event comes with the score at its own instant, as known
right after it; each decision with what the rules say of all that stood in the stream before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from ledger.book import GrowingRules, making_sense
from ledger.event import Event
from ledger.programmes.capability.calendar import month_text
from ledger.programmes.capability.events import Outcome, Track, scorebook_stream
from ledger.programmes.capability.flips import Score, score_at
from ledger.programmes.capability.outcome import decide_designation
from ledger.programmes.capability.programme import CAPABILITY
from ledger.programmes.capability.state import METRICS
from ledger.programmes.registry import PROGRAMMES
from ledger.store.base import Reader
from projections.capability.reading import replay
from projections.questions.answer import LEFT_OUT, Day, MayBeLeftOut, Number, Position
from projections.questions.changes import Metric
from projections.questions.event_step import Difference, EventStep, differences, part_of, step_of


@dataclass(frozen=True, slots=True)
class DesignationStep(EventStep):
    """An event, and the score at its occurred_at, as known right after it."""

    qualified: bool
    """Whether it is qualified then."""
    centipoints: int
    """The score, in hundredths of points."""
    metrics: Mapping[Metric, int]
    """The points of each metric, in hundredths."""
    edition: str | None
    """The scorebook edition in force then; null before the first."""
    track: Track
    """Whose thresholds apply."""
    month: str | None
    """The last month closed by then, YYYY-MM; null where none was."""


@dataclass(frozen=True, slots=True)
class DesignationCheck:
    """A recorded decision, taken again from what stood in the stream before it."""

    checked: Literal["DesignationDecided"]
    """What was checked."""
    position: Position
    """Where the decision stands in the ledger."""
    anniversary: Day
    """YYYY-MM-DD."""
    revision: Number
    """1 for the first decision on this anniversary."""
    outcome: Outcome
    """What was decided."""
    same: bool
    """Whether the decision comes out as it was recorded."""
    different: Mapping[str, Difference] | MayBeLeftOut = LEFT_OUT
    """Both sides of each thing that differs, by its name; only where something does."""


def designation_replay(
    book: Reader,
    membership: str,
    area: str,
    through: int | None = None,
    last: int | None = None,
    before: int | None = None,
) -> Iterator[DesignationStep | DesignationCheck]:
    """Each event up to and including a position, in order; then a check of each decision among them.

    Only the `last` events, and of those whose number is below `before`, where that is asked for.

    Raises UnknownDesignation where there is no such stream, BrokenHistory where an event does not follow the one
    before, or names what is not there.
    """
    return part_of(_replay(book, membership, area, through), last, before)


def _replay(
    book: Reader, membership: str, area: str, through: int | None
) -> Iterator[DesignationStep | DesignationCheck]:
    scorebooks = GrowingRules(book, PROGRAMMES, CAPABILITY, scorebook_stream(area))
    revisions: Counter[str] = Counter()
    checks = []
    for step in replay(book, membership, area, through):
        event = step.event
        with making_sense(f"position {event.position}"):
            scorebook = scorebooks.at(event.position)
            if event.type == "DesignationDecided":
                # A decision brings no points: what it was taken from is the same before it and after it.
                anniversary = event.data["anniversary"]
                revisions[anniversary] += 1
                # The clock that the writer went by is not in the book; it was never later than the recording.
                reached_us = min(event.occurred_us, event.recorded_us)
                anew = decide_designation(step.state, scorebook, anniversary, reached_us)
                checks.append(_check(event, {**anew, "revision": revisions[anniversary]}))
            found = _step(event, score_at(step.state, scorebook, event.occurred_us))
        yield found
    yield from checks


def _step(event: Event, score: Score) -> DesignationStep:
    return DesignationStep(
        *step_of(event, CAPABILITY.announcement),
        qualified=score.qualified,
        centipoints=score.centipoints,
        metrics=cast(Mapping[Metric, int], {metric: score.points[metric] for metric in METRICS}),
        edition=None if score.edition is None else score.edition.edition,
        track=cast(Track, score.track),
        month=None if score.month is None else month_text(score.month),
    )


def _check(event: Event, anew: Mapping[str, Any]) -> DesignationCheck:
    recorded: Mapping[str, Any] = event.data
    same = recorded == anew
    return DesignationCheck(
        checked="DesignationDecided",
        position=event.position,
        anniversary=recorded["anniversary"],
        revision=recorded["revision"],
        outcome=recorded["outcome"],
        same=same,
        different=LEFT_OUT if same else differences(recorded, anew),
    )
