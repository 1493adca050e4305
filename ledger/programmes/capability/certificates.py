"""Certificates, and how many people hold one of a tier at an instant, each person once (C10)."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from ledger.instants import midnight_us, parse_date

Span = tuple[int, int | None]
"""From when until before when; None: for ever."""


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
    """How many people hold a certificate of one tier, over all of time.

    A certificate changes what is known of its person alone, and there are no more instants than days: so recording or
    ending one costs little, however many there are.
    """

    def __init__(self, certificates: Iterable[Certificate]) -> None:
        self._certificates: defaultdict[str, list[Certificate]] = defaultdict(list)
        self._spans: dict[str, list[Span]] = {}
        self._changes: defaultdict[int, int] = defaultdict(int)
        self._numbers: tuple[list[int], list[int]] | None = None
        for one in certificates:
            self._certificates[one.person].append(one)
        for person in self._certificates:
            self._count(person)

    def record(self, one: Certificate) -> None:
        """One more certificate of the tier."""
        self._certificates[one.person].append(one)
        self._count(one.person)

    def end(self, one: Certificate) -> None:
        """A certificate that was recorded has another end now."""
        self._count(one.person)

    @property
    def instants(self) -> list[int]:
        """When the number changes."""
        return self._over_time()[0]

    def at(self, at_us: int) -> int:
        """How many there are at an instant."""
        instants, numbers = self._over_time()
        place = bisect_right(instants, at_us)
        return numbers[place - 1] if place else 0

    def _count(self, person: str) -> None:
        """Counts a person by what is known of it now, and no longer by what was before."""
        held = [(one.first_us, one.end_us) for one in self._certificates[person]]
        real = [(first_us, end_us) for first_us, end_us in held if end_us is None or end_us > first_us]
        spans = _merged(sorted(real, key=lambda span: span[0]))
        before, self._spans[person] = self._spans.get(person, []), spans
        if spans == before:
            return
        for sign, counted in ((-1, before), (1, spans)):
            for first_us, end_us in counted:
                self._change(first_us, sign)
                if end_us is not None:
                    self._change(end_us, -sign)
        self._numbers = None

    def _change(self, at_us: int, by: int) -> None:
        self._changes[at_us] += by
        if not self._changes[at_us]:
            del self._changes[at_us]

    def _over_time(self) -> tuple[list[int], list[int]]:
        """The instants at which the number changes, and what it is from each of them on."""
        if self._numbers is None:
            instants = sorted(self._changes)
            self._numbers = instants, list(accumulate(map(self._changes.__getitem__, instants)))
        return self._numbers


def _merged(spans: list[Span]) -> list[Span]:
    """Spans of one person without overlaps; they come by their beginning."""
    merged: list[Span] = []
    for first_us, end_us in spans:
        if merged and (merged[-1][1] is None or merged[-1][1] >= first_us):
            last = merged[-1][1]
            merged[-1] = (merged[-1][0], None if last is None or end_us is None else max(last, end_us))
        else:
            merged.append((first_us, end_us))
    return merged
