"""What keeps a receiver that answers nobody from being asked for everybody.

As long as some of its memberships get through, each failure is that membership's own matter. Once `FAILING_MAX` of them
have failed and none got through meanwhile, the receiver is taken for down: one attempt at a time tries it, after pauses
that grow, and all others wait. The first that gets through opens the gate. So a receiver that is down for a day has a few
memberships held, and the others wait at the cursor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from consumers.broker.backoff import Backoff
from ledger.instants import SECOND_US

FAILING_MAX: Final = 8
PAUSE_FIRST_S: Final = 2.0
PAUSE_MAX_S: Final = 300.0
LOOK_S: Final = 0.05


class Gate:
    """Before each attempt `enter`, after it `note`. For one loop; `now` gives microseconds, by a clock that nobody sets."""

    def __init__(self, now: Callable[[], int], backoff: Backoff) -> None:
        self._now = now
        self._backoff = backoff
        self._failing: set[str] = set()
        """Memberships that have failed since one got through."""
        self._failures = 0
        self._open_us = 0
        self._trying = False
        self._turn = asyncio.Lock()
        """Who waits, waits in order: one looks at the clock for all."""

    @property
    def shut(self) -> bool:
        """Whether the receiver is taken for down."""
        return len(self._failing) >= FAILING_MAX

    async def enter(self) -> None:
        """Returns when an attempt may be made."""
        if not self.shut:
            return
        async with self._turn:
            while self.shut and (self._trying or self._now() < self._open_us):
                await asyncio.sleep(LOOK_S)
            self._trying = self.shut

    def note(self, membership: str, alive: bool) -> None:
        """What became of an attempt: whether the receiver was there."""
        self._trying = False
        if alive:
            self._failing.clear()
            self._failures = 0
            return
        self._failing.add(membership)
        if len(self._failing) > FAILING_MAX:
            self._failing.pop()
        if self.shut:
            self._failures += 1
            self._open_us = self._now() + int(self._backoff.pause_s(self._failures) * SECOND_US)
