"""The feed as server-sent events: what lies in the past, then what comes, until the client goes or a reason ends it.

    retry: 2000                                     how soon to come again after a break, milliseconds

    id: 15-5feceb66ffc86f38                         an announcement; the id is where to go on from: `Last-Event-ID`
    event: EligibilityChanged
    data: {"position":15,…}

    id: 20-6b86b273ff34fce1                         where the feed stands: up to here nothing else is wanted
    event: position
    data: {"position":20}

    :                                               a heartbeat

    event: cut-off                                  why the stream ends here
    data: {"reason":"stopping","sentence":"…"}

`position` is sent where the past is caught up with, and where the feed has moved on by the time of a heartbeat: so
who wants what seldom comes goes on from near the end. Clients pass over events of types that they do not know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from random import randint
from typing import TYPE_CHECKING, Final

from fastapi import Response

from console.cli.exits import failure_of
from console.cli.output import json_text
from console.http.announcements import Announcement, Stretch, event_bytes
from console.http.listeners import CHUNK_BYTES, ENDING_S, SLOW, STOPPING, Cut, CutOff, Listener, Reason
from console.http.problems import problem_of
from ledger.errors import LedgerError
from ledger.store.cursor import Cursor
from projections.questions.answer import Position

if TYPE_CHECKING:
    from console.http.dispatch import Message, Receive, Scope, Send
    from console.http.fan_out import FanOut

MEDIA_TYPE: Final = "text/event-stream"
HEARTBEAT_S: Final = 15.0
SEND_S: Final = 10.0
"""A send that has made no progress by then is the last but for the reason."""
LIFE_S: Final = 86_400.0
"""So long a stream lasts at most: then who follows comes again, it may be to another process."""
RETRY_MS: Final = 2_000
RETRY_MAX_MS: Final = 5_000
"""Where all streams end at once, they come again spread over so long."""
HEARTBEAT: Final = b":\n\n"
Holds = Callable[[], float]
HEADERS: Final = {"Content-Type": MEDIA_TYPE, "X-Accel-Buffering": "no"}
"""It is UTF-8 always, so no charset is named. A reverse proxy that would gather what comes is told not to."""
REASONS: Final[dict[str, Reason]] = {"position-unknown": "position-unknown", "broken-history": "broken-history"}
EXPIRED: Final = CutOff("token-expired", "the token holds no longer: come with another, and go on from the last id")
RENEW: Final = CutOff("renew", "the stream has lasted long enough: come again, and go on from the last id")


@dataclass(frozen=True, slots=True)
class PositionReached:
    """Where the feed stands: up to here there is nothing else that is wanted."""

    position: Position
    """The position; the event's id is its cursor."""


