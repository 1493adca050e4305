"""An issuer's public keys (a JWKS, RFC 7517): in a file, which is read again when it changes, or at a URL.

What is at a URL is fetched within a deadline and up to a bound, again after an interval, and when a token names a key that
is not known: that at most once in LEARN_S, so that nobody makes us hammer the issuer. Redirects are not followed. While the
issuer is away, or says what makes no sense, its last good keys stay, for so long as is told; then no token holds.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, import_key

from ledger.errors import BadInput
from ledger.seal.http_client import FAILURES, HttpClient, Place, TooLong

JWKS_BYTES_MAX: Final = 1 << 18
KEYS_MAX: Final = 50
PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
FETCH_S: Final = 5.0
LEARN_S: Final = 10.0
AGAIN_S: Final = 10.0
"""After a failure keys are asked for so much later, or after the interval where that is shorter."""
LOOK_S: Final = 1.0
"""A file is looked at so often."""
REFRESH_S: Final = 300.0
KEPT_S: Final = 86_400.0


class Keys(ABC):
    """Where the keys are that tokens are checked by."""

    @abstractmethod
    def current(self) -> KeySet | None:
        """The keys as they are known now, the same object for as long as they are the same; None where there are none."""

    async def learn(self, _name: str) -> bool:
        """Asks again for the keys where none has this name, if it may be asked now. Whether there are others since."""
        return False

    def close(self) -> None:  # noqa: B027 (most have nothing to end)
        """Ends what keeps them up."""


class FixedKeys(Keys):
    """Keys that never change."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    def current(self) -> KeySet:
        """The keys."""
        return self._keys


class FileKeys(Keys):
    """The keys in a file. One that was changed into what makes no sense leaves those before it."""

    def __init__(self, path: Path, complain: Callable[[str], None]) -> None:
        """Raises BadInput where there are none to begin with."""
        self._path = path
        self._complain = complain
        self._seen = _signature(path)
        self._keys = load_jwks(path, complain)
        self._look_s = time.monotonic() + LOOK_S

    def current(self) -> KeySet:
        """The keys; the file is looked at once in LOOK_S."""
        now_s = time.monotonic()
        if now_s >= self._look_s:
            self._look_s = now_s + LOOK_S
            self._look()
        return self._keys

    def _look(self) -> None:
        seen = _signature(self._path)
        if seen == self._seen:
            return
        try:
            self._keys = load_jwks(self._path, self._complain)
        except BadInput as error:
            self._complain(f"{error}; the keys before are used on")
        self._seen = seen


class UrlKeys(Keys):
    """The keys at a URL, which a thread keeps up."""

    def __init__(
        self, url: str, complain: Callable[[str], None], *, refresh_s: float = REFRESH_S, kept_s: float = KEPT_S
    ) -> None:
        """`complain` is told why the keys cannot be had, once each time that begins. Raises BadInput for no such URL."""
        place, self._path = _place(url)
        self._url = url
        self._complain = complain
        self._refresh_s = refresh_s
        self._kept_s = kept_s
        self._client = HttpClient(place, FETCH_S)
        self._lock = Lock()
        self._content = b""
        self._keys: KeySet | None = None
        self._good_s = self._asked_s = float("-inf")
        self._failing = False
        self._learning: asyncio.Task[None] | None = None
        self._stopping = Event()
        self._refresh()
        self._thread = Thread(target=self._run, name="http-jwks", daemon=True)
        self._thread.start()

    def current(self) -> KeySet | None:
        """The keys, if they were confirmed not too long ago."""
        return self._keys if time.monotonic() < self._good_s + self._kept_s else None

    async def learn(self, _name: str) -> bool:
        """Asks the issuer, and whoever comes meanwhile waits with the first."""
        known = self.current()
        if known is not None and any(key.kid == _name for key in known):
            return False
        if self._learning is None or self._learning.done():
            if time.monotonic() < self._asked_s + LEARN_S:
                return False
            self._learning = asyncio.create_task(asyncio.to_thread(self._refresh))
        await asyncio.shield(self._learning)
        return self.current() is not known

    def close(self) -> None:
        """Ends the thread."""
        self._stopping.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        while not self._stopping.wait(min(AGAIN_S, self._refresh_s) if self._failing else self._refresh_s):
            self._refresh()

    def _refresh(self) -> None:
        with self._lock:
            self._asked_s = time.monotonic()
            try:
                content = self._fetched()
                if self._keys is None or content != self._content:
                    self._keys, self._content = keys_of(content, self._url, self._complain), content
                self._good_s, self._failing = time.monotonic(), False
            except BadInput as error:
                if not self._failing:
                    self._complain(f"{error}; the keys before are used on, if there are any, for {self._kept_s:g} s")
                self._failing = True

    def _fetched(self) -> bytes:
        try:
            found = self._client.ask("GET", self._path, JWKS_BYTES_MAX, {"Accept": "application/json"})
        except TooLong:
            raise BadInput(f"{self._url}: found more than {JWKS_BYTES_MAX:,} bytes, expected a JWKS") from None
        except FAILURES as error:
            raise BadInput(f"{self._url}: found no answer ({str(error)[:200]}), expected a JWKS") from None
        if found.status != 200:
            raise BadInput(f"{self._url}: found an answer with the status {found.status}, expected a JWKS")
        return found.body


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def is_url(text: str) -> bool:
    """Whether keys are named by a URL; otherwise it is a file."""
    return "://" in text


