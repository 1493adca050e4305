"""What a score would be with more of what brings points, and how much of it would be enough (C1, C2, C7 to C10). Pure.

The units are those of `next_steps`: pairs of customer and workload that reach the threshold now, people who hold a
certificate of the tier, and whole percents of usage growth. Everything else stays as it is: edition, months and track. Each
amount is of its metric alone. The value of further deployments makes growth as well; who supposes that supposes percents.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Final

from ledger.programmes.capability.flips import Score, certification_points, growth_points, more_points
from ledger.programmes.capability.next_steps import FIGURES

MOST: Final = 10_000_000_000_000
"""More of a unit than any edition asks for: a figure is at most 10^12."""


def with_more(score: Score, more: Mapping[str, int]) -> Score:
    """The score with the points that so many more of each metric's unit would give; what it is made of stays as it is."""
    return score._replace(
        points=score.points | {metric: _points(score, metric, number) for metric, number in more.items()}
    )


def to_maximum(score: Score, metric: str) -> int | None:
    """The least of a metric's unit that gives its maximum; None where nothing of the unit brings points."""
    if score.edition is None:
        return None
    maximum, upper = int(score.edition.figures[FIGURES.get(metric, metric)]["max"]), 1
    while _points(score, metric, upper) < maximum:
        upper *= 2
        if upper > MOST:
            return None
    return bisect_left(range(upper + 1), maximum, key=lambda more: _points(score, metric, more))


def enough(score: Score, metric: str) -> int | None:
    """The least of a metric's unit with which the score is enough, all else as it is; 0 where it is.

    None where not even the metric's maximum suffices.
    """
    most = to_maximum(score, metric)
    if most is None or not with_more(score, {metric: most}).qualified:
        return None
    return bisect_left(range(most), True, key=lambda more: with_more(score, {metric: more}).qualified)


def _points(score: Score, metric: str, more: int) -> int:
    """The points of a metric with so many more of its unit."""
    points = score.points[metric]
    if score.edition is None:
        return points
    figures = score.edition.figures[FIGURES.get(metric, metric)]
    if metric in score.people:
        return certification_points(figures, score.track, score.people[metric] + more)
    if metric == "usage-growth":
        growth = score.growth
        if growth is None or growth.percent is None:
            return points
        return growth_points(figures, growth._replace(percent=growth.percent + more))
    pairs = score.customers if metric == "net-adds" else score.deployments
    return points if pairs is None else more_points(figures, (pairs[0] + more, pairs[1]))
