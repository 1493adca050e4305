"""uvicorn's protocol (over httptools), bounded and polite: what no application sees is bounded and answered here.

- The first head of a connection has to be there within a time, and each later one within as long from its first byte; uvicorn
  closes what is idle after an answer, and would keep a connection that never asks, or asks a byte at a time.
- A head is read up to a bound, and what follows a body in its trailers, too: the parser itself has none.
- What is no HTTP, a request that names no host or several (RFC 9112, 3.2), and a connection too many, are problems (RFC
  9457), not plain text.
- A body that goes on after its answer is waited for a little, unread, so that the answer gets through; then it is cut off.
- A connection that is closed while its client takes nothing is cut off: closing waits for what was sent to be taken.
- A stream that lasts is cut off where its client takes nothing for a time: it would keep what it is sent in memory.
- After a request to go on in another protocol the connection is closed: the parser reads nothing after one.
- An answer without a length to HTTP/1.0 ends with its connection: uvicorn would send it in chunks, which only HTTP/1.1 knows
  (RFC 9112, 6.1), and a client of 1.0 takes the chunks' lengths for what is answered.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import suppress
from functools import partial
from struct import pack
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from console.http.door import lasts
from console.http.problems import MEDIA_TYPE, RETRY_AFTER_S, Problem

if TYPE_CHECKING:
    from console.http.dispatch import App, Message, Receive, Scope, Send
    from console.http.limits import Limits

HEAD_BYTES_MAX: Final = 32_768
"""So much of a head is read; more than the door takes, so that the door can say so."""
STUCK_S: Final = 15.0
"""A stream that lasts is cut off where its client takes nothing of it for so long, …"""
STUCK_ENDING_S: Final = 2.0
"""… and sooner where the service ends."""
LENGTH: Final = b"content-length"
REFUSED_MAX: Final = 64
"""So many connections too many are told so at once; one more is cut off: it takes a file of those that are kept for answers."""
LINGER_S: Final = 2.0
"""A body that nobody reads any more is waited for so long."""


def protocol(limits: Limits) -> type[HttpToolsProtocol]:
    """The class of protocols that keep to some limits."""

    class Bounded(BoundedProtocol):
        head_s = limits.head_s
        connections_max = limits.connections

    return Bounded


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    head_s: float
    connections_max: int
    _late: asyncio.TimerHandle | None = None
    _head_late: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None
    _in_head = True
    _whole = False
    """Whether the last of what came is the end of a request."""
    _head_bytes = 0
    _wrong = "found no HTTP request, expected one"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Waits for a head, for some time."""
        super().connection_made(transport)  # type: ignore[arg-type]
        if len(self.connections) > self.connections_max:
            if len(self.connections) > self.connections_max + REFUSED_MAX:
                self.transport.abort()
                return
            self.app = _too_many_connections
        self.app = partial(self._run, self.app)
        self._head_late = self.loop.call_later(self.head_s, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits for nothing any more."""
        if self._late is not None:
            self._late.cancel()
        self._head_is_there()
        self._moves()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client takes nothing for now."""
        super().pause_writing()
        self._cut_stuck_after(STUCK_S)

    def resume_writing(self) -> None:
        """The client takes something again."""
        self._moves()
        super().resume_writing()

    def shutdown(self) -> None:
        """The service ends."""
        super().shutdown()
        if self._stuck is not None:
            self._cut_stuck_after(STUCK_ENDING_S)

    def data_received(self, data: bytes) -> None:
        """Parses what came; of a head, and of what is no part of a body, no more than there may be."""
        if self.transport.is_closing():
            return
        self._whole = False
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES_MAX + len(data):
            self._refuse(Problem(431, "too-long", f"found a head, or trailers, of more than {HEAD_BYTES_MAX:,} bytes"))
            return
        super().data_received(data)
        if self._in_head and not self._whole and self._head_late is None:  # most heads come whole, and need no timer
            self._head_late = self.loop.call_later(self.head_s, self._give_up)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head = True
        self._whole = False

    def on_headers_complete(self) -> None:
        """A head is there; it may have come with all of the body in one part. It names one host (RFC 9112, 3.2)."""
        hosts = [name for name, _ in self.headers].count(b"host")
        if hosts > 1 or (not hosts and self.parser.get_http_version() != "1.0"):
            self._wrong = f"found {hosts or 'no'} Host {'header' if hosts < 2 else 'headers'}, expected one"
            raise ValueError(self._wrong)  # the parser ends with it, and what is no HTTP is refused
        self._in_head = False
        self._head_bytes = 0
        self._head_is_there()
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Some of a body is there."""
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is there; what comes next is another."""
        super().on_message_complete()
        self._in_head = self._whole = True
        self.cycle.more_body = False

    def on_response_complete(self) -> None:
        """An answer is sent; where the body is not there yet, it has a little time to come."""
        super().on_response_complete()
        if self.cycle.response_complete and self.cycle.more_body and not self.transport.is_closing():
            self._late = self.loop.call_later(LINGER_S, self._cut_body)

    def timeout_keep_alive_handler(self) -> None:
        """Closes a connection on which nothing is asked, also where the answer before was never taken."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(LINGER_S, self._abort)

    async def _run(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the application. What it breaks off is closed once the client took what was sent, which it may never do."""
        try:
            await app(scope, receive, _ended_by_closing(send) if scope["http_version"] == "1.0" else send)
        except BaseException:
            self.loop.call_later(LINGER_S, self._abort)
            raise

    def send_400_response(self, _msg: str) -> None:
        """What is no HTTP is a problem."""
        self._refuse(Problem(400, "bad-input", self._wrong))

    def _refuse(self, problem: Problem) -> None:
        """Answers without the application and closes. Where an answer is under way, it breaks off."""
        cycle = self.cycle
        if not self.pipeline and (cycle is None or cycle.response_complete or not cycle.response_started):
            body = problem.body()
            head = b"content-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % (
                MEDIA_TYPE.encode(), len(body),
            )  # fmt: skip
            self.transport.write(STATUS_LINE[problem.status] + head + body)
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.close()

    def _abort(self) -> None:
        """Closes at once, and has what the client did not take dropped: the kernel would keep it for minutes."""
        with suppress(OSError):
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
        self.transport.abort()

    def _cut_stuck_after(self, seconds: float) -> None:
        self._moves()
        self._stuck = self.loop.call_later(seconds, self._cut_stuck)

    def _moves(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _cut_stuck(self) -> None:
        """Cuts off a stream that lasts. Whoever sends facts may send all of them before it reads anything."""
        self._stuck = None
        if self.cycle is not None and lasts(dict(self.cycle.scope)):
            self._abort()

    def _head_is_there(self) -> None:
        if self._head_late is not None:
            self._head_late.cancel()
            self._head_late = None

    def _give_up(self) -> None:
        """Ends a connection on which a head does not come to its end; while an answer is under way nothing is read."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:
            self._head_late = self.loop.call_later(self.head_s, self._give_up)

    def _cut_body(self) -> None:
        if self.cycle.more_body:
            self.transport.close()


def _ended_by_closing(send: Send) -> Send:
    """Sends to a client of HTTP/1.0: what has no length is sent as it is, and then the connection is closed."""
    cycle: RequestResponseCycle = send.__self__  # type: ignore[attr-defined]

    without_length = False

    async def sending(message: Message) -> None:
        nonlocal without_length
        if message["type"] == "http.response.start":
            named = {name.lower() for name, _ in message["headers"]}
            without_length = cycle.scope["method"] != "HEAD" and LENGTH not in named
            if without_length:
                cycle.keep_alive = cycle.chunked_encoding = False
                cycle.expected_content_length = sys.maxsize
        elif without_length and not message.get("more_body", False):
            cycle.expected_content_length = len(message.get("body", b""))
        await send(message)

    return sending


async def _too_many_connections(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answers whatever is asked on a connection too many, and has it closed."""
    problem = Problem(503, "busy", "found too many connections, expected fewer: come again later")
    body = problem.body()
    headers: list[Any] = [
        (b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode()), (b"connection", b"close"),
        (b"retry-after", RETRY_AFTER_S.encode()),
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
