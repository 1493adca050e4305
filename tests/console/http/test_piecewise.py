"""Long answers over a real connection: a client that is slow has a few pieces waiting for it, and not the whole."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from console.http import server
from console.http.piecewise import PIECE_BYTES, LongAnswers, Piecewise
from console.http.problems import Problem
from tests.consumers.support import eventually

SIZE = 64 << 20
PATIENCE_S = 20.0


@pytest.mark.slow
@pytest.mark.parametrize("reads", [True, False], ids=["one that reads all of it", "one that goes away"])
def test_a_slow_client_has_no_more_than_a_few_pieces_waiting_for_it(reads: bool) -> None:
    sent: list[int] = []
    done = threading.Event()
    body = bytes(SIZE)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def counted(message: Any) -> None:
            await send(message)
            sent.append(len(message.get("body", b"")))

        await Piecewise(body, 200, {"Content-Type": "application/octet-stream"}, done.set)(scope, receive, counted)

    listener = server.listening(("127.0.0.1", 0))
    threading.Thread(target=server.serve, args=(app, listener), daemon=True).start()
    with socket.create_connection(listener.getsockname(), PATIENCE_S) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE_BYTES)
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        eventually(lambda: len(sent) > 1, "it has begun")
        assert not done.wait(0.5)
        held = sum(sent)
        assert held < SIZE // 4  # what the system's own buffers took, and a piece or two
        if reads:
            received = 0
            while part := client.recv(1 << 20):
                received += len(part)
            assert received > SIZE
    assert done.wait(PATIENCE_S)
    assert max(sent) == PIECE_BYTES


def test_so_many_are_held_at_once() -> None:
    held = LongAnswers(2)
    held.begin()
    held.begin()
    with pytest.raises(Problem) as refused:
        held.begin()
    assert (refused.value.status, refused.value.code) == (503, "busy")
    held.end()
    held.begin()
