"""The board of designations: what state each is in, what it lacks, and what brings the next points (C2 to C4).

A designation is

    enrolled       the last decision on the latest anniversary that was decided says qualified; from when that decision
                   occurred until twelve months after the anniversary, whatever the score does (C4)
    renewal-due    enrolled, inside the window of the first anniversary ahead, and that one is not decided
    qualified      not enrolled, but qualified at this instant
    in-progress    the rest

Decisions count that are known, and had occurred by the instant asked for. An anniversary whose day has begun is not ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ledger.instants import add_months, midnight_us, parse_date
from ledger.programmes.capability import next_steps as rules
from ledger.programmes.capability.editions import Scorebook
from ledger.programmes.capability.flips import Score
from ledger.programmes.capability.outcome import window
from ledger.programmes.capability.state import METRICS
from projections.capability.designations_reader import Decided, Key
from projections.questions.answer import LEFT_OUT, Optional_

if TYPE_CHECKING:
    from projections.questions.answers import View

State = Literal["enrolled", "renewal-due", "qualified", "in-progress"]
STAYS_MONTHS = 12
"""So long after an anniversary that was decided qualified a designation stays."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """So many more of a metric's unit (percents, pairs, people) bring so many hundredths of points.

    `mcv_milli` is how much more value makes the percents, in thousandths, as digits.
    """

    needed: int
    centipoints: int
    mcv_milli: str | Optional_ = LEFT_OUT


@dataclass(frozen=True, slots=True)
class DesignationLine:
    """A line of the board; points in hundredths. `zero` names the metrics without points (C2).

    `missing_centipoints` is None without an edition; a metric's next step is None where nothing of its unit brings points.
    """

    membership: str
    area: str
    state: State
    centipoints: int
    missing_centipoints: int | None
    zero: tuple[str, ...]
    next_steps: Mapping[str, NextStep | None]
    anniversary: str | None


def designations(
    view: View, at_us: int, known_at: int | None = None, area: str | None = None
) -> Iterator[DesignationLine]:
    """Every designation at an instant, as known by a position, or those of one area; by membership, then area."""
    reader, scores = view.designations(), view.scores()
    known = min(reader.known_at(known_at), scores.known_at(known_at))
    scorebooks: dict[str, Scorebook] = {}
    for keys in reader.keys(known, area):
        found = scores.scores(keys, at_us, known)
        days, decided = reader.anniversaries(keys, known), reader.decisions(keys, at_us, known)
        for key in keys:
            scorebook = scorebooks.get(key[1])
            if scorebook is None:
                scorebook = scorebooks[key[1]] = scores.scorebook(key[1], known)
            yield _line(key, found[key], scorebook, days.get(key, ()), decided.get(key, ()), at_us)


def _line(
    key: Key, score: Score, scorebook: Scorebook, days: Sequence[str], decided: Sequence[Decided], at_us: int
) -> DesignationLine:
    ahead = next((day for day in days if midnight_us(parse_date(day)) > at_us), None)
    return DesignationLine(
        *key,
        state=_state(score, scorebook, ahead, decided, at_us),
        centipoints=score.centipoints,
        missing_centipoints=rules.missing_centipoints(score),
        zero=tuple(metric for metric in METRICS if not score.points[metric]),
        next_steps={metric: _step(step) for metric, step in rules.next_steps(score).items()},
        anniversary=ahead,
    )


def _state(score: Score, scorebook: Scorebook, ahead: str | None, decided: Sequence[Decided], at_us: int) -> State:
    """`decided` come by anniversary, and on the same one in the order in which they were recorded."""
    if not decided or decided[-1].outcome != "qualified" or at_us >= stays_until_us(decided[-1].anniversary):
        return "qualified" if score.qualified else "in-progress"
    if ahead is None or any(one.anniversary == ahead for one in decided):
        return "enrolled"
    return "renewal-due" if window(scorebook, ahead)[0] <= at_us else "enrolled"


def stays_until_us(anniversary: str) -> int:
    """Until when a designation stays that was decided qualified at an anniversary."""
    return add_months(midnight_us(parse_date(anniversary)), STAYS_MONTHS)


def _step(step: rules.NextStep | None) -> NextStep | None:
    if step is None:
        return None
    return NextStep(step.needed, step.centipoints, LEFT_OUT if step.mcv_milli is None else str(step.mcv_milli))
