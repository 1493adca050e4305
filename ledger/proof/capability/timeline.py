"""All of time, cut wherever a score can become otherwise: which month is compared then, and how many people count.

A piece holds from its start until the start of the next. The pieces are kept up as closes and certificates come, each
where it changes something: what arrives in the order of time touches the last few pieces only.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from ledger.proof.capability.form import TIERS
from ledger.proof.log.event import BEGINNING_OF_TIME_US

END_US = 1 << 62
"""Later than every instant: until then counts what has no end."""
NO_MONTH = -1

Spell = tuple[int, int]
"""From an instant until another, which no longer belongs to it."""


class Certificate(NamedTuple):
    """Who holds a certificate of which tier, from when, and until when by itself and by what was told last."""

    person: str
    tier: str
    first_us: int
    until_us: int = END_US
    ended_us: int = END_US

    @property
    def spell(self) -> Spell:
        """When it counts."""
        return self.first_us, min(self.until_us, self.ended_us)


class Timeline:
    """`starts` are the pieces' first instants; `months` and `people` what holds in each."""

    def __init__(self) -> None:
        self.starts = [BEGINNING_OF_TIME_US]
        self.months = [NO_MONTH]
        """The last month closed by then; later in the list never an earlier one."""
        self.people = {tier: [0] for tier in TIERS}
        self.closed: dict[int, int] = {}
        """Month -> when it was closed."""
        self._held: defaultdict[tuple[str, str], dict[str, Certificate]] = defaultdict(dict)
        """(tier, person) -> certificates by name."""

    def piece(self, at_us: int) -> int:
        """The number of the piece that an instant is in."""
        return bisect_right(self.starts, at_us) - 1

    def cut(self, at_us: int) -> int:
        """The number of the piece that starts at an instant; there is one from now on."""
        before = self.piece(at_us)
        if self.starts[before] == at_us:
            return before
        for column in (self.months, *self.people.values()):
            column.insert(before + 1, column[before])
        self.starts.insert(before + 1, at_us)
        return before + 1

    def ends(self, number: int) -> int:
        """The first instant that no longer belongs to a piece."""
        return self.starts[number + 1] if number + 1 < len(self.starts) else END_US

    def reign(self, month: int) -> Spell | None:
        """When a month is the last one that was closed; None where it never is."""
        first, end = bisect_left(self.months, month), bisect_right(self.months, month)
        return (self.starts[first], self.ends(end - 1)) if first < end else None

    def close(self, month: int, closed_us: int) -> list[Spell]:
        """A month is closed at an instant, whatever was said of it before; when something may be otherwise now."""
        before_us = self.closed.get(month)
        self.closed[month] = closed_us
        first = number = self.cut(closed_us if before_us is None else min(closed_us, before_us))
        if before_us is None or closed_us <= before_us:
            while number < len(self.starts) and self.months[number] < month:
                self.months[number] = month
                number += 1
        else:
            end = self.cut(closed_us)
            while number < end and self.months[number] == month:
                by_then = [one for one, us in self.closed.items() if us <= self.starts[number]]
                self.months[number] = max(by_then, default=NO_MONTH)
                number += 1
        return [(self.starts[first], self.ends(number - 1))] if first < number else []

    def certify(self, name: str, certificate: Certificate, matter: int) -> list[Spell]:
        """A certificate is so from now on; when something may be otherwise.

        `matter` people are as good as more of them: where there are so many before and after, nothing is otherwise.
        """
        held = self._held[certificate.tier, certificate.person]
        before = _together(one.spell for one in held.values())
        held[name] = certificate
        now = _together(one.spell for one in held.values())
        touched = []
        for spells, others, change in ((now, before, 1), (before, now, -1)):
            for spell in _without(spells, others):
                touched += self._count(certificate.tier, spell, change, matter + (change < 0))
        return touched

    def _count(self, tier: str, spell: Spell, change: int, below: int) -> list[Spell]:
        """One person more or less in a spell; when there were fewer than `below`."""
        first = self.cut(spell[0])
        end = len(self.starts) if spell[1] == END_US else self.cut(spell[1])
        column = self.people[tier]
        counts = column[first:end]
        column[first:end] = [people + change for people in counts]
        found = []
        for few, numbers in groupby(range(first, end), lambda number: counts[number - first] < below):
            if few:
                together = list(numbers)
                found.append((self.starts[together[0]], self.ends(together[-1])))
        return found


def _together(spells: Iterable[Spell]) -> list[Spell]:
    """The same instants in spells that neither touch nor overlap, in order."""
    merged: list[Spell] = []
    for first_us, until_us in sorted(spell for spell in spells if spell[0] < spell[1]):
        if merged and first_us <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(until_us, merged[-1][1]))
        else:
            merged.append((first_us, until_us))
    return merged


def _without(spells: list[Spell], others: list[Spell]) -> list[Spell]:
    """The instants of some spells that are in none of the others; both as `_together` gives them."""
    left = []
    for first_us, until_us in spells:
        from_us = first_us
        for other_first_us, other_until_us in others:
            if other_first_us >= until_us:
                break
            if other_first_us > from_us:
                left.append((from_us, other_first_us))
            from_us = max(from_us, other_until_us)
        if from_us < until_us:
            left.append((from_us, until_us))
    return left
