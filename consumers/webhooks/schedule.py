"""When a delivery that failed is tried again, and when it is given up.

Pauses double from 5 seconds up to six hours, each between half and the whole of that, so that what failed in one instant is
not tried in one instant; so there are some 25 attempts in three days. The last one is at their end: an announcement that
fails then is parked.

The instants are kept, and go by the wall clock, which may have been wrong when they were set. No pause is longer than
`PAUSE_LONGEST_US`, so what seems to be due later than that is due now (`is_due`), and is tried for its time from now on.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from consumers.broker.backoff import Backoff
from ledger.instants import SECOND_US

FIRST_S: Final = 5.0
PAUSE_MAX_S: Final = 6 * 3_600.0
PAUSE_LONGEST_US: Final = int(PAUSE_MAX_S) * SECOND_US
"""A receiver may ask for less than that (`consumers.webhooks.network`)."""


class Next(NamedTuple):
    """When it is tried next, in microseconds since 1970; of one that is parked it says nothing."""

    at_us: int
    parked: bool


def is_due(next_us: int, now_us: int) -> bool:
    """Whether what was to be tried at `next_us` is to be tried now; also where the clock went back since that was said."""
    return not now_us < next_us <= now_us + PAUSE_LONGEST_US


def next_try(
    backoff: Backoff, retry_for_us: int, since_us: int, now_us: int, attempts: int, retry_after_s: int = 0
) -> Next:
    """After so many attempts, the first of which failed at `since_us`; the receiver asked for a pause of `retry_after_s`."""
    end_us = since_us + retry_for_us
    if now_us >= end_us:
        return Next(now_us, True)
    pause_s = max(backoff.pause_s(attempts), retry_after_s)
    return Next(min(now_us + int(pause_s * SECOND_US), end_us), False)
