"""The sender of webhooks: each announcement to each receiver that wants it, at least once, in order for each membership.

One sender is active, the one that holds the store's lock `webhooks`; the others stand by. It has a line for each webhook
(`consumers.webhooks.line`) on an event loop of its own, and keeps how far all of them have come about once a second, in one
transaction: whatever is killed sends again what it did within that second, and skips nothing.

`Sender` is a role of `consumers.roles.service`: its `step` turns the loop for a moment. The store is used by one thread of its
own, since a commit may have to wait for a writer, and no receiver's deadline may pass meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Final, Literal, Self

from consumers.webhooks.backlog import Backlog, backlog
from consumers.webhooks.line import Line, Rules, Surroundings
from consumers.webhooks.network import Outcome, Resolve, Resolver
from consumers.webhooks.registry import Held, Webhook, held, save, webhooks
from ledger.store.base import RoleLock, Store

ROLE: Final = "webhooks"
SLICE_S: Final = 0.1
KEEP_S: Final = 1.0
"""So often it is kept how far each webhook has come, and looked whether there are others."""
BACKLOG_S: Final = 5.0
STANDBY_LOOK_S: Final = 0.5
DRAIN_S: Final = 3.0
"""So long the answers to what is under way are waited for at the end."""
DELIVERIES_MAX: Final = 200
"""To all receivers together at the same time."""

Phase = Literal["starting", "standby", "active", "closed"]
OnAttempt = Callable[[Webhook, str, Outcome], None]


@dataclass
class SenderState:
    """How the sender is doing, for metrics and health checks. Written by the sender's thread, read by any."""

    phase: Phase = "starting"
    position: int = 0
    """Up to here all was delivered to all webhooks, or is held; the end of the book where there is none."""
    delivered: int = 0
    """Announcements that a receiver took from this process."""
    failed: int = 0
    """Attempts of this process that failed."""
    commits: int = 0
    """Transactions in which it was kept how far webhooks have come."""
    backlog: list[Backlog] = field(default_factory=list)
    """As it was a few seconds ago."""


class Sender:
    """Sends from one book, from when `step` is first called until `close`. For one thread.

    `now` gives microseconds since 1970. `on_attempt` is told of each attempt: the webhook, the id of the announcement, and
    what became of it. `resolve` looks names up as the system does where nothing else is given.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], int],
        rules: Rules | None = None,
        state: SenderState | None = None,
        *,
        on_attempt: OnAttempt = lambda _webhook, _id, _outcome: None,
        resolve: Resolve | None = None,
    ) -> None:
        self._store = store
        self._now = now
        self._rules = rules or Rules()
        self._on_attempt = on_attempt
        self._resolve = resolve
        self._lock: RoleLock | None = None
        self._loop: asyncio.Runner | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._resolver: Resolver | None = None
        self._around: Surroundings | None = None
        self._lines: dict[str, Line] = {}
        self._sound = False
        """Whether the last step succeeded: after another one nobody knows what was kept."""
        self._next_keep = self._next_backlog = 0.0
        self.state = state or SenderState()
        self.state.phase = "starting"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def step(self) -> float:
        """Sends for a moment what is there; a standby looks for the lock. Returns the pause after it, in seconds.

        Raises what went wrong with the store; the sender is to be closed then, and another one to be opened.
        """
        if not self._holds_lock():
            self.state.phase = "standby"
            return STANDBY_LOOK_S
        if self._loop is None:
            self._loop = asyncio.Runner()
            self._thread = ThreadPoolExecutor(1, "webhook-store")
            self.state.phase = "active"
        self._sound = False
        self._loop.run(self._turn())
        self._sound = True
        return 0.0

    def close(self) -> None:
        """Ends being active: waits a little for answers, keeps what was delivered, and gives all back."""
        loop, self._loop = self._loop, None
        try:
            if loop is not None:
                with loop:
                    loop.run(self._wind_up())
        finally:
            if self._thread is not None:
                self._thread.shutdown()
            if self._resolver is not None:
                self._resolver.close()
            lock, self._lock, self._thread, self._resolver, self._around = self._lock, None, None, None, None
            if lock is not None:
                with suppress(Exception):  # with its connection the lock is gone as well
                    lock.release()
            self.state.phase = "closed"

    def _holds_lock(self) -> bool:
        if self._lock is None:
            self._lock = self._store.try_lock(ROLE)
        elif time.monotonic() >= self._next_keep and not self._lock.held():
            self.close()
        return self._lock is not None

    async def _turn(self) -> None:
        if time.monotonic() >= self._next_keep:
            await self._keep()
            await self._look_around()
            self._next_keep = time.monotonic() + KEEP_S
        if time.monotonic() >= self._next_backlog:
            self.state.backlog = await self._in_store(backlog)
            self._next_backlog = time.monotonic() + BACKLOG_S
        end = await self._in_store(lambda store: store.max_position())
        for line in self._lines.values():
            line.end = end
        self.state.position = min((line.mark.position for line in self._lines.values()), default=end)
        tasks = [task for line in self._lines.values() for task in line.tasks]
        if not tasks:
            await asyncio.sleep(SLICE_S)
            return
        done, _ = await asyncio.wait(tasks, timeout=SLICE_S, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()

    async def _keep(self) -> None:
        """Keeps how far each line has come, in one transaction. What somebody else has changed is begun anew."""
        progress = [one for one in (line.progress() for line in self._lines.values()) if one is not None]
        if not progress:
            return
        overtaken = await self._in_store(partial(save, progress=progress))
        self.state.commits += 1
        for one in progress:
            if one.webhook not in overtaken:
                self._lines[one.webhook].kept()

    async def _look_around(self) -> None:
        """Which webhooks there are now that no receiver has ended, and which of them somebody has changed."""
        there: dict[str, Webhook] = {one.id: one for one in await self._in_store(webhooks) if not one.gone}
        for name, line in list(self._lines.items()):
            if name not in there or there[name].version != line.version:
                del self._lines[name]
                await line.close()
        for name, webhook in there.items():
            if name not in self._lines:
                some: list[Held] = await self._in_store(partial(held, name=name))
                self._lines[name] = Line(webhook, some, self._surroundings())

    def _surroundings(self) -> Surroundings:
        if self._around is None:
            resolve = self._resolve
            if resolve is None:
                resolve = self._resolver = Resolver()
            slots = asyncio.Semaphore(DELIVERIES_MAX)
            self._around = Surroundings(self._in_store, self._now, self._rules, resolve, slots, self._note)
        return self._around

    def _note(self, webhook: Webhook, message_id: str, outcome: Outcome) -> None:
        if outcome.taken:
            self.state.delivered += 1
        else:
            self.state.failed += 1
        self._on_attempt(webhook, message_id, outcome)

    async def _wind_up(self) -> None:
        lines, self._lines = self._lines, {}
        for line in lines.values():
            line.closing = True
        end = time.monotonic() + DRAIN_S
        while any(line.under_way for line in lines.values()) and time.monotonic() < end:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0)  # what was answered last is noted
        progress = [one for one in (line.progress() for line in lines.values()) if one is not None]
        try:
            if progress and self._sound and self._lock is not None and self._lock.held():
                await self._in_store(partial(save, progress=progress))
        finally:
            for line in lines.values():
                await line.close()

    async def _in_store(self, question: Callable[[Store], Any]) -> Any:
        """What a question to the store finds, asked by the store's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, question, self._store)
