"""Three days of attempts: pauses that grow, each by chance, and the last attempt at their end."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from consumers.broker.backoff import Backoff
from consumers.webhooks.schedule import FIRST_S, PAUSE_MAX_S, is_due, next_try
from ledger.instants import DAY_US, SECOND_US

START_US = 1_700_000_000 * SECOND_US


def attempts(seed: int, retry_after_s: int = 0) -> list[int]:
    """The instants of all attempts, in microseconds after the first."""
    backoff = Backoff(FIRST_S, PAUSE_MAX_S, Random(seed))
    now_us, made = START_US, [0]
    while True:
        at_us, parked = next_try(backoff, 3 * DAY_US, START_US, now_us, len(made), retry_after_s)
        if parked:
            return made
        now_us = at_us
        made.append(at_us - START_US)


@pytest.mark.parametrize("seed", range(20))
def test_what_fails_is_tried_some_25_times_in_three_days_and_last_at_their_end(seed: int) -> None:
    made = attempts(seed)
    pauses = [(later - earlier) / SECOND_US for earlier, later in pairwise(made)]
    assert 20 <= len(made) <= 40
    assert made[-1] == 3 * DAY_US
    assert all(2.5 * 2**place <= pause <= 5.0 * 2**place for place, pause in enumerate(pauses[:12]))
    assert all(pause <= PAUSE_MAX_S for pause in pauses)


def test_what_failed_in_one_instant_is_not_tried_in_one_instant() -> None:
    assert len({attempts(seed)[1] for seed in range(20)}) == 20


def test_a_receiver_that_asks_for_a_pause_is_given_it() -> None:
    made = attempts(1, retry_after_s=600)
    assert made[1] == 600 * SECOND_US
    assert made[-1] == 3 * DAY_US


def test_what_is_due_later_than_any_pause_is_due_now() -> None:
    """It was set by a clock that has gone back since."""
    longest_us = int(PAUSE_MAX_S) * SECOND_US
    found = [
        is_due(START_US + later_us, START_US) for later_us in (-1, 0, 1, longest_us, longest_us + 1, 3650 * DAY_US)
    ]
    assert found == [True, True, False, False, True, True]
