"""What it would take to be qualified: the score with more of what brings points, and how much of each alone is enough.

Supposed are so many more of a metric's own unit (see `ledger.programmes.capability.supposed`): the answer is the score of a
book in which the metrics have just these figures, edition, months and track being the same. Facts can do more than was
supposed: what a further deployment is used makes growth too, and revenue on enough workloads makes another track. Then
the figures are others, and those are to be supposed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from ledger.instants import format_instant
from ledger.programmes.capability.calendar import month_text
from ledger.programmes.capability.events import Track
from ledger.programmes.capability.flips import Score
from ledger.programmes.capability.next_steps import missing_centipoints
from ledger.programmes.capability.supposed import MOST, enough, to_maximum, with_more
from projections.capability.score_reader import ScoreReader
from projections.questions.answer import Count, Instant, Position
from projections.questions.changes import Metric
from projections.questions.designations import METRICS, zero_metrics

MORE: Final[Mapping[Metric, str]] = {
    "net-adds": "more_net_adds",
    "intermediate": "more_intermediate",
    "advanced": "more_advanced",
    "usage-growth": "more_percent",
    "deployments": "more_deployments",
}
"""What the amount supposed for a metric is called."""
MORE_MAX: Final = MOST


@dataclass(frozen=True, slots=True)
class MetricSupposed:
    """A metric with more of its unit: pairs of customer and workload, people, or whole percents of usage growth."""

    centipoints: int
    """Its points as it is, in hundredths."""
    more: Count
    """So many more of its unit are supposed."""
    supposed_centipoints: int
    """Its points with them, in hundredths."""
    alone: Count | None
    """The least of its unit that alone makes it qualified, 0 where it is; null where the metric's maximum does not suffice."""
    beside_others: Count | None
    """The same where the amounts that are supposed for the other metrics are there as well."""
    to_maximum: Count | None
    """The least of its unit with which it has its maximum; null where nothing of its unit brings points."""


@dataclass(frozen=True, slots=True)
class WhatWouldItTake:
    """The score of a designation as it is, and as it would be with more of what brings points."""

    membership: str
    """The membership."""
    area: str
    """The solution area of the designation."""
    at: Instant
    """The instant asked for."""
    known_at: Position
    """The position up to which something is known."""
    edition: str | None
    """The scorebook edition in force then; null before the first, when nothing brings points."""
    track: Track
    """Whose thresholds apply; it stays as it is."""
    month: str | None
    """The last month closed by then, YYYY-MM; null where none was, when only people bring points."""
    min_centipoints: int | None
    """What is needed, in hundredths of points; null before the first edition."""
    centipoints: int
    """The score as it is, in hundredths of points."""
    qualified: bool
    """Whether that is enough, with no metric at zero."""
    supposed_centipoints: int
    """The score with all that is supposed."""
    supposed_qualified: bool
    """Whether that would be enough, with no metric at zero."""
    supposed_missing_centipoints: int | None
    """What would still lack to what is needed, 0 where nothing does; null before the first edition."""
    supposed_zero: tuple[Metric, ...]
    """The metrics that would still have no points; with one of them nobody is qualified."""
    metrics: Mapping[Metric, MetricSupposed]
    """The five metrics."""


def what_would_it_take(
    reader: ScoreReader,
    membership: str,
    area: str,
    at_us: int,
    known_at: int | None = None,
    more: Mapping[Metric, int] | None = None,
) -> WhatWouldItTake:
    """The score at an instant, and with so many more of each metric's unit (none: of those not named).

    Raises UnknownDesignation where the designation was not opened by then.
    """
    known = reader.known_at(known_at)
    score = reader.score(membership, area, at_us, known)
    amounts: dict[str, int] = {metric: 0 if more is None else more.get(metric, 0) for metric in METRICS}
    found = with_more(score, amounts)
    return WhatWouldItTake(
        membership=membership,
        area=area,
        at=format_instant(at_us),
        known_at=known,
        edition=None if score.edition is None else score.edition.edition,
        track=cast(Track, score.track),
        month=None if score.month is None else month_text(score.month),
        min_centipoints=None if score.edition is None else int(score.edition.figures["min_centipoints"]),
        centipoints=score.centipoints,
        qualified=score.qualified,
        supposed_centipoints=found.centipoints,
        supposed_qualified=found.qualified,
        supposed_missing_centipoints=missing_centipoints(found),
        supposed_zero=zero_metrics(found),
        metrics={metric: _metric(score, found, metric, amounts) for metric in METRICS},
    )


def _metric(score: Score, found: Score, metric: Metric, amounts: Mapping[str, int]) -> MetricSupposed:
    others = with_more(score, {**amounts, metric: 0})
    return MetricSupposed(
        centipoints=score.points[metric],
        more=amounts[metric],
        supposed_centipoints=found.points[metric],
        alone=enough(score, metric),
        beside_others=enough(others, metric),
        to_maximum=to_maximum(score, metric),
    )
