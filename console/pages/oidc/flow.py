"""A sign-in that is under way: what its browser keeps of it in a cookie, and what only this service can tell from that.

The cookie holds a number that is drawn, where to go afterwards and when it ends, with an HMAC over them. State, nonce and the
code verifier of PKCE are HMACs of that number: none of them is in the cookie, and the verifier leaves the service for the
provider alone. So several processes that share the key of sessions take each other's flows, and nothing is stored. A process
takes each flow once; of a code that another process has taken before, the provider says so.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Final

import orjson

COOKIE: Final = "csat_ledger_flow"
LIFE_S: Final = 600
COOKIE_CHARACTERS_MAX: Final = 3_600
NEXT_CHARACTERS_MAX: Final = 2_000
TAKEN_MAX: Final = 50_000
"""So many flows are remembered as taken; no longer than they would last."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One sign-in."""

    state: str
    """What the provider gives back with its answer."""
    nonce: str
    """What the ID token has to hold."""
    verifier: str
    """What shows the provider that whoever brings the code is who asked for it."""
    then: str
    """The path to go to afterwards."""


class Stale(Exception):
    """No sign-in of this browser is under way for what came back."""


class Flows:
    """Begins sign-ins and takes them up again; `clock` gives microseconds since 1970."""

    def __init__(self, secret: bytes, clock: Callable[[], int]) -> None:
        self._secret = secret
        self._clock = clock
        self._taken: dict[str, int] = {}

    def begin(self, then: str, browser: str) -> tuple[Flow, str]:
        """A new one in this browser, and the value of its cookie."""
        number = token_urlsafe(24)
        until_s = self._clock() // 1_000_000 + LIFE_S
        said = _encoded(orjson.dumps([number, until_s, then[:NEXT_CHARACTERS_MAX]]))
        return self._flow(number, then), f"{said}.{self._made('cookie', f'{said} {browser}')}"

    def take(self, cookie: str | None, browser: str, state: str) -> Flow:
        """The one that this browser's cookie and what came back both belong to, once. Raises Stale."""
        said, _, mark = (cookie or "").rpartition(".")
        if not said or len(said) > COOKIE_CHARACTERS_MAX or not _same(mark, self._made("cookie", f"{said} {browser}")):
            raise Stale
        number, until_s, then = orjson.loads(urlsafe_b64decode(said + "=" * (-len(said) % 4)))  # it is what we made
        flow = self._flow(number, then)
        now_s = self._clock() // 1_000_000
        if now_s >= until_s or not _same(state, flow.state) or number in self._taken:
            raise Stale
        self._remember(number, until_s, now_s)
        return flow

    def _remember(self, number: str, until_s: int, now_s: int) -> None:
        """They come about in the order in which they end, so the first ones are over first."""
        while self._taken:
            first = next(iter(self._taken))
            if self._taken[first] > now_s and len(self._taken) < TAKEN_MAX:
                break
            del self._taken[first]
        self._taken[number] = until_s

    def _flow(self, number: str, then: str) -> Flow:
        return Flow(self._made("state", number), self._made("nonce", number), self._made("verifier", number), then)

    def _made(self, purpose: str, of: str) -> str:
        return _encoded(hmac.digest(self._secret, f"{purpose} {of}".encode("utf-8", "replace"), "sha256"))


def _encoded(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


def _same(found: str, expected: str) -> bool:
    return hmac.compare_digest(found.encode("utf-8", "replace"), expected.encode())
