"""Which checkpoints decide on a receipt, of many: none has to be looked at beside them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from ledger.monitor.receipt_memory import Timed
from ledger.proof.log.policy import Policy


class Times:
    """The checkpoints that are what the entries lead to, and which of them decide on a receipt."""

    def __init__(self, times: Sequence[Timed], policy: Policy) -> None:
        self._times = times
        self._sizes = [one.size for one in times]
        self._has_none = not policy.quorum
        self._before: list[Timed | None] = [None]
        """Of so many, the latest."""
        for one in times:
            self._before.append(_later(self._before[-1], one))
        self._earliest: list[Timed | None] = [None]
        self._latest: list[Timed | None] = [None]
        for one in reversed(times):
            self._latest.append(_later(self._latest[-1], one))
            self._earliest.append(_earlier(self._earliest[-1], one))
        self._latest.reverse()
        self._earliest.reverse()

    def latest(self) -> Timed | None:
        """The one of the latest time."""
        return self._before[-1]

    def deciding(self, size: int) -> list[tuple[Timed, bool]]:
        """Those that can decide on an event that is in the log from a size on, and whether they have it."""
        start = bisect_left(self._sizes, size)
        having = [self._earliest[start], self._latest[start]]
        if self._has_none:
            having += self._times[-1:] if start < len(self._times) else ()
        return [
            *((one, True) for one in having if one is not None),
            *((one, False) for one in (self._before[start],) if one is not None),
        ]


def _later(one: Timed | None, other: Timed) -> Timed | None:
    if other.time_s is None or (one is not None and one.time_s is not None and one.time_s >= other.time_s):
        return one
    return other


def _earlier(one: Timed | None, other: Timed) -> Timed | None:
    if other.time_s is None or (one is not None and one.time_s is not None and one.time_s <= other.time_s):
        return one
    return other


def first_time(times: Iterable[Timed]) -> int | None:
    """The earliest of some times, POSIX seconds."""
    return min((one.time_s for one in times if one.time_s is not None), default=None)
