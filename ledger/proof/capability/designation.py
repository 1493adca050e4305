"""What the stream of a designation says, folded from the stored events, and the score at any instant (C5 to C13).

An event that contradicts the stream, such as a month closed twice or a report for a month that is not over, is refuted.
"""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

from ledger.proof.capability.form import ANNOUNCED, FORMS
from ledger.proof.capability.months import Month, Totals, month_index, month_name, month_start
from ledger.proof.capability.scorebook import Edition, Scorebook
from ledger.proof.capability.timeline import END_US, NO_MONTH, Certificate, Spell, Timeline
from ledger.proof.form import check_event
from ledger.proof.log.errors import RefutedError, Words
from ledger.proof.log.event import Event, format_instant, parse_date, parse_instant


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


class Designation:
    """The state of a designation after some of its events, by the editions published so far."""

    def __init__(self, scorebook: Scorebook) -> None:
        self.scorebook = scorebook
        self.timeline = Timeline()
        self.opened = False
        self.decided: dict[str, list[Event]] = {}
        """The decisions on each anniversary that was set."""
        self._months: dict[int, Month] = {}
        self._certificates: dict[str, Certificate] = {}
        self._compared: dict[int, list[tuple[Any, ...]]] = {}
        """Of months that are compared: track and points by each edition, as of the last report."""

    def apply(self, event: Event) -> list[Spell]:
        """The next event of the stream; when the score may be enough now and was not, or the other way round.

        Raises MalformedError or RefutedError where it cannot be one.
        """
        check_event(event, FORMS, ANNOUNCED)
        if event.type == "DesignationOpened":
            if self.opened or not self.scorebook.editions:
                _refute(event, "opened twice, or in an area without an edition", "the first opening of a known area")
            self.opened = True
            return []
        if not self.opened:
            _refute(event, "an event of a designation that is not open", "DesignationOpened first")
        return _APPLY[event.type](self, event)

    def score(self, at_us: int) -> Score:
        """The score at an instant, as known."""
        edition = self.scorebook.at(at_us)
        if edition is None:
            return Score(None, "smb", None, 0, False, _nothing())
        timeline, metrics = self.timeline, _nothing()
        piece = timeline.piece(at_us)
        month = timeline.months[piece]
        track = "smb"
        if month != NO_MONTH:
            track, compared = self._comparison(month, edition)
            metrics |= compared
        for tier, rule in edition.tiers.items():
            people = timeline.people[tier][piece]
            whole = people >= rule.people[track]
            points = rule.most if whole else min(rule.most, people * rule.each[track])
            metrics[tier] = {"centipoints": points, "people": people}
        total = sum(metric["centipoints"] for metric in metrics.values())
        enough = total >= edition.enough and all(metric["centipoints"] for metric in metrics.values())
        return Score(edition.name, track, None if month == NO_MONTH else month_name(month), total, enough, metrics)

    def _comparison(self, month: int, edition: Edition) -> tuple[str, dict[str, dict[str, Any]]]:
        """The track, and the metrics that compare a month with the same one a year before (C5, C12)."""
        now, before = self._totals(month, edition), self._totals(month - 12, edition)
        wide = min(now.wide_workloads, before.wide_workloads) >= edition.wide_workloads
        track = "enterprise" if wide else "smb"
        return track, _compare(edition, track, now, before)

    def _totals(self, month: int, edition: Edition) -> Totals:
        found = self._months.get(month)
        return Totals(edition) if found is None else found.totals(edition)

    def _report(self, event: Event) -> list[Spell]:
        month = self._month_over(event, event.occurred_us)
        if event.type == "UsageReported" and not self.scorebook.has_rate(event.data["workload"]):
            _refute(event, event.data["workload"], "a workload for which an edition has a rate")
        self._months.setdefault(month, Month()).report(event)
        reigns = [(one, self.timeline.reign(one)) for one in (month, month + 12)]
        return [
            spell for one, spell in reigns if self._compares_otherwise(one, spell is not None) and spell is not None
        ]

    def _compares_otherwise(self, month: int, reigns: bool) -> bool:
        """Whether track or points of a comparison are others than they were when this was asked last."""
        before = self._compared.pop(month, None)
        if not reigns:
            return False
        found = [self._comparison(month, edition) for edition in self.scorebook.editions]
        points = [(track, *(metric["centipoints"] for metric in metrics.values())) for track, metrics in found]
        self._compared[month] = points
        return points != before

    def _close(self, event: Event) -> list[Spell]:
        closed_us = event.occurred_us
        if event.type == "MonthCloseCorrected":
            closed_us = parse_instant(event.data["closed_at"], f"{event.where}: closed_at")
            if closed_us > event.occurred_us:
                _refute(event, event.data["closed_at"], f"at most {format_instant(event.occurred_us)}")
        month = self._month_over(event, closed_us)
        if (month in self.timeline.closed) != (event.type == "MonthCloseCorrected"):
            _refute(event, f"{event.data['month']}", "a month that is not closed yet, or one that is to be corrected")
        return self.timeline.close(month, closed_us)

    def _certify(self, event: Event) -> list[Spell]:
        data, where = event.data, event.where
        if data["certificate"] in self._certificates:
            _refute(event, data["certificate"], "a certificate not recorded before")
        first_us = parse_date(data["valid_from"], where)
        until_us = END_US if data["valid_until"] is None else parse_date(data["valid_until"], where)
        if until_us <= first_us:
            _refute(event, data["valid_until"], f"a day after {data['valid_from']}")
        return self._certified(data["certificate"], Certificate(data["person"], data["tier"], first_us, until_us))

    def _end(self, event: Event) -> list[Spell]:
        name = event.data["certificate"]
        if name not in self._certificates:
            _refute(event, name, "a certificate that was recorded")
        ended_us = parse_date(event.data["on"], event.where)
        return self._certified(name, self._certificates[name]._replace(ended_us=ended_us))

    def _certified(self, name: str, certificate: Certificate) -> list[Spell]:
        self._certificates[name] = certificate
        return self.timeline.certify(name, certificate, self.scorebook.most_people[certificate.tier])

    def _anniversary(self, event: Event) -> list[Spell]:
        self.decided.setdefault(event.data["anniversary"], [])
        return []

    def _decide(self, event: Event) -> list[Spell]:
        self.decided[event.data["anniversary"]].append(event)
        return []

    def _announce(self, _event: Event) -> list[Spell]:
        return []

    def _month_over(self, event: Event, at_us: int) -> int:
        month = month_index(event.data["month"])
        if at_us < month_start(month + 1):
            _refute(event, format_instant(at_us), f"not before {event.data['month']} is over")
        return month


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
    "DesignationDecided": Designation._decide,
    ANNOUNCED: Designation._announce,
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


def _compare(edition: Edition, track: str, now: Totals, before: Totals) -> dict[str, dict[str, Any]]:
    """The three metrics that compare the last month with the same month a year before (C5, C7, C8, C9)."""
    metrics: dict[str, dict[str, Any]] = {}
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
    return metrics
