"""The post between the sources of the survey programme and the ledger: how late a fact arrives."""

from random import Random

from console.demo.arrivals import HOUR_US, Arrivals
from console.demo.survey.companies import Fact, Member
from ledger.instants import DAY_US, SECOND_US, format_instant

__all__ = ["HOUR_US", "Post"]


class Post(Arrivals):
    """Facts of the survey programme on their way."""

    def __init__(self, rng: Random) -> None:
        super().__init__()
        self._random = rng.random

    def fact(self, member: Member, kind: str, at_us: int, fields: Fact, actor: str = "survey-operator") -> Fact:
        """A new fact of a membership, not sent yet."""
        return {
            "type": kind,
            "id": f"f-{self.serial()}",
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
