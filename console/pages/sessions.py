"""Who is signed in: a cookie that holds a token which this service signed itself, for some hours.

The token is like those of `console.http.tokens`, of an issuer of its own, so that none of them opens the API and no token of
the API is a session. Its key lies in a file; processes that stand behind one address share it. The cookie goes to the pages
alone (`Path=/console`): no request to the API is ever made with it, so no other site can have one made.

Over https a session holds only together with a second cookie, `__Host-…`, which says nothing and tells one browser from
another. A host beside this one, `other.example` beside `ledger.example`, can put cookies into a visitor's browser, its own
session among them, so that he would go on as somebody else; but none of that name.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection
from hashlib import sha256
from typing import Final

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from console.http.problems import Problem
from console.http.roles import Caller
from console.http.tokens import TOKEN_BYTES_MAX, Verifier
from ledger.errors import BadInput

ISSUER: Final = "csat-ledger:console"
AUDIENCE: Final = "csat-ledger:console"
COOKIE: Final = "csat_ledger_session"
BROWSER: Final = "__Host-csat_ledger_browser"
PATH: Final = "/console"
LIFE_S: Final = 8 * 3_600
COOKIE_BYTES_MAX: Final = 3_800
"""Browsers keep 4,096 bytes of a cookie with its name and attributes."""
ENDED_MAX: Final = 10_000
"""So many sessions are remembered that were ended before their time."""


class Sessions:
    """Makes and reads sessions; `clock` gives microseconds since 1970."""

    def __init__(
        self, key: ECKey, clock: Callable[[], int], *, secure: bool, dev: bool = False, provider: str = ""
    ) -> None:
        """`secure`: browsers send the cookies over https alone. A session of the development sign-in holds nowhere else, nor
        one that another provider stands behind (`provider`, what tells it from others)."""
        self._key = key
        self._clock = clock
        self.secure = secure
        self._issuer = f"{ISSUER}:dev" if dev else f"{ISSUER}:{provider}" if provider else ISSUER
        self._verifier = Verifier(KeySet([key]), self._issuer, AUDIENCE, clock)
        self._ended: dict[bytes, None] = {}
        self.form_secret = self.secret("forms")
        self._browser_secret = self.secret("browsers")

    def secret(self, purpose: str) -> bytes:
        """A secret of 32 bytes that is the same for as long as the key is, and another for each purpose."""
        return sha256(f"csat-ledger {purpose}\0".encode() + self._key.as_bytes(private=True)).digest()

    def caller(self, cookies: dict[str, str]) -> Caller | None:
        """Who is signed in, by the cookies of a request; None where nobody is, or no longer."""
        token, _, mark = cookies.get(COOKIE, "").rpartition(".")
        if not token or len(token) > TOKEN_BYTES_MAX or not token.isascii():
            return None
        browser = self.browser(cookies)
        if self.secure and not browser:  # it may have begun where there was no https, with the same key
            return None
        expected = self._mark(token, browser)
        if not hmac.compare_digest(mark.encode("utf-8", "replace"), expected.encode()):
            return None
        if self._ended and sha256(token.encode()).digest() in self._ended:
            return None
        try:
            return self._verifier.caller([b"Bearer " + token.encode()])
        except Problem:
            return None

    def begun(
        self,
        subject: str,
        roles: Collection[str],
        memberships: Collection[str],
        until_s: int | None = None,
        browser: str = "",
    ) -> str:
        """The cookie of a new session, as a header; it ends at `until_s`, in seconds since 1970, or before.

        Raises BadInput where a browser would not keep it.
        """
        now_s = self._clock() // 1_000_000
        expires_s = now_s + LIFE_S if until_s is None else min(now_s + LIFE_S, until_s)
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now_s,
            "exp": expires_s,
            "roles": sorted(roles),
        }
        said = claims | ({"memberships": sorted(memberships)} if memberships else {})
        token = jwt.encode({"alg": "ES256", "kid": self._key.kid}, said, self._key)
        if len(token) > COOKIE_BYTES_MAX:
            raise BadInput(
                f"found {len(memberships):,} memberships of one partner, expected as many as a cookie can hold "
                f"({COOKIE_BYTES_MAX:,} bytes)"
            )
        return self.cookie(COOKIE, f"{token}.{self._mark(token, browser)}", expires_s - now_s)

    def end(self, cookies: dict[str, str]) -> list[str]:
        """Ends a session before its time: this process takes it no more. The headers that take its cookies away."""
        if self.caller(cookies) is not None:  # only what would hold takes a place among those that are remembered
            while len(self._ended) >= ENDED_MAX:
                del self._ended[next(iter(self._ended))]
            self._ended[sha256(cookies[COOKIE].rpartition(".")[0].encode()).digest()] = None
        return [self.ended(), *([self.told_browser("", 0)] if self.secure else [])]

    def ended(self) -> str:
        """The header that takes the session away."""
        return self.cookie(COOKIE, "", 0)

    def cookie(self, name: str, value: str, life_s: int | None = None, path: str = PATH) -> str:
        """A cookie for the pages alone, which no script can read; without a life it ends with the browser.

        It comes with a link of another site: were that of the forms `Strict`, such a visit would look like a browser without
        one, get another, and the forms of all pages that are open would be good for nothing. With a post of another site no
        `Lax` cookie comes.
        """
        parts = [f"{name}={value}", f"Path={path}", "HttpOnly", "SameSite=Lax"]
        if life_s is not None:
            parts.append(f"Max-Age={life_s}")
        if self.secure:
            parts.append("Secure")
        return "; ".join(parts)

    def browser(self, cookies: dict[str, str]) -> str:
        """What tells this browser from others; nothing where it has not been told, or there is no https."""
        return cookies.get(BROWSER, "") if self.secure else ""

    def told_browser(self, value: str, life_s: int = LIFE_S) -> str:
        """The header that tells a browser what it is told from others by. It is no secret of anybody else's: see above."""
        return f"{BROWSER}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={life_s}; Secure"

    def _mark(self, token: str, browser: str) -> str:
        made = hmac.digest(self._browser_secret, f"{token}\0{browser}".encode("utf-8", "replace"), "sha256")
        return urlsafe_b64encode(made).decode().rstrip("=")


def cookies_of(headers: Collection[tuple[bytes, bytes]]) -> dict[str, str]:
    """The cookies of a request; of a name that comes twice the first, as browsers put the closest path first.

    Around a name are spaces and tabs alone: a host beside this one may set a cookie whose name begins with another white space
    (0xA0, say), which to a browser is none of `__Host-…`, and must be none here.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        if name == b"cookie":
            for part in value.decode("latin-1").split(";"):
                key, _, text = part.strip(" \t").partition("=")
                found.setdefault(key, text)
    return found
