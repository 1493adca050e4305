"""A designation's stream read anew, and its recorded decisions taken once more: the heart of `replay M --area A`.

It reads the events alone, no projection and no snapshot. Each event comes with the score at its own instant, as known
right after it; each decision with what the rules say of all that stood in the stream before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ledger.event import Event
from ledger.instants import format_instant
from ledger.programmes.capability.calendar import month_text
from ledger.programmes.capability.flips import Score, score_at
from ledger.programmes.capability.outcome import decide_designation
from ledger.programmes.capability.programme import CAPABILITY
from ledger.store.base import Reader
from projections.capability.reading import GrowingScorebook, replay
from projections.questions.answer import LEFT_OUT, Optional_


@dataclass(frozen=True, slots=True)
class DesignationStep:
    """An event, and the score at its own instant (`occurred_at`) as known after it; `metrics` are hundredths of points."""

    seq: int
    position: int
    type: str
    occurred_at: str
    recorded_at: str
    fact: str | None
    actor: str | None
    data: Mapping[str, Any]
    announcement: bool
    qualified: bool
    centipoints: int
    metrics: Mapping[str, int]
    edition: str | None
    track: str
    month: str | None


@dataclass(frozen=True, slots=True)
class BothSides:
    """What a decision says as it was recorded, and as it comes out anew."""

    recorded: Any
    recomputed: Any


@dataclass(frozen=True, slots=True)
class DesignationCheck:
    """The check of a decision; both sides are told where they differ. `checked` is the type of its event."""

    checked: str
    position: int
    anniversary: str
    revision: int
    outcome: str
    same: bool
    different: Mapping[str, BothSides] | Optional_ = LEFT_OUT


@dataclass(slots=True)
class DesignationAudit:
    """Walks through a designation's stream; `checks` fills up on the way."""

    book: Reader
    membership: str
    area: str
    through: int | None = None
    checks: list[DesignationCheck] = field(default_factory=list)

    def steps(self) -> Iterator[DesignationStep]:
        """Each event with its score. Errors as `projections.capability.reading.replay`."""
        scorebooks = GrowingScorebook(self.book, self.area)
        revisions: Counter[str] = Counter()
        for step in replay(self.book, self.membership, self.area, self.through):
            event = step.event
            scorebook = scorebooks.at(event.position)
            if event.type == "DesignationDecided":
                # A decision brings no points: what it was taken from is the same before it and after it.
                anniversary = event.data["anniversary"]
                revisions[anniversary] += 1
                # The clock that the writer went by is not in the book; it was never later than the recording.
                reached_us = min(event.occurred_us, event.recorded_us)
                anew = decide_designation(step.state, scorebook, anniversary, reached_us)
                self.checks.append(_check(event, {**anew, "revision": revisions[anniversary]}))
            yield _step(event, score_at(step.state, scorebook, event.occurred_us))


def _step(event: Event, score: Score) -> DesignationStep:
    return DesignationStep(
        seq=event.seq,
        position=event.position,
        type=event.type,
        occurred_at=format_instant(event.occurred_us),
        recorded_at=format_instant(event.recorded_us),
        fact=event.fact,
        actor=event.actor,
        data=event.data,
        announcement=event.type == CAPABILITY.announcement,
        qualified=score.qualified,
        centipoints=score.centipoints,
        metrics=score.points,
        edition=None if score.edition is None else score.edition.edition,
        track=score.track,
        month=None if score.month is None else month_text(score.month),
    )


def _check(event: Event, anew: Mapping[str, Any]) -> DesignationCheck:
    recorded = event.data
    names = [name for name in sorted(recorded.keys() | anew.keys()) if recorded.get(name) != anew.get(name)]
    return DesignationCheck(
        checked=event.type,
        position=event.position,
        anniversary=recorded["anniversary"],
        revision=recorded["revision"],
        outcome=recorded["outcome"],
        same=not names,
        different={name: BothSides(recorded.get(name), anew.get(name)) for name in names} if names else LEFT_OUT,
    )
