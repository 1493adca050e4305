"""What the stream of a designation says, folded from the stored events, and the score at any instant (C5 to C13).

An event that contradicts the stream, such as a month closed twice or a report for a month that is not over, is refuted.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple, NoReturn

from ledger.proof.capability.form import TRACKS, check_fact
from ledger.proof.capability.scorebook import Edition, Scorebook
from ledger.proof.log.errors import RefutedError, Words
from ledger.proof.log.event import Event, format_instant, parse_date, parse_instant

METRICS = ("net-adds", "intermediate", "advanced", "usage-growth", "deployments")
Pair = tuple[str, str]


def month_index(month: str) -> int:
    """Months since the year 0."""
    return int(month[:4]) * 12 + int(month[5:]) - 1


def month_name(index: int) -> str:
    """YYYY-MM."""
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


def month_start(index: int) -> int:
    """The first microsecond of a month, since 1970."""
    return parse_date(f"{month_name(index)}-01", "month")


class Score(NamedTuple):
    """A score: `metrics` as the ledger gives them, and whether it is enough."""

    edition: str | None
    track: str
    month: str | None
    centipoints: int
    qualified: bool
    metrics: dict[str, dict[str, Any]]

    @property
    def points(self) -> dict[str, int]:
        """Hundredths of points of each metric."""
        return {name: metric["centipoints"] for name, metric in self.metrics.items()}


class Totals:
    """A month under one edition: what each pair is worth and brings, and what that comes to."""

    def __init__(self, edition: Edition) -> None:
        self.edition = edition
        self.worth: dict[Pair, int] = {}
        self.brings: dict[Pair, int] = {}
        self.sum = 0
        self.deployed = dict.fromkeys(TRACKS, 0)
        self.added = dict.fromkeys(TRACKS, 0)
        self.wide: defaultdict[str, int] = defaultdict(int)
        """workload -> customers whose revenue exceeds the track's figure."""

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
        self.wide[pair[1]] += (cents > self.edition.wide_cents) - (before > self.edition.wide_cents)

    @property
    def wide_workloads(self) -> int:
        """Workloads on which some customer's revenue exceeds the track's figure (C12)."""
        return sum(customers > 0 for customers in self.wide.values())


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


class Certificate(NamedTuple):
    """Who holds a certificate of which tier, from when, and until when by itself and by what was told last."""

    person: str
    tier: str
    first_us: int
    until_us: int | None
    ended_us: int | None

    def counts(self, at_us: int) -> bool:
        """Whether it counts at an instant."""
        return self.first_us <= at_us and all(end is None or at_us < end for end in (self.until_us, self.ended_us))


