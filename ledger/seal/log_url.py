"""A log that is read from a URL, as c2sp.org/tlog-tiles says; and `open_log`, which takes a folder or a URL.

    log = open_log("https://log.example/csat")      reads https://log.example/csat/checkpoint, …/tile/0/000, …
    log = open_log("https://log.example/csat", token="…")     the bearer token with which a host gives entry bundles

Nothing that a server does makes the reader wait for ever or fill its memory: an answer has to be there, whole, within
`TIMEOUT_S` of the request, however slowly it drips; one longer than its bound is left unread; gzip is unpacked up to the
bound and not beyond. Redirects are not followed: the log is at the URL that was given, and the token goes nowhere else.
No answer, half of one, 429 and 5xx are tried again, `TRIES_MAX` times in all, each time after a longer wait.

Connections are kept and used again; several threads may read at once.
"""

from __future__ import annotations

import http.client
import random
import socket
import ssl
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from threading import Lock, Timer
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from ledger.errors import BadInput, LogDamaged, LogDenied, LogUnreachable
from ledger.seal.folder import LogFolder
from ledger.seal.http_serving import hang_up
from ledger.seal.log_reader import HISTORY, LogFiles

TIMEOUT_S: Final = 30.0
"""For a whole request, from connecting to the last byte of the answer."""
TRIES_MAX: Final = 4
WAIT_FIRST_S: Final = 0.25
"""Before the second try; twice as long before each further one, less a random part."""
IDLE_MAX: Final = 4
HISTORY_PART_BYTES: Final = 1 << 22
"""The history is asked for in parts, so that a long one needs no long request."""
TOKEN_MAX_CHARS: Final = 1024
GZIP: Final = 16 + zlib.MAX_WBITS
AGAIN: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class Answered(NamedTuple):
    """A whole answer; `total` is the size of the whole file where the answer is a part of it."""

    status: int
    body: bytes
    total: int | None


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
    ) -> None:
        self._url = url.rstrip("/")
        place = _place(self._url)
        if token is not None:
            _check_token(token, place.scheme == "https" or place.hostname in LOOPBACK)
        self._secure = place.scheme == "https"
        self._netloc = place.netloc
        self._prefix = place.path
        self._token = token
        self._timeout_s = timeout_s
        self._wait_first_s = wait_first_s
        self._tls = tls
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = Lock()

    @property
    def name(self) -> str:
        """The URL, for messages."""
        return self._url

    def close(self) -> None:
        """Closes the connections that are kept."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def read_path(self, path: str, max_bytes: int) -> bytes | None:
        """The bytes at a path of the log; None where the server has nothing.

        Raises LogDamaged for more than `max_bytes`, LogUnreachable, LogDenied.
        """
        if path == HISTORY:
            return self._read_parts(path, max_bytes)
        answer = self._get(path, max_bytes)
        return None if answer is None else answer.body

    def _read_parts(self, path: str, max_bytes: int) -> bytes | None:
        """A long file, a part at a time; as long as it was when its last part was read."""
        parts: list[bytes] = []
        size = 0
        while True:
            part_bytes = min(HISTORY_PART_BYTES, max_bytes - size + 1)
            answer = self._get(path, max_bytes if size == 0 else part_bytes, (size, size + part_bytes - 1))
            if answer is None:
                return None if size == 0 else b"".join(parts)
            if answer.status == HTTPStatus.OK:  # a server that knows no parts sends the whole
                return answer.body
            parts.append(answer.body)
            size += len(answer.body)
            if size > max_bytes or (answer.total or 0) > max_bytes:
                raise self._too_long(path, max_bytes)
            if not answer.body or answer.total is None or size >= answer.total:
                return b"".join(parts)

    def _get(self, path: str, max_bytes: int, part: tuple[int, int] | None = None) -> Answered | None:
        """The answer to a GET, None for 404 and 410; asks again while that may help."""
        failed = ""
        for attempt in range(TRIES_MAX):
            if attempt:
                time.sleep(self._wait_first_s * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))
            try:
                answer = self._ask(path, max_bytes, part)
            except (OSError, UnicodeError, http.client.HTTPException, zlib.error) as error:
                failed = f"no whole answer ({error!r})"
                continue
            status = answer.status
            if status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
                return answer
            if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
                return None
            if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                whom = "no token" if self._token is None else "a token that it does not know"
                raise LogDenied(
                    f"{self._url}/{path}: found that the host refuses it ({status}) to {whom}, expected to be let read it"
                )
            failed = f"the answer {status}"
            if status not in AGAIN and status < HTTPStatus.INTERNAL_SERVER_ERROR:
                break
        raise LogUnreachable(
            f"{self._url}/{path}: found {failed}, expected the file or 404; redirects are not followed"
        )

    def _ask(self, path: str, max_bytes: int, part: tuple[int, int] | None) -> Answered:
        headers = {"Accept-Encoding": "gzip, identity", "User-Agent": "csat-ledger"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        if part is not None:
            headers |= {"Range": f"bytes={part[0]}-{part[1]}", "Accept-Encoding": "identity"}
        with self._connection() as connection:
            connection.request("GET", f"{self._prefix}/{path}", headers=headers)
            response = connection.getresponse()
            good = response.status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT)
            body = self._body(path, response, max_bytes) if good else b""
            total = None
            if response.status == HTTPStatus.PARTIAL_CONTENT:
                total = _total(response.headers.get("Content-Range", ""), part, len(body))
            if not good and not response.isclosed():
                response.read(4096)  # a short reason: the connection stays good if this was all
            if not response.isclosed() or response.will_close:
                connection.close()
            return Answered(response.status, body, total)

    def _body(self, path: str, response: http.client.HTTPResponse, max_bytes: int) -> bytes:
        """The body, unpacked; IncompleteRead where it ends too early. What is too long is not read to its end."""
        if (response.length or 0) > max_bytes:
            raise self._too_long(path, max_bytes)
        expected = response.length
        data = response.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise self._too_long(path, max_bytes)
        if expected is not None and len(data) < expected:
            raise http.client.IncompleteRead(data, expected - len(data))
        coding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if coding == "gzip":
            unpacker = zlib.decompressobj(GZIP)
            data = unpacker.decompress(data, max_bytes + 1)
            if len(data) > max_bytes:
                raise self._too_long(path, max_bytes)
            if not unpacker.eof or unpacker.unused_data:
                raise zlib.error("found a gzip stream cut off or followed by more")
        elif coding != "identity":
            raise http.client.HTTPException(f"found the encoding {coding[:40]!a}, expected gzip or none")
        return data

    def _too_long(self, path: str, max_bytes: int) -> LogDamaged:
        return LogDamaged(f"{self._url}/{path}: found more, expected at most {max_bytes} bytes")

    @contextmanager
    def _connection(self) -> Iterator[http.client.HTTPConnection]:
        """A connection for one request, which ends at the deadline; kept afterwards where it is still good."""
        end_s = time.monotonic() + self._timeout_s
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None or _is_stale(connection):
            if connection is not None:
                connection.close()
            connection = self._new()
            connection.connect()
        sock = connection.sock
        deadline = Timer(max(0.0, end_s - time.monotonic()), hang_up, (sock,))
        deadline.daemon = True
        deadline.start()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        finally:
            deadline.cancel()
        if time.monotonic() >= end_s:  # the deadline may have cut the answer off where nothing shows it
            connection.close()
            raise TimeoutError(f"no whole answer within {self._timeout_s:g} s")
        if connection.sock is not None:
            with self._lock:
                if len(self._idle) < IDLE_MAX:
                    self._idle.append(connection)
                    return
            connection.close()

    def _new(self) -> http.client.HTTPConnection:
        if self._secure:
            return http.client.HTTPSConnection(self._netloc, timeout=self._timeout_s, context=self._tls)
        return http.client.HTTPConnection(self._netloc, timeout=self._timeout_s)


def is_url(text: str) -> bool:
    """Whether `open_log` takes this for a URL."""
    return text.startswith(("http://", "https://"))


def open_log(text: str | Path, token: str | None = None) -> LogFolder | LogUrl:
    """The log in a folder, or at an http:// or https:// URL. Raises BadInput. Nothing is read yet."""
    if isinstance(text, str) and is_url(text):
        return LogUrl(text, token)
    if isinstance(text, str) and "://" in text:
        raise BadInput(f"found the log {text!r}, expected a folder, or an http:// or https:// URL")
    return LogFolder(Path(text))


