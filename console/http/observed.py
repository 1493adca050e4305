"""Around the door: what every request leaves behind it, in the figures, in the access log and in a trace.

A request is told of by its route's name, which is that of the OpenAPI document, so neither a figure nor a line nor a span
names whom it was about. What is behind it may note more of a request (`console.http.notes`): the code of a problem, say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from starlette.routing import BaseRoute, Route

from console.http import request_id
from console.http.access_log import Access
from console.http.notes import CODE, REASON
from console.http.openapi import document
from console.http.roles import TABLE

if TYPE_CHECKING:
    from console.http.access_log import AccessLog
    from console.http.door import App, Message, Receive, Scope, Send
    from console.http.figures import Figures
    from console.http.tracing import Span, Tracing

REFUSED: Final = frozenset({401, 403, 429})
STREAMS: Final = b"text/event-stream"
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
    """An ASGI application around another."""

    def __init__(self, app: App, routes: Iterable[BaseRoute], observers: Observers) -> None:
        """`routes` are those of the application, each of which the OpenAPI document has."""
        self._app = app
        self._paths = _Paths(routes)
        self._names = route_names()
        self._observers = observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, and tells of it when it is over, however it ends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = identity = request_id.request_id(scope["headers"])
        seen = _Seen(send, identity.encode())
        self._observers.figures.under_way += 1
        with self._span(scope) as span:
            try:
                await self._app(scope, receive, seen.send)
            finally:
                self._observers.figures.under_way -= 1
                path = self._paths.of(scope["path"])
                if seen.status is None:  # nobody took an answer
                    state.setdefault(CODE, CLIENT_GONE)
                if span is not None:
                    span.request_ended(scope["method"], path, seen.status or GONE, state.get(CODE))
                self._tell(scope, state, seen, self._names.get((path or "", _method(scope))))

    def _span(self, scope: Scope) -> AbstractContextManager[Span | None]:
        tracing = self._observers.tracing
        return nullcontext() if tracing is None else tracing.request(dict(scope["headers"]).get(request_id.TRACEPARENT))

    def _tell(self, scope: Scope, state: Mapping[str, Any], seen: _Seen, route: str | None) -> None:
        observers, ended_s = self._observers, time.perf_counter()
        code: str | None = state.get(CODE)
        figured_s = (seen.began_s if seen.is_stream else ended_s) - seen.start_s
        status = seen.status or GONE
        observers.figures.request(route, scope["method"], status, figured_s)
        if seen.status in REFUSED:
            observers.figures.refused_accesses.labels(state.get(REASON) or code or str(seen.status)).inc()
        if observers.log is not None:
            caller = state.get("caller")
            roles = () if caller is None else tuple(role for role in TABLE if role in caller.roles)
            subject = None if caller is None else caller.subject
            taken_s = ended_s - seen.start_s
            observers.log.write(
                Access(
                    observers.clock(), state["request_id"], _shown(scope), route, status, code, taken_s, seen.size,
                    roles, subject,
                )
            )  # fmt: skip


class _Paths:
    """The paths of the routes, found by those of requests without trying one after the other."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._fixed: set[str] = set()
        self._templates: dict[int, list[Route]] = {}
        for route in routes:
            if isinstance(route, Route) and route.param_convertors:
                self._templates.setdefault(route.path.count("/"), []).append(route)
            elif isinstance(route, Route):
                self._fixed.add(route.path)

    def of(self, path: str) -> str | None:
        """The route's path as it was given, its parameters in braces; None where there is no such route."""
        if path in self._fixed:
            return path
        for route in self._templates.get(path.count("/"), ()):
            if route.path_regex.match(path):
                return route.path
        return None


class _Seen:
    """What is sent of an answer."""

    def __init__(self, send: Send, identity: bytes) -> None:
        self._send = send
        self._identity = identity
        self.status: int | None = None
        self.size = 0
        self.start_s = self.began_s = time.perf_counter()
        self.is_stream = False
        """Whether it goes on for as long as anybody listens."""

    async def send(self, message: Message) -> None:
        """Sends on, with the request's id."""
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), (request_id.HEADER, self._identity)]
            message = {**message, "headers": headers}
            self.status, self.began_s = message["status"], time.perf_counter()
            self.is_stream = any(
                name.lower() == b"content-type" and value.startswith(STREAMS) for name, value in headers
            )
        else:
            self.size += len(message.get("body", b""))
        await self._send(message)


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
