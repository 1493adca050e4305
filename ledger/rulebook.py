"""The rulebook: editions of the programme's figures, and which of them is in force at an instant (R6)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ledger.events import RulebookPublishedData
from ledger.instants import format_instant, parse_instant


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

    @classmethod
    def from_data(cls, data: RulebookPublishedData) -> Edition:
        """The edition that a RulebookPublished event holds."""
        return cls(
            edition=data["edition"],
            effective_us=parse_instant(data["effective_from"]),
            min_responses=data["min_responses"],
            per_org_cap=data["per_org_cap"],
            min_organisations=data["min_organisations"],
            window_months=data["window_months"],
            min_evaluations=data["min_evaluations"],
            pool_locations=data["pool_locations"],
        )

    def to_data(self) -> RulebookPublishedData:
        """The data of the RulebookPublished event that publishes this edition."""
        return {
            "edition": self.edition,
            "effective_from": format_instant(self.effective_us),
            "min_evaluations": self.min_evaluations,
            "min_organisations": self.min_organisations,
            "min_responses": self.min_responses,
            "per_org_cap": self.per_org_cap,
            "pool_locations": self.pool_locations,
            "window_months": self.window_months,
        }


SHIPPED_EDITIONS: Final = (
    Edition("2009-11", parse_instant("2009-11-01T00:00:00Z"), 10, 8, 2, 12, 10, False),
    Edition("2013-04", parse_instant("2013-04-01T00:00:00Z"), 10, 8, 2, 12, 10, False),
)
"""The editions that come with the ledger (R1, R2, R3, R5, R6, R9): same figures, the second's survey never closes."""


class Rulebook:
    """The published editions, in the order in which they take effect. Immutable.

    Of two editions that take effect at the same instant the one published later is in force.
    """

    __slots__ = ("_starts", "caps", "editions", "names", "pools", "windows")

    def __init__(self, published: Iterable[Edition]) -> None:
        everything = tuple(published)
        by_start: dict[int, Edition] = {}
        for edition in everything:
            by_start[edition.effective_us] = edition
        self.names = frozenset(edition.edition for edition in everything)
        self.editions = tuple(by_start[start] for start in sorted(by_start))
        self._starts = [edition.effective_us for edition in self.editions]
        self.windows = tuple(sorted({edition.window_months for edition in self.editions}))
        self.caps = tuple(sorted({edition.per_org_cap for edition in self.editions}))
        self.pools = any(edition.pool_locations for edition in self.editions)

    def in_force(self, at_us: int) -> Edition | None:
        """The edition in force at an instant; None before the first, when nothing is required (DESIGN 4)."""
        index = bisect_right(self._starts, at_us)
        return self.editions[index - 1] if index else None

    def next_start(self, after_us: int) -> int | None:
        """The first instant after `after_us` at which another edition takes effect, or None."""
        index = bisect_right(self._starts, after_us)
        return self._starts[index] if index < len(self._starts) else None

    def takes_effect_at(self, at_us: int) -> bool:
        """Whether an edition takes effect at just this instant."""
        index = bisect_right(self._starts, at_us)
        return bool(index) and self._starts[index - 1] == at_us