class _Place(NamedTuple):
    scheme: str
    netloc: str
    hostname: str
    path: str


def _place(url: str) -> _Place:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise BadInput(f"found the log {url!r} ({error}), expected an http:// or https:// URL") from None
    plain = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        raise BadInput(f"found the log {url!r}, expected an http:// or https:// URL")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise BadInput(f"found the log {url!r}, expected a URL without a name, a query or a fragment")
    return _Place(parts.scheme, parts.netloc, parts.hostname, parts.path)


def _check_token(token: str, secret_way: bool) -> None:
    """Raises BadInput for what is no token, and for one that would travel in the open."""
    if not (0 < len(token) <= TOKEN_MAX_CHARS and token.isascii() and token.isprintable() and " " not in token):
        raise BadInput("found a token that is empty, too long or holds spaces, expected printable ASCII characters")
    if not secret_way:
        raise BadInput(
            "found a token for an http:// URL, expected https://: token and entries would travel in the open"
        )


def _total(content_range: str, part: tuple[int, int] | None, length: int) -> int:
    """The size of the whole file, out of `bytes first-last/size`. Raises HTTPException where it is not the part asked for."""
    unit, _, rest = content_range.partition(" ")
    span, _, total = rest.partition("/")
    first, _, last = span.partition("-")
    plain = all(text.isascii() and text.isdigit() and len(text) < 20 for text in (first, last, total))
    if unit != "bytes" or not plain or part is None or (int(first), int(last)) != (part[0], part[0] + length - 1):
        raise http.client.HTTPException(f"found the range {content_range[:60]!a}, expected the one asked for")
    return int(total)


def _is_stale(connection: http.client.HTTPConnection) -> bool:
    """Whether the server closed a kept connection, or sent something unasked."""
    sock = connection.sock
    if sock is None:
        return True
    timeout_s = sock.gettimeout()
    try:
        sock.settimeout(0)
        socket.socket.recv(sock, 1, socket.MSG_PEEK)
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True
    finally:
        with suppress(OSError):
            sock.settimeout(timeout_s)
    return True
