"""Plain logs of any entries, in folders and served over HTTP; servers that are hostile to who reads."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.merkle import leaf_hash
from ledger.proof.log.signer import sign_note
from ledger.seal.folder import LogFolder
from ledger.seal.growth import Growth
from ledger.seal.log_server import LogServer
from ledger.seal.published_log import PublishedLog
from tests.ledger.seal.support import LOG_KEY

TOKEN = "t" * 32


def write_log(folder: Path, entries: Sequence[bytes], sizes: Sequence[int]) -> LogFolder:
    """A log of these entries, with a checkpoint published at each of these sizes, as a sealer writes it."""
    log, growth = LogFolder(folder), Growth()
    log.make()
    pruned = 0
    for size in sizes:
        grow(log, growth, entries[growth.size : size])
        publish(log, growth)
        log.prune(pruned, growth.size)
        pruned = growth.size
    return log


def grow(log: LogFolder, growth: Growth, entries: Sequence[bytes]) -> None:
    """Writes the files of a larger log, which is not published yet."""
    with log.writing() as files:
        for tile, data in growth.extend(entries, [leaf_hash(entry) for entry in entries]) + growth.partial():
            files.add(tile.path, data)


def publish(log: LogFolder, growth: Growth) -> None:
    """Publishes the present size."""
    log.publish(signed(growth))


def signed(growth: Growth) -> bytes:
    """The checkpoint of the present size."""
    return sign_note(Checkpoint(LOG_KEY.name, growth.size, growth.root()).text, LOG_KEY)


@contextmanager
def served(folder: Path, *tokens: str, **limits: Any) -> Iterator[str]:
    """The URL of a server of the log in a folder."""
    with LogServer(("127.0.0.1", 0), PublishedLog(folder, tokens), **limits) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            server.drain(1)
            thread.join()


class Answer(NamedTuple):
    """What a server said."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


def ask(url: str, path: str, method: str = "GET", **headers: str) -> Answer:
    """One request over a connection of its own; the path goes out as it is."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


@contextmanager
def hostile(answer: Callable[[socket.socket, bytes, int], None], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The URL of a server that does to each request what it is told to: the connection, the request, how many came before."""
    count = 0

    def serve(listening: socket.socket) -> None:
        nonlocal count
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                threading.Thread(target=one, args=(client,), daemon=True).start()

    def one(accepted: socket.socket) -> None:
        nonlocal count
        with suppress(OSError), accepted if tls is None else tls.wrap_socket(accepted, server_side=True) as client:
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                if not (part := client.recv(65_536)):
                    return
                request += part
            number, count = count, count + 1
            answer(client, request, number)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


def raw(status: str, body: bytes, *headers: str, length: int | None = None) -> bytes:
    """An answer as bytes; its length may be a lie."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
