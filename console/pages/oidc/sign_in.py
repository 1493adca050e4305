"""The sign-in at a provider, as browsers see it: where it begins, where it comes back to, and where one is after signing out.

    GET /console/sign-in            says at whose place one signs in, with a link
    GET /console/sign-in/begin      makes the flow's cookie and leads to the provider
    GET /console/sign-in/callback   takes the provider's answer, and begins the session
    GET /console/signed-out         says so, and where one signs out of the provider

A visitor begins by a link of ours alone: another site can lead him to the page, not through it. What comes back is looked at
only if it belongs to the flow of this browser; before that nothing of it is shown, whoever wrote it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from console.http.limits import one_callers
from console.http.whole import Whole
from console.pages.oidc.failed import LOGGED_MAX, Failed, busy, shown, stale, wrong
from console.pages.oidc.flow import LIFE_S, Flow, Flows, Stale
from console.pages.oidc.id_token import Person, Unsigned, key_named, person_of
from console.pages.oidc.provider import Provider, Tokens
from console.pages.oidc.settings import CALLBACK, Oidc
from console.pages.rendering import HEADERS, Shown, with_cookies
from console.pages.sessions import PATH, cookies_of
from console.pages.sign_in import SIGN_IN, Answer, local
from ledger.errors import BadInput

if TYPE_CHECKING:
    from console.pages.front import Front

BEGIN: Final = f"{SIGN_IN}/begin"
SIGNED_OUT: Final = f"{PATH}/signed-out"
WAITING_MAX: Final = 32
"""So many wait for the provider at once, nine tenths of them from one address: they must not take all places of the service,
nor whoever brings codes that are none all of these."""
FIELDS_MAX: Final = 20
CODE_MAX: Final = 8_192
"""Characters: some providers put all they know into a code."""
NOT_KEPT: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
"""A callback's address holds a code, of which nobody is told."""
NOT_KEPT_PAGE: Final = NOT_KEPT | {"Referrer-Policy": "strict-origin"}
"""With `no-referrer` browsers would not say either where a form comes from, and nobody could sign out from such a page."""
VISITORS_OWN: Final = ("access_denied", "login_required", "interaction_required", "consent_required")
"""Errors that a visitor knows of, or mends by signing in again. Others are the matter of whoever set the provider up."""
HERE: Final = ("same-origin", "none")
"""`Sec-Fetch-Site` of a request that a page of ours, or the visitor himself, began."""


