"""The score of a designation at an instant, and when it begins or ceases to be enough (C1, C2, C5 to C12). Pure.

Whole numbers only: points in hundredths, values in thousandths, and full percents.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Final, NamedTuple, Protocol

from ledger.programmes.capability.calendar import YEAR
from ledger.programmes.capability.certificates import People
from ledger.programmes.capability.editions import Edition, Scorebook
from ledger.programmes.capability.months import Sums
from ledger.programmes.capability.state import METRICS, Closes

NEVER: Final = 1 << 62


class Scored(Protocol):
    """What a score is made of: a designation's state, or what a projection has of it."""

    @property
    def closes(self) -> Closes:
        """When each month was closed."""
        ...

    def people(self, tier: str) -> People:
        """How many people hold a certificate of a tier, over all of time."""
        ...

    def sums(self, month: int, edition: Edition) -> Sums:
        """What a month amounts to under an edition."""
        ...


class Growth(NamedTuple):
    """Usage growth: the value of both months in thousandths, full percents rounded towards zero, whether the base is met."""

    mcv_milli: int
    year_before: int
    percent: int | None
    base_met: bool


class Score(NamedTuple):
    """A score: hundredths of points by metric, and what they are made of; what is compared is None without a month."""

    edition: Edition | None
    track: str
    month: int | None
    points: dict[str, int]
    customers: tuple[int, int] | None
    growth: Growth | None
    deployments: tuple[int, int] | None
    people: dict[str, int]

    @property
    def centipoints(self) -> int:
        """Hundredths of points, all together."""
        return sum(self.points.values())

    @property
    def qualified(self) -> bool:
        """Whether it is enough, and every metric above zero (C2)."""
        return (
            self.edition is not None
            and self.centipoints >= self.edition.figures["min_centipoints"]
            and all(self.points.values())
        )


NO_POINTS: Final = dict.fromkeys(METRICS, 0)
NO_SCORE: Final = Score(None, "smb", None, NO_POINTS, None, None, None, {"intermediate": 0, "advanced": 0})
"""Before the first edition."""


def score_at(state: Scored, scorebook: Scorebook, at_us: int) -> Score:
    """The score at an instant, as known."""
    edition = scorebook.in_force(at_us)
    if edition is None:
        return NO_SCORE
    month = state.closes.last(at_us)
    now, before = (None, None) if month is None else (state.sums(month, edition), state.sums(month - YEAR, edition))
    track = _track(now, before, edition)
    points: dict[str, int] = {}
    people = {tier: state.people(tier).at(at_us) for tier in ("intermediate", "advanced")}
    for tier, number in people.items():
        points[tier] = certification_points(edition.figures[tier], track, number)
    if now is None or before is None:
        return Score(edition, track, None, NO_POINTS | points, None, None, None, people)
    customers = now.customers[track], before.customers[track]
    deployments = now.deployments[track], before.deployments[track]
    growth = _growth(now.mcv_milli, before.mcv_milli, edition.figures["usage_growth"]["base_mcv"][track])
    points["net-adds"] = more_points(edition.figures["net_adds"], customers)
    points["deployments"] = more_points(edition.figures["deployments"], deployments)
    points["usage-growth"] = growth_points(edition.figures["usage_growth"], growth)
    return Score(edition, track, month, points, customers, growth, deployments, people)


def _track(now: Sums | None, before: Sums | None, edition: Edition) -> str:
    """Enterprise where enough workloads bring enough revenue from a single customer in both months (C12)."""
    if now is None or before is None:
        return "smb"
    enough = edition.figures["track"]["workloads"]
    return "enterprise" if now.workloads >= enough and before.workloads >= enough else "smb"


def certification_points(figures: Any, track: str, people: int) -> int:
    """Each person once; with the full number of people the maximum is given (C10)."""
    maximum, each = int(figures["max"]), int(figures["each"][track])
    if people >= figures["people"][track]:
        return maximum
    return min(maximum, people * each)


def more_points(figures: Any, numbers: tuple[int, int]) -> int:
    """Pairs that are there now, less those of a year before; never below 0 (C8, C9)."""
    now, before = numbers
    return min(int(figures["max"]), max(0, now - before) * int(figures["each"]))


def _growth(now: int, before: int, base_mcv: int) -> Growth:
    percent = None
    if before:
        change = (now - before) * 100
        percent = change // before if change >= 0 else -(-change // before)
    return Growth(now, before, percent, before >= base_mcv * 1_000)


def growth_points(figures: Any, growth: Growth) -> int:
    """A point for each full percent, none unless the base is met; negative growth is none (C7)."""
    if not growth.base_met or growth.percent is None:
        return 0
    return min(int(figures["max"]), max(0, growth.percent) * int(figures["each_percent"]))


def next_change(state: Scored, scorebook: Scorebook, after_us: int) -> int:
    """The first instant after another at which anything of a score can become another; NEVER where there is none."""
    found = [NEVER if (start := scorebook.next_start(after_us)) is None else start]
    for instants in (state.closes.instants, *(state.people(tier).instants for tier in ("intermediate", "advanced"))):
        place = bisect_right(instants, after_us)
        if place < len(instants):
            found.append(instants[place])
    return min(found)


def flip_after(state: Scored, scorebook: Scorebook, after_us: int, qualified: bool) -> int:
    """The first instant after another at which `qualified` becomes otherwise, if nothing more arrives; else NEVER."""
    instant = next_change(state, scorebook, after_us)
    while instant < NEVER and score_at(state, scorebook, instant).qualified == qualified:
        instant = next_change(state, scorebook, instant)
    return instant
