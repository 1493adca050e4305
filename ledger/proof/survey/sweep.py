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
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple, TypeVar

from ledger.proof.log.event import END_OF_TIME_US, add_months, format_instant
from ledger.proof.survey.organisations import Key, Regrouping
from ledger.proof.survey.replay import Edition, Membership, Response, Rulebook
from ledger.proof.survey.rules import best_location, place

ANNOUNCEMENT_KEYS = (
    "satisfied", "previous", "via", "location", "counted", "organisations", "edition", "effective_at", "cause",
)  # fmt: skip

_T = TypeVar("_T")
_Expiry = tuple[int, int, str, str]
"""When, and what it takes away: the seq of a response, its location, its organisation; for an evaluation 0, "", ""."""
_EVALUATION = ("", "")
_NO_MARGIN = -(1 << 63)
"""Before any edition no location lacks a number of responses: it cannot have enough."""
_instant = itemgetter(0)
_received = attrgetter("received_us")


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


class _Place:
    """The counts of one location, or of all where the edition pools them."""

    __slots__ = ("by_org", "counted", "margin", "organisations")

    def __init__(self) -> None:
        self.by_org: defaultdict[Key, int] = defaultdict(int)
        self.counted = 0
        self.organisations = 0
        self.margin = -1
        """How many responses or organisations more than needed; negative where there are not enough."""


