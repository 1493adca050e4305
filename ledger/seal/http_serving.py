"""What the HTTP servers of the log have in common: several clients at once, a bound on how many, and no end without an end.

TLS, compression for all, rate limits and access logs are matters of the reverse proxy before them (docs/operations.md).
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition
from typing import Any, Final

CLIENTS_MAX: Final = 32


class BoundedServer(ThreadingHTTPServer):
    """A thread for each client, up to a bound. A client that is one too many is not heard, and may come again."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], clients_max: int = CLIENTS_MAX
    ) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self._clients_max = clients_max
        self._clients: dict[Any, bool] = {}
        """Each connection, and whether an answer is under way on it."""
        self._changed = Condition()
        self._draining = False
        try:
            super().__init__(address, handler)
        except OSError as error:  # taken by another process, or none of this machine's
            raise OSError(error.errno, error.strerror, f"{address[0]}:{address[1]}") from error

    @property
    def crowded(self) -> bool:
        """Whether a connection that has its answer had better make room: no place is free, or the server is about to end."""
        return self._draining or len(self._clients) >= self._clients_max

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hands a client to a thread of its own, where there is a place."""
        with self._changed:
            full = self.crowded
            if not full:
                self._clients[request] = False
        if full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serves a client."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._changed:
                self._clients.pop(request, None)
                self._changed.notify_all()

    def busy(self, request: Any, is_busy: bool) -> None:
        """A connection says that an answer is under way on it, or that none is any more."""
        with self._changed:
            self._clients[request] = is_busy
            if self._draining and not is_busy:
                hang_up(request)

    def drain(self, patience_s: float) -> None:
        """Takes no client any more; lets answers under way be finished, for so long at most. Call `server_close` before."""
        end_s = time.monotonic() + patience_s
        with self._changed:
            self._draining = True
            for request, is_busy in self._clients.items():
                if not is_busy:
                    hang_up(request)
            while self._clients and (left_s := end_s - time.monotonic()) > 0:
                self._changed.wait(left_s)
            for request in self._clients:
                hang_up(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of a client that went away, or was too slow."""


def hang_up(connection: socket.socket) -> None:
    """Ends a connection, whoever waits on it."""
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
