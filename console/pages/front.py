"""The pages as part of the service: who is let in, which page answers, and how a problem looks.

What stands behind the service's door is asked in process (`console.pages.visiting`). A page that nobody may see without
signing in leads to the sign-in, and from there back to itself.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from console.http.dispatch import App, Scope
from console.http.parameters import query_pairs
from console.http.problems import Problem, fault, problem_of
from console.http.roles import Caller
from console.http.whole import Whole
from console.pages import forms
from console.pages.assets import BENEATH, by_address
from console.pages.posted import Places, Posting, read_posted
from console.pages.registry import PAGES, Page, pages_for
from console.pages.rendering import (
    HEADERS,
    HTML,
    PROBLEM,
    Download,
    Shown,
    asset,
    file,
    html,
    read_problem_page,
    rendered,
    with_cookies,
)
from console.pages.sessions import PATH, Sessions, cookies_of
from console.pages.sign_in import SIGN_IN, SignsIn, local
from console.pages.visiting import Visit, leaves
from ledger.errors import LedgerError

SIGN_OUT: Final = "/console/sign-out"
TO_COME_BACK_TO: Final = {"Cache-Control": "private, no-cache"}
"""What was answered to a post cannot be asked for anew without the files: who goes back to it finds it in his browser."""
FIELDS_MAX: Final = 1_000
"""Fields of a form, those among them that are left free: a scorebook has two for each workload."""

Answer = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class Front:
    """Pages before a service."""

    sessions: Sessions
    sign_in: SignsIn
    clock: Callable[[], int]
    on_fault: Callable[[BaseException], None]
    paths: Mapping[str, str]
    """The path of each route of the API that is asked with GET, by its name."""
    api: App | None = None
    """What is asked; set when the application is put together."""
    behind: Callable[[], int] = lambda: 0
    """How many positions what is asked is behind the ledger, where that is to be told; set then, too."""

    def __post_init__(self) -> None:
        read_problem_page()

    def has(self, path: str) -> bool:
        """Whether a path is one of the pages', whatever is there."""
        return path in ("/", PATH) or path.startswith(f"{PATH}/")

    def caller(self, scope: Scope) -> Caller | None:
        """Who is signed in; None where nobody is."""
        return self.sessions.caller(cookies_of(scope["headers"]))

    def problem(self, problem: Problem) -> tuple[bytes, str]:
        """A problem of the door as a page, and its media type: nobody is known, nothing is offered."""
        page = rendered(Shown(PROBLEM, {"problem": problem, "title": "Not shown"}), self._frame(None, None, ""))
        return page.encode(), HTML

    def routes(self) -> list[BaseRoute]:
        """The routes of the pages."""
        return [
            _route("/", "GET", self._home, "home"),
            _route(PATH, "GET", self._home, "console"),
            _route(f"{PATH}/", "GET", self._home, "console-slash"),
            *(_route(page.path, "GET", self._guarded(self._page(page)), f"page-{page.name}") for page in PAGES),
            *(
                _route(page.path, "POST", self._guarded(self._posted(page, page.posting)), f"page-{page.name}-posted")
                for page in PAGES
                if page.posting is not None
            ),
            *(
                _route(at, method, self._guarded(self._with_sign_in(answer)), f"page-{name}")
                for name, at, method, answer in self.sign_in.routes()
            ),
            _route(SIGN_OUT, "POST", self._guarded(self._sign_out), "page-sign-out"),
            _route(f"{BENEATH}{{file}}", "GET", _asset, "asset"),
            _route(f"{PATH}/{{rest:path}}", "GET", self._guarded(_not_there), "page-unknown"),
        ]

    def names(self) -> dict[tuple[str, str], str]:
        """What each page is called where requests are told of, by its path and method."""
        return {
            (route.path.replace(":path", ""), method): route.name
            for route in self.routes()
            if isinstance(route, Route)
            for method in route.methods or ()
        }

    async def _home(self, request: Request) -> Response:
        caller = self.caller(request.scope)
        first = None if caller is None else next(iter(pages_for(caller)), None)
        return _sent_to(SIGN_IN if first is None else first.path)

    def _page(self, page: Page) -> Answer:
        async def answer(request: Request) -> Response:
            caller = self.caller(request.scope)
            if caller is None:
                then = local(_target(request))
                return _sent_to(SIGN_IN if then == PATH else f"{SIGN_IN}?next={quote(then, safe='')}")
            shown = await page.shown(self._visit(request, page, caller))
            return file(request, shown) if isinstance(shown, Download) else self.respond(request, shown, caller, page)

        return answer

    def _posted(self, page: Page, posting: Posting) -> Answer:
        """Takes what is posted to a page: of who may see it, from a form of ours, as far as there is room."""
        places = Places(posting)

        async def answer(request: Request) -> Response:
            caller = self.caller(request.scope)
            if caller is None:
                raise Problem(403, "signed-out", "found nobody signed in, expected somebody: sign in and send it again")
            visit = self._visit(request, page, caller)
            seed = cookies_of(request.scope["headers"]).get(forms.COOKIE)
            with places.one(caller.who):
                posted = await read_posted(request, posting, self.sessions.form_secret, seed)
                with closing(posted):
                    shown = await posting.shown(visit, posted)
            return self.respond(request, replace(shown, headers={**shown.headers, **TO_COME_BACK_TO}), caller, page)

        return answer

    def _visit(self, request: Request, page: Page, caller: Caller) -> Visit:
        """A visit to a page. Raises Problem (403) for who has it not."""
        if not page.is_for(caller):
            raise Problem(403, "forbidden", "found a role that has not this page, expected another: sign in as that")
        assert self.api is not None
        return Visit(
            self.api, self.paths, request.scope, caller, _query(request, page), request.path_params, self.clock()
        )

    def respond(self, request: Request, shown: Shown, caller: Caller | None, page: Page | None = None) -> Response:
        """A page as it is sent, with the cookie of forms where there is none yet."""
        cookies = cookies_of(request.scope["headers"])
        seed = cookies.get(forms.COOKIE) or forms.new_seed()
        text = rendered(shown, self._frame(caller, page, seed))
        headers = dict(shown.headers)
        if not cookies.get(forms.COOKIE):
            headers["Set-Cookie"] = self.sessions.cookie(forms.COOKIE, seed)
        return html(request, text, shown.status, headers)

    def _frame(self, caller: Caller | None, page: Page | None, seed: str) -> dict[str, Any]:
        return {
            "caller": caller,
            "pages": [] if caller is None else pages_for(caller),
            "page": page,
            "mark": forms.mark(self.sessions.form_secret, seed) if seed else "",
            "dev": self.sign_in.dev,
            "behind": 0 if caller is None else self.behind(),
            "who": "" if caller is None else self._who(caller),
        }

    def _who(self, caller: Caller) -> str:
        """What tells a script whether two pages are of the same visitor; it says nothing of who that is."""
        said = "\0".join((caller.who, *sorted(caller.memberships)))
        return hmac.digest(self.sessions.form_secret, f"who\0{said}".encode("utf-8", "replace"), "sha256").hex()[:24]

    def _with_sign_in(self, answer: Callable[[Front, Request], Awaitable[Response]]) -> Answer:
        async def asked(request: Request) -> Response:
            return await answer(self, request)

        return asked

    async def _sign_out(self, request: Request) -> Response:
        cookies = cookies_of(request.scope["headers"])
        await forms.read_form(request, self.sessions.form_secret, cookies.get(forms.COOKIE))
        answer = _sent_to(self.sign_in.afterwards, {"Clear-Site-Data": '"cache"'})
        return with_cookies(answer, *self.sessions.end(cookies))

    def _guarded(self, answer: Answer) -> Answer:
        """Answers with a page whatever goes wrong."""

        async def guarded(request: Request) -> Response:
            try:
                return await answer(request)
            except Exception as error:
                for leaf in leaves(error):  # a group of these would be a fault to the door
                    if isinstance(leaf, TimeoutError | ClientDisconnect):
                        raise leaf from None
                problem = self._found(error)
            return self.not_shown(request, problem)

        return guarded

    def not_shown(self, request: Request, problem: Problem) -> Response:
        """A problem as a page, for whoever asks."""
        shown = Shown(PROBLEM, {"problem": problem, "title": "Not shown"}, problem.status, problem.headers)
        return self.respond(request, shown, self.caller(request.scope))

    def _found(self, error: BaseException) -> Problem:
        """The first of what went wrong, as a problem; a fault of the program is told of."""
        error = next(leaves(error))
        if isinstance(error, Problem):
            return error
        found = problem_of(error) if isinstance(error, LedgerError) else fault()
        if found.status >= 500:
            self.on_fault(error)
        return found


