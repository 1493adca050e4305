"""The rulebook: editions of the programme's figures, and which of them is in force at an instant (R6)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple, TypeVar

from ledger.instants import format_instant, parse_instant

Key = TypeVar("Key")


class Figures(NamedTuple):
    """The figures of an edition by which responses are judged."""

    min_responses: int
    per_org_cap: int
    min_organisations: int
    window_months: int
    pool_locations: bool


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition of the rules.

    min_responses      responses that must count at the renewal (R1)
    per_org_cap        responses of one customer organisation that count at most (R2)
    min_organisations  organisations that they must come from at least (R3)
    window_months      calendar months for which a response counts (R5)
    min_evaluations    evaluations that satisfy a Learning partner instead (R9)
    pool_locations     whether all locations are counted together (R11)
    """

    edition: str
    effective_us: int
    min_responses: int
    per_org_cap: int
    min_organisations: int
    window_months: int
    min_evaluations: int
    pool_locations: bool

    @property
    def counting(self) -> tuple[int, int, bool]:
        """The figures by which responses are counted, whatever number of them is required: cap, window, pooled."""
        return self.per_org_cap, self.window_months, self.pool_locations

    @property
    def figures(self) -> Figures:
        """What is the same for all editions by which responses are judged alike."""
        return Figures(
            self.min_responses, self.per_org_cap, self.min_organisations, self.window_months, self.pool_locations
        )

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Edition:
        """The edition that a RulebookPublished event holds."""
        figures = {name: data[name] for name in FIGURES}
        return cls(edition=data["edition"], effective_us=parse_instant(data["effective_from"]), **figures)

    def to_data(self) -> dict[str, Any]:
        """The data of the RulebookPublished event that publishes this edition."""
        figures = {name: getattr(self, name) for name in FIGURES}
        return {"edition": self.edition, "effective_from": format_instant(self.effective_us), **figures}


FIGURES: Final = tuple(field.name for field in fields(Edition) if field.name not in ("edition", "effective_us"))
"""The names of an edition's figures, as facts, events and editions have them."""

SHIPPED_EDITIONS: Final = (
    Edition("2009-11", parse_instant("2009-11-01T00:00:00Z"), 10, 8, 2, 12, 10, False),
    Edition("2013-04", parse_instant("2013-04-01T00:00:00Z"), 10, 8, 2, 12, 10, False),
)
"""The editions that come with the ledger (R1, R2, R3, R5, R6, R9): same figures, the second's survey never closes."""


class Rulebook:
    """The published editions, in the order in which they take effect.

    Of two editions that take effect at the same instant the one published later is in force.
    """

    __slots__ = ("_figures", "_starts", "_windows", "editions", "longest_window", "names")

    def __init__(self, published: Iterable[Edition]) -> None:
        self.names: set[str] = set()
        self.editions: list[Edition] = []
        self.longest_window = 0
        """Months for which a response counts under the most generous of the editions; 0 where there is none."""
        self._starts: list[int] = []
        self._windows: Counter[int] = Counter()
        self._figures: Counter[tuple[int, int, bool]] = Counter()
        for edition in published:
            self.publish(edition)

    def publish(self, edition: Edition) -> None:
        """One more edition, published after all the others."""
        self.names.add(edition.edition)
        place = bisect_left(self._starts, edition.effective_us)
        if place < len(self._starts) and self._starts[place] == edition.effective_us:
            replaced, self.editions[place] = self.editions[place], edition
            self._count(replaced, -1)
        else:
            self._starts.insert(place, edition.effective_us)
            self.editions.insert(place, edition)
        self._count(edition, 1)
        self.longest_window = max(self._windows)

    def _count(self, edition: Edition, change: int) -> None:
        _change(self._windows, edition.window_months, change)
        _change(self._figures, edition.counting, change)

    def in_force(self, at_us: int) -> Edition | None:
        """The edition in force at an instant; None before the first, when nothing is required (DESIGN 4)."""
        index = bisect_right(self._starts, at_us)
        return self.editions[index - 1] if index else None

    def counting_alike(self, first_us: int, last_us: int) -> tuple[int, int, bool] | None:
        """`counting` of the editions in force from one instant to another; None where they are not all alike, or none."""
        if len(self._figures) == 1 and self._starts[0] <= last_us:
            return self.editions[0].counting
        begin, end = max(0, bisect_right(self._starts, first_us) - 1), bisect_right(self._starts, last_us)
        if begin >= end:
            return None
        found = self.editions[begin].counting
        alike = all(self.editions[place].counting == found for place in range(begin + 1, end))
        return found if alike else None

    def next_start(self, after_us: int) -> int | None:
        """The first instant after `after_us` at which another edition takes effect, or None."""
        index = bisect_right(self._starts, after_us)
        return self._starts[index] if index < len(self._starts) else None

    def takes_effect_at(self, at_us: int) -> bool:
        """Whether an edition takes effect at just this instant."""
        index = bisect_right(self._starts, at_us)
        return bool(index) and self._starts[index - 1] == at_us


def _change(counter: Counter[Key], key: Key, change: int) -> None:
    counter[key] += change
    if not counter[key]:
        del counter[key]