def _place(url: str) -> tuple[Place, str]:
    """The server and the path. Raises BadInput for what is no https:// URL, nor http:// on the loopback."""
    expected = "expected an https:// URL of the issuer's keys, or an http:// one on the loopback"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise BadInput(f"found {url!r}, {expected}") from None
    place = Place(parts.scheme == "https", parts.netloc, parts.path)
    printable = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or not printable:
        raise BadInput(f"found {url!r}, {expected}")
    if place.in_the_open:
        raise BadInput(f"found {url!r}, {expected}: who is on the way could put keys of his own in their place")
    return place, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def load_jwks(path: Path, remark: Callable[[str], None] = lambda _: None) -> KeySet:
    """The public keys in a file, as `keys_of` has them. Raises BadInput, also for one that holds a secret."""
    try:
        with path.open("rb") as file:
            content = file.read(JWKS_BYTES_MAX + 1)
    except OSError as error:
        raise BadInput(f"{path}: found {error.strerror}, expected a file of public keys (a JWKS)") from None
    if len(content) > JWKS_BYTES_MAX:
        raise BadInput(f"{path}: found more than {JWKS_BYTES_MAX:,} bytes, expected a JWKS")
    return keys_of(content, str(path), remark)


def keys_of(content: bytes, name: str, remark: Callable[[str], None] = lambda _: None) -> KeySet:
    """The keys of a JWKS; `name` says in an error where it was. Raises BadInput, also for one that holds a secret.

    A key that cannot be used, of a curve that is not known here, say, is left out, and `remark` is told (RFC 7517, section 5):
    an issuer that adds one for others takes nothing away from those that go by the rest.
    """
    try:
        keys: Any = orjson.loads(content)["keys"]
        if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
            raise TypeError
    except (ValueError, KeyError, TypeError):
        raise BadInput(f'{name}: found no JWKS, expected {{"keys": […]}}') from None
    if any(not PRIVATE_MEMBERS.isdisjoint(key) for key in keys):
        raise BadInput(f"{name}: found a secret key among the keys, expected public keys alone")
    if not 1 <= len(keys) <= KEYS_MAX:
        raise BadInput(f"{name}: found {len(keys)} keys, expected 1 to {KEYS_MAX}")
    usable: list[Key] = []
    unusable: list[str] = []
    for key in keys:
        try:
            usable.append(import_key(key))
        except (JoseError, ValueError, TypeError, KeyError) as error:
            unusable.append(str(error))
    if not usable:
        raise BadInput(f"{name}: found a key that cannot be used: {'; '.join(unusable)}")
    if unusable:
        remark(
            f"{name}: found {len(unusable)} of {len(keys)} keys that cannot be used: {unusable[0]}; the others are used"
        )
    return KeySet(usable)
