"""Refused facts on their way from the service into the ledger's table, gathered so that many share a transaction.

A fact is refused on the thread that commits, or before, on the loop. It is put into a queue, and one thread keeps whatever has
gathered: at once where nothing was kept just before, else after a pause in proportion, so that who sends nonsense takes
little of the time in which facts are recorded. The answer to a refused fact waits until it is kept, for a moment at most:
whoever was told of a refusal finds it in the table, or the log says why not. What is handed in is kept although the client
has gone away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from threading import Condition, Thread
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from ledger.writing.refused import TurnedAway

QUEUE_MAX: Final = 50_000
"""So many may wait to be kept; more are given up, and counted."""
BATCH_MAX: Final = 2_000
PATIENCE_S: Final = 2.0
"""So long an answer waits for its refusals to be kept."""
PAUSE_FACTOR: Final = 3.0
PAUSE_MAX_S: Final = 0.25


class Keeper(Protocol):
    """What keeps refusals: `ledger.writing.refused.RefusalKeeper`."""

    unkept: int
    """Refusals that could not be kept."""

    def keep(self, refused: Sequence[TurnedAway]) -> bool:
        """Keeps refusals; whether that worked."""
        ...

    def give_up(self, number: int, error: Exception) -> None:
        """Counts refusals that are not kept, and says why."""
        ...


class RefusalQueue:
    """Hands refused facts to a keeper, which nobody else may use; `close` keeps what was handed in, and ends the thread."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._changed = Condition()
        self._waiting: list[TurnedAway] = []
        self._given_up = 0
        self._handed_in = 0
        self._settled = 0
        self._listeners: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._closed = False
        self._thread = Thread(target=self._run, name="http-refusals", daemon=True)
        self._thread.start()

    @property
    def unkept(self) -> int:
        """Refusals that could not be kept since the service began."""
        return self._keeper.unkept

    def submit(self, refused: Sequence[TurnedAway]) -> None:
        """Hands some in, from any thread, and returns at once."""
        with self._changed:
            room = max(0, QUEUE_MAX - len(self._waiting))
            self._waiting += refused[:room]
            self._given_up += len(refused[room:])
            self._handed_in += len(refused)
            self._changed.notify()

    async def kept(self) -> None:
        """Returns when all that was handed in before is kept, or cannot be, or PATIENCE_S have passed."""
        event = asyncio.Event()
        with self._changed:
            if self._settled >= self._handed_in:
                return
            self._listeners.append((self._handed_in, asyncio.get_running_loop(), event))
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await event.wait()

    def close(self) -> None:
        """Keeps what was handed in, and ends the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._given_up and not self._closed:
                    self._changed.wait()
                some, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
                given_up, self._given_up = self._given_up, 0
            if not some and not given_up:
                return
            began = time.monotonic()
            self._keep(some, given_up)
            self._tell(len(some) + given_up)
            pause_s = min(PAUSE_MAX_S, PAUSE_FACTOR * (time.monotonic() - began))
            with self._changed:
                self._changed.wait_for(lambda: self._closed, pause_s)

    def _keep(self, some: Sequence[TurnedAway], given_up: int) -> None:
        try:
            self._keeper.keep(some)
        except Exception as error:  # a fault of the program over one of them: the thread must go on
            self._keeper.give_up(len(some), error)
        if given_up:
            self._keeper.give_up(given_up, RuntimeError(f"found more than {QUEUE_MAX:,} waiting"))

    def _tell(self, number: int) -> None:
        with self._changed:
            self._settled += number
            woken = [one for one in self._listeners if one[0] <= self._settled]
            self._listeners = [one for one in self._listeners if one[0] > self._settled]
        for _, loop, event in woken:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(event.set)
