"""HTTP to a provider: each answer whole, within a deadline and a bound, in a few threads of its own.

The threads are nobody else's: a provider that takes its time keeps none of the service's. What Authlib's client asks goes this
way as well: `Session` is what it takes for a session of `requests`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

import orjson

from console.pages.oidc.failed import away, wrong
from ledger.seal.http_client import FAILURES, Answered, HttpClient, Place, TooLong

THREADS: Final = 4
DEADLINE_S: Final = 5.0
ANSWER_BYTES_MAX: Final = 1 << 16
Result = TypeVar("Result")


class Asking:
    """Asks a provider."""

    def __init__(self, deadline_s: float = DEADLINE_S) -> None:
        self.deadline_s = deadline_s
        self._tls = ssl.create_default_context()
        self._threads = ThreadPoolExecutor(THREADS, "oidc")

    async def run(self, work: Callable[[], Result]) -> Result:
        """What some work of the threads comes to. Raises Failed where that is not there in time."""
        try:
            async with asyncio.timeout(self.deadline_s):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError:
            raise away(f"no answer within {self.deadline_s:g} s") from None

    def get(self, url: str, bytes_max: int) -> bytes:
        """The answer to GET, in one of the threads. Raises Failed."""
        found = self.ask("GET", url, bytes_max, {"Accept": "application/json"})
        if found.status != 200:
            raise away(f"{url}: an answer with the status {found.status}")
        return found.body

    def ask(
        self, method: str, url: str, bytes_max: int, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answered:
        """An answer, whatever its status. Raises Failed."""
        parts = urlsplit(url)
        client = HttpClient(Place(parts.scheme == "https", parts.netloc, parts.path), self.deadline_s, self._tls)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            return client.ask(method, target, bytes_max, headers, body)
        except TooLong:
            raise wrong(f"{url}: an answer of more than {bytes_max:,} bytes") from None
        except FAILURES as error:
            raise away(f"{url}: {str(error)[:200]}") from None
        finally:
            client.close()

    def close(self) -> None:
        """Ends the threads, once what they wait for is over."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Session:
    """What Authlib's client posts with."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> TokenAnswer:
        """The answer to a form, with what shows whose it is."""
        url, headers, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        found = self._asking.ask("POST", url, ANSWER_BYTES_MAX, headers, body.encode())
        return TokenAnswer(url, found)


class TokenAnswer:
    """What Authlib's client reads."""

    def __init__(self, url: str, found: Answered) -> None:
        self._url = url
        self._body = found.body
        self.status_code = found.status

    def json(self) -> Any:
        """The body, but for what it says of an error in words, which Authlib wants in ASCII.

        Raises ValueError, and Failed where the status is none of success and no error is named: there are no tokens then.
        """
        found = orjson.loads(self._body)
        if isinstance(found, dict):
            found.pop("error_description", None)
        if not isinstance(found, dict) or "error" not in found:
            self.raise_for_status()
        return found

    def raise_for_status(self) -> None:
        """Raises Failed for a status that is none of success."""
        if self.status_code != 200:
            raise away(f"{self._url}: an answer with the status {self.status_code}")
