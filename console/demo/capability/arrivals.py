"""The post between the sources of the capability programme and the ledger: most arrives within a minute."""

from random import Random

from console.demo.arrivals import Arrivals, Fact
from ledger.instants import DAY_US, SECOND_US, format_instant
from ledger.programmes.capability.editions import SHIPPED_AREA


class Post(Arrivals):
    """Facts of the capability programme on their way."""

    def __init__(self, rng: Random) -> None:
        super().__init__()
        self._random = rng.random

    def fact(self, membership: str, kind: str, at_us: int, **fields: object) -> Fact:
        """A new fact of a designation, not sent yet."""
        return {
            "type": kind,
            "id": f"c-{self.serial()}",
            "membership": membership,
            "area": SHIPPED_AREA,
            "occurred_at": format_instant(at_us),
            "actor": "programme-office",
            **fields,
        }

    def send(self, at_us: int, membership: str, kind: str, **fields: object) -> tuple[int, Fact]:
        """Sends a fact, to arrive within a minute; now and then it comes twice. Returns its arrival, and the fact."""
        fact = self.fact(membership, kind, at_us, **fields)
        chance = self._random()
        arrival_us = at_us + SECOND_US + int(chance * 59) * SECOND_US
        self.put(arrival_us, fact)
        if 0.4 < chance < 0.404:  # the same again, from a sender that was not sure
            self.put(arrival_us + SECOND_US + int(self._random() * 2 * DAY_US), dict(fact))
        return arrival_us, fact
