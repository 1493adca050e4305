"""Evidence: everything that can count for a membership, kept so that any instant can be asked about."""

from __future__ import annotations

from bisect import bisect_right, insort_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from ledger.programmes.survey.editions import Edition, Figures
from ledger.programmes.survey.organisations import Organisations
from ledger.programmes.survey.overview import Overview
from ledger.programmes.survey.responses import Pool, Receipts

POOLED_LOCATION: Final = "*"
"""The name of the only location where an edition pools locations."""
LEARNING: Final = "learning"
OVERVIEWS_MAX: Final = 4
EFFORT_BASE: Final = 4_096
EFFORT_PER_RESPONSE: Final = 16
"""So many looks at a pool or an organisation cost about as much as an overview of so many responses."""

Value = TypeVar("Value")


class Timeline(Generic[Value]):
    """A value over time: each entry holds from its instant until the next one's; ties go to the later in the ledger."""

    __slots__ = ("entries",)

    def __init__(self, entries: Iterable[tuple[int, int, Value]] = ()) -> None:
        self.entries: list[tuple[int, int, Value]] = sorted(entries, key=lambda entry: entry[:2])

    def set(self, at_us: int, order: int, value: Value) -> None:
        """From `at_us` on it is `value`, until the next entry; `order` is the place in the ledger."""
        insort_right(self.entries, (at_us, order, value), key=lambda entry: entry[:2])

    def at(self, at_us: int, default: Value) -> Value:
        """The value at an instant; `default` before the first entry."""
        index = bisect_right(self.entries, at_us, key=lambda entry: entry[0])
        return self.entries[index - 1][2] if index else default

    def next_entry(self, after_us: int) -> int | None:
        """The instant of the first entry after `after_us`, or None."""
        index = bisect_right(self.entries, after_us, key=lambda entry: entry[0])
        return self.entries[index][0] if index < len(self.entries) else None


@dataclass(slots=True)
class Evidence:
    """All that counts for one membership, as far as it is known, and which names of its customers are one."""

    organisations: Organisations = field(default_factory=Organisations)
    locations: dict[str, Pool] = field(default_factory=dict)
    evaluations: Receipts = field(default_factory=Receipts)
    learning: Timeline[bool] = field(default_factory=Timeline)
    levels: Timeline[str] = field(default_factory=Timeline)
    _pooled: Pool | None = None
    _overviews: dict[Figures, Overview] = field(default_factory=dict)
    _effort: int = 0
    _effort_max: int = 0

    def add_location(self, location: str) -> None:
        """Another location takes part (R11)."""
        self.locations[location] = Pool(self.organisations.groups)
        for figures, overview in self._overviews.items():
            if not figures.pool_locations:
                overview.add_location(location)

    def add_response(self, location: str, organisation: str, received_us: int, seq: int, response: str) -> None:
        """A response was received."""
        self.locations[location].add(organisation, received_us, seq, response)
        if self._pooled is not None:
            self._pooled.add(organisation, received_us, seq, response)
        if self._overviews:
            self._tell_overviews(location, organisation, received_us, 1)

    def remove_response(self, location: str, organisation: str, received_us: int, seq: int) -> None:
        """A response was voided."""
        self.locations[location].remove(organisation, received_us, seq)
        if self._pooled is not None:
            self._pooled.remove(organisation, received_us, seq)
        if self._overviews:
            self._tell_overviews(location, organisation, received_us, -1)

    def overviews_of(self, pool_name: str) -> list[Overview]:
        """Those that have to be told of what changes in a pool."""
        pooled = pool_name == POOLED_LOCATION
        return [overview for figures, overview in self._overviews.items() if figures.pool_locations == pooled]

    def forget_overviews(self) -> None:
        """More changed than they can be told."""
        self._overviews.clear()

    def pooled(self) -> Pool:
        """All locations counted together; built when an edition first asks for it, kept up to date from then on."""
        if self._pooled is None:
            merged = sorted(
                (seq, received_us, name, response)
                for pool in self.locations.values()
                for name, receipts in pool.by_name()
                for received_us, (seq, response) in zip(receipts.instants, receipts.responses, strict=True)
            )
            self._pooled = Pool(self.organisations.groups)
            for seq, received_us, name, response in merged:
                self._pooled.add(name, received_us, seq, response)
        return self._pooled

    def all_pools(self) -> dict[str, Pool]:
        """Those of the locations by name, and what they are together where that was asked for."""
        return self.locations if self._pooled is None else {**self.locations, POOLED_LOCATION: self._pooled}

    def pool(self, location: str, pooled: bool) -> Pool:
        """The pool in which a location's responses are counted."""
        return self.pooled() if pooled else self.locations[location]

    def pools(self, edition: Edition) -> dict[str, Pool]:
        """The pools that an edition counts by, by the name of the location."""
        return {POOLED_LOCATION: self.pooled()} if edition.pool_locations else self.locations

    def overview(self, edition: Edition) -> Overview | None:
        """An overview by the figures of an edition; None where it is, up to now, less work to do without.

        It is made once as much work has been done without it as making it costs, so that all of it stays linear.
        """
        figures = edition.figures
        found = self._overviews.get(figures)
        if found is None and len(self._overviews) < OVERVIEWS_MAX:
            self._effort += 2 + len(self.locations) + len(self.organisations)
            if self._effort > self._effort_max:
                size = sum(len(pool.receipts.instants) for pool in self.locations.values())
                self._effort_max = EFFORT_BASE + EFFORT_PER_RESPONSE * size + len(self.locations)
                if self._effort > self._effort_max:
                    self._effort = 0
                    found = self._overviews[figures] = Overview(self.pools(edition), figures)
        return found

    def _tell_overviews(self, location: str, name: str, received_us: int, change: int) -> None:
        organisation = self.organisations.name_of(name)
        for figures, overview in self._overviews.items():
            place = POOLED_LOCATION if figures.pool_locations else location
            receipts = self.pool(location, figures.pool_locations).organisations[organisation]
            overview.take(place, receipts, received_us, change)

    def evaluations_counting(self, at_us: int, edition: Edition) -> int:
        """Evaluations that count: by the same window, and only while Learning is held (R9)."""
        return self.evaluations.counting(at_us, edition.window_months) if self.learning.at(at_us, False) else 0
