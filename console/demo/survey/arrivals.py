"""The post between the sources and the ledger: facts wait here, by day of arrival, until their turn."""

from collections import defaultdict
from random import Random
from typing import Final

from console.demo.survey.companies import Fact, Member
from ledger.instants import DAY_US, SECOND_US, format_instant

HOUR_US: Final = 3_600 * SECOND_US


class Post:
    """Holds what was sent and has not arrived, as (arrival, serial, fact): a few months of the programme at most."""

    def __init__(self, rng: Random) -> None:
        self._random = rng.random
        self._serial = 0
        self._by_day: defaultdict[int, list[tuple[int, int, Fact]]] = defaultdict(list)

    def serial(self) -> int:
        """A number that was not given out before."""
        self._serial += 1
        return self._serial

    def fact(self, member: Member, kind: str, at_us: int, fields: Fact, actor: str = "survey-operator") -> Fact:
        """A new fact of a membership, not sent yet."""
        self._serial += 1
        return {
            "type": kind,
            "id": f"f-{self._serial}",
            "membership": member.id,
            "occurred_at": format_instant(at_us),
            "actor": actor,
            **fields,
        }

    def send(self, at_us: int, heard_us: int, fact: Fact) -> int:
        """Sends a fact, to arrive after what it rests on was heard. Returns its arrival.

        Most arrive within two minutes, one in eleven with the batch of the day, one in twenty-five days or weeks late.
        """
        chance = self._random()
        if chance < 0.87:
            arrival_us = at_us + SECOND_US + int(chance * 120 * SECOND_US)
        elif chance < 0.96:
            arrival_us = at_us + HOUR_US + int((chance - 0.87) * 10 * DAY_US)
        else:
            arrival_us = at_us + 2 * DAY_US + int((chance - 0.96) * 900 * DAY_US)
        if arrival_us <= heard_us:
            arrival_us = heard_us + SECOND_US
        self.put(arrival_us, fact)
        if 0.4 < chance < 0.404:  # the same again, from a sender that was not sure
            self.put(arrival_us + SECOND_US + int(self._random() * 2 * DAY_US), dict(fact))
        return arrival_us

    def put(self, arrival_us: int, fact: Fact) -> None:
        """Sends a fact, to arrive at just that instant."""
        self._serial += 1
        self._by_day[arrival_us // DAY_US].append((arrival_us, self._serial, fact))

    def deliver(self, day: int) -> list[tuple[int, int, Fact]]:
        """(arrival, serial, fact) of one day, in order of arrival; ties in the order in which they were sent."""
        return sorted(self._by_day.pop(day, ()))  # no two have one serial, so the facts are never compared
