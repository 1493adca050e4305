"""The scorebook of an area: editions of its figures, and which of them is in force at an instant (C1, C15)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ledger.event import NewEvent
from ledger.instants import parse_instant

SHIPPED_AREA: Final = "business-applications"


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition: its name, from when on it is in force, and its figures as the event has them (points in hundredths)."""

    edition: str
    effective_us: int
    figures: Mapping[str, Any]

    def rate_milli(self, workload: str) -> int | None:
        """What a unit of a workload is worth, in thousandths; None where it has no rate (C6)."""
        rate = self.figures["rates"].get(workload)
        return None if rate is None else rate["rate_milli"]

    def counts_usage(self, workload: str, association: str) -> bool:
        """Whether usage of a workload counts under an association (C13)."""
        rate = self.figures["rates"].get(workload)
        return rate is not None and association in rate["associations"]

    def counts_revenue(self, association: str) -> bool:
        """Whether revenue counts under an association (C13)."""
        return association in self.figures["net_adds"]["associations"]


class Scorebook:
    """The editions of an area, in the order in which they take effect; of two with the same instant the later published."""

    def __init__(self) -> None:
        self.editions: list[Edition] = []
        self.names: set[str] = set()
        self.workloads: set[str] = set()
        """Workloads for which any edition published so far has a rate."""
        self._starts: list[int] = []

    def publish(self, data: Mapping[str, Any]) -> None:
        """One more edition, out of the data of its event."""
        edition = Edition(data["edition"], parse_instant(data["effective_from"]), data)
        self.names.add(edition.edition)
        self.workloads.update(data["rates"])
        place = bisect_left(self._starts, edition.effective_us)
        if place < len(self._starts) and self._starts[place] == edition.effective_us:
            self.editions[place] = edition
        else:
            self._starts.insert(place, edition.effective_us)
            self.editions.insert(place, edition)

    def in_force(self, at_us: int) -> Edition | None:
        """The edition in force at an instant; None before the first."""
        place = bisect_right(self._starts, at_us)
        return self.editions[place - 1] if place else None

    def next_start(self, after_us: int) -> int | None:
        """The first instant after another at which an edition takes effect; None where there is none."""
        place = bisect_right(self._starts, after_us)
        return self._starts[place] if place < len(self._starts) else None

    def starts_at(self, at_us: int) -> bool:
        """Whether an edition takes effect at just this instant."""
        place = bisect_left(self._starts, at_us)
        return place < len(self._starts) and self._starts[place] == at_us


def _rates() -> dict[str, Any]:
    by_pal = ("power-apps", "power-automate", "power-bi", "portals", "customer-insights")
    rate_of = {
        **dict.fromkeys(
            ("business-central", "core-hr", "guides", "remote-assist", "talent-attract", "talent-onboard"), 1_000_000
        ),
        **dict.fromkeys(("customer-engagement", "power-apps", "power-automate", "power-bi", "portals"), 200_000),
        **dict.fromkeys(("finance-and-operations", "retail"), 100_000),
        "customer-insights": 200,
    }
    return {
        workload: {"associations": ["pal"] if workload in by_pal else ["cpor", "dpor"], "rate_milli": rate_milli}
        for workload, rate_milli in rate_of.items()
    }


_SHIPPED: Final = {
    "edition": "2023-06",
    "effective_from": "2023-06-13T00:00:00.000000Z",
    "min_centipoints": 7_000,
    "window_months": 6,
    "net_adds": {
        "max": 1_500,
        "each": 300,
        "threshold_cents": {"enterprise": 150_000, "smb": 25_000},
        "associations": ["cpor", "csp-1", "csp-2", "dpor"],
    },
    "intermediate": {
        "max": 2_000,
        "each": {"enterprise": 100, "smb": 400},
        "people": {"enterprise": 20, "smb": 5},
    },
    "advanced": {"max": 1_500, "each": {"enterprise": 214, "smb": 750}, "people": {"enterprise": 7, "smb": 2}},
    "usage_growth": {"max": 3_000, "each_percent": 100, "base_mcv": {"enterprise": 50_000, "smb": 25_000}},
    "deployments": {"max": 2_000, "each": 400, "threshold_mcv": {"enterprise": 10_000, "smb": 5_000}},
    "track": {"workloads": 5, "threshold_cents": 500_000},
    "rates": _rates(),
}


def shipped() -> list[tuple[str, NewEvent]]:
    """The edition that comes with the ledger, of the area business applications, with its name."""
    name = f"{SHIPPED_AREA}/{_SHIPPED['edition']}"
    return [(name, NewEvent("ScorebookPublished", str(_SHIPPED["effective_from"]), dict(_SHIPPED)))]
