"""A pooler before a PostgreSQL server, as small as can be: a session for each transaction, or for each connection.

It knows what the tests need: no encryption, no passwords. Many clients share few sessions of the server: one that
is free is taken for a transaction (or, with `by="session"`, for as long as the client stays), the one given back last first.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Literal

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104


class _Session:
    """A session at the server, with what it said at its start."""

    def __init__(self, server: tuple[str, int], startup: bytes) -> None:
        self.socket = socket.create_connection(server)
        self.socket.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )  # else each message waits for the last one's receipt
        self.socket.sendall(startup)
        self.greeting = b""
        while True:
            kind, message = _read(self.socket)
            if kind == b"E":
                raise ConnectionError(message)
            if kind == b"S":
                self.greeting += message
            if kind == b"Z":
                return

    def forget(self) -> None:
        """Nothing is left of who had the session, as a real pooler's reset query brings about."""
        for statement in (b"ROLLBACK", b"DISCARD ALL"):
            self.socket.sendall(b"Q" + struct.pack("!i", len(statement) + 5) + statement + b"\0")
            while _read(self.socket)[0] != b"Z":
                pass


class Pooler:
    """Listens on `port` until it is closed."""

    def __init__(self, server_port: int, by: Literal["transaction", "session"] = "transaction") -> None:
        self._server = ("127.0.0.1", server_port)
        self._by = by
        self._free: list[_Session] = []
        self._all: list[socket.socket] = []
        self._guard = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self._all:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._thread.join()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._all.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ConnectionError), client:
            startup = _startup(client)
            session = self._take(startup)
            key = b"K" + struct.pack("!iii", 12, 1, 1)  # a number of the pooler's own, as real ones give
            client.sendall(
                b"R" + struct.pack("!ii", 8, 0) + session.greeting + key + b"Z" + struct.pack("!ic", 5, b"I")
            )
            self._give_back(session)
            kept = self._take(startup) if self._by == "session" else None
            try:
                while self._transaction(client, startup, kept):
                    pass
            finally:
                if kept is not None:
                    kept.forget()
                    self._give_back(kept)

    def _transaction(self, client: socket.socket, startup: bytes, kept: _Session | None) -> bool:
        """Passes on one transaction; False where the client leaves."""
        session = None
        while True:
            asked = b""
            while True:
                kind, message = _read(client)
                if kind == b"X":
                    return False
                asked += message
                if kind in b"QS":
                    asked_by = kind
                    break
            session = session or kept or self._take(startup)
            session.socket.sendall(asked)
            while True:
                kind, message = _read(session.socket)
                client.sendall(message)
                if kind == b"G":
                    _pass_on_copy(client, session.socket, asked_by)
                if kind == b"Z":
                    break
            if message[-1:] == b"I":
                if kept is None:
                    self._give_back(session)
                return True

    def _take(self, startup: bytes) -> _Session:
        with self._guard:
            if self._free:
                return self._free.pop()
            session = _Session(self._server, startup)
            self._all.append(session.socket)
            return session

    def _give_back(self, session: _Session) -> None:
        with self._guard:
            self._free.append(session)


@contextlib.contextmanager
def pooled(url: str, by: Literal["transaction", "session"] = "transaction") -> Iterator[str]:
    """The URL of a database on 127.0.0.1 through a pooler."""
    address, _, database = url.rpartition("/")
    user, _, port = address.rpartition(":")
    pooler = Pooler(int(port), by)
    try:
        yield f"{user}:{pooler.port}/{database}"
    finally:
        pooler.close()


def _pass_on_copy(client: socket.socket, server: socket.socket, asked_by: bytes) -> None:
    """Rows of a COPY up to its end; of the extended protocol another Sync follows, since the first one was ignored."""
    end = b"cf"
    while True:
        kind, message = _read(client)
        server.sendall(message)
        if kind in end:
            if asked_by != b"S" or end == b"S":
                return
            end = b"S"


def _startup(client: socket.socket) -> bytes:
    while True:
        head = _exactly(client, 8)
        length, code = struct.unpack("!ii", head)
        if code not in (SSL_REQUEST, GSS_REQUEST):
            return head + _exactly(client, length - 8)
        client.sendall(b"N")


def _read(connection: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(connection, 5)
    return head[:1], head + _exactly(connection, struct.unpack("!i", head[1:])[0] - 4)


def _exactly(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data
