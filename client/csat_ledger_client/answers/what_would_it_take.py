"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer


class MetricSupposed(Answer):
    """A metric with more of its unit: pairs of customer and workload, people, or whole percents of usage growth."""

    centipoints: int
    """Its points as it is, in hundredths."""
    more: int
    """So many more of its unit are supposed."""
    supposed_centipoints: int
    """Its points with them, in hundredths."""
    alone: int | None
    """The least of its unit that alone makes it qualified, 0 where it is; null where the metric's maximum does not
    suffice.
    """
    beside_others: int | None
    """The same where the amounts that are supposed for the other metrics are there as well."""
    to_maximum: int | None
    """The least of its unit with which it has its maximum; null where nothing of its unit brings points."""


class WhatWouldItTake(Answer):
    """The score of a designation as it is, and as it would be with more of what brings points."""

    membership: str
    """The membership."""
    area: str
    """The solution area of the designation."""
    at: str
    """The instant asked for."""
    known_at: int
    """The position up to which something is known."""
    edition: str | None
    """The scorebook edition in force then; null before the first, when nothing brings points."""
    track: Literal["enterprise", "smb"] | str
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
    supposed_zero: tuple[Literal["net-adds", "intermediate", "advanced", "usage-growth", "deployments"] | str, ...]
    """The metrics that would still have no points; with one of them nobody is qualified."""
    metrics: dict[str, MetricSupposed]
    """The five metrics."""
