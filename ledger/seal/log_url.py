"""A log that is read from a URL, as c2sp.org/tlog-tiles says; and `open_log`, which takes a folder or a URL.

    log = open_log("https://log.example/csat")      reads https://log.example/csat/checkpoint, …/tile/0/000, …
    log = open_log("https://log.example/csat", token="…")     the bearer token with which a host gives entry bundles

Each answer has to be there within `TIMEOUT_S` (see `http_client`). Redirects are not followed: the log is at the URL that was
given, and the token goes nowhere else. No answer, half of one, 408, 429 and 5xx are tried again, `TRIES_MAX` times in all,
each time after a longer wait. A token that the host does not take any more, such as a JWT that has expired, is asked for anew
(`renewed`). Several threads may read at once.
"""

from __future__ import annotations

import http.client
import random
import ssl
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final

from ledger.errors import BadInput, LogDamaged, LogDenied, LogUnreachable
from ledger.proof.log.errors import shown
from ledger.seal.folder import LogFolder
from ledger.seal.http_client import FAILURES, GOOD, Answered, HttpClient, TooLong, parse_url
from ledger.seal.log_reader import HISTORY_MAX_BYTES, LogFiles
from ledger.seal.token_file import TOKEN_MAX_CHARS

TIMEOUT_S: Final = 30.0
"""For a whole request, from connecting to the last byte of the answer."""
TRIES_MAX: Final = 4
WAIT_FIRST_S: Final = 0.25
"""Before the second try; twice as long before each further one, less a random part."""
WHOLE_MAX_BYTES: Final = 1 << 31
"""Of a history that a server sends as a whole, since it knows no parts."""
CACHED_S: Final = 3.0
"""A checkpoint may be so old: a `log-server` lets caches keep it for two seconds."""
AGAIN: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
NOTHING: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)


