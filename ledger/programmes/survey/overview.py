"""Overview: where a membership's locations stand, for all of time and under one edition's figures, kept up to date.

Counting every location and organisation anew for each question is quick where there are few of them or few questions, and
that is what `counting` does. Where many are asked for again and again, an overview is made, which costs a step for each
response, and then takes in each further response by itself:

    tallies     of each location, how many responses are applied and of how many organisations, over time
    coverage    how many of the locations have enough, over time
    buckets     of a stretch of time, the locations in the order of the highest count that each reaches in it

An instant's best location is found among the first few of its bucket.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from ledger.instants import BEGINNING_US, add_months
from ledger.programmes.survey.editions import Figures
from ledger.programmes.survey.responses import Pool, Receipts
from ledger.programmes.survey.steps import Step, Steps

BUCKETS: Final = 64
NEVER: Final = 1 << 62
_ONE: Final = (1, 0)


class Best(NamedTuple):
    """The location to be shown at an instant: the one with enough and the highest count, else with the highest count."""

    enough: bool
    counted: int
    location: str
    organisations: int


class _Bucket:
    """The locations in the order of the highest count that each reaches in a stretch of time; `stale` are in doubt."""

    __slots__ = ("end_us", "from_us", "highest", "order", "stale")

    def __init__(self, from_us: int, end_us: int, stale: set[str]) -> None:
        self.from_us, self.end_us, self.stale = from_us, end_us, stale
        self.order: list[tuple[int, str]] = []
        self.highest: dict[str, int] = {}

    def refresh(self, tallies: Mapping[str, Steps]) -> None:
        """Settles what is in doubt."""
        for location in self.stale:
            highest, known = tallies[location].highest(self.from_us, self.end_us), self.highest.get(location, 0)
            if highest == known:
                continue
            if known:
                del self.order[bisect_left(self.order, (-known, location))]
            if highest:
                insort(self.order, (-highest, location))
            self.highest[location] = highest
        self.stale.clear()


class Overview:
    """Of some pools, by an edition's figures. Whoever changes a pool tells it so (`take`)."""

    def __init__(self, pools: Mapping[str, Pool], figures: Figures) -> None:
        self._cap, self._months = figures.per_org_cap, figures.window_months
        self._least = figures.min_responses, figures.min_organisations
        self._tallies = {name: Steps(_steps(pool, self._cap, self._months)) for name, pool in pools.items()}
        self._first_name = min(pools)
        self._coverage = Steps(
            step for tally in self._tallies.values() for step in _edges(self._spans(tally, BEGINNING_US, NEVER), 1)
        )
        self._cut()

    def add_location(self, location: str) -> None:
        """Another location, without responses."""
        self._tallies[location] = Steps()
        self._first_name = min(self._first_name, location)

    def take(self, location: str, receipts: Receipts, received_us: int, change: int) -> None:
        """A response of the organisation with these receipts came to be (1) or is no more (-1); they say so already."""
        tally, expires_us = self._tallies[location], add_months(received_us, self._months)
        was = self._spans(tally, received_us, expires_us)
        others = max(change, 0)  # with itself among them, as many more may count before it makes no difference
        for begin_us, end_us in spans_below(receipts, self._months, self._cap + others, received_us, expires_us):
            tally.add(begin_us, change)
            tally.add(end_us, -change)
        for begin_us, end_us in spans_below(receipts, self._months, 1 + others, received_us, expires_us):
            tally.add(begin_us, 0, change)
            tally.add(end_us, 0, -change)
        now = self._spans(tally, received_us, expires_us)
        if was != now:
            for at_us, more, _ in (*_edges(was, -1), *_edges(now, 1)):
                self._coverage.add(at_us, more)
        self._doubt(location, received_us, expires_us)

    def enough_at(self, at_us: int) -> bool:
        """Whether a location has enough at an instant."""
        return self._coverage.at(at_us)[0] > 0

    def enough_until(self, at_us: int) -> int:
        """The first instant after `at_us`, where a location has enough, at which none has."""
        found = self._coverage.next_change(at_us, NEVER, _ONE, True)
        return NEVER if found is None else found

    def enough_from(self, at_us: int) -> int:
        """The first instant after `at_us`, where no location has enough, at which one has."""
        found = self._coverage.next_change(at_us, NEVER, _ONE, False)
        return NEVER if found is None else found

    def best(self, at_us: int) -> Best:
        """The location to be shown at an instant, ties by name."""
        enough, found = self.enough_at(at_us), (1, "")
        for highest, location in self._bucket(at_us).order:
            if (highest, location) > found:
                break
            counted, organisations = self._tallies[location].at(at_us)
            if not enough or (counted >= self._least[0] and organisations >= self._least[1]):
                found = min(found, (-counted, location))
        if found[0] >= 0:
            found = 0, self._first_name
        return Best(enough, -found[0], found[1], self._tallies[found[1]].at(at_us)[1])

    def _spans(self, tally: Steps, from_us: int, end_us: int) -> list[tuple[int, int]]:
        """Where a location has enough in [from_us, end_us): [begin, end) each."""
        first, second = tally.at(from_us)
        enough = first >= self._least[0] and second >= self._least[1]
        spans, begin_us = [], from_us
        while (at_us := tally.next_change(begin_us, end_us - 1, self._least, enough)) is not None:
            if enough:
                spans.append((begin_us, at_us))
            enough, begin_us = not enough, at_us
        if enough:
            spans.append((begin_us, end_us))
        return spans

    def _cut(self) -> None:
        """Cuts time into stretches in which about as much happens in each."""
        instants = sorted(at_us for tally in self._tallies.values() for at_us, _, _ in tally)
        self._bounds = [BEGINNING_US, *sorted(set(instants[:: max(1, len(instants) // BUCKETS)])), NEVER]
        self._buckets: dict[int, _Bucket] = {}
        self._taken_max = len(instants) + BUCKETS * 4
        self._taken = 0

    def _bucket(self, at_us: int) -> _Bucket:
        place = bisect_right(self._bounds, at_us) - 1
        bucket = self._buckets.get(place)
        if bucket is None:
            bucket = _Bucket(self._bounds[place], self._bounds[place + 1], set(self._tallies))
            self._buckets[place] = bucket
        bucket.refresh(self._tallies)
        return bucket

    def _doubt(self, location: str, from_us: int, end_us: int) -> None:
        self._taken += 1
        if self._taken > self._taken_max:
            self._cut()
            return
        begin, end = bisect_right(self._bounds, from_us) - 1, bisect_left(self._bounds, end_us)
        for place in range(begin, end):
            bucket = self._buckets.get(place)
            if bucket is not None:
                bucket.stale.add(location)


def spans_below(receipts: Receipts, months: int, cap: int, first_us: int, end_us: int) -> Iterator[tuple[int, int]]:
    """Where fewer than `cap` count in [first_us, end_us): [begin, end) each.

    Found by jumping: where `cap` or more count, as many expiries must pass as there are to spare; where fewer do, as many
    receipts must come as are missing.
    """
    if cap <= 0:
        return
    instants, expiries = receipts.instants, receipts.expiries(months)
    at_us, begin_us = first_us, None
    while at_us < end_us:
        received, expired = bisect_right(instants, at_us), bisect_right(expiries, at_us)
        spare = received - expired - cap
        if spare >= 0:
            if begin_us is not None:
                yield begin_us, at_us
            begin_us, at_us = None, expiries[expired + spare]
        else:
            begin_us = at_us if begin_us is None else begin_us
            place = received - spare - 1
            at_us = instants[place] if place < len(instants) else end_us
    if begin_us is not None:
        yield begin_us, end_us


def _steps(pool: Pool, cap: int, months: int) -> Iterator[Step]:
    """The steps of the applied responses and of the organisations."""
    for receipts in pool.organisations.values():
        counting = 0
        changes = [(at_us, 1) for at_us in receipts.instants] + [(at_us, -1) for at_us in receipts.expiries(months)]
        for at_us, change in sorted(changes):
            before, counting = counting, counting + change
            applied = min(cap, counting) - min(cap, before)
            yield at_us, applied, (counting > 0) - (before > 0)


def _edges(spans: list[tuple[int, int]], change: int) -> Iterator[Step]:
    for begin_us, end_us in spans:
        yield begin_us, change, 0
        yield end_us, -change, 0
