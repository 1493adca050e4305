"""Facts between their sources and the ledger: they wait here, by day of arrival, until their turn."""

from collections import defaultdict
from typing import Any, Final

from ledger.instants import DAY_US, SECOND_US

Fact = dict[str, Any]
HOUR_US: Final = 3_600 * SECOND_US


class Arrivals:
    """Holds what was sent and has not arrived, as (arrival, serial, fact): a few months of a programme at most."""

    def __init__(self) -> None:
        self._serial = 0
        self._by_day: defaultdict[int, list[tuple[int, int, Fact]]] = defaultdict(list)

    def serial(self) -> int:
        """A number that was not given out before."""
        self._serial += 1
        return self._serial

    def put(self, arrival_us: int, fact: Fact) -> None:
        """Sends a fact, to arrive at just that instant (microseconds since 1970)."""
        self._serial += 1
        self._by_day[arrival_us // DAY_US].append((arrival_us, self._serial, fact))

    def deliver(self, day: int) -> list[tuple[int, int, Fact]]:
        """(arrival, serial, fact) of one day, in order of arrival; ties in the order in which they were sent."""
        return sorted(self._by_day.pop(day, ()))  # no two have one serial, so the facts are never compared
