"""The parts of answers that events hold as well: a score's metrics in words and figures (C1)."""

from __future__ import annotations

from ledger.programmes.capability.events import Metrics
from ledger.programmes.capability.flips import Score


def metrics_of(score: Score) -> Metrics:
    """The five metrics of a score, as `score` and decisions give them; what is compared is null without a month."""
    customers = score.customers or (None, None)
    deployments = score.deployments or (None, None)
    growth = score.growth
    return {
        "net-adds": {
            "centipoints": score.points["net-adds"],
            "now": customers[0],
            "year_before": customers[1],
        },
        "intermediate": {"centipoints": score.points["intermediate"], "people": score.people["intermediate"]},
        "advanced": {"centipoints": score.points["advanced"], "people": score.people["advanced"]},
        "usage-growth": {
            "centipoints": score.points["usage-growth"],
            "mcv_milli": None if growth is None else str(growth.mcv_milli),
            "mcv_milli_year_before": None if growth is None else str(growth.year_before),
            "percent": None if growth is None or growth.percent is None else str(growth.percent),
            "base_met": None if growth is None else growth.base_met,
        },
        "deployments": {
            "centipoints": score.points["deployments"],
            "now": deployments[0],
            "year_before": deployments[1],
        },
    }
