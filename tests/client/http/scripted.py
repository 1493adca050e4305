"""A server on a real socket that answers as a test has written it: what a service, a proxy or a network may do to a client."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

WAIT_S = 30.0


@dataclass
class Asked:
    """A request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass
class Connection:
    """The server's side of one connection."""

    socket: socket.socket
    asked: Asked

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, status: int, body: bytes = b"", media: str = "application/json", **headers: str) -> None:
        """A whole answer."""
        lines = [
            f"HTTP/1.1 {status} Said",
            f"Content-Type: {media}",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send("\r\n".join([*lines, "", ""]).encode() + body)

    def problem(self, status: int, code: str, **headers: str) -> None:
        body = b'{"code":"%s","detail":"as the test has it","status":%d}' % (code.encode(), status)
        self.answer(status, body, "application/problem+json", **headers)

    def stream(self) -> None:
        """The head of a stream of events, which ends when the connection does."""
        self.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")

    def wait_until_gone(self) -> None:
        """Until the client has closed its side."""
        with suppress(OSError):
            while self.socket.recv(4_096):
                pass


Step = Callable[[Connection], None]


@dataclass
class Server:
    """Answers each connection with the next step; with the last one for ever."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)


@contextmanager
def scripted(*steps: Step) -> Iterator[Server]:
    """A server for as long as it is used."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(f"http://127.0.0.1:{listener.getsockname()[1]}")
    threads: list[threading.Thread] = []
    sockets: list[socket.socket] = []

    def answer(connected: socket.socket, step: Step) -> None:
        with connected:
            connected.settimeout(WAIT_S)
            try:
                asked = _read(connected)
                server.asked.append(asked)
                step(Connection(connected, asked))
                with suppress(OSError):
                    connected.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the client is gone
            except BaseException as error:
                server.failures.append(error)

    def accept() -> None:
        left = list(steps)
        while True:
            try:
                connected, _ = listener.accept()
            except OSError:
                return
            sockets.append(connected)
            step = left.pop(0) if len(left) > 1 else left[0]
            threads.append(threading.Thread(target=answer, args=(connected, step)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield server
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(WAIT_S)
        for connected in sockets:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(WAIT_S)
    assert server.failures == []


def _read(connected: socket.socket) -> Asked:
    found = b""
    while b"\r\n\r\n" not in found:
        part = connected.recv(65_536)
        if not part:
            raise OSError("gone before it asked")
        found += part
    head, _, body = found.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connected.recv(65_536)
    return Asked(line, headers, body)