class ProviderSignIn:
    """Signs in whom a provider vouches for."""

    dev: Final = False
    path: Final = SIGN_IN
    afterwards: Final = SIGNED_OUT

    def __init__(
        self, oidc: Oidc, secret: bytes, clock: Callable[[], int], complain: Callable[[str], None],
        provider: Provider | None = None,
    ) -> None:  # fmt: skip
        """`complain` is told why a sign-in failed that no visitor can mend."""
        self._oidc = oidc
        self._flows = Flows(secret, clock)
        self._clock = clock
        self._complain = complain
        self._provider = provider or Provider(oidc)
        self._waiting: Counter[str] = Counter()
        """From each address."""

    def routes(self) -> Iterator[tuple[str, str, str, Answer]]:
        """Name, path, method and answer of each route."""
        yield "sign-in", SIGN_IN, "GET", self._offer
        yield "sign-in-begin", BEGIN, "GET", self._begin
        yield "signed-in", CALLBACK, "GET", self._end
        yield "signed-out", SIGNED_OUT, "GET", self._signed_out

    def close(self) -> None:
        """Ends what asks the provider."""
        self._provider.close()

    async def _offer(self, front: Front, request: Request) -> Response:
        then = _then(request.query_params.get("next"))
        context = {"title": "Sign in", "host": self._oidc.host, "begin": _begin_at(then)}
        page = front.respond(request, Shown("oidc-sign-in.html.j2", context), front.caller(request.scope))
        sessions = front.sessions
        if sessions.secure and not sessions.browser(cookies_of(request.scope["headers"])):
            # Before the sign-in begins: of two at once, by a double click, each would draw another.
            return with_cookies(page, sessions.told_browser(token_urlsafe(24)))
        return page

    async def _begin(self, front: Front, request: Request) -> Response:
        then = _then(request.query_params.get("next"))
        if request.headers.get("sec-fetch-site", "none") not in HERE:
            return _sent(f"{SIGN_IN}?next={quote(then, safe='')}")
        sessions = front.sessions
        cookies = cookies_of(request.scope["headers"])
        browser = sessions.browser(cookies)
        if sessions.secure and not browser:
            browser = token_urlsafe(24)
        flow, value = self._flows.begin(then, browser)
        try:
            with self._place(request):
                address = await self._provider.address(flow)
        except Failed as failed:
            return self._failed(front, request, failed, then)
        told = [sessions.told_browser(browser)] if sessions.secure else []
        over = [sessions.cookie(name, "", 0, SIGN_IN) for name in self._flows.given_up(cookies, browser, value)]
        return with_cookies(_sent(address), *over, sessions.cookie(flow.cookie, value, LIFE_S, SIGN_IN), *told)

    async def _end(self, front: Front, request: Request) -> Response:
        sessions, cookies = front.sessions, cookies_of(request.scope["headers"])
        browser = sessions.browser(cookies)
        try:
            said = _answer(request)
            flow = self._flows.take(cookies, browser, said.get("state", ""))
        except (Stale, ValueError):  # a flow that is under way goes on: anybody can lead a visitor here
            return self._failed(front, request, stale(), PATH)
        over = sessions.cookie(flow.cookie, "", 0, SIGN_IN)
        try:
            with self._place(request):
                session = await self._session(front, said, flow, browser)
        except Failed as failed:
            return with_cookies(self._failed(front, request, failed, flow.then), over)
        told = [sessions.told_browser(browser)] if sessions.secure else []
        return with_cookies(_sent(_then(flow.then)), over, session, *told)

    async def _session(self, front: Front, said: dict[str, str], flow: Flow, browser: str) -> str:
        """The cookie of a session for who signed in. Raises Failed."""
        await self._require_own(said)
        if "error" in said:
            raise _told(said["error"], said.get("error_description", ""))
        code = said.get("code", "")
        if not code:
            raise Failed(502, "provider-wrong", "found an answer of the provider without a code", "no code, no error")
        if len(code) > CODE_MAX:
            raise wrong(f"a code of {len(code):,} characters, expected {CODE_MAX:,} at most")
        person = await self._person(await self._provider.tokens(code, flow), flow)
        try:
            return front.sessions.begun(
                f"oidc:{person.subject}", person.roles, person.memberships, person.until_s, browser
            )
        except BadInput as error:
            raise Failed(403, "too-many-memberships", str(error)) from None

    async def _person(self, tokens: Tokens, flow: Flow) -> Person:
        """Who signed in. Raises Failed."""
        keys = await self._provider.keys(key_named(tokens.id_token))
        try:
            return person_of(tokens, keys, self._oidc, flow.nonce, self._clock() // 1_000_000)
        except Unsigned:
            newer = await self._provider.newer_keys()
            if newer is keys:
                raise
        return person_of(tokens, newer, self._oidc, flow.nonce, self._clock() // 1_000_000)

    async def _require_own(self, said: dict[str, str]) -> None:
        """Raises Failed for the answer of another provider (RFC 9207)."""
        metadata = await self._provider.metadata()
        found = said.get("iss")
        if found is None and not metadata.says_iss:
            return
        if found != self._oidc.issuer:
            raise Failed(
                400, "other-provider", "found an answer that does not say it is this provider's: sign in again",
                f"an answer with the iss {shown(found or 'none')!r}",
            )  # fmt: skip

    async def _signed_out(self, front: Front, request: Request) -> Response:
        try:
            with self._place(request):
                address = self._provider.sign_out_address(await self._provider.metadata())
        except Failed:
            address = None
        context = {"title": "Signed out", "host": self._oidc.host, "address": address}
        return front.respond(request, Shown("oidc-signed-out.html.j2", context), front.caller(request.scope))

    @contextmanager
    def _place(self, request: Request) -> Iterator[None]:
        """One of those that may wait for the provider. Raises Failed where there is none."""
        address = request.client.host if request.client else ""
        if self._waiting.total() >= WAITING_MAX or self._waiting[address] >= one_callers(WAITING_MAX):
            raise busy()
        self._waiting[address] += 1
        try:
            yield
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]

    def _failed(self, front: Front, request: Request, failed: Failed, then: str) -> Response:
        if failed.why is not None:
            self._complain(f"sign-in: {failed.code}: {shown(failed.why, LOGGED_MAX)}")
        context: dict[str, Any] = {
            "title": "Not signed in", "problem": failed, "host": self._oidc.host, "url": self._oidc.url,
            "again": f"{SIGN_IN}?next={quote(_then(then), safe='')}",
        }  # fmt: skip
        page = Shown("oidc-failed.html.j2", context, failed.status, {**failed.headers, **NOT_KEPT_PAGE})
        return front.respond(request, page, front.caller(request.scope))


def _begin_at(then: str) -> str:
    return BEGIN if then == PATH else f"{BEGIN}?next={quote(then, safe='')}"


def _then(path: str | None) -> str:
    """Where to go after signing in: to no page of the sign-in itself."""
    found = local(path)
    return PATH if unquote(found.partition("?")[0]).startswith((SIGN_IN, SIGNED_OUT)) else found


def _answer(request: Request) -> dict[str, str]:
    """What came back, each parameter once (RFC 6749, 3.1). Raises ValueError."""
    query = request.scope["query_string"].decode("ascii")
    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    said = dict(pairs)
    if len(said) != len(pairs):
        raise ValueError
    return said


def _told(error: str, description: str) -> Failed:
    """What the provider says went wrong. It is escaped where it is shown, and short."""
    words = f"the provider says {shown(error)}{': ' if description else ''}{shown(description)}"
    if error in ("temporarily_unavailable", "server_error"):
        return Failed(503, "provider-away", words, words)
    return Failed(403, "provider-refused", words, None if error in VISITORS_OWN else words)


def _sent(address: str) -> Response:
    return Whole(b"", "text/plain", {**HEADERS, **NOT_KEPT, "Location": address}, 303)