class Sweep:
    """Goes through a membership's instants in order, and keeps the counts that hold at the present one."""

    def __init__(self, membership: Membership, rulebook: Rulebook, at_us: int) -> None:
        self._nearest = _NO_MARGIN
        self._membership = membership
        self._rulebook = rulebook
        self._groups = membership.organisations.groups
        self.at_us = at_us
        self._edition_until_us = END_OF_TIME_US
        self._count_anew()
        self._satisfied = self._via() is not None
        self._champion = ""
        self._margin = 0
        self.calm_since_us = at_us
        """Since when the margin has been there; before this instant nothing is known of it."""
        if self._enough:
            self._settle()
        self.settled_us = at_us
        """After this instant it has been satisfied, or not, as it is now; if not, none had a margin above `_nearest`."""
        self._arrival_us = self._next_arrival_us()
        """Before this instant nothing changes but by expiry."""
        self.next_us = self._next_change_us()
        """Before this instant nothing changes."""

    def expect(self, instant_us: int) -> None:
        """The membership has something new that holds from a later instant on."""
        if instant_us < self._arrival_us:
            self._arrival_us = instant_us
            self.next_us = min(self.next_us, instant_us)

    def expect_edition(self, instant_us: int) -> None:
        """The rulebook has a new edition that takes effect at a later instant."""
        self._edition_until_us = min(self._edition_until_us, instant_us)
        self.expect(instant_us)

    def doubt(self, until_us: int) -> None:
        """What it was satisfied by until an instant of the past is others than before; what counts now is the same."""
        self.settled_us = max(self.settled_us, until_us)
        if until_us >= self.calm_since_us:
            self._margin = 0

    def amend(self, response: Response, change: int) -> bool:
        """Counts one response of the past in (1) or out (-1), if that cannot change any flip; says whether it did.

        It cannot where, at every instant since before it was received, more responses and organisations than needed
        were counted, or too few by more than one: it brings or takes away at most one of either (see `bear`).
        """
        if self._edition is None or not self.bear(response.received_us, change):
            return False
        self.count_late(response, change)
        return True

    def count_late(self, response: Response, change: int) -> None:
        """Counts one response of the past in (1) or out (-1), if it counts at the present instant."""
        if self._edition is None:
            return
        expiry_us = add_months(response.received_us, self._edition.window_months)
        if response.received_us <= self.at_us < expiry_us:
            location = place(self._edition, response)
            self._count(self._edition, location, response.customer_org, change)
            if change > 0:
                heappush(self._expiries, (expiry_us, response.seq, location, response.customer_org))
                self.next_us = min(self.next_us, expiry_us)
            else:
                self._withdrawn.add(response.seq)

    def count_late_evaluation(self, received_us: int) -> None:
        """Counts one evaluation of the past, if it counts at the present instant."""
        if self._edition is not None and received_us <= self.at_us:
            self._count_evaluation(self._edition, received_us)
            self.next_us = self._next_change_us()

    def regroup(self, change: Regrouping, moved: Sequence[Response]) -> None:
        """Counts organisations anew that became one or two; `moved` are the responses of `change.moved`."""
        edition, at_us = self._edition, self.at_us
        if edition is None:
            return
        moved_now: defaultdict[str, int] = defaultdict(int)
        for response in moved if len(change.after) > 1 else ():
            if response.received_us <= at_us < add_months(response.received_us, edition.window_months):
                moved_now[place(edition, response)] += 1
        for location, at in self._places.items():
            were = [at.by_org.pop(key, 0) for key in change.before]
            if not any(were):
                continue
            part = moved_now[location] if len(change.after) > 1 else 0
            are = [sum(were)] if len(change.after) == 1 else [part, sum(were) - part]
            at.by_org.update(zip(change.after, are, strict=True))
            for sign, counts in ((-1, were), (1, are)):
                at.counted += sign * sum(min(edition.per_org_cap, count) for count in counts)
                at.organisations += sign * sum(count > 0 for count in counts)
            self._judge(edition, location, at)

    def bear(self, from_us: int, change: int) -> bool:
        """Whether no flip can come of it that locations have up to `change` more, or less, from some instant on.

        More where it has been satisfied ever since, and less where it has not, cannot be any harm. Else the change is
        taken off the least margin, or off what the nearest location lacked.
        """
        if (change > 0) == self._satisfied:
            return from_us > self.settled_us
        if self._satisfied:
            if self._margin + change < 0 or from_us <= self.calm_since_us:
                return False
            self._margin += change
        else:
            if self._nearest + change >= 0 or from_us <= self.settled_us:
                return False
            self._nearest += change
        return True

    def advance(self, to_us: int) -> list[Flip]:
        """The flips after the present instant, up to and at `to_us`, which becomes the present."""
        flips = []
        while (instant_us := self.next_us) <= to_us:
            if instant_us >= self._arrival_us:
                flip = self._step(instant_us)
                self._arrival_us = self._next_arrival_us()
            else:
                self.at_us = instant_us
                self._expire()
                flip = self._flip(self._edition, self._learning) if self._satisfied else None
            if flip:
                flips.append(flip)
            self.next_us = self._next_change_us()
        self.at_us = max(self.at_us, to_us)
        return flips

    def next_flip(self, until_us: int) -> Flip | None:
        """The first flip after the present instant, and up to another; the present instant moves on."""
        until_us = min(until_us, END_OF_TIME_US)
        while self.next_us <= until_us:
            if not self._satisfied and self._arrival_us > until_us:
                return None  # nothing that only expires can satisfy
            if flips := self.advance(self.next_us):
                return flips[0]
        return None

    def receive(self, response: Response) -> list[Flip]:
        """The flips up to and at the receipt of a response, which comes after all that the membership holds besides."""
        edition, received_us = self._edition, response.received_us
        if edition is None or received_us >= self._arrival_us:
            self.expect(received_us)
            return self.advance(received_us)
        flips = self.advance(received_us - 1) if received_us > self.next_us else []
        self.at_us = received_us
        something_expires = received_us == self.next_us
        if something_expires:
            self._expire()
        self._count_in(edition, response)
        brings_enough = self._enough and not self._satisfied
        if (something_expires or brings_enough) and (flip := self._flip(edition, self._learning)):
            flips.append(flip)
        self.next_us = self._next_change_us()
        return flips

    def _next_change_us(self) -> int:
        expiries, arrival_us = self._expiries, self._arrival_us
        return expiries[0][0] if expiries and expiries[0][0] < arrival_us else arrival_us

    def _settle(self) -> None:
        """Keeps the least margin, and since when there has been one without a break; some location has enough."""
        margin = self._places[self._champion].margin if self._champion in self._enough else 0
        if margin <= 0:
            self._champion = max(self._enough, key=lambda location: self._places[location].margin)
            margin = self._places[self._champion].margin
        if margin <= 0:
            self._margin = 0
        elif self._margin == 0:
            self._margin, self.calm_since_us = margin, self.at_us
        elif margin < self._margin:
            self._margin = margin

    def _count_anew(self) -> None:
        membership = self._membership
        self._edition = self._rulebook.at(self.at_us)
        self._edition_until_us = self._rulebook.next_us(self.at_us)
        self._learning = membership.holds_learning(self.at_us)
        self._evaluations = 0
        self._places: defaultdict[str, _Place] = defaultdict(_Place)
        self._enough: set[str] = set()
        self._withdrawn: set[int] = set()
        """seqs of responses in `_expiries` that are counted no longer."""
        self._expiries: list[_Expiry] = []
        if self._edition is None:
            return
        self._nearest = max(self._nearest, self._margin_of_none())
        months = self._edition.window_months
        for response in membership.received_within(months, self.at_us):
            if response.response not in membership.void:
                self._count_in(self._edition, response)
        for received_us in membership.evaluations_within(months, self.at_us):
            self._count_evaluation(self._edition, received_us)

    def _count_in(self, edition: Edition, response: Response) -> None:
        expiry_us = add_months(response.received_us, edition.window_months)
        if expiry_us > self.at_us:
            location, organisation = place(edition, response), response.customer_org
            self._count(edition, location, organisation, 1)
            heappush(self._expiries, (expiry_us, response.seq, location, organisation))

    def _count_evaluation(self, edition: Edition, received_us: int) -> None:
        expiry_us = add_months(received_us, edition.window_months)
        if expiry_us > self.at_us:
            self._evaluations += 1
            heappush(self._expiries, (expiry_us, 0, *_EVALUATION))

    def _count(self, edition: Edition, location: str, organisation: str, change: int) -> None:
        at, key = self._places[location], self._groups.get(organisation, organisation)
        before = at.by_org[key]
        at.by_org[key] = before + change
        others = before if change > 0 else before - 1  # of the organisation's responses, beside this one
        if others == 0:
            at.organisations += change
        if others < edition.per_org_cap:
            at.counted += change
        spare, spare_organisations = at.counted - edition.min_responses, at.organisations - edition.min_organisations
        at.margin = spare if spare < spare_organisations else spare_organisations  # `min` would be a call a response
        if at.margin >= 0:
            self._enough.add(location)
        else:
            self._enough.discard(location)
            if at.margin > self._nearest:  # noqa: PLR1730 - `max` would be a call a response
                self._nearest = at.margin

    def _margin_of_none(self) -> int:
        """The margin of a location for which nothing counts."""
        edition = self._edition
        return -max(edition.min_responses, edition.min_organisations) if edition else _NO_MARGIN

    def _judge(self, edition: Edition, location: str, at: _Place) -> None:
        spare, spare_organisations = at.counted - edition.min_responses, at.organisations - edition.min_organisations
        at.margin = spare if spare < spare_organisations else spare_organisations  # `min` would be a call a response
        if at.margin >= 0:
            self._enough.add(location)
        else:
            self._enough.discard(location)
            self._nearest = max(self._nearest, at.margin)

    def _next_arrival_us(self) -> int:
        membership, at_us, next_us = self._membership, self.at_us, self._edition_until_us
        by_time, evaluations, learning = membership.by_time, membership.evaluations, membership.learning
        # Most often all that is known lies in the past: then the last of each list tells so, without a search.
        if by_time and by_time[-1].received_us > at_us:
            next_us = min(next_us, _first(by_time, at_us, _received))
        if evaluations and evaluations[-1][0] > at_us:
            next_us = min(next_us, _first(evaluations, at_us, _instant))
        if learning and learning[-1][0] > at_us:
            next_us = min(next_us, _first(learning, at_us, _instant))
        return next_us

    def _step(self, instant_us: int) -> Flip | None:
        had_learning, had_edition = self._learning, self._edition
        before_us, self.at_us = self.at_us, instant_us
        learning = self._membership.learning
        if instant_us >= self._edition_until_us:
            self._count_anew()
        elif had_edition is not None:
            self._move(had_edition, before_us)
        if learning and learning[-1][0] > before_us:  # else the last word on it has held before
            self._learning = self._membership.holds_learning(instant_us)
        return self._flip(had_edition, had_learning)

    def _flip(self, had_edition: Edition | None, had_learning: bool) -> Flip | None:
        """The flip at the present instant, if there is one; the edition and Learning were these before."""
        previous = self._satisfied
        if self._enough:
            self._satisfied = True
            self._settle()
        else:
            self._satisfied = self._via() is not None
            self._margin = 0
        if self._satisfied == previous:
            return None
        self.settled_us = self.at_us
        if previous:
            self._nearest = max([self._margin_of_none(), *(at.margin for at in self._places.values())])
        via, edition = self._via(), self._edition
        if edition is not had_edition:
            cause = "rulebook"
        elif via == "responses":
            cause = "response"
        elif via == "evaluations":
            cause = "membership" if not had_learning else "evaluation"
        else:
            cause = "membership" if had_learning and not self._learning else "expiry"
        location, counted, organisations = self._location()
        name = edition.name if edition else None
        return Flip(self.at_us, self._satisfied, previous, via, location, counted, organisations, name, cause)

    def _move(self, edition: Edition, before_us: int) -> None:
        """Counts what came and went after `before_us`, up to the present instant."""
        self._expire()
        membership, at_us = self._membership, self.at_us
        by_time, evaluations = membership.by_time, membership.evaluations
        if by_time and by_time[-1].received_us > before_us:
            for response in _between(by_time, before_us, at_us, _received):
                if response.response not in membership.void:
                    self._count_in(edition, response)
        if evaluations and evaluations[-1][0] > before_us:
            for received_us, _ in _between(evaluations, before_us, at_us, _instant):
                self._count_evaluation(edition, received_us)

    def _expire(self) -> None:
        """Counts out what expires up to the present instant."""
        expiries, at_us = self._expiries, self.at_us
        while expiries and expiries[0][0] <= at_us:
            _, seq, location, organisation = heappop(expiries)
            if seq == 0:
                self._evaluations -= 1
            elif seq in self._withdrawn:
                self._withdrawn.remove(seq)
            elif self._edition is not None:
                self._count(self._edition, location, organisation, -1)

    def _via(self) -> str | None:
        if self._enough:
            return "responses"
        if self._edition is None:
            return None
        return "evaluations" if self._learning and self._evaluations >= self._edition.min_evaluations else None

    def _location(self) -> tuple[str | None, int, int]:
        if self._edition is None:
            return min(self._membership.locations, default=None), 0, 0
        counts = {name: (at.counted, at.organisations) for name, at in self._places.items()}
        return best_location(self._edition, self._membership.locations, counts)[:3]


def _first(history: list[_T], after_us: int, instant: Callable[[_T], int]) -> int:
    """The first instant of a history after another; there has to be one."""
    return instant(history[bisect_right(history, after_us, key=instant)])


def _between(history: list[_T], after_us: int, to_us: int, instant: Callable[[_T], int]) -> Sequence[_T]:
    """The part of a history after an instant, up to and at another."""
    if len(history) == 1 or instant(history[-2]) <= after_us:  # most often no more than the last
        return history[-1:] if after_us < instant(history[-1]) <= to_us else ()
    first = bisect_right(history, after_us, key=instant)
    return history[first : bisect_right(history, to_us, lo=first, key=instant)]