def _route(path: str, method: str, answer: Answer, name: str) -> Route:
    return Route(path, answer, methods=[method], name=name)


async def _asset(request: Request) -> Response:
    found = by_address().get(request.url.path)
    if found is None:
        return Whole(b"", "text/plain", dict(HEADERS), 404)
    return asset(request, found)


async def _not_there(_request: Request) -> Response:
    raise Problem(404, "not-found", "found no such page")


def _sent_to(path: str, headers: Mapping[str, str] | None = None) -> Response:
    return Whole(b"", "text/plain", {**HEADERS, "Location": path, **(headers or {})}, 303)


def _target(request: Request) -> str:
    """What was asked for, as it was written, but for what a form left free."""
    query = b"&".join(one for one in request.scope["query_string"].split(b"&") if not one.endswith(b"="))
    target: bytes = request.scope["raw_path"] + (b"?" + query if query else b"")
    return target.decode("latin-1")


def _query(request: Request, page: Page) -> dict[str, str]:
    """What the page is asked with, without blanks at the ends; what is empty was left free in a form. Raises Problem (400)."""
    pairs = query_pairs(request.scope["query_string"], FIELDS_MAX)
    page.require_known(name for name, _ in pairs)
    found: dict[str, str] = {}
    for name, text in pairs:
        if not text.strip():
            continue
        if name in found:
            raise Problem(400, "bad-input", "found it more than once, expected it once", name[:40])
        found[name] = text.strip()
    return found
