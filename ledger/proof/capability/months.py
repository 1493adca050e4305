"""What was reported for a month, and what that comes to under an edition (C6 to C9, C12, C13)."""

from __future__ import annotations

from collections import defaultdict

from ledger.proof.capability.form import TRACKS
from ledger.proof.capability.scorebook import Edition
from ledger.proof.log.event import Event, parse_date

Pair = tuple[str, str]
"""A customer and a workload."""


def month_index(month: str) -> int:
    """Months since the year 0."""
    return int(month[:4]) * 12 + int(month[5:]) - 1


def month_name(index: int) -> str:
    """YYYY-MM."""
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


def month_start(index: int) -> int:
    """The first microsecond of a month, since 1970."""
    return parse_date(f"{month_name(index)}-01", "month")


class Totals:
    """A month under one edition: what each pair is worth and brings, and what that comes to."""

    def __init__(self, edition: Edition) -> None:
        self.edition = edition
        self.worth: dict[Pair, int] = {}
        self.brings: dict[Pair, int] = {}
        self.sum = 0
        self.deployed = dict.fromkeys(TRACKS, 0)
        self.added = dict.fromkeys(TRACKS, 0)
        self.wide_workloads = 0
        """Workloads on which some customer's revenue exceeds the track's figure (C12)."""
        self._wide: defaultdict[str, int] = defaultdict(int)
        """workload -> customers whose revenue exceeds that figure."""

    def set_worth(self, pair: Pair, milli: int) -> None:
        """The value of a pair's usage."""
        before = self.worth.pop(pair, 0)
        if milli:
            self.worth[pair] = milli
        self.sum += milli - before
        for track, threshold in self.edition.deployments.threshold.items():
            self.deployed[track] += (milli >= threshold) - (before >= threshold)

    def set_brings(self, pair: Pair, cents: int) -> None:
        """The revenue of a pair."""
        before = self.brings.pop(pair, 0)
        if cents:
            self.brings[pair] = cents
        for track, threshold in self.edition.net_adds.threshold.items():
            self.added[track] += (cents >= threshold) - (before >= threshold)
        customers = self._wide[pair[1]]
        now = customers + (cents > self.edition.wide_cents) - (before > self.edition.wide_cents)
        self._wide[pair[1]] = now
        self.wide_workloads += (now > 0) - (customers > 0)


class Month:
    """The latest reports of a month."""

    def __init__(self) -> None:
        self._usage: defaultdict[Pair, dict[str, int]] = defaultdict(dict)
        self._revenue: defaultdict[Pair, dict[str, int]] = defaultdict(dict)
        self._totals: dict[str, Totals] = {}

    def report(self, event: Event) -> None:
        """A UsageReported or RevenueReported; it takes the place of the earlier one under its keys."""
        data = event.data
        pair = (data["customer"], data["workload"])
        if event.type == "UsageReported":
            self._usage[pair][data["association"]] = data["units"]
            for totals in self._totals.values():
                totals.set_worth(pair, self._worth(pair, totals.edition))
        else:
            self._revenue[pair][data["association"]] = data["amount_cents"]
            for totals in self._totals.values():
                totals.set_brings(pair, self._brings(pair, totals.edition))

    def totals(self, edition: Edition) -> Totals:
        """What the month comes to under an edition."""
        totals = self._totals.get(edition.name)
        if totals is None:
            totals = self._totals[edition.name] = Totals(edition)
            for pair in self._usage:
                totals.set_worth(pair, self._worth(pair, edition))
            for pair in self._revenue:
                totals.set_brings(pair, self._brings(pair, edition))
        return totals

    def _worth(self, pair: Pair, edition: Edition) -> int:
        """The largest of what is reported under kinds that count, by the workload's rate (C6, C13)."""
        milli, kinds = edition.rates.get(pair[1], (0, frozenset()))
        return milli * max((units for kind, units in self._usage[pair].items() if kind in kinds), default=0)

    def _brings(self, pair: Pair, edition: Edition) -> int:
        return max((cents for kind, cents in self._revenue[pair].items() if kind in edition.revenue_by), default=0)
