"""The editions of an area: read from the events of `scorebook/<area>`, and which is in force at an instant (C1, C15)."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import NamedTuple

from ledger.proof.capability.form import SCOREBOOK_FORMS, TIERS
from ledger.proof.form import check_event
from ledger.proof.log.errors import RefutedError, Words
from ledger.proof.log.event import Event, parse_instant

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
        """Takes an event of the scorebook, which has to be a new edition."""
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
    check_event(event, SCOREBOOK_FORMS)
    data = event.data
    adds, growth, deployments = data["net_adds"], data["usage_growth"], data["deployments"]
    return Edition(
        name=data["edition"],
        effective_us=parse_instant(data["effective_from"], event.where),
        enough=data["min_centipoints"],
        window_months=data["window_months"],
        net_adds=More(adds["max"], adds["each"], adds["threshold_cents"]),
        revenue_by=frozenset(adds["associations"]),
        tiers={tier: Tier(data[tier]["max"], data[tier]["each"], data[tier]["people"]) for tier in TIERS},
        growth_most=growth["max"],
        growth_each=growth["each_percent"],
        base=_thousandths(growth["base_mcv"]),
        deployments=More(deployments["max"], deployments["each"], _thousandths(deployments["threshold_mcv"])),
        wide_workloads=data["track"]["workloads"],
        wide_cents=data["track"]["threshold_cents"],
        rates={name: (rate["rate_milli"], frozenset(rate["associations"])) for name, rate in data["rates"].items()},
    )


def _thousandths(figures: dict[str, int]) -> dict[str, int]:
    return {track: whole * 1_000 for track, whole in figures.items()}
