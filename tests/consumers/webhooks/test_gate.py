"""The gate: who fails alone stops nobody; a receiver that answers nobody is asked by one at a time."""

from __future__ import annotations

import asyncio
from random import Random

from consumers.broker.backoff import Backoff
from consumers.webhooks.gate import FAILING_MAX, Gate


class Moment:
    def __init__(self) -> None:
        self.us = 0

    def __call__(self) -> int:
        return self.us


def gate(moment: Moment) -> Gate:
    return Gate(moment, Backoff(first_s=10.0, max_s=40.0, chance=Random(1)))


async def passes(found: Gate) -> bool:
    try:
        async with asyncio.timeout(0.2):
            await found.enter()
    except TimeoutError:
        return False
    return True


def test_one_membership_that_fails_again_and_again_shuts_nothing() -> None:
    async def run() -> None:
        found = gate(Moment())
        for _ in range(10 * FAILING_MAX):
            assert await passes(found)
            found.note("m-1", alive=False)
        assert not found.shut

    asyncio.run(run())


def test_many_that_fail_with_one_that_gets_through_among_them_shut_nothing() -> None:
    async def run() -> None:
        found = gate(Moment())
        for number in range(10 * FAILING_MAX):
            found.note(f"m-{number}", alive=number % FAILING_MAX == 0)
        assert not found.shut

    asyncio.run(run())


def test_a_receiver_that_is_down_is_tried_by_one_at_a_time_after_pauses_that_grow() -> None:
    async def run() -> None:
        moment = Moment()
        found = gate(moment)
        for number in range(FAILING_MAX):
            found.note(f"m-{number}", alive=False)
        assert found.shut
        assert not await passes(found)
        moment.us += 10_000_000
        assert await passes(found), "one tries"
        assert not await passes(found), "and no other beside it"
        found.note("m-99", alive=False)
        moment.us += 9_000_000
        assert not await passes(found), "the pause is longer than the first"
        moment.us += 11_000_000
        assert await passes(found)
        found.note("m-100", alive=True)
        assert [await passes(found) for _ in range(3)] == [True] * 3, "it is back"

    asyncio.run(run())