class LogUrl(LogFiles):
    """A LogReader over a URL (see `log_reader`). Raises BadInput for what is no http:// or https:// URL of a log."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        wait_first_s: float = WAIT_FIRST_S,
        tls: ssl.SSLContext | None = None,
        renewed: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`renewed` is asked for the token as it is now where the host does not take the one that was given any more."""
        self._url = url.rstrip("/")
        self._place = parse_url(self._url, "the log")
        if token is not None:
            _check_token(token, in_the_open=self._place.in_the_open)
        self._token = token
        self._renewed = renewed
        self._wait_first_s = wait_first_s
        self._client = HttpClient(self._place, timeout_s, tls)

    @property
    def name(self) -> str:
        """The URL, for messages."""
        return self._url

    @property
    def stale_s(self) -> float:
        """So many seconds old the published checkpoint may be: caches on the way keep it for a while."""
        return CACHED_S

    def close(self) -> None:
        """Closes the connections that are kept."""
        self._client.close()

    def read_path(self, path: str, max_bytes: int) -> bytes | None:
        """The bytes at a path of the log; None where the server has nothing.

        Raises LogDamaged for more than `max_bytes`, LogUnreachable, LogDenied.
        """
        answer = self._get(path, max_bytes)
        return None if answer is None else answer.body

    def read_part(self, path: str, first: int, max_bytes: int) -> bytes:
        """The bytes of a file from an offset on (see `LogFiles.read_part`). A server that knows no parts sends the whole."""
        answer = self._get(path, WHOLE_MAX_BYTES, (first, first + max_bytes - 1))
        if answer is None:
            return b""
        if answer.status == HTTPStatus.OK:
            return answer.body[first:]
        given, total = len(answer.body), _total(answer, (first, first + len(answer.body) - 1))
        if total > HISTORY_MAX_BYTES:
            raise self._too_long(path, HISTORY_MAX_BYTES)
        if given < max_bytes and first + given < total:  # else a long file could be given by the byte, for ever
            raise LogUnreachable(
                f"{self._url}/{path}: found {given} of {max_bytes} bytes that were asked for, and {total} in all, expected "
                "whole parts"
            )
        return answer.body

    def _get(self, path: str, max_bytes: int, part: tuple[int, int] | None = None) -> Answered | None:
        """The answer to a GET, None for 404 and 410; asks again while that may help."""
        failed = ""
        for attempt in range(TRIES_MAX):
            if attempt:
                time.sleep(self._wait_first_s * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))
            token = self._token
            try:
                answer = self._ask(path, max_bytes, part, token)
            except TooLong:
                raise self._too_long(path, max_bytes) from None
            except FAILURES as error:
                failed = f"no whole answer ({shown(error)})"
                continue
            status = answer.status
            if status in GOOD:
                return answer
            if status in NOTHING:
                return None
            if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                if attempt + 1 < TRIES_MAX and self._has_other_token(token):
                    continue
                whom = "no token" if token is None else "a token that it does not know"
                raise LogDenied(
                    f"{self._url}/{path}: found that the host refuses it ({status}) to {whom}, expected to be let read it"
                )
            failed = f"the answer {status}"
            if status not in AGAIN and status < HTTPStatus.INTERNAL_SERVER_ERROR:
                break
        raise LogUnreachable(
            f"{self._url}/{path}: found {failed}, expected the file or 404; redirects are not followed"
        )

    def _has_other_token(self, refused: str | None) -> bool:
        """Whether there is another token by now than the one that was refused."""
        if refused is None:
            return False
        if self._token == refused and (found := self._renewed()) is not None:
            _check_token(found, in_the_open=self._place.in_the_open)
            self._token = found
        return self._token != refused

    def _ask(self, path: str, max_bytes: int, part: tuple[int, int] | None, token: str | None) -> Answered:
        headers = {"Accept-Encoding": "gzip, identity", "User-Agent": "csat-ledger"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if part is not None:
            headers |= {"Range": f"bytes={part[0]}-{part[1]}", "Accept-Encoding": "identity"}
        answer = self._client.ask("GET", f"{self._place.path}/{path}", max_bytes, headers)
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            _total(answer, None if part is None else (part[0], part[0] + len(answer.body) - 1))
        return answer

    def _too_long(self, path: str, max_bytes: int) -> LogDamaged:
        return LogDamaged(f"{self._url}/{path}: found more, expected at most {max_bytes} bytes")


def is_url(text: str) -> bool:
    """Whether `open_log` takes this for a URL."""
    return text.startswith(("http://", "https://"))


def open_log(
    text: str | Path, token: str | None = None, renewed: Callable[[], str | None] = lambda: None
) -> LogFolder | LogUrl:
    """The log in a folder, or at an http:// or https:// URL; `renewed` as `LogUrl`. Raises BadInput. Nothing is read yet."""
    if isinstance(text, str) and is_url(text):
        return LogUrl(text, token, renewed=renewed)
    if isinstance(text, str) and "://" in text:
        raise BadInput(f"found the log {text!r}, expected a folder, or an http:// or https:// URL")
    return LogFolder(Path(text))


def _check_token(token: str, *, in_the_open: bool) -> None:
    """Raises BadInput for what is no token, and for one that would travel in the open."""
    if not (0 < len(token) <= TOKEN_MAX_CHARS and token.isascii() and token.isprintable() and " " not in token):
        raise BadInput("found a token that is empty, too long or holds spaces, expected printable ASCII characters")
    if in_the_open:
        raise BadInput(
            "found a token for an http:// URL, expected https://: token and entries would travel in the open"
        )


def _total(answer: Answered, part: tuple[int, int] | None) -> int:
    """The size of the whole file, out of `bytes first-last/size`. Raises HTTPException where it is not the part asked for."""
    told = answer.headers.get("Content-Range", "")
    unit, _, rest = told.partition(" ")
    span, _, total = rest.partition("/")
    first, _, last = span.partition("-")
    plain = all(text.isascii() and text.isdigit() and len(text) < 20 for text in (first, last, total))
    if unit != "bytes" or not plain or part is None or (int(first), int(last)) != part:
        raise http.client.HTTPException(f"found the range {told[:60]!a}, expected the one asked for")
    return int(total)
