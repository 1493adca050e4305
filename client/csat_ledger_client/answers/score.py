"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer
from csat_ledger_client.answers.decisions import Metrics


class LeftOutReport(Answer):
    """A report above zero that does not count (C13), and why."""

    what: Literal["revenue", "usage"] | str
    """What it is about."""
    customer: str
    """The customer's reference."""
    workload: str
    """The workload."""
    month: str
    """The month, YYYY-MM."""
    association: Literal["cpor", "csp-1", "csp-2", "dpor", "pal"] | str
    """Under which association it was reported."""
    reason: Literal["association", "no-rate", "smaller"] | str
    """The association does not count, the workload has no rate, or a larger report of the same pair counts."""


class LeftOutReports(Answer):
    """How many reports of the two compared months do not count, and the first LISTED_MAX of them by their keys."""

    total: int
    """How many there are."""
    reports: tuple[LeftOutReport, ...]
    """The first of them, sorted by their fields."""


class NextChange(Answer):
    """When `qualified` becomes otherwise if nothing more arrives, and what it is then."""

    at: str
    """The exact instant."""
    qualified: bool
    """Whether it is qualified from then on."""


class Score(Answer):
    """The score of a designation at an instant."""

    membership: str
    """The membership."""
    area: str
    """The solution area of the designation."""
    at: str
    """The instant asked for."""
    known_at: int
    """The position up to which something is known."""
    edition: str | None
    """The scorebook edition in force then; null before the first."""
    track: Literal["enterprise", "smb"] | str
    """Whose thresholds apply."""
    month: str | None
    """The last month closed by then, YYYY-MM; null where none was, and before the first edition."""
    compared_with: str | None
    """The same month a year before; null where there is none to compare."""
    centipoints: int
    """The score, in hundredths of points."""
    qualified: bool
    """Whether it is enough, with no metric at zero."""
    metrics: Metrics
    """The five metrics, and what they are made of."""
    left_out: LeftOutReports
    """Reports of the two months that do not count."""
    next_change: NextChange | None
    """The next instant at which `qualified` becomes otherwise if nothing more arrives; null where there is none."""
