"""The door before the application: bounds on a request, its deadline, who asks, and what is said of a fault.

Nothing gets behind it without a token but what `is_open`. Whatever goes wrong leaves as a problem (RFC 9457).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from starlette.requests import ClientDisconnect

from console.http.deadlines import Deadline, Deadlines
from console.http.dispatch import ELSEWHERE, App, Message, Receive, Scope, Send
from console.http.limits import Limits, one_callers
from console.http.problems import MEDIA_TYPE, RETRY_AFTER_S, Problem, fault, forbidden
from console.http.rates import Rates
from console.http.refused import REASONS, Refused
from console.http.roles import OPEN, Caller, expected_roles, is_open
from console.http.tokens import Verifier

HEADER_BYTES_MAX: Final = 16_384
TARGET_BYTES_MAX: Final = 4_096
PAGE_TARGET_BYTES_MAX: Final = 12_288
"""Of a page: a provider's answer to a sign-in comes as one."""
BEHIND_TOKEN: Final = ((b"cache-control", b"private, no-cache"), (b"vary", b"Authorization"))


class Pages(Protocol):
    """Pages for people, whose way in is a session and no token."""

    def has(self, path: str) -> bool:
        """Whether a path is one of theirs."""

    def caller(self, scope: Scope) -> Caller | None:
        """Who is signed in; None where nobody is."""

    def problem(self, problem: Problem) -> tuple[bytes, str]:
        """A problem as a page, and its media type."""


class Door:
    """An ASGI application around another."""

    def __init__(
        self,
        app: App,
        verifier: Verifier,
        complain: Callable[[str], None],
        on_fault: Callable[[BaseException], None],
        *,
        limits: Limits | None = None,
        refused: Refused | None = None,
        name_of: Callable[[str, str], str] = lambda _method, _path: ELSEWHERE,
        pages: Pages | None = None,
    ) -> None:
        """`complain` is told of each access that is refused, `on_fault` of each fault of the program.

        `refused` counts the accesses that are refused, by the name that `name_of` gives to the route of a method and a path.
        `pages` says who is signed in where a path is one of its own; there no token is asked for.
        """
        self._app = app
        self._pages = pages
        self._verifier = verifier
        self._complain = complain
        self._on_fault = on_fault
        self._limits = limits or Limits()
        self._refused = refused or Refused()
        self._name_of = name_of
        self._rates = Rates(self._limits)
        self._deadlines = Deadlines(self._limits.deadline_s)
        self._under_way = 0
        self._under_way_of: Counter[str] = Counter()
        """Of each caller."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request in, or answers it with a problem."""
        if scope["type"] != "http":
            raise RuntimeError(f"found a {scope['type']}, expected HTTP alone")
        answer = _Answer(scope, send, self._pages)
        self._under_way += 1
        stay = _Stay(self, self._deadlines.begin())
        try:
            scope.setdefault("state", {})["stay"] = stay
            await self._admit(scope, stay)
            await self._app(scope, receive, answer.send)
        except _Gone:
            pass
        except asyncio.CancelledError:
            if not stay.deadline.missed():
                raise
            await answer.problem(self._late())
        except TimeoutError:
            await answer.problem(self._late())
        except Problem as problem:
            await answer.problem(problem)
        except ClientDisconnect:
            pass
        except Exception as error:
            self._on_fault(error)
            await answer.problem(fault())
        finally:
            stay.deadline.over()
            stay.over()
            if answer.status in REASONS:
                self._tell(scope, answer.status)

    def _late(self) -> Problem:
        return Problem(
            504, "deadline", f"found no answer within {self._limits.deadline_s:g} seconds: ask again, or for less"
        )

    def _tell(self, scope: Scope, status: int) -> None:
        """Counts an access that is refused, and tells of it by its route; never of the path, which may name somebody."""
        caller: Caller | None = scope["state"].get("caller")
        role = "none" if caller is None else caller.first_role()
        route = self._name_of(scope["method"], scope["path"])
        self._refused.count(route, role, status)
        self._complain(f"refused with {status}: {route}, asked as {role}")

    async def _admit(self, scope: Scope, stay: _Stay) -> None:
        """Puts the caller into the scope. Raises Problem.

        Whether the process is alive is answered however many others wait: what watches it would start it anew.
        """
        if self._under_way > self._limits.requests and scope["path"] not in OPEN:
            raise Problem(
                503, "busy", "found too many requests under way, expected fewer", headers={"Retry-After": RETRY_AFTER_S}
            )
        target = len(scope.get("raw_path") or b"") + len(scope["query_string"])
        pages = self._pages if self._pages is not None and self._pages.has(scope["path"]) else None
        most = TARGET_BYTES_MAX if pages is None else PAGE_TARGET_BYTES_MAX
        if target > most:
            raise Problem(414, "too-long", f"found a target of {target:,} bytes, expected {most:,} at most")
        size, authorizations = 0, []
        for name, value in scope["headers"]:
            size += len(name) + len(value)
            if name == b"authorization":
                authorizations.append(value)
        if size > HEADER_BYTES_MAX:
            raise Problem(431, "too-long", f"found headers of {size:,} bytes, expected {HEADER_BYTES_MAX:,} at most")
        if is_open(scope["path"]):
            if scope["path"] not in OPEN:
                self._rates.count_open(_address_of(scope))
            return
        if pages is not None:
            self._let_visit(scope, pages.caller(scope), stay)
            return
        caller = self._verifier.known(authorizations)
        if caller is None:
            caller = await self._checked(scope, authorizations)
        scope["state"]["caller"] = caller
        self._rates.count_caller(caller.who)
        stay.is_of(caller.who)

    def _let_visit(self, scope: Scope, caller: Caller | None, stay: _Stay) -> None:
        """Counts a visit to a page: of who is signed in, or of an address."""
        if caller is None:
            self._rates.count_open(_address_of(scope))
            return
        scope["state"]["caller"] = caller
        self._rates.count_caller(caller.who)
        stay.is_of(caller.who)

    async def _checked(self, scope: Scope, authorizations: list[bytes]) -> Caller:
        """Who asks with a token that was not seen before. From an address that has sent too many that do not hold, none
        is looked at: checking signatures is dear. Tokens that were found to hold go on."""
        address = _address_of(scope)
        self._rates.require_address(address)
        try:
            try:
                return self._verifier.caller(authorizations)
            except Problem as problem:
                if problem.status != 401 or not await self._verifier.learned(authorizations):
                    raise
                return self._verifier.caller(authorizations)
        except Problem as problem:
            if problem.status == 401:
                self._rates.count_address(address)
            raise


