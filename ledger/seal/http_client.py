"""An HTTP client for servers that nobody here controls: each answer whole, within a deadline and a bound, or an error.

Nothing that a server does makes who asks wait for ever or fill memory: an answer has to be there, whole, within a deadline for
the request from its beginning, however slowly it drips; one longer than its bound is left unread; gzip is unpacked up to
the bound and not beyond. Redirects are an answer like others. Connections are kept and used again; several threads may
ask at once.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.message import Message
from http import HTTPStatus
from threading import Lock, Timer
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from ledger.errors import BadInput
from ledger.seal.http_serving import hang_up

IDLE_MAX: Final = 8
REASON_MAX_BYTES: Final = 4096
GZIP: Final = 16 + zlib.MAX_WBITS
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
GOOD: Final = (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT)
FAILURES: Final = (OSError, UnicodeError, http.client.HTTPException, zlib.error)
"""What `ask` raises for an answer that is not there, not whole, or none: trying again may help."""


class TooLong(Exception):
    """An answer that is longer than its bound."""


class Answered(NamedTuple):
    """A whole answer; the body of one that is not 200 or 206 is a beginning of the reason, or nothing."""

    status: int
    headers: Message
    body: bytes


class Place(NamedTuple):
    """An http:// or https:// URL in parts."""

    secure: bool
    netloc: str
    path: str

    @property
    def in_the_open(self) -> bool:
        """Whether others on the way can read what goes there."""
        return not self.secure and urlsplit(f"//{self.netloc}").hostname not in LOOPBACK


def parse_url(url: str, what: str) -> Place:
    """The parts of a URL; raises BadInput for what is none, and for one with a name, a query or a fragment."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise BadInput(f"found {what} {url!r} ({error}), expected an http:// or https:// URL") from None
    plain = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        raise BadInput(f"found {what} {url!r}, expected an http:// or https:// URL")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise BadInput(f"found {what} {url!r}, expected a URL without a name, a query or a fragment")
    return Place(parts.scheme == "https", parts.netloc, parts.path.rstrip("/"))


class HttpClient:
    """Asks one server."""

    def __init__(self, place: Place, timeout_s: float, tls: ssl.SSLContext | None = None) -> None:
        self._place = place
        self._timeout_s = timeout_s
        self._tls = tls
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = Lock()

    def close(self) -> None:
        """Closes the connections that are kept."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def ask(
        self, method: str, path: str, max_bytes: int, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answered:
        """One request, tried once. Raises TooLong, or one of FAILURES."""
        with self._connection() as connection:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            if response.status in GOOD and method != "HEAD":
                data = _body(response, max_bytes)
            else:  # the connection stays good if this is all
                data = b"" if response.isclosed() else response.read(REASON_MAX_BYTES)
            if not response.isclosed() or response.will_close:
                connection.close()
            return Answered(response.status, response.headers, data)

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
        if self._place.secure:
            return http.client.HTTPSConnection(self._place.netloc, timeout=self._timeout_s, context=self._tls)
        return http.client.HTTPConnection(self._place.netloc, timeout=self._timeout_s)


def _body(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    """The body, unpacked; IncompleteRead where it ends too early. What is too long is not read to its end."""
    expected = response.length
    if expected is None and not response.chunked:
        raise http.client.HTTPException("found an answer without a length, expected one whose end can be told")
    if (expected or 0) > max_bytes:
        raise TooLong
    data = response.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise TooLong
    if expected is not None and len(data) < expected:
        raise http.client.IncompleteRead(data, expected - len(data))
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding == "gzip":
        unpacker = zlib.decompressobj(GZIP)
        data = unpacker.decompress(data, max_bytes + 1)
        if len(data) > max_bytes:
            raise TooLong
        if not unpacker.eof or unpacker.unused_data:
            raise zlib.error("found a gzip stream cut off or followed by more")
    elif coding != "identity":
        raise http.client.HTTPException(f"found the encoding {coding[:40]!a}, expected gzip or none")
    return data


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
