"""What brings the next points: for each metric the least of its own unit, the track staying as it is. Pure.

The units: a (customer, workload) pair that reaches the threshold for net-adds and deployments, a person who holds no
certificate of the tier yet, and for usage growth a full percent more than there are.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from ledger.programmes.capability.flips import Growth, Score, certification_points, growth_points, more_points
from ledger.programmes.capability.state import METRICS

FIGURES: Final = {"net-adds": "net_adds", "usage-growth": "usage_growth"}


class NextStep(NamedTuple):
    """So many of the unit are needed, and bring so many hundredths of points.

    `mcv_milli` is how much more value makes the percents, in thousandths; None for what is not made of value.
    """

    needed: int
    centipoints: int
    mcv_milli: int | None = None


def missing_centipoints(score: Score) -> int | None:
    """What lacks to the edition's minimum, 0 where it is reached (C2); None without an edition."""
    if score.edition is None:
        return None
    return max(0, int(score.edition.figures["min_centipoints"]) - score.centipoints)


def next_steps(score: Score) -> dict[str, NextStep | None]:
    """By metric. None at the maximum, and where nothing of the unit brings points: without an edition, without a month

    that was closed (but for people), for growth whose base is not met (C7).
    """
    return {metric: _next_step(score, metric) for metric in METRICS}


def _next_step(score: Score, metric: str) -> NextStep | None:
    if score.edition is None:
        return None
    figures = score.edition.figures[FIGURES.get(metric, metric)]
    points = score.points[metric]
    if points >= figures["max"]:
        return None
    if metric in score.people:
        return NextStep(1, certification_points(figures, score.track, score.people[metric] + 1) - points)
    if metric == "usage-growth":
        return None if score.growth is None else _next_percent(figures, score.growth, points)
    pairs = score.customers if metric == "net-adds" else score.deployments
    if pairs is None:
        return None
    now, before = pairs
    aim = max(0, now - before) + 1
    return NextStep(aim - (now - before), more_points(figures, (aim, 0)) - points)


def _next_percent(figures: Any, growth: Growth, points: int) -> NextStep | None:
    if not growth.base_met or growth.percent is None:
        return None
    aim = max(0, growth.percent) + 1
    needed_milli = -(-growth.year_before * (100 + aim) // 100)
    brought = growth_points(figures, growth._replace(percent=aim)) - points
    return NextStep(aim - growth.percent, brought, needed_milli - growth.mcv_milli)
