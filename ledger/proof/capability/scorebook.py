"""The editions of an area: read from the events of `scorebook/<area>`, and which is in force at an instant (C1, C15)."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import Any, NamedTuple

from ledger.proof.capability.form import RATE_MAX, TIERS, associations, by_track, figure, name, require_known_form
from ledger.proof.fold import require_label
from ledger.proof.log.errors import MalformedError, RefutedError, Words
from ledger.proof.log.event import Event, parse_instant
from ledger.proof.log.strictjson import members

SCOREBOOK = "ScorebookPublished"
MONTHS_MAX = 1_200

_effective = attrgetter("effective_us")


class Tier(NamedTuple):
    """Certifications of a tier: points at most, by track for each person, and how many people give all of them (C10)."""

    most: int
    each: dict[str, int]
    people: dict[str, int]


class More(NamedTuple):
    """What compares numbers of pairs: points at most and for each, and by track the threshold of a pair (C8, C9)."""

    most: int
    each: int
    threshold: dict[str, int]


class Edition(NamedTuple):
    """One edition. Values are in thousandths, points in hundredths, revenue in cents."""

    name: str
    effective_us: int
    enough: int
    window_months: int
    net_adds: More
    revenue_by: frozenset[str]
    tiers: dict[str, Tier]
    growth_most: int
    growth_each: int
    base: dict[str, int]
    deployments: More
    wide_workloads: int
    wide_cents: int
    rates: dict[str, tuple[int, frozenset[str]]]


class Scorebook:
    """The editions that were published so far."""

    def __init__(self) -> None:
        self.editions: list[Edition] = []
        """By effective_us; of two with one instant the later published is the later here."""
        self.most_people = dict.fromkeys(TIERS, 0)
        """How many people of a tier give all points, in whatever edition and track: more make no difference."""
        self._names: set[str] = set()

    def publish(self, event: Event) -> Edition:
        """Takes a ScorebookPublished event."""
        edition = _edition(event)
        if edition.name in self._names:
            expected = Words("a name not used before")
            raise RefutedError(f"{event.where}: edition", found=edition.name, expected=expected)
        self._names.add(edition.name)
        self.editions.append(edition)
        self.editions.sort(key=_effective)  # stable
        for tier, rule in edition.tiers.items():
            self.most_people[tier] = max(self.most_people[tier], *rule.people.values())
        return edition

    def at(self, at_us: int) -> Edition | None:
        """The edition in force at an instant."""
        index = bisect_right(self.editions, at_us, key=_effective)
        return self.editions[index - 1] if index else None

    def next_us(self, at_us: int) -> int | None:
        """When the next edition takes effect after an instant; None where none does."""
        index = bisect_right(self.editions, at_us, key=_effective)
        return self.editions[index].effective_us if index < len(self.editions) else None

    def has_rate(self, workload: str) -> bool:
        """Whether any edition published so far has a rate for a workload."""
        return any(workload in edition.rates for edition in self.editions)


def _edition(event: Event) -> Edition:
    require_known_form(event)
    where, data = event.where, event.data
    members(data, where, (
        "edition", "effective_from", "min_centipoints", "window_months", "net_adds", "intermediate", "advanced",
        "usage_growth", "deployments", "track", "rates",
    ))  # fmt: skip
    adds = members(data["net_adds"], f"{where}: net_adds", ("max", "each", "threshold_cents", "associations"))
    growth = members(data["usage_growth"], f"{where}: usage_growth", ("max", "each_percent", "base_mcv"))
    deployments = members(data["deployments"], f"{where}: deployments", ("max", "each", "threshold_mcv"))
    track = members(data["track"], f"{where}: track", ("workloads", "threshold_cents"))

    def number(value: Any, what: str, at_most: int = 10**12) -> int:
        return figure(value, f"{where}: {what}", at_most)

    return Edition(
        name=require_label(data["edition"], f"{where}: edition"),
        effective_us=parse_instant(data["effective_from"], f"{where}: effective_from"),
        enough=number(data["min_centipoints"], "min_centipoints"),
        window_months=number(data["window_months"], "window_months", MONTHS_MAX),
        net_adds=More(
            number(adds["max"], "net_adds: max"),
            number(adds["each"], "net_adds: each"),
            by_track(adds["threshold_cents"], f"{where}: net_adds: threshold_cents"),
        ),
        revenue_by=associations(adds["associations"], f"{where}: net_adds: associations"),
        tiers={tier: _tier(data[tier], f"{where}: {tier}") for tier in TIERS},
        growth_most=number(growth["max"], "usage_growth: max"),
        growth_each=number(growth["each_percent"], "usage_growth: each_percent"),
        base=_thousandths(by_track(growth["base_mcv"], f"{where}: usage_growth: base_mcv")),
        deployments=More(
            number(deployments["max"], "deployments: max"),
            number(deployments["each"], "deployments: each"),
            _thousandths(by_track(deployments["threshold_mcv"], f"{where}: deployments: threshold_mcv")),
        ),
        wide_workloads=number(track["workloads"], "track: workloads"),
        wide_cents=number(track["threshold_cents"], "track: threshold_cents"),
        rates=_rates(data["rates"], f"{where}: rates"),
    )


def _tier(value: Any, what: str) -> Tier:
    rule = members(value, what, ("max", "each", "people"))
    return Tier(
        figure(rule["max"], f"{what}: max"),
        by_track(rule["each"], f"{what}: each"),
        by_track(rule["people"], f"{what}: people"),
    )


def _thousandths(figures: dict[str, int]) -> dict[str, int]:
    return {track: whole * 1_000 for track, whole in figures.items()}


def _rates(value: Any, what: str) -> dict[str, tuple[int, frozenset[str]]]:
    if not isinstance(value, dict) or not value:
        raise MalformedError(what, found=value, expected=Words("an object with a rate for each workload"))
    rates = {}
    for workload, rate in value.items():
        where = f"{what}: {workload}"
        members(rate, where, ("rate_milli", "associations"))
        milli = figure(rate["rate_milli"], f"{where}: rate_milli", RATE_MAX)
        rates[name(workload, what)] = (milli, associations(rate["associations"], f"{where}: associations"))
    return rates
