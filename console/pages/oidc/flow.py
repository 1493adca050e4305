"""A sign-in that is under way: what its browser keeps of it in a cookie, and what only this service can tell from that.

The cookie holds a number that is drawn, where to go afterwards and when it ends, with an HMAC over them. State, nonce and the
code verifier of PKCE are HMACs of that number: none of them is in the cookie, and the verifier leaves the service for the
provider alone. So several processes that share the key of sessions take each other's flows, and nothing is stored. A process
takes each flow once; of a code that another process has taken before, the provider says so.

Each flow has a cookie of its own, whose name follows from the state: who signs in in several tabs comes in in each. A browser
keeps a few of them, and the oldest gives way: they must not fill what a request's headers may hold.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Final

import orjson

COOKIE: Final = "csat_ledger_flow"
LIFE_S: Final = 600
COOKIE_CHARACTERS_MAX: Final = 3_600
FLOWS_MAX: Final = 5
"""So many of one browser are under way at once."""
FLOWS_CHARACTERS_MAX: Final = 6_000
"""So long are their cookies together."""
NAME_CHARACTERS: Final = 8
NAMES: Final = re.compile(rf"{COOKIE}_[\w-]{{{NAME_CHARACTERS}}}", re.ASCII)
GIVEN_UP_MAX: Final = 20
"""So many cookies are taken away with one answer."""
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
    cookie: str
    """The name of its cookie."""


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
        said = _encoded(orjson.dumps([number, until_s, then]))
        return self._flow(number, then), f"{said}.{self._made('cookie', f'{said} {browser}')}"

    def take(self, cookies: Mapping[str, str], browser: str, state: str) -> Flow:
        """The one that this browser's cookies and what came back both belong to, once. Raises Stale."""
        number, until_s, then = self._read(cookies.get(self._name(state), ""), browser)
        flow = self._flow(number, then)
        now_s = self._clock() // 1_000_000
        if now_s >= until_s or not _same(state, flow.state) or number in self._taken:
            raise Stale
        self._remember(number, until_s, now_s)
        return flow

    def given_up(self, cookies: Mapping[str, str], browser: str, value: str) -> Iterator[str]:
        """The names of the cookies that make room for one with this value: those that are none, and then the oldest."""
        until_s = {name: self._until_s(text, browser) for name, text in cookies.items() if NAMES.fullmatch(name)}
        kept, size, gone = 1, len(value), 0
        newest_first = reversed(until_s)  # of two that end at once browsers send the older first
        for name in sorted(newest_first, key=until_s.__getitem__, reverse=True):
            size += len(cookies[name])
            if until_s[name] and kept < FLOWS_MAX and size <= FLOWS_CHARACTERS_MAX:
                kept += 1
            elif gone < GIVEN_UP_MAX:
                gone += 1
                yield name

    def _until_s(self, cookie: str, browser: str) -> int:
        """When a flow ends; 0 for none of ours."""
        try:
            return self._read(cookie, browser)[1]
        except Stale:
            return 0

    def _read(self, cookie: str, browser: str) -> tuple[str, int, str]:
        """Number, end and path in a cookie that we made for this browser. Raises Stale."""
        said, _, mark = cookie.rpartition(".")
        if not said or len(said) > COOKIE_CHARACTERS_MAX or not _same(mark, self._made("cookie", f"{said} {browser}")):
            raise Stale
        number, until_s, then = orjson.loads(urlsafe_b64decode(said + "=" * (-len(said) % 4)))  # it is what we made
        return number, until_s, then

    def _remember(self, number: str, until_s: int, now_s: int) -> None:
        """They come about in the order in which they end, so the first ones are over first."""
        while self._taken:
            first = next(iter(self._taken))
            if self._taken[first] > now_s and len(self._taken) < TAKEN_MAX:
                break
            del self._taken[first]
        self._taken[number] = until_s

    def _flow(self, number: str, then: str) -> Flow:
        state = self._made("state", number)
        return Flow(state, self._made("nonce", number), self._made("verifier", number), then, self._name(state))

    def _name(self, state: str) -> str:
        return f"{COOKIE}_{self._made('name', state)[:NAME_CHARACTERS]}"

    def _made(self, purpose: str, of: str) -> str:
        return _encoded(hmac.digest(self._secret, f"{purpose} {of}".encode("utf-8", "replace"), "sha256"))


def _encoded(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


def _same(found: str, expected: str) -> bool:
    return hmac.compare_digest(found.encode("utf-8", "replace"), expected.encode())
