"""The true history of a membership: when its status flips, and what an announcement says of each flip.

A flip is a change of `satisfied`. `Sweep` finds the flips by going through the instants at which anything changes: a
receipt, an expiry, a change of competencies, an edition's effective date. It keeps the counts that hold at the present
instant, so each instant costs a logarithm, whatever the number of responses.

Causes of a flip: "rulebook" if another edition comes into force at that instant; else, to satisfied, "response" via
responses, and via evaluations "membership" if Learning was gained at that instant, else "evaluation"; to not satisfied
"membership" if Learning was lost at that instant, else "expiry".
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from heapq import heappop, heappush
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from ledger.proof.event import END_OF_TIME_US, add_months, format_instant
from ledger.proof.replay import Edition, Membership, Response, Rulebook
from ledger.proof.rules import best_location, enough_responses, place

ANNOUNCEMENT_KEYS = (
    "satisfied", "previous", "via", "location", "counted", "organisations", "edition", "effective_at", "cause",
)  # fmt: skip

_Key = tuple[str, ...]
"""(location, organisation), or nothing for an evaluation: what an expiry takes away."""
_EVALUATION: _Key = ()
_instant = itemgetter(0)
_received = attrgetter("received_us")
_effective = attrgetter("effective_us")


class Flip(NamedTuple):
    """A change of `satisfied`, with what an announcement says of it."""

    effective_us: int
    satisfied: bool
    previous: bool
    via: str | None
    location: str | None
    counted: int
    organisations: int
    edition: str | None
    cause: str

    @property
    def data(self) -> dict[str, Any]:
        """The data of its announcement, without `revises`."""
        values = self._asdict() | {"effective_at": format_instant(self.effective_us)}
        return {key: values[key] for key in ANNOUNCEMENT_KEYS}


class Sweep:
    """Goes through a membership's instants in order, and keeps the counts that hold at the present one."""

    def __init__(self, membership: Membership, rulebook: Rulebook, at_us: int) -> None:
        self._membership = membership
        self._rulebook = rulebook
        self.at_us = at_us
        self._count_anew()
        self._satisfied = self._via() is not None
        self._champion = ""
        self._margin = 0
        self.calm_since_us = at_us
        """Since when the margin has been there; before this instant nothing is known of it."""
        self._settle()

    def amend(self, response: Response, change: int) -> bool:
        """Counts one response of the past in (1) or out (-1), if that cannot change any flip; says whether it did.

        It cannot where, at every instant since before it was received, more responses and organisations than needed
        were counted: one less takes away at most one of either. Each response counted out uses up one of this margin.
        """
        if self._edition is None or self._margin == 0 or response.received_us <= self.calm_since_us:
            return False
        self._margin += min(change, 0)
        expiry_us = add_months(response.received_us, self._edition.window_months)
        if response.received_us <= self.at_us < expiry_us:
            self._count(self._edition, (place(self._edition, response), response.customer_org), change)
            if change > 0:
                self._expire_at(expiry_us, self._edition, response)
            else:
                self._withdrawn.add(response.seq)
        return True

    def _settle(self) -> None:
        """Keeps the least margin, and since when there has been one without a break."""
        margin = self._margin_of(self._champion)
        if margin <= 0 and self._enough:
            self._champion = max(self._enough, key=self._margin_of)
            margin = self._margin_of(self._champion)
        if margin <= 0:
            self._margin = 0
        elif self._margin == 0:
            self._margin, self.calm_since_us = margin, self.at_us
        else:
            self._margin = min(self._margin, margin)

    def _margin_of(self, location: str) -> int:
        if self._edition is None or location not in self._enough:
            return 0
        organisations = self._organisations[location] - self._edition.min_organisations
        return min(self._counted[location] - self._edition.min_responses, organisations)

    def advance(self, to_us: int) -> list[Flip]:
        """The flips after the present instant, up to and at `to_us`, which becomes the present."""
        flips = []
        while (instant_us := self.next_us()) <= to_us:
            if flip := self._step(instant_us):
                flips.append(flip)
        self.at_us = max(self.at_us, to_us)
        return flips

    def _count_anew(self) -> None:
        membership = self._membership
        self._edition = self._rulebook.at(self.at_us)
        self._learning = membership.holds_learning(self.at_us)
        self._evaluations = 0
        self._by_org: defaultdict[_Key, int] = defaultdict(int)
        self._counted: defaultdict[str, int] = defaultdict(int)
        self._organisations: defaultdict[str, int] = defaultdict(int)
        self._enough: set[str] = set()
        self._withdrawn: set[int] = set()
        """seqs of responses in `_expiries` that are counted no longer."""
        self._expiries: list[tuple[int, int, _Key]] = []
        if self._edition is None:
            return
        months = self._edition.window_months
        for response in membership.received_within(months, self.at_us):
            if response.response not in membership.void:
                self._count(self._edition, (place(self._edition, response), response.customer_org), 1)
                self._expire_at(add_months(response.received_us, months), self._edition, response)
        for received_us in membership.evaluations_within(months, self.at_us):
            self._evaluations += 1
            heappush(self._expiries, (add_months(received_us, months), 0, _EVALUATION))

    def _expire_at(self, expiry_us: int, edition: Edition, response: Response) -> None:
        heappush(self._expiries, (expiry_us, response.seq, (place(edition, response), response.customer_org)))

    def _count(self, edition: Edition, key: _Key, change: int) -> None:
        location = key[0]
        before = self._by_org[key]
        after = self._by_org[key] = before + change
        self._counted[location] += min(after, edition.per_org_cap) - min(before, edition.per_org_cap)
        self._organisations[location] += (after > 0) - (before > 0)
        if enough_responses(edition, self._counted[location], self._organisations[location]):
            self._enough.add(location)
        else:
            self._enough.discard(location)

    def next_us(self) -> int:
        """The next instant at which anything changes."""
        membership, at_us = self._membership, self.at_us
        next_us = self._expiries[0][0] if self._expiries else END_OF_TIME_US
        editions, by_time = self._rulebook.editions, membership.by_time
        # Most often all that is known lies in the past: then the last of each list tells so, without a search.
        if editions and editions[-1].effective_us > at_us:
            next_us = min(next_us, editions[bisect_right(editions, at_us, key=_effective)].effective_us)
        if by_time and by_time[-1].received_us > at_us:
            next_us = min(next_us, by_time[bisect_right(by_time, at_us, key=_received)].received_us)
        for history in (membership.evaluations, membership.learning):
            if history and history[-1][0] > at_us:
                next_us = min(next_us, history[bisect_right(history, at_us, key=_instant)][0])
        return next_us

    def _step(self, instant_us: int) -> Flip | None:
        had_learning, had_edition, previous = self._learning, self._edition, self._satisfied
        before_us, self.at_us = self.at_us, instant_us
        editions = self._rulebook.editions
        if editions and editions[-1].effective_us <= before_us:  # the last one has been in force already
            edition = had_edition
        else:
            edition = self._rulebook.at(instant_us)
        if edition != had_edition:
            self._count_anew()
        elif edition is not None:
            self._move(edition, before_us)
        self._learning = self._membership.holds_learning(instant_us)
        via = self._via()
        self._satisfied = via is not None
        self._settle()
        if self._satisfied == previous:
            return None
        if edition != had_edition:
            cause = "rulebook"
        elif via == "responses":
            cause = "response"
        elif via == "evaluations":
            cause = "membership" if not had_learning else "evaluation"
        else:
            cause = "membership" if had_learning and not self._learning else "expiry"
        location, counted, organisations = self._location()
        name = edition.name if edition else None
        return Flip(instant_us, self._satisfied, previous, via, location, counted, organisations, name, cause)

    def _move(self, edition: Edition, before_us: int) -> None:
        """Counts what came and went after `before_us`, up to the present instant."""
        membership, months = self._membership, edition.window_months
        while self._expiries and self._expiries[0][0] <= self.at_us:
            _, seq, key = heappop(self._expiries)
            if key == _EVALUATION:
                self._evaluations -= 1
            elif seq in self._withdrawn:
                self._withdrawn.remove(seq)
            else:
                self._count(edition, key, -1)
        by_time, evaluations = membership.by_time, membership.evaluations
        if by_time and by_time[-1].received_us > before_us:
            start = bisect_right(by_time, before_us, key=_received)
            end = bisect_right(by_time, self.at_us, key=_received, lo=start)
            for response in by_time[start:end]:
                expiry_us = add_months(response.received_us, months)
                if response.response not in membership.void and expiry_us > self.at_us:
                    self._count(edition, (place(edition, response), response.customer_org), 1)
                    self._expire_at(expiry_us, edition, response)
        if evaluations and evaluations[-1][0] > before_us:
            start = bisect_right(evaluations, (before_us, END_OF_TIME_US))
            end = bisect_right(evaluations, (self.at_us, END_OF_TIME_US), lo=start)
            for received_us, _ in evaluations[start:end]:
                expiry_us = add_months(received_us, months)
                if expiry_us > self.at_us:
                    self._evaluations += 1
                    heappush(self._expiries, (expiry_us, 0, _EVALUATION))

    def _via(self) -> str | None:
        if self._edition is None:
            return None
        if self._enough or (enough_responses(self._edition, 0, 0) and self._location()[0] is not None):
            return "responses"
        return "evaluations" if self._learning and self._evaluations >= self._edition.min_evaluations else None

    def _location(self) -> tuple[str | None, int, int]:
        if self._edition is None:
            return min(self._membership.locations, default=None), 0, 0
        counts = {name: (counted, self._organisations[name]) for name, counted in self._counted.items()}
        return best_location(self._edition, self._membership.locations, counts)[:3]
