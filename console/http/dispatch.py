"""From a request to its endpoint without the framework's way there, which costs as much as recording a fact does.

    ("POST", "/v1/facts")                             found at once
    ("GET", "/v1/memberships/m-1/status")             found among the templates of as many parts

FastAPI goes through its middlewares and tries one route after the other; our endpoints answer whatever goes wrong
themselves (`console.http.app`), so nothing of that is needed. What is found here not (another method, no such path), the
framework answers.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Endpoint = Callable[[Request], Awaitable[Response]]

ELSEWHERE: Final = "other"
"""The name of what is no route."""


class _Template(NamedTuple):
    pattern: re.Pattern[str]
    endpoint: Endpoint
    name: str


class Dispatch:
    """An ASGI application before another, for some of its routes."""

    def __init__(self, routes: Iterable[BaseRoute], otherwise: App) -> None:
        """`routes` whose parameters are text between two slashes are found here; the others, and what is none, go on."""
        self._otherwise = otherwise
        self._fixed: dict[tuple[str, str], tuple[Endpoint, str]] = {}
        self._templates: dict[tuple[str, int], list[_Template]] = {}
        self._others: list[Route] = []
        for route in routes:
            if isinstance(route, Route) and set(map(type, route.param_convertors.values())) <= {_TEXT}:
                for method in (route.methods or set()) - {"HEAD"}:
                    self._add(method, route)
            elif isinstance(route, Route):
                self._others.append(route)

    def _add(self, method: str, route: Route) -> None:
        if route.param_convertors:
            found = _Template(route.path_regex, route.endpoint, route.name)
            self._templates.setdefault((method, route.path.count("/")), []).append(found)
        else:
            self._fixed[method, route.path] = (route.endpoint, route.name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        endpoint = self._endpoint(scope)
        if endpoint is None:
            await self._otherwise(scope, receive, send)
            return
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    def name_of(self, method: str, path: str) -> str:
        """The name of the route that a request is for."""
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return fixed[1]
        named = (one.name for one in self._templates.get((method, path.count("/")), ()) if one.pattern.match(path))
        others = (
            route.name for route in self._others if method in (route.methods or ()) and route.path_regex.match(path)
        )
        return next(named, None) or next(others, ELSEWHERE)

    def _endpoint(self, scope: Scope) -> Endpoint | None:
        method, path = scope["method"], scope["path"]
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            scope["path_params"] = {}
            return fixed[0]
        for one in self._templates.get((method, path.count("/")), ()):
            found = one.pattern.match(path)
            if found is not None:
                scope["path_params"] = found.groupdict()
                return one.endpoint
        return None


_TEXT: Final = type(Route("/{name}", lambda _: Response()).param_convertors["name"])