class Designation:
    """The state of a designation after some of its events."""

    def __init__(self, scorebook: Scorebook) -> None:
        self.scorebook = scorebook
        self.opened = False
        self.anniversaries: set[str] = set()
        self.months: dict[int, Month] = {}
        self.closed: dict[int, int] = {}
        self.certificates: dict[str, Certificate] = {}
        self.instants: list[int] = []
        """When anything can become otherwise, but for the editions; in order."""

    def apply(self, event: Event) -> None:
        """An event that a fact makes. Raises MalformedError or RefutedError where it cannot be one."""
        check_fact(event)
        if event.type == "DesignationOpened":
            if self.opened or not self.scorebook.editions:
                _refute(event, "opened twice, or in an area without an edition", "the first opening of a known area")
            self.opened = True
            return
        if not self.opened:
            _refute(event, "an event of a designation that is not open", "DesignationOpened first")
        _APPLY[event.type](self, event)

    def score(self, at_us: int) -> Score:
        """The score at an instant, as known."""
        edition = self.scorebook.at(at_us)
        if edition is None:
            return Score(None, "smb", None, 0, False, _nothing())
        metrics = _nothing()
        month = self.last_month(at_us)
        track = "smb"
        if month is not None:
            now, before = self._totals(month, edition), self._totals(month - 12, edition)
            if min(now.wide_workloads, before.wide_workloads) >= edition.wide_workloads:
                track = "enterprise"
            _compare(metrics, edition, track, now, before)
        for tier, rule in edition.tiers.items():
            people = len({one.person for one in self.certificates.values() if one.tier == tier and one.counts(at_us)})
            whole = people >= rule.people[track]
            points = rule.most if whole else min(rule.most, people * rule.each[track])
            metrics[tier] = {"centipoints": points, "people": people}
        total = sum(metric["centipoints"] for metric in metrics.values())
        enough = total >= edition.enough and all(metric["centipoints"] for metric in metrics.values())
        return Score(edition.name, track, None if month is None else month_name(month), total, enough, metrics)

    def last_month(self, at_us: int) -> int | None:
        """The latest month closed by an instant (C5, C11)."""
        return max((month for month, closed_us in self.closed.items() if closed_us <= at_us), default=None)

    def _totals(self, month: int, edition: Edition) -> Totals:
        found = self.months.get(month)
        return Totals(edition) if found is None else found.totals(edition)

    def _report(self, event: Event) -> None:
        month = self._month_over(event, event.occurred_us)
        if event.type == "UsageReported" and not self.scorebook.has_rate(event.data["workload"]):
            _refute(event, event.data["workload"], "a workload for which an edition has a rate")
        self.months.setdefault(month, Month()).report(event)

    def _close(self, event: Event) -> None:
        closed_us = event.occurred_us
        if event.type == "MonthCloseCorrected":
            closed_us = parse_instant(event.data["closed_at"], f"{event.where}: closed_at")
            if closed_us > event.occurred_us:
                _refute(event, event.data["closed_at"], f"at most {format_instant(event.occurred_us)}")
        month = self._month_over(event, closed_us)
        if (month in self.closed) != (event.type == "MonthCloseCorrected"):
            _refute(event, f"{event.data['month']}", "a month that is not closed yet, or one that is to be corrected")
        self.closed[month] = closed_us
        self._retime()

    def _certify(self, event: Event) -> None:
        data, where = event.data, event.where
        if data["certificate"] in self.certificates:
            _refute(event, data["certificate"], "a certificate not recorded before")
        first_us = parse_date(data["valid_from"], where)
        until_us = None if data["valid_until"] is None else parse_date(data["valid_until"], where)
        if until_us is not None and until_us <= first_us:
            _refute(event, data["valid_until"], f"a day after {data['valid_from']}")
        self.certificates[data["certificate"]] = Certificate(data["person"], data["tier"], first_us, until_us, None)
        self._retime()

    def _end(self, event: Event) -> None:
        name = event.data["certificate"]
        if name not in self.certificates:
            _refute(event, name, "a certificate that was recorded")
        self.certificates[name] = self.certificates[name]._replace(ended_us=parse_date(event.data["on"], event.where))
        self._retime()

    def _anniversary(self, event: Event) -> None:
        self.anniversaries.add(event.data["anniversary"])

    def _month_over(self, event: Event, at_us: int) -> int:
        month = month_index(event.data["month"])
        if at_us < month_start(month + 1):
            _refute(event, format_instant(at_us), f"not before {event.data['month']} is over")
        return month

    def _retime(self) -> None:
        """When anything can become otherwise."""
        ends = {end for one in self.certificates.values() for end in (one.first_us, one.until_us, one.ended_us)}
        self.instants = sorted({*self.closed.values(), *(end for end in ends if end is not None)})


def _refute(event: Event, found: str, expected: str) -> NoReturn:
    raise RefutedError(event.where, found=Words(found), expected=Words(expected))


_APPLY = {
    "AnniversarySet": Designation._anniversary,
    "UsageReported": Designation._report,
    "RevenueReported": Designation._report,
    "MonthClosed": Designation._close,
    "MonthCloseCorrected": Designation._close,
    "CertificateRecorded": Designation._certify,
    "CertificateEnded": Designation._end,
}


def _nothing() -> dict[str, dict[str, Any]]:
    """The metrics where no month was closed."""
    compared = {"centipoints": 0, "now": None, "year_before": None}
    growth = {"mcv_milli": None, "mcv_milli_year_before": None, "percent": None, "base_met": None}
    return {
        "net-adds": dict(compared),
        "intermediate": {"centipoints": 0, "people": 0},
        "advanced": {"centipoints": 0, "people": 0},
        "usage-growth": {"centipoints": 0, **growth},
        "deployments": dict(compared),
    }


def _compare(metrics: dict[str, Any], edition: Edition, track: str, now: Totals, before: Totals) -> None:
    """The three metrics that compare the last month with the same month a year before (C5, C7, C8, C9)."""
    for name, rule, one, other in (
        ("net-adds", edition.net_adds, now.added[track], before.added[track]),
        ("deployments", edition.deployments, now.deployed[track], before.deployed[track]),
    ):
        points = min(rule.most, rule.each * max(one - other, 0))
        metrics[name] = {"centipoints": points, "now": one, "year_before": other}
    percent = None
    if before.sum:
        percent = abs(now.sum - before.sum) * 100 // before.sum * (1 if now.sum >= before.sum else -1)
    met = before.sum >= edition.base[track]
    points = min(edition.growth_most, max(percent or 0, 0) * edition.growth_each) if met else 0
    metrics["usage-growth"] = {
        "centipoints": points,
        "mcv_milli": str(now.sum),
        "mcv_milli_year_before": str(before.sum),
        "percent": None if percent is None else str(percent),
        "base_met": met,
    }
