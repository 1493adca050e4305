"""What counted in each location at every instant, for a membership of which much is told late or taken back.

A late response, a void one and names that are joined change counts of the past. Going through the past anew for each
of them (`sweep`) would cost the square of their number. `Past` keeps the counts instead, and changes them where
something came or went:

    - A response counts from its receipt until its expiry, and there only while fewer than `per_org_cap` others of its
      organisation do: `fewer` finds these stretches of time by a few searches in the organisation's own receipts and
      expiries, whatever there is besides. It is an organisation more where no other of it counts.
    - Names that are joined or separated take their responses with them: out of one organisation, into the other.
    - `Steps` holds the two counts of a location as steps of time. Its parts know how low and how high the counts go in
      them, so that those parts in which a location has enough before and after the change are passed over, and those
      in which it has not.
    - One more `Steps` says how many locations have enough. Only where that becomes none, or was none, can `satisfied`
      change: `doubtful` says where.

What an edition says holds from its effective date until that of the next; stretches end there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from ledger.proof.log.event import END_OF_TIME_US, add_months
from ledger.proof.survey.form import POOLED
from ledger.proof.survey.organisations import Key, Regrouping
from ledger.proof.survey.replay import Edition, Membership, Response, Rulebook
from ledger.proof.survey.rules import Counts, best_location, enough_responses, place
from ledger.proof.survey.sweep import Flip

PART_MAX = 64
"""How many steps a part has at most."""
_BEFORE_ALL_US = -(1 << 63)

Change = tuple[int, int, int]
"""From when until when how many locations more have enough, or fewer."""


class _Part:
    """Some steps that follow each other: when, and by how much either count changes there."""

    __slots__ = ("counted", "instants", "organisations", "summary")

    def __init__(self, instants: list[int], counted: list[int], organisations: list[int]) -> None:
        self.instants = instants
        self.counted = counted
        self.organisations = organisations
        self.summary: tuple[int, int, int, int, int, int] | None = None

    def sum_up(self) -> tuple[int, int, int, int, int, int]:
        """By how much either count changes in all; the lowest of both and the highest of both, against its beginning."""
        if self.summary is None:
            counted = [*accumulate(self.counted, initial=0)]
            organisations = [*accumulate(self.organisations, initial=0)]
            totals = counted[-1], organisations[-1]
            self.summary = *totals, min(counted), min(organisations), max(counted), max(organisations)
        return self.summary


class Steps:
    """Two counts as steps of time; before all steps they are 0."""

    def __init__(self) -> None:
        self._parts = [_Part([], [], [])]
        self._begins = [_BEFORE_ALL_US]

    def add(self, from_us: int, to_us: int, counted: int, organisations: int) -> None:
        """The counts are higher by this from an instant on, until another."""
        self._step(from_us, counted, organisations)
        self._step(to_us, -counted, -organisations)

    def at(self, instant_us: int) -> tuple[int, int]:
        """The counts at an instant."""
        index = bisect_right(self._begins, instant_us) - 1
        before = [part.sum_up() for part in self._parts[:index]]
        part = self._parts[index]
        within = bisect_right(part.instants, instant_us)
        counted = sum(summary[0] for summary in before) + sum(part.counted[:within])
        return counted, sum(summary[1] for summary in before) + sum(part.organisations[:within])

    def between(
        self, from_us: int, to_us: int, matters: Callable[[int, int, int, int], bool]
    ) -> Iterator[tuple[int, int, int, int]]:
        """From when until when, and both counts, of the steps between two instants.

        `matters` is told the lowest and the highest counts of a part; a part that does not matter is passed over.
        """
        counted = organisations = 0
        for part, begin_us, end_us in zip(self._parts, self._begins, [*self._begins[1:], END_OF_TIME_US], strict=True):
            if begin_us >= to_us:
                return
            more, more_organisations, low, low_organisations, high, high_organisations = part.sum_up()
            if end_us <= from_us or not matters(
                counted + low, organisations + low_organisations, counted + high, organisations + high_organisations
            ):
                counted, organisations = counted + more, organisations + more_organisations
                continue
            since_us = begin_us
            for instant_us, change, organisations_change in zip(
                [*part.instants, end_us], [*part.counted, 0], [*part.organisations, 0], strict=True
            ):
                if max(since_us, from_us) < min(instant_us, to_us):
                    yield max(since_us, from_us), min(instant_us, to_us), counted, organisations
                counted, organisations = counted + change, organisations + organisations_change
                since_us = instant_us

    def _step(self, instant_us: int, counted: int, organisations: int) -> None:
        index = bisect_right(self._begins, instant_us) - 1
        part = self._parts[index]
        part.summary = None
        at = bisect_left(part.instants, instant_us)
        if at < len(part.instants) and part.instants[at] == instant_us:
            part.counted[at] += counted
            part.organisations[at] += organisations
            return
        part.instants.insert(at, instant_us)
        part.counted.insert(at, counted)
        part.organisations.insert(at, organisations)
        if len(part.instants) > PART_MAX:
            half = PART_MAX // 2
            later = _Part(part.instants[half:], part.counted[half:], part.organisations[half:])
            del part.instants[half:], part.counted[half:], part.organisations[half:]
            self._parts.insert(index + 1, later)
            self._begins.insert(index + 1, later.instants[0])


class _Received:
    """When an organisation's responses of a place were received, and when they expire, each in order."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self._expiries: dict[int, list[int]] = {}

    def expiries(self, months: int) -> list[int]:
        """The expiries under a window of so many months."""
        if months not in self._expiries:
            self._expiries[months] = sorted(add_months(received_us, months) for received_us in self.received)
        return self._expiries[months]

    def put(self, received_us: int) -> None:
        """One more was received."""
        insort(self.received, received_us)
        for months, expiries in self._expiries.items():
            insort(expiries, add_months(received_us, months))

    def take(self, received_us: int) -> None:
        """One of those received at this instant is gone."""
        del self.received[bisect_left(self.received, received_us)]
        for months, expiries in self._expiries.items():
            del expiries[bisect_left(expiries, add_months(received_us, months))]


