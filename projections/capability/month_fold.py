"""Adding reports to what a month amounts to: the same for the checkpoints that are written and for a question (C6 to C13).

Pure. The rules stand in `ledger.programmes.capability.months`; here they are applied to a month of which only the pairs
that change are at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from ledger.programmes.capability.editions import Edition
from ledger.programmes.capability.months import Eligible, Limits, Sums, largest

Pair = tuple[str, str]
"""A customer and a workload."""
Amounts = dict[int, int]
"""The latest reports of a pair in a month that are not 0, by their places."""
NO_AMOUNTS: Final[Mapping[int, int]] = {}


class Report(NamedTuple):
    """A report of a month: units of usage, or cents of revenue."""

    position: int
    customer: str
    workload: str
    place: int
    amount: int


class EditionAtHand(NamedTuple):
    """An edition, the position at which it was published, what counts under it, and what that is held against."""

    position: int
    edition: Edition
    eligible: Eligible
    limits: Limits

    @classmethod
    def of(cls, position: int, edition: Edition) -> EditionAtHand:
        """An edition, at hand."""
        return cls(position, edition, Eligible(edition), Limits.of(edition.figures))


Change = tuple[tuple[int, ...], tuple[int, ...]]
"""The places of a pair's reports that do not count, before a report and after it."""


@dataclass(slots=True)
class Counted:
    """A month under one edition: its sums, and how many reports above zero do not count."""

    at_hand: EditionAtHand
    sums: Sums
    left_out: int = 0

    @classmethod
    def nothing(cls, at_hand: EditionAtHand) -> Counted:
        """A month for which nothing was reported."""
        return cls(at_hand, Sums(at_hand.edition, at_hand.limits))

    @classmethod
    def restored(cls, at_hand: EditionAtHand, kept: str, left_out: int) -> Counted:
        """What a checkpoint has."""
        return cls(at_hand, Sums.restored(at_hand.edition, orjson.loads(kept), at_hand.limits), left_out)

    def kept(self) -> str:
        """The sums as a checkpoint has them."""
        kept: list[Any] = self.sums.kept()
        return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS).decode()

    def change(self, workload: str, before: Mapping[int, int], after: Mapping[int, int]) -> Change:
        """A pair's reports are others now."""
        usage, revenue, left = self._counting(workload, after)
        if not before:
            self.sums.add(workload, usage, revenue, 1)
            self.left_out += len(left)
            return (), left
        usage_before, revenue_before, left_before = self._counting(workload, before)
        if usage != usage_before or revenue != revenue_before:
            self.sums.add(workload, usage_before, revenue_before, -1)
            self.sums.add(workload, usage, revenue, 1)
        self.left_out += len(left) - len(left_before)
        return left_before, left

    def _counting(self, workload: str, amounts: Mapping[int, int]) -> tuple[int, int, tuple[int, ...]]:
        """Units and cents that count, and the places of what does not."""
        if not amounts:
            return 0, 0, ()
        eligible = self.at_hand.eligible
        if len(amounts) == 1:  # as nearly always
            ((place, amount),) = amounts.items()
            if place in eligible.revenue:
                return 0, amount, ()
            return (amount, 0, ()) if place in eligible.usage(workload) else (0, 0, (place,))
        usage, usage_place = largest(amounts, eligible.usage(workload))
        revenue, revenue_place = largest(amounts, eligible.revenue)
        counting = (usage > 0) + (revenue > 0)
        if counting == len(amounts):
            return usage, revenue, ()
        return usage, revenue, tuple(place for place in amounts if place not in (usage_place, revenue_place))


@dataclass(slots=True)
class MonthFold:
    """A month as reports are added to it: what the pairs at hand have, and what it all amounts to, by edition."""

    counted: Sequence[Counted]
    amounts: dict[Pair, Amounts] = field(default_factory=dict)

    def add(self, report: Report) -> list[Change]:
        """Adds a report, later than all before; for each edition what that changes of what does not count."""
        _, customer, workload, place, amount = report
        pair = (customer, workload)
        held = self.amounts.get(pair)
        if held is None:
            held = self.amounts[pair] = {}
        before = held.copy() if held else NO_AMOUNTS
        if amount:
            held[place] = amount
        else:
            held.pop(place, None)
        return [one.change(workload, before, held) for one in self.counted]


def amounts_of(rows: Iterable[Report]) -> dict[Pair, Amounts]:
    """What each pair has after its reports, which may come in any order."""
    found: dict[Pair, Amounts] = {}
    for _, customer, workload, place, amount in sorted(rows):
        held = found.setdefault((customer, workload), {})
        if amount:
            held[place] = amount
        else:
            held.pop(place, None)
    return found
