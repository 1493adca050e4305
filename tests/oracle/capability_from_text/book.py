"""The accepted facts of the capability programme, and what of them is known at a time.

Reading of the text: of two facts about the same thing the one that was accepted later wins, whatever their occurred_at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.oracle.capability_from_text.form import ASSOCIATIONS, Fact
from tests.oracle.survey.time import instant

SHIPPED_AREA = "business-applications"
BY_PAL = ("customer-insights", "portals", "power-apps", "power-automate", "power-bi")
RATES = {
    **dict.fromkeys(
        ("business-central", "core-hr", "guides", "remote-assist", "talent-attract", "talent-onboard"), 1_000_000
    ),
    **dict.fromkeys(("customer-engagement", "power-apps", "power-automate", "power-bi", "portals"), 200_000),
    **dict.fromkeys(("finance-and-operations", "retail"), 100_000),
    "customer-insights": 200,
}
FIGURES: dict[str, Any] = {
    "min_centipoints": 7000,
    "window_months": 6,
    "net_adds": {
        "max": 1500,
        "each": 300,
        "threshold_cents": {"enterprise": 150_000, "smb": 25_000},
        "associations": ["cpor", "csp-1", "csp-2", "dpor"],
    },
    "intermediate": {
        "max": 2000,
        "each": {"enterprise": 100, "smb": 400},
        "people": {"enterprise": 20, "smb": 5},
    },
    "advanced": {"max": 1500, "each": {"enterprise": 214, "smb": 750}, "people": {"enterprise": 7, "smb": 2}},
    "usage_growth": {"max": 3000, "each_percent": 100, "base_mcv": {"enterprise": 50_000, "smb": 25_000}},
    "deployments": {"max": 2000, "each": 400, "threshold_mcv": {"enterprise": 10_000, "smb": 5_000}},
    "track": {"workloads": 5, "threshold_cents": 500_000},
    "rates": {
        workload: {"rate_milli": rate, "associations": ["pal"] if workload in BY_PAL else ["cpor", "dpor"]}
        for workload, rate in RATES.items()
    },
}
SHIPPED: Fact = {
    "type": "publish-scorebook",
    "id": "csat-ledger:scorebook:2023-06",
    "area": SHIPPED_AREA,
    "occurred_at": "2023-06-13T00:00:00Z",
    "edition": "2023-06",
    "effective_from": "2023-06-13T00:00:00Z",
    **FIGURES,
}
assert set(FIGURES["net_adds"]["associations"]) < set(ASSOCIATIONS)


class UnknownDesignationError(KeyError):
    """The designation was not opened in what is known."""


@dataclass(frozen=True)
class Accepted:
    """One accepted fact; `number` counts from 1, 0 for what was shipped. `content` is what a decision decided."""

    number: int
    recorded_at: datetime
    occurred_at: datetime
    fact: Fact
    content: dict[str, Any] | None = None

    @property
    def type(self) -> str:
        return str(self.fact["type"])


@dataclass(frozen=True)
class Review:
    """The clock moved every horizon to `until` after `known` facts had been accepted."""

    known: int
    until: datetime


class Book:
    """The accepted facts, in the order in which they came."""

    def __init__(self) -> None:
        moment = instant(SHIPPED["occurred_at"])
        self.shipped = [Accepted(0, moment, moment, SHIPPED)]
        self.accepted: list[Accepted] = []
        self.reviews: list[Review] = []

    def review(self, until: datetime) -> None:
        self.reviews.append(Review(len(self.accepted), until))

    # What is known

    def known_facts(self, known: int | None = None) -> list[Accepted]:
        return self.shipped + self.accepted[:known]

    def known_by(self, moment: datetime) -> int:
        """How many accepted facts had been recorded by an instant, were each a transaction of its own."""
        return len([one for one in self.accepted if one.recorded_at <= moment])

    def designations(self, known: int | None = None) -> list[tuple[str, str]]:
        opened = [one.fact for one in self.known_facts(known) if one.type == "open-designation"]
        return [(fact["membership"], fact["area"]) for fact in opened]

    def facts_of(self, membership: str, area: str, known: int | None = None) -> list[Accepted]:
        if (membership, area) not in self.designations(known):
            raise UnknownDesignationError(f"{membership}/{area}")
        return [
            one
            for one in self.known_facts(known)
            if (one.fact.get("membership"), one.fact["area"]) == (membership, area)
        ]

    def editions(self, area: str, known: int | None = None) -> list[Fact]:
        """The editions of an area in the order in which they were published."""
        return [
            one.fact for one in self.known_facts(known) if one.type == "publish-scorebook" and one.fact["area"] == area
        ]

    def edition(self, area: str, at: datetime, known: int | None = None) -> Fact | None:
        """The edition in force: the latest to take effect; of two at one instant, the one published later (C15)."""
        in_force: Fact | None = None
        for one in self.editions(area, known):
            effective_from = instant(one["effective_from"])
            if effective_from <= at and (in_force is None or effective_from >= instant(in_force["effective_from"])):
                in_force = one
        return in_force

    def anniversaries(self, membership: str, area: str, known: int | None = None) -> list[str]:
        facts = self.facts_of(membership, area, known)
        return sorted({one.fact["anniversary"] for one in facts if one.type == "set-anniversary"})

    def decisions(self, membership: str, area: str, anniversary: str, known: int | None = None) -> list[Accepted]:
        return [
            one
            for one in self.facts_of(membership, area, known)
            if one.type == "decide-designation" and one.fact["anniversary"] == anniversary
        ]

    def closes(self, membership: str, area: str, known: int | None = None) -> dict[str, datetime]:
        """The instant at which each closed month was closed, as it is known (C11)."""
        closed: dict[str, datetime] = {}
        for one in self.facts_of(membership, area, known):
            if one.type == "close-month":
                closed[one.fact["month"]] = one.occurred_at
            if one.type == "correct-close":
                closed[one.fact["month"]] = instant(one.fact["closed_at"])
        return closed
