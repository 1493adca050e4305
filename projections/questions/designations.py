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

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ledger.instants import add_months, midnight_us, parse_date
from ledger.programmes.capability import next_steps as rules
from ledger.programmes.capability.editions import Scorebook
from ledger.programmes.capability.flips import Score
from ledger.programmes.capability.outcome import window
from projections.capability.designations_reader import DecidedOutcome, Key
from projections.questions.answer import LEFT_OUT, Count, Day, MayBeLeftOut
from projections.questions.changes import Metric
from projections.questions.view import View

METRICS: tuple[Metric, ...] = ("net-adds", "intermediate", "advanced", "usage-growth", "deployments")
State = Literal["enrolled", "renewal-due", "qualified", "in-progress"]
STAYS_MONTHS = 12
"""So long after an anniversary that was decided qualified a designation stays."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """The least of a metric's unit that brings points: percents, pairs of customer and workload, or people."""

    needed: Count
    """So many more are needed."""
    centipoints: int
    """So many hundredths of points they bring."""
    mcv_milli: str | MayBeLeftOut = LEFT_OUT
    """For usage growth: how much more value makes the percents, in thousandths, as digits."""


@dataclass(frozen=True, slots=True)
class DesignationLine:
    """A designation on the board."""

    membership: str
    """The membership."""
    area: str
    """The solution area of the designation."""
    state: State
    """What state it is in."""
    centipoints: int
    """The score, in hundredths of points."""
    missing_centipoints: int | None
    """What lacks to the edition's minimum, 0 where it is reached; null before the first edition."""
    zero: tuple[Metric, ...]
    """The metrics without points; with one of them nobody is qualified."""
    next_steps: Mapping[Metric, NextStep | None]
    """For each metric what brings the next points; null where nothing of its unit does."""
    anniversary: Day | None
    """The first anniversary ahead, YYYY-MM-DD; null where none is known."""


def designations(
    view: View,
    at_us: int,
    known_at: int | None = None,
    area: str | None = None,
    memberships: Collection[str] | None = None,
    after: Key = ("", ""),
    membership: str | None = None,
) -> Iterator[DesignationLine]:
    """Every designation at an instant, as known by a position; by membership, then area.

    Those of one area, of one membership, or of some memberships alone (whoever asks sees no others), where these are given,
    and those that follow one. Raises UnknownDesignation for an area in which nobody had one, UnknownMembership for a
    membership that was in neither programme.
    """
    reader, scores = view.designations(), view.scores()
    known = min(reader.known_at(known_at), scores.known_at(known_at))
    if area is not None and memberships is None:
        reader.require_area(area, known)
    if membership is not None and not reader.areas_of(membership, known):
        eligibility = view.eligibility()
        eligibility.require(membership, eligibility.known_at(known_at))
    for all_keys in reader.keys(known, area, after, membership):
        keys = [key for key in all_keys if memberships is None or key[0] in memberships]
        if not keys:
            continue
        found = scores.scores(keys, at_us, known)
        days, decided = reader.anniversaries(keys, known), reader.decisions(keys, at_us, known)
        for key in keys:
            scorebook = scores.scorebook(key[1], known)
            yield _line(key, found[key], scorebook, days.get(key, ()), decided.get(key, ()), at_us)


def _line(
    key: Key, score: Score, scorebook: Scorebook, days: Sequence[str], decided: Sequence[DecidedOutcome], at_us: int
) -> DesignationLine:
    ahead = next((day for day in days if midnight_us(parse_date(day)) > at_us), None)
    steps = rules.next_steps(score)
    return DesignationLine(
        *key,
        state=_state(score, scorebook, ahead, decided, at_us),
        centipoints=score.centipoints,
        missing_centipoints=rules.missing_centipoints(score),
        zero=zero_metrics(score),
        next_steps={metric: _step(steps[metric]) for metric in METRICS},
        anniversary=ahead,
    )


def zero_metrics(score: Score) -> tuple[Metric, ...]:
    """The metrics without points, in the order of the rules."""
    return tuple(metric for metric in METRICS if not score.points[metric])


def _state(
    score: Score, scorebook: Scorebook, ahead: str | None, decided: Sequence[DecidedOutcome], at_us: int
) -> State:
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