def fewer(
    received: Sequence[int], expiries: Sequence[int], limit: int, from_us: int, to_us: int
) -> Iterator[tuple[int, int]]:
    """The stretches between two instants in which fewer than `limit` (at least 1) count; both lists are in order."""
    at_us = from_us
    while at_us < to_us:
        came, went = bisect_right(received, at_us), bisect_right(expiries, at_us)
        lacking = limit - (came - went)
        if lacking <= 0:  # it takes so many expiries, and one more
            at_us = expiries[went - lacking]
            continue
        filled = came + lacking - 1  # until so many more have come there are fewer, whatever expires
        until_us = min(to_us, received[filled]) if filled < len(received) else to_us
        yield at_us, until_us
        at_us = until_us


def _received_by_place() -> defaultdict[str, _Received]:
    """Of one organisation; with a name, since a monitor keeps the checks of a stream pickled."""
    return defaultdict(_Received)


class Past:
    """The counts of each location at every instant, and how many locations have enough."""

    def __init__(self, membership: Membership, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._places: defaultdict[str, Steps] = defaultdict(Steps)
        self._enough = Steps()
        """How many locations have enough; its second count is not used."""
        self._received: defaultdict[Key, defaultdict[str, _Received]] = defaultdict(_received_by_place)
        for response in membership.by_time:
            if response.response not in membership.void:
                self.change(response, membership.organisations.key(response.customer_org), 1)

    def counts(self, instant_us: int) -> Counts:
        """What counts at an instant for each location of which something was received."""
        return {location: steps.at(instant_us) for location, steps in self._places.items()}

    def recounted(self, flip: Flip, locations: list[str], response: Response | None, change: int) -> Flip:
        """A flip with what counts at its instant now that a response came (1) or went (-1); None: now that several did."""
        edition = self._rulebook.at(flip.effective_us)
        if edition is None:
            return flip
        if edition.pool_locations:
            locations = [POOLED]
        elif response is not None and change > 0:  # no other than these can be the best now
            locations = [response.location, *([] if flip.location is None else [flip.location])]
        elif response is not None and response.location != flip.location:
            return flip  # its location has less than before, and was not the best then
        counts = {location: self._places[location].at(flip.effective_us) for location in locations}
        location, counted, organisations, _ = best_location(edition, locations, counts)
        return flip._replace(location=location, counted=counted, organisations=organisations)

    def change(self, response: Response, key: Key, change: int) -> list[Change]:
        """Counts a response in (1) or out (-1), as one of the organisation; where do locations have enough by that?"""
        received_us, places = response.received_us, self._received[key]
        editions = self._rulebook.editions
        of_organisation = {place(edition, response): places[place(edition, response)] for edition in editions}
        if change < 0:
            for received in of_organisation.values():
                received.take(received_us)
        found: list[Change] = []
        ends = [*(edition.effective_us for edition in editions[1:]), END_OF_TIME_US]
        for edition, end_us in zip(editions, ends, strict=False):
            from_us = max(received_us, edition.effective_us)
            to_us = min(add_months(received_us, edition.window_months), end_us)
            if from_us < to_us:
                location = place(edition, response)
                others = of_organisation[location]
                lists = others.received, others.expiries(edition.window_months)
                for limit, by in ((1, (0, change)), (edition.per_org_cap, (change, 0))):
                    found += self._shift(edition, location, fewer(*lists, limit, from_us, to_us), *by)
        if change > 0:
            for received in of_organisation.values():
                received.put(received_us)
        return found

    def regroup(self, change: Regrouping, moved: Sequence[Response]) -> list[Change]:
        """Counts the responses of `change.moved` with their new organisation, and out of the old one."""
        joined = len(change.after) == 1
        rest, rest_now = (change.before[1], change.after[0]) if joined else (change.before[0], change.after[1])
        if rest != rest_now:
            self._received[rest_now] = self._received.pop(rest, self._received[rest_now])
        old, new = (change.moved, rest_now) if joined else (rest_now, change.moved)
        return [
            found for response in moved for found in (*self.change(response, new, 1), *self.change(response, old, -1))
        ]

    def doubtful(self, changes: Sequence[Change]) -> tuple[int, int] | None:
        """The instants from and to which `satisfied` may be others than before the changes."""
        steps: defaultdict[int, int] = defaultdict(int)
        for from_us, to_us, change in changes:
            steps[from_us] += change
            steps[to_us] -= change
        instants = sorted(steps)
        by = accumulate(steps[instant_us] for instant_us in instants)
        doubted = [
            instant_us
            for from_us, to_us, change in zip(instants, instants[1:], by, strict=False)
            if change != 0
            for *stretch, now, _ in self._enough.between(from_us, to_us, lambda *_: True)
            if min(now, now - change) < 1
            for instant_us in stretch
        ]
        return (min(doubted), max(doubted)) if doubted else None

    def _shift(
        self, edition: Edition, location: str, stretches: Iterator[tuple[int, int]], counted: int, organisations: int
    ) -> list[Change]:
        """Changes a location's counts, and says where it has enough by that, or no more."""

        def matters(low: int, low_organisations: int, high: int, high_organisations: int) -> bool:
            at_least = low - max(counted, 0), low_organisations - max(organisations, 0)
            at_most = high - min(counted, 0), high_organisations - min(organisations, 0)
            return enough_responses(edition, *at_most) and not enough_responses(edition, *at_least)

        steps, found = self._places[location], list[Change]()
        for from_us, to_us in stretches:
            steps.add(from_us, to_us, counted, organisations)
            for since_us, until_us, now, organisations_now in steps.between(from_us, to_us, matters):
                enough = enough_responses(edition, now, organisations_now)
                change = enough - enough_responses(edition, now - counted, organisations_now - organisations)
                if change:
                    found.append((since_us, until_us, change))
        for since_us, until_us, change in found:
            self._enough.add(since_us, until_us, change, 0)
        return found
