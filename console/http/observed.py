"""Around the door: what every request leaves behind it, in the figures, in the access log and in a trace.

A request is told of by its route's name, which is that of the OpenAPI document, so neither a figure nor a line nor a span
names whom it was about. The code of a problem is taken from the answer itself.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from console.http import request_id
from console.http.access_log import Access
from console.http.openapi import document
from console.http.problems import MEDIA_TYPE
from console.http.roles import TABLE

if TYPE_CHECKING:
    from console.http.access_log import AccessLog
    from console.http.dispatch import App, Message, Receive, Scope, Send
    from console.http.figures import Figures
    from console.http.tracing import Span, Tracing

REFUSED: Final = frozenset({401, 403, 429})
STREAMS: Final = b"text/event-stream"
PROBLEM: Final = MEDIA_TYPE.encode()
PROBLEM_BYTES_MAX: Final = 16_384
GONE: Final = 499
CLIENT_GONE: Final = "client-gone"
"""A request that its client did not send whole, or to which nobody took an answer; 499 is what proxies write then."""


@dataclass(frozen=True, slots=True)
class Observers:
    """Who is told of requests."""

    figures: Figures
    clock: Callable[[], int]
    """Microseconds since 1970."""
    log: AccessLog | None = None
    tracing: Tracing | None = None


class Observed:
    """An ASGI application around another, whose routes the OpenAPI document has, but for the pages'."""

    def __init__(self, app: App, observers: Observers, pages: Mapping[tuple[str, str], str] | None = None) -> None:
        """`pages`: path and method of each page, and its name."""
        self._app = app
        self._names = {**route_names(), **(pages or {})}
        self._paths = _Paths({path for path, _ in self._names})
        self._observers = observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, and tells of it when it is over, however it ends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = identity = request_id.request_id(scope["headers"])
        seen = _Seen(receive, send, identity.encode())
        self._observers.figures.under_way += 1
        with self._span(scope) as span:
            try:
                await self._app(scope, seen.receive, seen.send)
            finally:
                self._observers.figures.under_way -= 1
                path = self._paths.of(scope["path"])
                if span is not None:
                    span.request_ended(scope["method"], path, seen.status, seen.code())
                self._tell(scope, state, seen, self._names.get((path or "", _method(scope))))

    def _span(self, scope: Scope) -> AbstractContextManager[Span | None]:
        tracing = self._observers.tracing
        return nullcontext() if tracing is None else tracing.request(dict(scope["headers"]).get(request_id.TRACEPARENT))

    def _tell(self, scope: Scope, state: Mapping[str, Any], seen: _Seen, route: str | None) -> None:
        observers, ended_s = self._observers, time.perf_counter()
        code = seen.code()
        figured_s = (seen.began_s if seen.is_stream else ended_s) - seen.start_s
        observers.figures.request(route, scope["method"], seen.status, figured_s)
        if seen.status in REFUSED:
            observers.figures.refused_accesses.labels(code or str(seen.status)).inc()
        if observers.log is not None:
            caller = state.get("caller")
            roles = () if caller is None else tuple(role for role in TABLE if role in caller.roles)
            subject = None if caller is None else caller.subject
            taken_s = ended_s - seen.start_s
            observers.log.write(
                Access(
                    observers.clock(), state["request_id"], _shown(scope), route, seen.status, code, taken_s, seen.size,
                    roles, subject,
                )
            )  # fmt: skip


class _Paths:
    """The paths of the routes, found by those of requests without trying one after the other."""

    def __init__(self, paths: Iterable[str]) -> None:
        """With parameters in braces. Only one that ends a path may have slashes in it, as a tile's has."""
        self._fixed: set[str] = set()
        self._templates: dict[int, list[tuple[re.Pattern[str], str]]] = {}
        self._beneath: list[tuple[str, str]] = []
        for path in sorted(paths):
            if "{" not in path:
                self._fixed.add(path)
                continue
            pattern = re.compile("[^/]+".join(map(re.escape, re.split(r"\{\w+\}", path))))
            self._templates.setdefault(path.count("/"), []).append((pattern, path))
            if path.endswith("}"):
                self._beneath.append((path[: path.index("{")], path))
        self._beneath.sort(key=lambda one: -len(one[0]))

    def of(self, path: str) -> str | None:
        """The route's path as it was given; None where there is no such route."""
        if path in self._fixed:
            return path
        for pattern, found in self._templates.get(path.count("/"), ()):
            if pattern.fullmatch(path):
                return found
        return next((found for beneath, found in self._beneath if path.startswith(beneath)), None)


class _Seen:
    """What is sent of an answer."""

    def __init__(self, receive: Receive, send: Send, identity: bytes) -> None:
        self._receive = receive
        self._send = send
        self._identity = identity
        self.status = GONE
        """The status that was sent; that of a client that went away where none was, or nobody was there any more to take it."""
        self.size = 0
        self.start_s = self.began_s = time.perf_counter()
        self.is_stream = False
        """Whether it goes on for as long as anybody listens."""
        self._gone = False
        self._is_problem = False
        self._problem = b""

    async def receive(self) -> Message:
        """Hands on, and notices where the client went away before it was answered."""
        message = await self._receive()
        if message["type"] == "http.disconnect" and self.began_s == self.start_s:
            self._gone = True
        return message

    async def send(self, message: Message) -> None:
        """Sends on, with the request's id."""
        if message["type"] == "http.response.start":
            self.began_s = time.perf_counter()
            if not self._gone:
                self.status = message["status"]
            headers = [*message.get("headers", ()), (request_id.HEADER, self._identity)]
            message = {**message, "headers": headers}
            kind = next((value for name, value in headers if name.lower() == b"content-type"), b"")
            self.is_stream, self._is_problem = kind.startswith(STREAMS), kind.startswith(PROBLEM)
        else:
            body = message.get("body", b"")
            self.size += len(body)
            if self._is_problem and len(self._problem) < PROBLEM_BYTES_MAX:
                self._problem += body
        await self._send(message)

    def code(self) -> str | None:
        """The code of the problem that was answered, as it stands in the answer."""
        if self.status == GONE:
            return CLIENT_GONE
        if not self._is_problem:
            return None
        try:
            return str(orjson.loads(self._problem)["code"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return None


def route_names() -> Mapping[tuple[str, str], str]:
    """(path, method) -> the name of each route of the OpenAPI document. HEAD is GET without a body."""
    paths = orjson.loads(document())["paths"]
    named = {
        (path, method.upper()): operation["operationId"]
        for path, methods in paths.items()
        for method, operation in methods.items()
    }
    return named | {(path, "HEAD"): name for (path, method), name in named.items() if method == "GET"}


def _method(scope: Scope) -> str:
    return str(scope["method"])


def _shown(scope: Scope) -> str:
    from console.http.figures import METHODS, OTHER

    return scope["method"] if scope["method"] in METHODS else OTHER
