"""The capability score by brute force, written from the rules' text alone, with no shortcut: whole numbers, every fact
looked at for every question. It keeps what was told as a list and shares nothing with the ledger.

    oracle = Oracle()
    oracle.tell({"type": "open-designation", …}, now)      # ("accepted", None) or ("refused", code)
    oracle.score("m-1", "business-applications", at)       # as known by now, or through=n facts of the list
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

TICK = timedelta(microseconds=1)
END = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
METRICS = ("net-adds", "intermediate", "advanced", "usage-growth", "deployments")
SHIPPED = {
    "edition": "2023-06",
    "effective_from": "2023-06-13T00:00:00Z",
    "min_centipoints": 7000,
    "window_months": 6,
    "net_adds": {
        "max": 1500, "each": 300, "threshold_cents": {"enterprise": 150000, "smb": 25000},
        "associations": ["cpor", "csp-1", "csp-2", "dpor"],
    },
    "intermediate": {"max": 2000, "each": {"enterprise": 100, "smb": 400}, "people": {"enterprise": 20, "smb": 5}},
    "advanced": {"max": 1500, "each": {"enterprise": 214, "smb": 750}, "people": {"enterprise": 7, "smb": 2}},
    "usage_growth": {"max": 3000, "each_percent": 100, "base_mcv": {"enterprise": 50000, "smb": 25000}},
    "deployments": {"max": 2000, "each": 400, "threshold_mcv": {"enterprise": 10000, "smb": 5000}},
    "track": {"workloads": 5, "threshold_cents": 500000},
    "rates": {
        **{
            name: {"rate_milli": 1000000, "associations": ["cpor", "dpor"]}
            for name in (
                "business-central", "core-hr", "guides", "remote-assist", "talent-attract", "talent-onboard",
            )
        },
        "customer-engagement": {"rate_milli": 200000, "associations": ["cpor", "dpor"]},
        **{
            name: {"rate_milli": 200000, "associations": ["pal"]}
            for name in ("power-apps", "power-automate", "power-bi", "portals")
        },
        "finance-and-operations": {"rate_milli": 100000, "associations": ["cpor", "dpor"]},
        "retail": {"rate_milli": 100000, "associations": ["cpor", "dpor"]},
        "customer-insights": {"rate_milli": 200, "associations": ["pal"]},
    },
}  # fmt: skip


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def told(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def midnight(text: str) -> datetime:
    day = date.fromisoformat(text)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def month_begin(month: str) -> datetime:
    return datetime(int(month[:4]), int(month[5:]), 1, tzinfo=UTC)


def month_after(month: str, months: int = 1) -> str:
    number = int(month[:4]) * 12 + int(month[5:]) - 1 + months
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def truncated(numerator: int, denominator: int) -> int:
    """The quotient, rounded towards zero."""
    sign = -1 if numerator < 0 else 1
    return sign * (abs(numerator) // denominator)


@dataclass(frozen=True)
class Entry:
    """A fact that was accepted, when it occurred, and what it made: a decision's content, else None."""

    fact: dict[str, Any]
    occurred: datetime
    content: dict[str, Any] | None = None


