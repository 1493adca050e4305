"""Who is signed in: a cookie that holds a token which this service signed itself, for some hours.

The token is like those of `console.http.tokens`, of an issuer of its own, so that none of them opens the API and no token of
the API is a session. Its key lies in a file; processes that stand behind one address share it. The cookie goes to the pages
alone (`Path=/console`): no request to the API is ever made with it, so no other site can have one made.
"""

from __future__ import annotations

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
PATH: Final = "/console"
LIFE_S: Final = 8 * 3_600
COOKIE_BYTES_MAX: Final = 3_800
"""Browsers keep 4,096 bytes of a cookie with its name and attributes."""


class Sessions:
    """Makes and reads sessions; `clock` gives microseconds since 1970."""

    def __init__(self, key: ECKey, clock: Callable[[], int], *, secure: bool, dev: bool = False) -> None:
        """`secure`: browsers send the cookies over https alone. A session of the development sign-in holds nowhere else."""
        self._key = key
        self._clock = clock
        self._secure = secure
        self._issuer = f"{ISSUER}:dev" if dev else ISSUER
        self._verifier = Verifier(KeySet([key]), self._issuer, AUDIENCE, clock)
        self.form_secret = sha256(b"csat-ledger forms\0" + key.as_bytes(private=True)).digest()

    def caller(self, cookies: dict[str, str]) -> Caller | None:
        """Who is signed in, by the cookies of a request; None where nobody is, or no longer."""
        token = cookies.get(COOKIE)
        if token is None or len(token) > TOKEN_BYTES_MAX or not token.isascii():
            return None
        try:
            return self._verifier.caller([b"Bearer " + token.encode()])
        except Problem:
            return None

    def begun(
        self, subject: str, roles: Collection[str], memberships: Collection[str], until_s: int | None = None
    ) -> str:
        """The cookie of a new session, as a header. Raises BadInput where a browser would not keep it."""
        now_s = self._clock() // 1_000_000
        expires_s = min(now_s + LIFE_S, until_s or now_s + LIFE_S)
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
        return self.cookie(COOKIE, token, expires_s - now_s)

    def ended(self) -> str:
        """The header that takes the session away."""
        return self.cookie(COOKIE, "", 0)

    def cookie(self, name: str, value: str, life_s: int | None = None, same_site: str = "Lax") -> str:
        """A cookie for the pages alone, which no script can read; without a life it ends with the browser."""
        parts = [f"{name}={value}", f"Path={PATH}", "HttpOnly", f"SameSite={same_site}"]
        if life_s is not None:
            parts.append(f"Max-Age={life_s}")
        if self._secure:
            parts.append("Secure")
        return "; ".join(parts)


def cookies_of(headers: Collection[tuple[bytes, bytes]]) -> dict[str, str]:
    """The cookies of a request; of a name that comes twice the first, as browsers put the closest path first."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name == b"cookie":
            for part in value.decode("latin-1").split(";"):
                key, _, text = part.strip().partition("=")
                found.setdefault(key, text)
    return found
