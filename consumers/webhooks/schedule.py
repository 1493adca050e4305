"""When a delivery that failed is tried again, and when it is given up.

Pauses double from 5 seconds up to six hours, each between half and the whole of that, so that what failed in one instant is
not tried in one instant; so there are some 25 attempts in three days. The last one is at their end: an announcement that
fails then is parked.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from consumers.broker.backoff import Backoff
from ledger.instants import SECOND_US

FIRST_S: Final = 5.0
PAUSE_MAX_S: Final = 6 * 3_600.0


class Next(NamedTuple):
    """When it is tried next, in microseconds since 1970; of one that is parked it says nothing."""

    at_us: int
    parked: bool


def next_try(
    backoff: Backoff, retry_for_us: int, since_us: int, now_us: int, attempts: int, retry_after_s: int = 0
) -> Next:
    """After so many attempts, the first of which failed at `since_us`; the receiver asked for a pause of `retry_after_s`."""
    end_us = since_us + retry_for_us
    if now_us >= end_us:
        return Next(now_us, True)
    pause_s = max(backoff.pause_s(attempts), retry_after_s)
    return Next(min(now_us + int(pause_s * SECOND_US), end_us), False)
