"""Serves a log over HTTP: the paths of c2sp.org/tlog-tiles out of a log's folder, and nothing else.

    GET, HEAD  /checkpoint              text/plain; charset=utf-8   anybody; not cached beyond two seconds
               /checkpoints.jsonl       text/plain; charset=utf-8   anybody; not cached; `Range: bytes=first-last`
               /tile/<L>/<N>[.p/<W>]    application/octet-stream    anybody; cached for ever
               /tile/entries/…          application/octet-stream    `Authorization: Bearer TOKEN`; cached by the reader only

404 is the answer where there is no such path, no checkpoint yet, or nothing by that path under the published checkpoint; and,
where the server has no tokens, for every entry bundle. Where it has, a request for one without a right token gets 403,
whether the bundle exists or not. 405: another method. 500: the folder does not hold what its checkpoint covers.
414: a request line that is too long. 416: a part of the history that does not begin inside it.

What is served, and what not, says `published_log`.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import BufferedReader
from threading import Timer
from typing import Final, cast

from ledger.seal.http_serving import CLIENTS_MAX, BoundedServer, hang_up
from ledger.seal.published_log import Asked, PublishedLog, Served

TIMEOUT_S: Final = 30.0
"""For a whole request, from its first byte to the last of the answer."""
IDLE_S: Final = 10.0
"""So long a connection without a request is kept."""
LINE_MAX_BYTES: Final = 4096
"""Of a request."""


class LogServer(BoundedServer):
    """Serves a log to several clients at once, each request within a deadline."""

    def __init__(
        self,
        address: tuple[str, int],
        log: PublishedLog,
        *,
        timeout_s: float = TIMEOUT_S,
        idle_s: float = IDLE_S,
        clients_max: int = CLIENTS_MAX,
        complain: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(address, _Handler, clients_max)
        self.log = log
        self.timeout_s = timeout_s
        self.idle_s = idle_s
        self.complain = complain


class _Handler(BaseHTTPRequestHandler):
    server: LogServer
    server_version = "csat-log"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.idle_s)

    def handle_one_request(self) -> None:
        """One request of a connection, within its deadline; before it begins, within the time for idle ones."""
        try:
            if not cast(BufferedReader, self.rfile).peek(1):
                self.close_connection = True
                return
            self.server.busy(self.connection, True)
            deadline = Timer(self.server.timeout_s, hang_up, (self.connection,))
            deadline.daemon = True
            deadline.start()
            try:
                self._answer_one()
                self.wfile.flush()
            finally:
                deadline.cancel()
                self.server.busy(self.connection, False)
        except OSError:  # gone, or too slow
            self.close_connection = True

    def _answer_one(self) -> None:
        self.raw_requestline = self.rfile.readline(LINE_MAX_BYTES + 1)
        self.command, self.requestline, self.request_version = "", "", self.protocol_version
        if len(self.raw_requestline) > LINE_MAX_BYTES:
            self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)
        elif not self.parse_request():
            return
        elif self.request_version == "HTTP/0.9":
            self.send_error(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
        elif self.command not in ("GET", "HEAD"):
            self.close_connection = True  # a body may follow, which nobody reads
            self._send(Served(HTTPStatus.METHOD_NOT_ALLOWED, b"expected GET or HEAD\n"))
        else:
            if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
                self.close_connection = True
            asked = Asked(self.path, self.headers.get("Authorization", ""), self.headers.get("Range", ""))
            served = self.server.log.answer(asked)
            if served.complaint is not None:
                self.server.complain(served.complaint)
            self._send(served)

    def _send(self, served: Served) -> None:
        body, headers = served.for_client(self.headers.get("Accept-Encoding", ""))
        self.send_response(served.status)
        for name, value in headers.items():
            self.send_header(name, value)
        if served.status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection or self.server.crowded:
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """A request that the library cannot read; what it held is not repeated."""
        self.close_connection, self.request_version = True, self.protocol_version
        self.headers = self.MessageClass()
        self._send(Served(HTTPStatus(code), f"{HTTPStatus(code).phrase}\n".encode("ascii")))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Says nothing: the reverse proxy before it keeps the access log, and no token gets into one of ours."""