class Oracle:
    """What a ledger with the capability programme says."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    # What was told

    def tell(self, fact: dict[str, Any], now: datetime) -> tuple[str, str | None]:
        """A fact of sound form."""
        for entry in self.entries:
            if entry.fact["id"] == fact["id"]:
                return ("accepted", None) if entry.fact == fact else ("refused", "id-reused")
        code = self._refusal(fact, now)
        if code is not None:
            return "refused", code
        content = None
        if fact["type"] == "decide-designation":
            reached = min(now, instant(fact["occurred_at"]))
            content = self.decision(fact["membership"], fact["area"], fact["anniversary"], reached)
        self.entries.append(Entry(fact, instant(fact["occurred_at"]), content))
        return "accepted", None

    def _refusal(self, fact: dict[str, Any], now: datetime) -> str | None:
        kind, occurred = fact["type"], instant(fact["occurred_at"])
        if occurred > now + timedelta(minutes=5):
            return "in-the-future"
        if kind == "correct-close" and instant(fact["closed_at"]) > occurred:
            return "in-the-future"
        if kind == "publish-scorebook":
            names = [edition["edition"] for edition in self._published(fact["area"])]
            return "scorebook-exists" if fact["edition"] in names else None
        where = (fact["membership"], fact["area"])
        opened = any(entry.fact["type"] == "open-designation" for entry in self._of(*where))
        if kind == "open-designation":
            if not self._published(fact["area"]):
                return "unknown-area"
            return "already-open" if opened else None
        if not opened:
            return "unknown-designation"
        return self._rule(fact, occurred, now, where)

    def _rule(self, fact: dict[str, Any], occurred: datetime, now: datetime, where: tuple[str, str]) -> str | None:
        kind = fact["type"]
        if kind in ("report-usage", "report-revenue", "close-month") and occurred < month_begin(
            month_after(fact["month"])
        ):
            return "month-not-over"
        if kind == "correct-close" and instant(fact["closed_at"]) < month_begin(month_after(fact["month"])):
            return "month-not-over"
        if kind == "report-usage" and not any(
            fact["workload"] in edition["rates"] for edition in self._published(fact["area"])
        ):
            return "unknown-workload"
        closed = any(e.fact["type"] == "close-month" and e.fact["month"] == fact.get("month") for e in self._of(*where))
        if kind == "close-month" and closed:
            return "month-already-closed"
        if kind == "correct-close" and not closed:
            return "month-not-closed"
        certificates = [e.fact["certificate"] for e in self._of(*where) if e.fact["type"] == "record-certificate"]
        if kind == "record-certificate" and fact["certificate"] in certificates:
            return "certificate-exists"
        if kind == "end-certificate" and fact["certificate"] not in certificates:
            return "unknown-certificate"
        if kind == "decide-designation":
            return self._decision_refusal(fact, min(now, occurred), where)
        return None

    def _decision_refusal(self, fact: dict[str, Any], reached: datetime, where: tuple[str, str]) -> str | None:
        day = fact["anniversary"]
        if not any(e.fact["type"] == "set-anniversary" and e.fact["anniversary"] == day for e in self._of(*where)):
            return "anniversary-not-set"
        begin, end = self.window(where[1], day)
        if reached < begin:
            return "anniversary-not-due"
        content = self.decision(*where, day, reached)
        last = [
            e.content
            for e in self._of(*where)
            if e.fact["type"] == "decide-designation" and e.fact["anniversary"] == day
        ][-1:]
        due = content["outcome"] == "qualified" or reached > end or (bool(last) and last[0] != content)
        if not due:
            return "anniversary-not-due"
        return "designation-already-decided" if last and last[0] == content else None

    def _of(self, membership: str, area: str, through: int | None = None) -> list[Entry]:
        return [
            entry
            for entry in self.entries[:through]
            if entry.fact.get("membership") == membership and entry.fact.get("area") == area
        ]

    def _published(self, area: str, through: int | None = None) -> list[dict[str, Any]]:
        shipped = [SHIPPED] if area == "business-applications" else []
        return shipped + [
            entry.fact
            for entry in self.entries[:through]
            if entry.fact["type"] == "publish-scorebook" and entry.fact["area"] == area
        ]

    # The rules, for one designation as known after the first `through` facts

    def edition(self, area: str, at: datetime, through: int | None = None) -> dict[str, Any] | None:
        """The latest in force; of two with one instant the one published later (C15)."""
        found = None
        for edition in self._published(area, through):
            begins = instant(edition["effective_from"])
            if begins <= at and (found is None or begins >= instant(found["effective_from"])):
                found = edition
        return found

    def closes(self, membership: str, area: str, through: int | None = None) -> dict[str, datetime]:
        closed = {}
        for entry in self._of(membership, area, through):
            if entry.fact["type"] == "close-month":
                closed[entry.fact["month"]] = entry.occurred
            elif entry.fact["type"] == "correct-close":
                closed[entry.fact["month"]] = instant(entry.fact["closed_at"])
        return closed

    def last_month(self, membership: str, area: str, at: datetime, through: int | None = None) -> str | None:
        months = [month for month, closed in self.closes(membership, area, through).items() if closed <= at]
        return max(months, default=None)

    def reports(self, membership: str, area: str, month: str, what: str, through: int | None = None) -> dict[Any, int]:
        """The latest amount by customer, workload and association."""
        latest = {}
        for entry in self._of(membership, area, through):
            fact = entry.fact
            if fact["type"] == f"report-{what}" and fact["month"] == month:
                amount = fact["units"] if what == "usage" else fact["amount_cents"]
                latest[fact["customer"], fact["workload"], fact["association"]] = amount
        return latest

    def figures_of(
        self, membership: str, area: str, month: str, edition: dict[str, Any], through: int | None
    ) -> tuple[dict[Any, int], dict[Any, int]]:
        """Value in thousandths and revenue in cents of each (customer, workload): the largest of the eligible (C13)."""
        values: dict[Any, int] = {}
        for (customer, workload, association), units in self.reports(membership, area, month, "usage", through).items():
            rate = edition["rates"].get(workload)
            if rate is not None and association in rate["associations"]:
                pair = (customer, workload)
                values[pair] = max(values.get(pair, 0), units * rate["rate_milli"])
        revenues: dict[Any, int] = {}
        for (customer, workload, association), cents in self.reports(
            membership, area, month, "revenue", through
        ).items():
            if association in edition["net_adds"]["associations"]:
                pair = (customer, workload)
                revenues[pair] = max(revenues.get(pair, 0), cents)
        return values, revenues

    def people(self, membership: str, area: str, tier: str, at: datetime, through: int | None = None) -> int:
        ends: dict[str, str] = {}
        for entry in self._of(membership, area, through):
            if entry.fact["type"] == "end-certificate":
                ends[entry.fact["certificate"]] = entry.fact["on"]
        holders = set()
        for entry in self._of(membership, area, through):
            fact = entry.fact
            if fact["type"] == "record-certificate" and fact["tier"] == tier:
                last = [midnight(text) for text in (fact.get("valid_until"), ends.get(fact["certificate"])) if text]
                if midnight(fact["valid_from"]) <= at and all(at < end for end in last):
                    holders.add(fact["person"])
        return len(holders)

    def score(self, membership: str, area: str, at: datetime, through: int | None = None) -> dict[str, Any]:
        """edition, track, month, compared_with, centipoints, qualified and metrics, as the command gives them."""
        edition = self.edition(area, at, through)
        month = None if edition is None else self.last_month(membership, area, at, through)
        people = dict.fromkeys(("intermediate", "advanced"), 0)
        track = "smb"
        metrics: dict[str, Any] = {
            "net-adds": {"centipoints": 0, "now": None, "year_before": None},
            "intermediate": {"centipoints": 0, "people": 0},
            "advanced": {"centipoints": 0, "people": 0},
            "usage-growth": {
                "centipoints": 0, "mcv_milli": None, "mcv_milli_year_before": None, "percent": None, "base_met": None,
            },
            "deployments": {"centipoints": 0, "now": None, "year_before": None},
        }  # fmt: skip
        if edition is not None:
            if month is not None:
                compared = [
                    self.figures_of(membership, area, one, edition, through) for one in (month, month_after(month, -12))
                ]
                if all(self._wide(revenues, edition) for _, revenues in compared):
                    track = "enterprise"
                self._compare(metrics, compared, edition, track)
            for tier in people:
                people[tier] = self.people(membership, area, tier, at, through)
                rule = edition[tier]
                enough = people[tier] >= rule["people"][track]
                points = rule["max"] if enough else min(rule["max"], people[tier] * rule["each"][track])
                metrics[tier] = {"centipoints": points, "people": people[tier]}
        total = sum(metric["centipoints"] for metric in metrics.values())
        return {
            "edition": None if edition is None else edition["edition"],
            "track": track,
            "month": month,
            "compared_with": None if month is None else month_after(month, -12),
            "centipoints": total,
            "qualified": edition is not None
            and total >= edition["min_centipoints"]
            and all(metric["centipoints"] > 0 for metric in metrics.values()),
            "metrics": metrics,
        }

    @staticmethod
    def _wide(revenues: dict[Any, int], edition: dict[str, Any]) -> bool:
        rule = edition["track"]
        return (
            len({workload for (_, workload), cents in revenues.items() if cents > rule["threshold_cents"]})
            >= rule["workloads"]
        )

    @staticmethod
    def _compare(metrics: dict[str, Any], compared: list[Any], edition: dict[str, Any], track: str) -> None:
        (values, revenues), (values_before, revenues_before) = compared
        rule = edition["net_adds"]
        now, before = (
            sum(cents >= rule["threshold_cents"][track] for cents in one.values())
            for one in (revenues, revenues_before)
        )
        points = max(0, min(rule["max"], (now - before) * rule["each"]))
        metrics["net-adds"] = {"centipoints": points, "now": now, "year_before": before}
        rule = edition["deployments"]
        now, before = (
            sum(value >= rule["threshold_mcv"][track] * 1000 for value in one.values())
            for one in (values, values_before)
        )
        points = max(0, min(rule["max"], (now - before) * rule["each"]))
        metrics["deployments"] = {"centipoints": points, "now": now, "year_before": before}
        rule = edition["usage_growth"]
        now, before = sum(values.values()), sum(values_before.values())
        percent = truncated((now - before) * 100, before) if before else None
        base_met = before >= rule["base_mcv"][track] * 1000
        points = min(rule["max"], max(0, percent) * rule["each_percent"]) if base_met and percent is not None else 0
        metrics["usage-growth"] = {
            "centipoints": points,
            "mcv_milli": str(now),
            "mcv_milli_year_before": str(before),
            "percent": None if percent is None else str(percent),
            "base_met": base_met,
        }

    # Over time

    def instants(self, membership: str, area: str, through: int | None = None) -> list[datetime]:
        """Every instant at which anything can become otherwise."""
        found = {instant(edition["effective_from"]) for edition in self._published(area, through)}
        found |= set(self.closes(membership, area, through).values())
        for entry in self._of(membership, area, through):
            for name in ("valid_from", "valid_until", "on"):
                if entry.fact.get(name):
                    found.add(midnight(entry.fact[name]))
        return sorted(found)

    def history(self, membership: str, area: str, through: int | None = None) -> list[tuple[datetime, bool]]:
        """The true flips of `qualified`, for all of time; it starts out not qualified."""
        flips, holds = [], False
        for at in self.instants(membership, area, through):
            now = self.score(membership, area, at, through)["qualified"]
            if now != holds:
                flips.append((at, now))
                holds = now
        return flips

    def next_change(
        self, membership: str, area: str, at: datetime, through: int | None = None
    ) -> dict[str, Any] | None:
        for when, qualified in self.history(membership, area, through):
            if when > at:
                return {"at": told(when), "qualified": qualified}
        return None

    def window(self, area: str, anniversary: str) -> tuple[datetime, datetime]:
        month = anniversary[:7]
        end = month_begin(month_after(month)) - TICK
        edition = self.edition(area, end)
        months = 6 if edition is None else edition["window_months"]
        return month_begin(month_after(month, 1 - months)), end

    def decision(self, membership: str, area: str, anniversary: str, reached: datetime) -> dict[str, Any]:
        """What the decision says but for its revision (C3)."""
        begin, end = self.window(area, anniversary)
        last = min(end, reached)
        instants = [begin, *(at for at in self.instants(membership, area) if begin < at <= last)]
        scores = [(at, self.score(membership, area, at)) for at in instants]
        said: dict[str, Any] = {
            "anniversary": anniversary, "window_from": told(begin), "window_to": told(end), "outcome": "no-edition",
            "first_qualified_at": None, "at_first": None, "best": None, "edition": None, "track": "smb", "month": None,
        }  # fmt: skip
        if all(score["edition"] is None for _, score in scores):
            return said
        highest = max(score["centipoints"] for _, score in scores)
        best_at, best = next((at, score) for at, score in scores if score["centipoints"] == highest)
        said["best"] = {"at": told(best_at), **{key: best[key] for key in ("centipoints", "metrics")}}
        qualified = [(at, score) for at, score in scores if score["qualified"]]
        said["outcome"] = "qualified" if qualified else "not-qualified"
        chosen = best
        if qualified:
            at, chosen = qualified[0]
            said["first_qualified_at"] = told(at)
            said["at_first"] = {key: chosen[key] for key in ("centipoints", "metrics")}
        return said | {key: chosen[key] for key in ("edition", "track", "month")}
