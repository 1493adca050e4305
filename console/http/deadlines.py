"""One deadline for each request, all after the same time, and one timer for all of them.

    deadline = deadlines.begin()
    try: …
    except CancelledError: if not deadline.missed(): raise
    finally: deadline.over()

A timer of its own for each request (`asyncio.timeout`) costs as much as looking at its token. Since all have the same time, the
first that began ends first: the timer waits for that one alone, and is set anew when it rings, which is seldom.
"""

from __future__ import annotations

import asyncio
from typing import Any


class Deadlines:
    """The deadlines of the requests under way; for one event loop at a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._under_way: dict[Deadline, None] = {}

    def begin(self) -> Deadline:
        """The deadline of what the present task begins now."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._timer, self._under_way = loop, None, {}
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("found no task, expected a request to be one")
        found = Deadline(self._under_way, task, loop.time() + self._seconds)
        self._under_way[found] = None
        if self._timer is None:
            self._timer = loop.call_at(found.at_s, self._ring, loop)
        return found

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ends those whose time is over, and waits for the next one. A timer may ring a little early."""
        self._timer = None
        while first := next(iter(self._under_way), None):
            if first.at_s > loop.time():
                self._timer = loop.call_at(first.at_s, self._ring, loop)
                return
            first.ring()


class Deadline:
    """When a request has to be answered."""

    __slots__ = ("_among", "_cancelled_before", "_rang", "_task", "at_s")

    def __init__(self, among: dict[Deadline, None], task: asyncio.Task[Any], at_s: float) -> None:
        self.at_s = at_s
        """By the event loop's clock."""
        self._among = among
        self._task = task
        self._cancelled_before = task.cancelling()
        self._rang = False

    def ring(self) -> None:
        """Its time is over: the task is cancelled."""
        self.over()
        self._rang = True
        self._task.cancel()

    def over(self) -> None:
        """It waits for nothing any more: the request is answered, or may last."""
        self._among.pop(self, None)

    def missed(self) -> bool:
        """Whether it is what the task was cancelled for, and nobody else cancelled it; to be asked once, when it was."""
        return self._rang and self._task.uncancel() <= self._cancelled_before
