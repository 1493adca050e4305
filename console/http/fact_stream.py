"""A stream of facts, of any length in bounded memory: lines are recorded as they come, and each is told its outcome.

    {"id":"f-7","status":"accepted","position":4711}
    {"id":null,"status":"refused","position":0,"code":"malformed","sentence":"…","line":8}

Three go on at once: one reads lines, no more than a batch ahead; one records them, what has gathered while the batch before
was under way; one sends the outcomes, in order. What a client does not read yet waits in a spool (`console.http.spool`),
so that one that sends everything before it reads anything gets through as well; only where the spools' room is used up is
the body not read on. What fails before the first outcome is sent is a problem. What fails later cuts the connection:
what was recorded is recorded, a line that was cut off is not, and sending all again is safe.

Where the service ends, the body is not read on: the lines that are there get their outcomes, and a last one says from which
line on nothing was taken, and when to come again. What still comes is passed over for a moment, so that the client reads that.

    {"id":null,"status":"put-off","position":0,"code":"stopping","sentence":"…","line":4712,"retry_ms":3170}
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from random import randint
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from console.http.door import without_deadline
from console.http.event_stream import RETRY_MAX_MS, RETRY_MS
from console.http.fact_lines import FactLine, FactLines
from console.http.foreign_bodies import refuse_foreign_body
from console.http.intake import stopping
from console.http.problems import Problem, problem_of
from console.http.spool import Room, Spool, SpoolFull
from ledger.errors import LedgerError

if TYPE_CHECKING:
    from console.http.dispatch import Receive, Scope, Send
    from console.http.intake import Intake

BATCH: Final = 1_000
BATCH_BYTES: Final = 1 << 20
HEADERS: Final = [(b"content-type", b"application/x-ndjson")]
FULL_S: Final = 0.05
"""Where the spools' room is used up it is tried again after so long, or when some was read."""
LINGER_S: Final = 1.0
"""So long what still comes is passed over where the service ends: a connection closed at once may lose the last line."""


class FactStream(Response):
    """The answer to a stream of facts, which is made while the body comes in."""

    def __init__(self, intake: Intake, source: str, room: Room, idle_s: float) -> None:
        """`source` says from whom the facts come; within `idle_s` the next line has to come, or some of the answer be taken."""
        self._intake = intake
        self._source = source
        self._spool = Spool(room)
        self._idle_s = idle_s
        self._lines = FactLines()
        self._pending: list[FactLine] = []
        self._pending_bytes = 0
        self._changed = asyncio.Event()
        self._begun = self._read_all = self._recorded_all = self._gone = self._stopping = False
        self._reader: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reads, records and answers. Raises Problem."""
        without_deadline(scope)
        try:
            with self._intake.streaming(self._end):
                async with asyncio.timeout(self._idle_s) as self._idle, asyncio.TaskGroup() as group:
                    self._reader = group.create_task(self._read(receive))
                    group.create_task(self._record())
                    group.create_task(self._send(send, receive))
        except TimeoutError:
            raise Problem(
                408, "idle", f"found a stream on which nothing went on for {self._idle_s:g} seconds, expected lines that "
                "end, and a client that reads", headers={"Connection": "close"},
            ) from None  # fmt: skip
        except ExceptionGroup as failed:
            raise _first(failed) from None
        finally:
            self._spool.close()

    def _end(self) -> None:
        """The service ends: nothing more is read."""
        if not self._read_all and self._reader is not None:
            self._reader.cancel()
            self._stopping = self._read_all = True
            self._goes_on()
            self._wake()

    async def _read(self, receive: Receive) -> None:
        while not self._read_all:
            await self._until(lambda: len(self._pending) < BATCH and self._pending_bytes < BATCH_BYTES)
            message = await receive()
            if message["type"] == "http.disconnect":
                self._gone = self._read_all = True
            else:
                self._take(message)
            self._wake()

    def _take(self, message: MutableMapping[str, Any]) -> None:
        part = message.get("body", b"")
        if part and not self._begun:
            self._begun = True
            refuse_foreign_body(part)
        found = self._lines.feed(part)
        if not message.get("more_body", False):
            found += self._lines.end()
            self._read_all = True
        if found:
            self._pending += found
            self._pending_bytes += sum(len(line.content) for line in found)
        if found or self._read_all:
            self._goes_on()

    async def _record(self) -> None:
        while True:
            await self._until(lambda: bool(self._pending) or self._read_all)
            if self._gone or not self._pending:
                break
            batch = self._next_batch()
            self._wake()
            said = await self._intake.take_lines(batch, self._source)
            while not self._spooled(said):
                await asyncio.sleep(FULL_S)
            self._goes_on()
            self._wake()
        if self._stopping:
            last = stopping(self._lines.number + 1, randint(RETRY_MS // 2, RETRY_MAX_MS)) + b"\n"
            while not self._spooled(last):
                await asyncio.sleep(FULL_S)
        self._recorded_all = True
        self._wake()

    def _next_batch(self) -> list[FactLine]:
        number, size = 0, 0
        for line in self._pending[:BATCH]:
            number, size = number + 1, size + len(line.content)
            if size >= BATCH_BYTES:
                break
        batch, self._pending = self._pending[:number], self._pending[number:]
        self._pending_bytes -= size
        return batch

    def _spooled(self, said: bytes) -> bool:
        try:
            self._spool.write(said)
        except SpoolFull:
            return False
        return True

    async def _send(self, send: Send, receive: Receive) -> None:
        await self._until(lambda: len(self._spool) > 0 or self._recorded_all)
        if self._gone:
            return
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        while not self._gone:
            await self._until(lambda: len(self._spool) > 0 or self._recorded_all)
            said = self._spool.read()
            if not said and self._recorded_all:
                if self._stopping:
                    await _pass_over(receive)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            await send({"type": "http.response.body", "body": said, "more_body": True})
            self._goes_on()

    async def _until(self, so: Callable[[], bool]) -> None:
        """Waits until one of the others has made something so."""
        while not so():
            await self._changed.wait()

    def _wake(self) -> None:
        """Makes the others look again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _goes_on(self) -> None:
        self._idle.reschedule(asyncio.get_running_loop().time() + self._idle_s)


async def _pass_over(receive: Receive) -> None:
    """Reads what still comes of a body, for a moment, and makes nothing of it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while (message := await receive())["type"] != "http.disconnect" and message.get("more_body", False):
                pass


def _first(failed: ExceptionGroup[Exception]) -> Exception:
    error: Exception = failed
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return problem_of(error) if isinstance(error, LedgerError) else error
