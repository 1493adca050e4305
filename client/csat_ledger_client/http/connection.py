"""Requests to the service: within a deadline, tried again where that is safe and can help, and of bounded size.

Everything that is sent may be sent again: a question changes nothing, and a fact has an id, so that the second one is a
duplicate. So an attempt that is lost (no connection, a connection that broke, 429, 502, 503) is made again, after the pause
that `Retry-After` asks for or a growing one of our own, until the deadline would pass.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx

from csat_ledger_client.errors import BadAnswer, BadRequest, NotNow, ServiceUnreachable
from csat_ledger_client.http.problems import PROBLEM_BYTES_MAX, problem_of, read_some
from csat_ledger_client.pauses import Pauses

Made = TypeVar("Made")
Token = str | Callable[[], str]
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
CONNECT_S: Final = 5.0
TIMEOUT_S: Final = 30.0
ANSWER_BYTES_MAX: Final = 64 << 20
AGAIN: Final = frozenset({429, 502, 503})
POSITION_HEADER: Final = "ledger-position"
AGENT: Final = "csat-ledger-client"


@dataclass(frozen=True, slots=True)
class Answered:
    """The bytes of an answer, and as of which position of the ledger it is (0 where that is not said)."""

    body: bytes
    status: int
    position: int


class Connection:
    """One service, and who asks it. For several threads, if `token` is."""

    def __init__(
        self,
        url: str,
        token: Token,
        *,
        timeout_s: float = TIMEOUT_S,
        plain_http: bool = False,
        http: httpx.Client | None = None,
        pauses: Pauses | None = None,
    ) -> None:
        """See `csat_ledger_client.Ledger`. Raises BadRequest where the URL is none that a token may be sent to."""
        self._url = _service_url(url, plain_http)
        if not (isinstance(token, str) or callable(token)):
            raise BadRequest(f"found a token that is {type(token).__name__}, expected a JWT, or what gives one")
        self._token = token
        self._timeout_s = timeout_s
        self._pauses = pauses or Pauses()
        self._own = http is None
        self._http = http or httpx.Client(follow_redirects=False)

    def close(self) -> None:
        """Gives the connections back."""
        if self._own:
            self._http.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        media: str = JSON,
        min_position: int | None = None,
        look: Callable[[bytes], None] | None = None,
    ) -> Answered:
        """The whole answer. Raises Problem, ServiceUnreachable, BadAnswer.

        `look` is shown the bytes of an answer, and raises NotNow where it is asked for again as if it had been refused.
        """
        headers = _headers(min_position) | ({} if body is None else {"Content-Type": media})

        def attempt(left_s: float) -> Answered:
            with self.opened(method, path, headers, left_s, query=query, body=body) as response:
                found, whole = read_some(response, ANSWER_BYTES_MAX, left_s)
                if not whole:
                    raise BadAnswer(f"found an answer of more than {ANSWER_BYTES_MAX:,} bytes, expected a shorter one")
                if look is not None:
                    look(found)
                return Answered(found, response.status_code, position_of(response))

        return self.again(attempt)

    def streamed(
        self, path: str, *, query: Mapping[str, Any] | None = None, min_position: int | None = None
    ) -> Iterator[str]:
        """The text of a long answer, as it comes. It is asked for again until it begins; one that breaks is not.

        Raises Problem, ServiceUnreachable, BadAnswer.
        """

        def attempt(left_s: float) -> tuple[ExitStack, httpx.Response]:
            opened = ExitStack()
            return opened, opened.enter_context(self.opened("GET", path, _headers(min_position), left_s, query=query))

        opened, response = self.again(attempt)
        with opened:
            try:
                yield from response.iter_text()
            except httpx.TransportError as error:
                raise ServiceUnreachable(f"the answer of {self._url} broke in the middle: {said_of(error)}") from error

    def again(self, attempt: Callable[[float], Made]) -> Made:
        """Makes an attempt, which is told how many seconds it has, until it succeeds or the deadline would pass."""
        deadline = time.monotonic() + self._timeout_s
        failures = 0
        while True:
            left_s = deadline - time.monotonic()
            try:
                return attempt(max(0.001, left_s))
            except NotNow as problem:
                failures += 1
                pause_s = max(problem.retry_after_s or 0.0, self._pauses.after(failures))
                if problem.status not in AGAIN or pause_s > deadline - time.monotonic():
                    raise
            except httpx.TransportError as error:
                failures += 1
                pause_s = self._pauses.after(failures)
                if pause_s > deadline - time.monotonic():
                    raise ServiceUnreachable(
                        f"found no answer of {self._url} in {failures} attempts within {self._timeout_s:g} s: {said_of(error)}"
                    ) from error
            time.sleep(pause_s)

    @contextmanager
    def opened(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        timeout_s: float,
        *,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
    ) -> Iterator[httpx.Response]:
        """One attempt: an answer of 200 or 201, whose body is to be read.

        `timeout_s` bounds each wait. Raises Problem, BadAnswer, BadRequest; httpx.TransportError where it was lost.
        """
        if self._http.is_closed:
            raise BadRequest("found a client that was closed, expected one that is open")
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        timeout = httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
        try:
            with self._http.stream(
                method, self._url + path, params=asked, content=body, timeout=timeout,
                headers={"User-Agent": AGENT, "Authorization": self._authorization(), **headers},
            ) as response:  # fmt: skip
                if response.status_code not in (200, 201):
                    said, _ = read_some(response, PROBLEM_BYTES_MAX, timeout_s)
                    raise problem_of(response.status_code, response.headers, said)
                yield response
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol) as error:
            raise BadRequest(f"found a request that cannot be sent: {said_of(error)}") from None
        except (httpx.DecodingError, httpx.TooManyRedirects) as error:
            raise BadAnswer(f"found an answer that cannot be read: {said_of(error)}") from error

    def _authorization(self) -> str:
        token = self._token if isinstance(self._token, str) else self._token()
        if not isinstance(token, str) or not token:
            found = "an empty token" if token == "" else f"a token that is {type(token).__name__}"
            raise BadRequest(f"found {found}, expected a JWT")
        place = next((place for place, one in enumerate(token, 1) if not "!" <= one <= "~"), None)
        if place is not None:
            raise BadRequest(
                f"found a token that has at character {place} of {len(token)} a space, a line break or what else no header "
                "may have there, expected a JWT alone, without `Bearer` before it and without a line break after it"
            )
        return f"Bearer {token}"


def position_of(response: httpx.Response) -> int:
    """As of which position an answer is; 0 where it does not say."""
    found = response.headers.get(POSITION_HEADER, "")
    return int(found) if found.isascii() and found.isdigit() and len(found) <= 18 else 0


def _headers(min_position: int | None) -> dict[str, str]:
    return {"Accept": JSON} | ({} if min_position is None else {"Min-Position": str(min_position)})


def said_of(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _service_url(url: str, plain_http: bool) -> str:
    """The URL without a slash at its end."""
    if not isinstance(url, str):
        raise BadRequest(f"found a URL that is {type(url).__name__}, expected https://HOST[:PORT][/PATH]")
    try:
        found = urlsplit(url)
        host = found.hostname or ""
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL) as error:
        raise BadRequest(f"found {url[:200]!r}, expected the URL of a service: {error}") from None
    if found.scheme not in ("https", "http") or not host or found.query or found.fragment or found.username:
        raise BadRequest(f"found {url[:200]!r}, expected https://HOST[:PORT][/PATH], without user, query and fragment")
    if found.scheme == "http" and not (plain_http or _is_loopback(host)):
        raise BadRequest(
            f"found {url[:200]!r}, expected https://, since whoever sees a token can use it; plain_http=True allows it where "
            "nobody listens"
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
