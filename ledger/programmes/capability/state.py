"""A designation's state: what its stream says so far, as far as deciding needs it.

`evolve` never refuses. It changes the state that it is given, so that a stream of a million reports folds in linear time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ledger.event import Event
from ledger.instants import parse_instant
from ledger.programmes.capability.calendar import YEAR, month_number
from ledger.programmes.capability.certificates import Certificate, People, day_us
from ledger.programmes.capability.editions import Edition
from ledger.programmes.capability.months import Month, Pairs, Sums
from ledger.programmes.programme import State, fold_announcement

METRICS: Final = ("net-adds", "intermediate", "advanced", "usage-growth", "deployments")


class Announcement(NamedTuple):
    """What was announced for an instant: a DesignationChanged, as it stands in the folded history."""

    effective_us: int
    qualified: bool
    centipoints: int
    metrics: dict[str, int]
    month: str | None
    track: str
    edition: str | None
    cause: str
    position: int = 0

    @property
    def holds(self) -> bool:
        """Whether it says that the designation is qualified."""
        return self.qualified

    @property
    def flip(self) -> tuple[int, bool]:
        """What makes it this flip and no other: figures may be overtaken without another announcement."""
        return self.effective_us, self.qualified


@dataclass(slots=True)
class Decision:
    """The last decision on an anniversary: what it said but for its revision, None while undecided."""

    revision: int = 0
    content: dict[str, Any] | None = None


class Closes:
    """When each month was closed, and which month is the last one at an instant (C5, C11)."""

    def __init__(self, closed_us: dict[int, int] | None = None) -> None:
        self.closed_us: dict[int, int] = {} if closed_us is None else closed_us
        self._steps: tuple[list[int], list[int]] | None = None

    def close(self, month: int, closed_us: int) -> None:
        """A month is closed at an instant, in the place of the one said before."""
        moved = month in self.closed_us
        self.closed_us[month] = closed_us
        if moved:
            self._steps = None
        elif self._steps is not None:
            self._step(month, closed_us, *self._steps)

    def _step(self, month: int, closed_us: int, instants: list[int], last: list[int]) -> None:
        """One more month takes its place among those that become the last one, where it does."""
        place = bisect_right(instants, closed_us)
        if place and last[place - 1] >= month:
            return
        if place and instants[place - 1] == closed_us:
            last[place - 1] = month
        else:
            instants.insert(place, closed_us)
            last.insert(place, month)
            place += 1
        overtaken = bisect_left(last, month, place)
        del instants[place:overtaken], last[place:overtaken]

    def _worked_out(self) -> tuple[list[int], list[int]]:
        """The instants at which the last month becomes another, and those months, which increase."""
        if self._steps is None:
            instants: list[int] = []
            last: list[int] = []
            for at_us, number in sorted((at_us, number) for number, at_us in self.closed_us.items()):
                if last and number <= last[-1]:
                    continue
                if instants and instants[-1] == at_us:
                    last[-1] = number
                else:
                    instants.append(at_us)
                    last.append(number)
            self._steps = instants, last
        return self._steps

    @property
    def instants(self) -> list[int]:
        """The instants at which the last month becomes another."""
        return self._worked_out()[0]

    def last(self, at_us: int) -> int | None:
        """The latest month with a close at or before an instant; None where there is none."""
        instants, last = self._worked_out()
        place = bisect_right(instants, at_us)
        return last[place - 1] if place else None

    def overtaken_us(self, month: int) -> int | None:
        """From when on a later month is the last one, whenever this one was closed; None where none is."""
        instants, last = self._worked_out()
        place = bisect_right(last, month)
        return instants[place] if place < len(instants) else None

    def span(self, month: int) -> tuple[int, int | None] | None:
        """From when until before when a month is one of the two that are compared; None where it never is.

        Between the two times in which it is, other months are: the span covers them as well.
        """
        places = [place for place in map(self._place, (month, month + YEAR)) if place is not None]
        if not places:
            return None
        after = places[-1] + 1
        return self.instants[places[0]], self.instants[after] if after < len(self.instants) else None

    def _place(self, month: int) -> int | None:
        """The place of a month among those that become the last one, which increase."""
        last = self._worked_out()[1]
        place = bisect_left(last, month)
        return place if place < len(last) and last[place] == month else None


@dataclass(slots=True)
class Designation(State):
    """The state of the stream of a membership in an area."""

    opened: bool = False
    anniversaries: dict[str, Decision] = field(default_factory=dict)
    pairs: Pairs = field(default_factory=Pairs)
    months: dict[int, Month] = field(default_factory=dict)
    closes: Closes = field(default_factory=Closes)
    certificates: dict[str, Certificate] = field(default_factory=dict)
    changed: tuple[int, int | None] | None = None
    """Where the last event that moved a close or a certificate changed something: from, and until before (None: for ever)."""
    more_people: bool = False
    """Whether the last event about a certificate can only have added to the people who hold one; else only taken away."""
    _people: dict[str, People] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """About how many bytes of memory the state takes."""
        reports = sum(map(len, self.months.values()))
        return (
            8_000
            + 130 * reports
            + 250 * len(self.pairs.names)
            + 500 * (len(self.certificates) + len(self.months) + len(self.announced))
            + 3_000 * len(self.anniversaries)
        )

    def people(self, tier: str) -> People:
        """How many people hold a certificate of a tier, over all of time."""
        found = self._people.get(tier)
        if found is None:
            found = self._people[tier] = People(one for one in self.certificates.values() if one.tier == tier)
        return found

    def sums(self, month: int, edition: Edition) -> Sums:
        """What a month amounts to under an edition; what was not reported is 0 (C5)."""
        found = self.months.get(month)
        return Sums(edition) if found is None else found.sums(self.pairs, edition)

    def record_certificate(self, name: str, one: Certificate) -> None:
        """One more certificate."""
        self.certificates[name] = one
        if one.tier in self._people:
            self._people[one.tier].record(one)

    def end_certificate(self, name: str, ended_us: int) -> None:
        """A certificate no longer counts from an instant on; the last word holds."""
        one = self.certificates[name]
        one.ended_us = ended_us
        if one.tier in self._people:
            self._people[one.tier].end(one)


def evolve(state: Designation, event: Event) -> None:
    """One more event of the designation."""
    _EVOLVE[event.type](state, event)


def _opened(state: Designation, _event: Event) -> None:
    state.opened = True


def _anniversary_set(state: Designation, event: Event) -> None:
    state.anniversaries.setdefault(event.data["anniversary"], Decision())


def _usage_reported(state: Designation, event: Event) -> None:
    _report(state, event.data, "usage", event.data["units"])


def _revenue_reported(state: Designation, event: Event) -> None:
    _report(state, event.data, "revenue", event.data["amount_cents"])


def _report(state: Designation, data: Any, what: str, amount: int) -> None:
    number = month_number(data["month"])
    month = state.months.get(number)
    if month is None:
        month = state.months[number] = Month()
    month.report(state.pairs, what, data["customer"], data["workload"], data["association"], amount)


def _month_closed(state: Designation, event: Event) -> None:
    _close(state, month_number(event.data["month"]), event.occurred_us)


def _close_corrected(state: Designation, event: Event) -> None:
    _close(state, month_number(event.data["month"]), parse_instant(event.data["closed_at"]))


def _close(state: Designation, month: int, closed_us: int) -> None:
    before = state.closes.closed_us.get(month)
    state.closes.close(month, closed_us)
    first_us, end_us = closed_us if before is None else min(before, closed_us), state.closes.overtaken_us(month)
    state.changed = None if end_us is not None and end_us <= first_us else (first_us, end_us)


def _certificate_recorded(state: Designation, event: Event) -> None:
    data = event.data
    until_us = None if data["valid_until"] is None else day_us(data["valid_until"])
    one = Certificate(data["person"], data["tier"], day_us(data["valid_from"]), until_us)
    state.record_certificate(data["certificate"], one)
    state.changed, state.more_people = (one.first_us, one.end_us), True


def _certificate_ended(state: Designation, event: Event) -> None:
    one = state.certificates[event.data["certificate"]]
    before = one.end_us
    state.end_certificate(event.data["certificate"], day_us(event.data["on"]))
    ends = [end for end in (before, one.end_us) if end is not None]
    state.changed = (max(one.first_us, min(ends)), None if before is None else max(ends))
    state.more_people = before is not None and ends[-1] > before


def _changed(state: Designation, event: Event) -> None:
    fold_announcement(state.announced, announcement_of(event))


def announcement_of(event: Event) -> Announcement:
    """The entry of the folded history that a DesignationChanged event makes."""
    data = event.data
    return Announcement(
        parse_instant(data["effective_at"]),
        data["qualified"],
        data["centipoints"],
        data["metrics"],
        data["month"],
        data["track"],
        data["edition"],
        data["cause"],
        event.position,
    )


def _decided(state: Designation, event: Event) -> None:
    content = {key: value for key, value in event.data.items() if key != "revision"}
    state.anniversaries[event.data["anniversary"]] = Decision(event.data["revision"], content)


_EVOLVE: Final[dict[str, Callable[[Designation, Event], None]]] = {
    "DesignationOpened": _opened,
    "AnniversarySet": _anniversary_set,
    "UsageReported": _usage_reported,
    "RevenueReported": _revenue_reported,
    "MonthClosed": _month_closed,
    "MonthCloseCorrected": _close_corrected,
    "CertificateRecorded": _certificate_recorded,
    "CertificateEnded": _certificate_ended,
    "DesignationChanged": _changed,
    "DesignationDecided": _decided,
}
