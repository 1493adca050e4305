"""Certificates, and how many people hold one of a tier at an instant, each person once (C10)."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ledger.instants import midnight_us, parse_date


@dataclass(slots=True)
class Certificate:
    """A certificate: it counts from `first_us` until `end_us`, the first instant at which it no longer does (or None)."""

    person: str
    tier: str
    first_us: int
    until_us: int | None
    ended_us: int | None = None

    @property
    def end_us(self) -> int | None:
        """The earlier of its own end and the one that was told last."""
        ends = [end for end in (self.until_us, self.ended_us) if end is not None]
        return min(ends) if ends else None


def day_us(text: str) -> int:
    """00:00 UTC of a date YYYY-MM-DD."""
    return midnight_us(parse_date(text))


class People:
    """How many people hold a certificate of one tier, over all of time."""

    def __init__(self, certificates: Iterable[Certificate]) -> None:
        spans: defaultdict[str, list[tuple[int, int | None]]] = defaultdict(list)
        for one in certificates:
            if one.end_us is None or one.end_us > one.first_us:
                spans[one.person].append((one.first_us, one.end_us))
        changes: defaultdict[int, int] = defaultdict(int)
        for held in spans.values():
            for first_us, end_us in _merged(sorted(held, key=lambda span: span[0])):
                changes[first_us] += 1
                if end_us is not None:
                    changes[end_us] -= 1
        self.instants = sorted(at_us for at_us, change in changes.items() if change)
        """When the number changes."""
        self._numbers: list[int] = []
        number = 0
        for at_us in self.instants:
            number += changes[at_us]
            self._numbers.append(number)

    def at(self, at_us: int) -> int:
        """How many there are at an instant."""
        place = bisect_right(self.instants, at_us)
        return self._numbers[place - 1] if place else 0


def _merged(spans: list[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    """Spans of one person without overlaps; they come by their beginning."""
    merged: list[tuple[int, int | None]] = []
    for first_us, end_us in spans:
        if merged and (merged[-1][1] is None or merged[-1][1] >= first_us):
            last = merged[-1][1]
            merged[-1] = (merged[-1][0], None if last is None or end_us is None else max(last, end_us))
        else:
            merged.append((first_us, end_us))
    return merged
