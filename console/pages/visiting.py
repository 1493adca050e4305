"""What a page asks: the service's own routes, in process, as who is signed in.

    found = await visit.get("status", membership="m-1", at="2011-02-28")

A page gets what the API would answer to the same caller, byte for byte, and shows that: it computes nothing, and what a
role may not see never reaches it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson

from console.http.dispatch import App, Message, Scope
from console.http.problems import MEDIA_TYPE, Problem
from console.http.roles import Caller

ANSWER_BYTES_MAX: Final = 16 << 20
"""A page shows no more than this of one answer; a question with more of it is to be asked a page at a time."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a route answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Visit:
    """A page that somebody asks for."""

    api: App
    """The service behind its door."""
    paths: Mapping[str, str]
    """The path of each route that is asked with GET, by its name."""
    scope: Scope
    caller: Caller
    query: Mapping[str, str]
    """Parameters of the page, each once."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Parameters in the page's path."""
    now_us: int = 0
    position: int = 0
    """The highest position as of which anything on the page is."""
    away: set[str] = field(default_factory=set)
    """Routes that could not be answered at present, and that the page goes without."""

    def may(self, *routes: str) -> bool:
        """Whether the caller's roles have all of some routes."""
        return all(next(self.caller.sights(route), None) is not None for route in routes)

    async def get(self, route: str, **values: object) -> Any:
        """The answer of a route to some parameters, as plain JSON; those that are None are left out. Raises Problem."""
        reply = await self.reply(route, **values)
        return orjson.loads(reply.body)

    async def reply(self, route: str, **values: object) -> Reply:
        """The answer of a route as it would be sent. Raises Problem where it is one."""
        path, said = self.paths[route], {name: str(value) for name, value in values.items() if value is not None}
        for name in [name for name in said if f"{{{name}}}" in path]:
            if "/" in said[name]:  # it would lead to another route
                raise Problem(404, "not-found", "found no such name, expected one without a slash", name)
            path = path.replace(f"{{{name}}}", quote(said.pop(name), safe=""))
        reply = await ask(self.api, self.scope, "GET", path, urlencode(said))
        if reply.status >= 400:
            raise problem_in(reply)
        position = reply.headers.get("ledger-position", "")
        self.position = max(self.position, int(position) if position.isdigit() else 0)
        return reply

    async def get_if_there(self, route: str, **values: object) -> Any:
        """The same; None where what is asked about is not there, or not for the caller."""
        try:
            return await self.get(route, **values)
        except Problem as problem:
            if problem.status not in (403, 404):
                raise
            return None

    async def get_if_answered(self, route: str, **values: object) -> Any:
        """The same; None as well where it cannot be answered at present, which the page has to say (`away`)."""
        try:
            return await self.get_if_there(route, **values)
        except Problem as problem:
            if problem.status not in (503, 504):
                raise
            self.away.add(route)
            return None

    async def gather(
        self,
        *asked: tuple[str, Mapping[str, object]],
        if_there: Collection[str] = (),
        if_answered: Collection[str] = (),
    ) -> list[Any]:
        """The answers of several routes, which are asked at once; of those that are named maybe None, as above."""

        def how(route: str) -> Callable[..., Coroutine[Any, Any, Any]]:
            if route in if_answered:
                return self.get_if_answered
            return self.get_if_there if route in if_there else self.get

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(how(route)(route, **values)) for route, values in asked]
        return [task.result() for task in tasks]


async def ask(api: App, outer: Scope, method: str, path: str, query: str) -> Reply:
    """What the service answers to a request of its own, as the caller of another one. Raises Problem (502) for too much."""
    inner = {
        **{
            name: outer[name]
            for name in ("type", "asgi", "http_version", "scheme", "server", "client")
            if name in outer
        },
        "method": method,
        "path": unquoted(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [],
        "state": dict(outer["state"]),
    }
    status, headers, body = 0, {}, bytearray()

    async def send(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = {name.decode().lower(): value.decode("latin-1") for name, value in message.get("headers", ())}
            return
        body.extend(message.get("body", b""))
        if len(body) > ANSWER_BYTES_MAX:
            raise Problem(
                502, "too-much", f"found more than {ANSWER_BYTES_MAX >> 20} MiB to show, expected less: ask for a part"
            )

    await api(inner, _nothing_more, send)
    return Reply(status, headers, bytes(body))


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Each of what went wrong at once; one alone as it is."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from leaves(one)
    else:
        yield error


def problem_in(reply: Reply) -> Problem:
    """The problem that a route answered with."""
    if not reply.headers.get("content-type", "").startswith(MEDIA_TYPE):
        return Problem(reply.status, "fault", "found an answer that cannot be shown")
    said = orjson.loads(reply.body)
    kept = {name: value for name, value in reply.headers.items() if name == "retry-after"}
    return Problem(reply.status, said["code"], said["detail"], said.get("field"), kept)


def unquoted(path: str) -> str:
    """A path with its escapes undone, as a server hands it on."""
    from urllib.parse import unquote

    return unquote(path)


async def _nothing_more() -> Message:
    """What a request without a body is followed by: its client stays."""
    await asyncio.Event().wait()
    raise RuntimeError("found an event that nobody sets")