def _address_of(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def caller_of(scope: Scope) -> Caller:
    """Who asks, as the door found out."""
    caller: Caller = scope["state"]["caller"]
    return caller


def caller_for(scope: Scope, route: str) -> Caller:
    """Who asks a route. Raises Problem (403) where none of his roles has it at all, before anything else is looked at."""
    caller = caller_of(scope)
    if next(caller.sights(route), None) is None:
        raise forbidden(expected_roles(route, caller))
    return caller


def may_last(scope: Scope) -> None:
    """Lets a request last without the deadline, and out of the number of those under way: a stream has bounds of its own."""
    stay: _Stay = scope["state"]["stay"]
    stay.lasts()


def without_deadline(scope: Scope) -> None:
    """Takes the deadline of the whole request away: who calls this bounds each step."""
    stay: _Stay | None = scope["state"].get("stay")
    if stay is not None:
        stay.deadline.over()


def lasts(scope: Scope) -> bool:
    """Whether a request is one that `may_last`."""
    stay: _Stay | None = scope.get("state", {}).get("stay")
    return stay is not None and stay.lasting


class _Stay:
    """A request under way."""

    def __init__(self, door: Door, deadline: Deadline) -> None:
        self._door = door
        self.deadline = deadline
        self._counted = True
        self._who: str | None = None
        self.lasting = False

    def is_of(self, who: str) -> None:
        """Counts it as this caller's. Raises Problem (429) where he has as many as one may have: others want a place, too."""
        self._who = who
        self._door._under_way_of[who] += 1
        most = one_callers(self._door._limits.requests)
        if self._door._under_way_of[who] > most:
            raise Problem(
                429, "too-many-requests", f"found more than {most} requests of one caller under way, expected fewer",
                headers={"Retry-After": RETRY_AFTER_S},
            )  # fmt: skip

    def lasts(self) -> None:
        self.lasting = True
        self.over()
        self.deadline.over()

    def over(self) -> None:
        if self._counted:
            self._counted = False
            self._door._under_way -= 1
            if self._who is not None:
                self._door._under_way_of[self._who] -= 1
                if not self._door._under_way_of[self._who]:
                    del self._door._under_way_of[self._who]


class _Gone(Exception):
    """Nobody takes the answer any more."""


class _Answer:
    """What is sent of an answer; a problem can be sent for as long as nothing was."""

    def __init__(self, scope: Scope, send: Send, pages: Pages | None) -> None:
        self._pages = pages if pages is not None and pages.has(scope["path"]) else None
        self._behind_token = self._pages is None and not is_open(scope["path"])
        self._send = send
        self.status = 0
        """The status that was sent; 0 for as long as none was."""

    async def send(self, message: Message) -> None:
        """Sends on, with the headers that every answer behind a token has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            if self._behind_token:
                there = {name.lower() for name, _ in headers}
                headers += [one for one in BEHIND_TOKEN if one[0] not in there]
            headers.append((b"x-content-type-options", b"nosniff"))
            message = {**message, "headers": headers}
        try:
            await self._send(message)
        except Exception as error:
            raise _Gone from error

    async def problem(self, problem: Problem) -> None:
        """Sends a problem, if anybody takes it. What has begun as another answer cannot be taken back: it is cut off."""
        if self.status:
            raise ConnectionResetError("found an answer that breaks off")
        with suppress(_Gone):
            await self._sent(problem)

    async def _sent(self, problem: Problem) -> None:
        body, media_type = (problem.body(), MEDIA_TYPE) if self._pages is None else self._pages.problem(problem)
        headers = [(b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode())]
        headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
        await self.send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})
