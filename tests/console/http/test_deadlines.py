"""One timer for the deadlines of all requests: each of them rings in time, and for itself alone."""

from __future__ import annotations

import asyncio
import time

import pytest

from console.http.deadlines import Deadlines


async def working(deadlines: Deadlines, seconds: float) -> str:
    """What becomes of something that takes so long."""
    deadline = deadlines.begin()
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if not deadline.missed():
            raise
        return "late"
    finally:
        deadline.over()
    return "done"


def test_each_ends_in_its_own_time_whatever_the_others_do() -> None:
    async def run() -> tuple[list[str], list[float]]:
        deadlines, ended_s = Deadlines(0.2), []

        async def begun_after(pause_s: float, seconds: float) -> str:
            await asyncio.sleep(pause_s)
            found = await working(deadlines, seconds)
            ended_s.append(time.monotonic() - began_s - pause_s)
            return found

        began_s = time.monotonic()
        found = await asyncio.gather(
            begun_after(0, 0.01),
            begun_after(0, 60),
            begun_after(0.1, 60),
            begun_after(0.15, 0.05),
            begun_after(0.3, 60),
        )
        return found, ended_s

    found, ended_s = asyncio.run(run())
    assert found == ["done", "late", "late", "done", "late"]
    late_s = sorted(ended_s)[2:]
    assert all(one >= 0.19 for one in late_s), late_s
    assert late_s[-1] < 5


def test_one_that_is_over_rings_no_more_and_keeps_nobody() -> None:
    async def run() -> None:
        deadlines = Deadlines(0.05)
        deadline = deadlines.begin()
        deadline.over()
        await asyncio.sleep(0.15)
        assert not deadline.missed()
        assert not deadlines._under_way

    asyncio.run(run())


def test_who_is_cancelled_by_another_is_cancelled_and_not_late() -> None:
    async def run() -> None:
        task = asyncio.create_task(working(Deadlines(60), 60))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_the_next_event_loop_has_deadlines_too() -> None:
    deadlines = Deadlines(0.05)
    assert asyncio.run(working(deadlines, 60)) == "late"
    assert asyncio.run(working(deadlines, 60)) == "late"
