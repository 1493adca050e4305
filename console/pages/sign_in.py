"""Who may sign in and how: on one's own machine by choosing a role, elsewhere at the organisation's provider.

The development sign-in is for the loopback alone, and only under its names: a page of another host whose name leads to
127.0.0.1 gets no session out of it. It wants a code that is drawn when the service starts and printed there, so that another
user of the machine gets none either.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from console.http.problems import Problem
from console.http.roles import ROLES
from console.http.whole import Whole
from console.pages import forms
from console.pages.rendering import HEADERS, Shown
from console.pages.sessions import PATH, cookies_of
from ledger.membership import can_be_membership

if TYPE_CHECKING:
    from console.pages.front import Front

LOOPBACK: Final = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?")
MEMBERSHIPS_MAX: Final = 20
CODE_MAX: Final = 64
SIGN_IN: Final = f"{PATH}/sign-in"
NEXT_CHARACTERS_MAX: Final = 2_000
NEXT_QUOTED_MAX: Final = 3_000
"""So long is a path as a parameter of another address: a longer one is not carried along."""
DOTS: Final = re.compile(r"/(\.|%2e){1,2}(/|$)", re.IGNORECASE)
"""A part of a path by which browsers go up again."""

Answer = Callable[["Front", Request], Awaitable[Response]]


class SignsIn(Protocol):
    """A way to sign in."""

    @property
    def dev(self) -> bool:
        """Whether it is for one's own machine."""

    @property
    def path(self) -> str:
        """Where whoever is told of the service begins."""

    @property
    def afterwards(self) -> str:
        """Where whoever has signed out is led."""

    def routes(self) -> Iterator[tuple[str, str, str, Answer]]:
        """Name, path, method and answer of each route."""

    def close(self) -> None:
        """Ends what it keeps up."""


class SignIn:
    """The development sign-in."""

    dev: Final = True
    afterwards: Final = SIGN_IN

    def __init__(self, code: str) -> None:
        self.code = code
        self.path = f"{SIGN_IN}?code={code}"
        """Where whoever was told the code signs in."""

    def routes(self) -> Iterator[tuple[str, str, str, Answer]]:
        """Name, path, method and answer of each route."""
        yield "sign-in", SIGN_IN, "GET", self._offer
        yield "signed-in", SIGN_IN, "POST", self._begin

    def close(self) -> None:
        """It keeps nothing up."""

    async def _offer(self, front: Front, request: Request) -> Response:
        require_loopback(request)
        context = {
            "title": "Sign in", "roles": ROLES, "next": local(request.query_params.get("next")),
            "code": request.query_params.get("code", "")[:CODE_MAX],
        }  # fmt: skip
        return front.respond(request, Shown("sign-in.html.j2", context), front.caller(request.scope))

    async def _begin(self, front: Front, request: Request) -> Response:
        require_loopback(request)
        seed = cookies_of(request.scope["headers"]).get(forms.COOKIE)
        fields = await forms.read_form(request, front.sessions.form_secret, seed)
        if not hmac.compare_digest(fields.get("code", "").strip().encode(), self.code.encode()):
            raise Problem(
                403, "wrong-code", "found another code, expected the one that the service printed when it began", "code"
            )
        role = fields.get("role", "")
        if role not in ROLES:
            raise Problem(400, "bad-input", f"found no such role, expected one of {', '.join(ROLES)}", "role")
        memberships = fields.get("memberships", "").replace(",", " ").split()
        if len(memberships) > MEMBERSHIPS_MAX or not all(map(can_be_membership, memberships)):
            raise Problem(
                400, "bad-input",
                f"found what is no list of memberships, expected {MEMBERSHIPS_MAX} ids at most, with a space between them",
                "memberships",
            )  # fmt: skip
        cookie = front.sessions.begun(f"dev:{role}", [role], memberships)
        return sent_on(local(fields.get("next")), cookie)


def sent_on(path: str, cookie: str) -> Response:
    """To where somebody wanted to go, signed in."""
    return Whole(b"", "text/plain", {**HEADERS, "Location": path, "Set-Cookie": cookie}, 303)


def local(path: str | None) -> str:
    """A path of the pages; where something else is given, or what is too long to be carried along, where they begin."""
    if not path or len(path) > NEXT_CHARACTERS_MAX or not re.fullmatch(rf"{PATH}/[!-\[\]-~]*", path):
        return PATH
    alone = re.split("[?#]", path, maxsplit=1)[0]
    if "//" in alone or DOTS.search(alone) or len(quote(path, safe="")) > NEXT_QUOTED_MAX:
        return PATH
    return path


def require_loopback(request: Request) -> None:
    """Raises Problem (421) where the service is asked by a name that is none of the loopback's."""
    if not LOOPBACK.fullmatch(request.headers.get("host", "")):
        raise Problem(421, "wrong-host", "found another host name, expected 127.0.0.1, localhost or [::1]", "Host")