class EventStream(Response):
    """The answer that goes on."""

    def __init__(
        self,
        feed: FanOut,
        listener: Listener,
        came_with: Cursor | None,
        first: Stretch,
        place: ExitStack,
        holds_s: Holds,
    ) -> None:
        """`came_with` is the cursor of the client, None where it came without one; `first` is the first stretch.

        `place` is given back at the end. `holds_s` says for how many seconds the token still holds.
        """
        self.status_code = 200
        self.background = None
        self.init_headers(HEADERS)
        self._feed = feed
        self._listener = listener
        self._first = first
        self._place = place
        self._holds_s = holds_s
        now = asyncio.get_running_loop().time()
        self._expires_at = now + holds_s()
        self._renew_at = now + LIFE_S
        self._beats_at = now + HEARTBEAT_S
        self._said = came_with
        """The last id that was sent, or with which the client came."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends until the client goes, or there is a reason to end."""
        with self._place:
            if scope["method"] == "HEAD":
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await send({"type": "http.response.body", "body": b""})
                return
            tasks = [asyncio.create_task(self._tell(send)), asyncio.create_task(gone_away(receive))]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
            if isinstance(ended[0], Exception):
                raise ended[0]

    async def _tell(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            await self._send(send, f"retry: {RETRY_MS}\n\n".encode())
            await self._past(send)
            await self._present(send)
        except Cut as cut:
            why = cut.why
        except LedgerError as error:
            why = _cut_off(error)
        last = event_bytes("cut-off", json_text(why).encode())
        if why.reason in ("stopping", "renew"):
            last = f"retry: {randint(RETRY_MS // 2, RETRY_MAX_MS)}\n".encode() + last
        try:
            async with asyncio.timeout(ENDING_S if why is STOPPING else SEND_S) as self._listener.deadline:
                await send({"type": "http.response.body", "body": last})
        except TimeoutError:
            pass  # nobody reads: the connection is cut, and that is all the client sees
        finally:
            self._listener.deadline = None

    async def _past(self, send: Send) -> None:
        """What was announced before, a stretch at a time, until nothing lies between it and what comes."""
        stretch = self._first
        while True:
            await self._send_all(send, stretch.announcements)
            self._listener.at = stretch.through
            if self._feed.attach(self._listener):
                return
            if not stretch.more and not self._feed.live.is_set():
                await self._wait_for(self._feed.live, send)
            self._check()
            stretch = await self._feed.stretch(self._listener.at, self._listener.wanted)

    async def _present(self, send: Send) -> None:
        """What comes."""
        listener = self._listener
        await self._tell_place(send)
        while True:
            some = listener.take()
            if some:
                await self._send_all(send, some)
                self._feed.moved()
                if listener.queue:
                    await asyncio.sleep(0)
            else:
                await self._wait_for(listener.wake, send)

    async def _send_all(self, send: Send, announcements: Sequence[Announcement]) -> None:
        """Sends some announcements a chunk at a time; whoever else waits for the event loop has a turn after each."""
        chunk, size = [], 0
        for number, one in enumerate(announcements, 1):
            chunk.append(one.event)
            size += len(one.event)
            if size >= CHUNK_BYTES or number == len(announcements):
                await self._send(send, b"".join(chunk))
                self._listener.at = self._said = one.cursor
                chunk, size = [], 0
                self._check()
                if number < len(announcements):
                    await asyncio.sleep(0)

    async def _send(self, send: Send, some: bytes) -> None:
        message: Message = {"type": "http.response.body", "body": some, "more_body": True}
        try:
            async with asyncio.timeout(SEND_S) as self._listener.deadline:
                await send(message)
        except TimeoutError:
            raise Cut(self._listener.cut or SLOW) from None
        finally:
            self._listener.deadline = None
        self._beats_at = asyncio.get_running_loop().time() + HEARTBEAT_S

    async def _wait_for(self, event: asyncio.Event, send: Send) -> None:
        """Waits for an event, or for the time of a heartbeat."""
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(0.0, min(self._beats_at, self._expires_at, self._renew_at) - now)):
                await event.wait()
        except TimeoutError:
            self._check()
            if asyncio.get_running_loop().time() >= self._beats_at:
                await self._send(send, HEARTBEAT)
                await self._tell_place(send)

    async def _tell_place(self, send: Send) -> None:
        """Says where the feed stands, where it has moved on since the last id; nothing waits to be sent."""
        at: Cursor = self._feed.place(self._listener)
        if self._listener.queue or (self._said is not None and at.position <= self._said.position):
            return
        await self._send(send, event_bytes("position", json_text(PositionReached(at.position)).encode(), at))
        self._said = at

    def _check(self) -> None:
        """Raises Cut where the stream has to end."""
        self._feed.check()
        if self._listener.cut is not None:
            raise Cut(self._listener.cut)
        now = asyncio.get_running_loop().time()
        if now >= self._expires_at or self._holds_s() <= 0:
            raise Cut(EXPIRED)
        if now >= self._renew_at:
            raise Cut(RENEW)


def _cut_off(error: LedgerError) -> CutOff:
    """Why the past cannot be read on, in the words that a caller may hear."""
    code = failure_of(error).code
    otherwise: Reason = "store-unreachable" if problem_of(error).status == 503 else "fault"
    return CutOff(REASONS.get(code, otherwise), problem_of(error).detail)


async def gone_away(receive: Receive) -> None:
    """Returns when the client goes."""
    while (await receive())["type"] != "http.disconnect":
        pass
