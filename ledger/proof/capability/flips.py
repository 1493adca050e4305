"""The true flips of `qualified`, over all of time, beside those that stand announced.

Both are lists of (effective_us, qualified), each another status than the one before it; a designation starts out not
qualified. What is known to agree is not compared again, and only what an event can have changed is worked out anew.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from ledger.proof.capability.designation import Designation
from ledger.proof.capability.timeline import END_US

Flip = tuple[int, bool]


class Flips:
    """Of one designation."""

    def __init__(self, designation: Designation) -> None:
        self._designation = designation
        self._true: list[Flip] = []
        self._announced: list[Flip] = []
        self._agreed = 0
        """So many of the first true flips are known to stand announced."""

    def look_again(self, from_us: int, until_us: int) -> None:
        """Works the flips out anew from the start of a piece until the start of another, or of none."""
        first = bisect_left(self._true, (from_us,))
        end = bisect_right(self._true, (until_us, True))
        holds, after = self._after(first), self._after(end)
        found: list[Flip] = []
        timeline = self._designation.timeline
        for piece in range(timeline.piece(from_us), len(timeline.starts)):
            at_us = timeline.starts[piece]
            if at_us >= until_us:
                break
            if (qualified := self._designation.score(at_us).qualified) != holds:
                found.append((at_us, qualified))
                holds = qualified
        if until_us != END_US and after != holds:
            found.append((until_us, after))
        self._true[first:end] = found
        self._agreed = min(self._agreed, first)

    def announce(self, at_us: int, qualified: bool) -> bool:
        """An announcement takes the place of everything announced from its instant on; what stood announced before that."""
        first = bisect_left(self._announced, (at_us,))
        del self._announced[first:]
        self._agreed = min(self._agreed, first)
        previous = bool(self._announced) and self._announced[-1][1]
        if qualified != previous:
            self._announced.append((at_us, qualified))
        return previous

    def first_difference(self, horizon_us: int) -> tuple[Flip | None, Flip | None] | None:
        """The first true flip up to the horizon, and what stands announced, where the two differ; None where they agree."""
        true, announced, index = self._true, self._announced, self._agreed
        end = bisect_right(true, (horizon_us, True))
        while index < end and index < len(announced) and true[index] == announced[index]:
            index += 1
        self._agreed = index
        if index >= end and index == len(announced):
            return None
        return true[index] if index < end else None, announced[index] if index < len(announced) else None

    def next_after(self, at_us: int, until_us: int) -> int | None:
        """The first true flip after an instant, and up to another."""
        place = bisect_right(self._true, (at_us, True))
        found = self._true[place][0] if place < len(self._true) else END_US
        return found if found <= until_us and found != END_US else None

    def agree(self, horizon_us: int) -> None:
        """From now on the true flips up to the horizon pass for announced: what differs is named once."""
        self._agreed = bisect_right(self._true, (horizon_us, True))
        self._announced = self._true[: self._agreed]

    def _after(self, number: int) -> bool:
        """What holds after so many of the true flips."""
        return number > 0 and self._true[number - 1][1]
