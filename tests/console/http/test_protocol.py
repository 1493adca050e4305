"""What no application sees: heads, nonsense, crowds and connections, over real sockets."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from console.http.protocol import HEAD_BYTES_MAX
from tests.console.http.process import Running, service_process

GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with service_process(tmp_path_factory.mktemp("protocol"), "--dev", CSAT_LEDGER_HTTP_CONNECTIONS="8") as served:
        yield served


def connected(served: Running) -> socket.socket:
    host, _, port = served.url.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def all_of(connection: socket.socket) -> bytes:
    """What is answered until the connection is closed."""
    found = b""
    while part := connection.recv(65_536):
        found += part
    return found


def one_of(connection: socket.socket) -> tuple[int, dict[str, object]]:
    """One answer with a length."""
    found = b""
    while b"\r\n\r\n" not in found:
        part = connection.recv(1)
        assert part, found
        found += part
    head = found.lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    body = b""
    while len(body) < length:
        body += connection.recv(length - len(body))
    return int(found.split()[1]), json.loads(body)


@pytest.mark.parametrize(
    ("nonsense", "status"),
    [
        (b"\x16\x03\x01\x00\xff\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n", 400),
        (b"POST /v1/facts HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /v1/facts HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (
            b"POST /v1/facts HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"POST /v1/facts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
        (b"GET /livez HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"a" * 20_000 + b"\r\n\r\n", 431),
    ],
    ids=[
        "TLS",
        "version",
        "target",
        "name",
        "value",
        "length",
        "lengths",
        "both",
        "chunk",
        "hosts",
        "hosts of before",
        "no host",
        "header",
    ],
)
def test_what_is_no_http_is_a_problem(running: Running, nonsense: bytes, status: int) -> None:
    with connected(running) as connection:
        connection.sendall(nonsense)
        found, problem = one_of(connection)
    assert (found, problem["status"]) == (status, status)
    assert problem["type"] == f"urn:csat-ledger:problem:{problem['code']}"


def test_before_http_1_1_no_host_is_needed(running: Running) -> None:
    with connected(running) as connection:
        connection.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert one_of(connection)[0] == 200


def test_a_head_without_end_is_read_no_further_than_a_bound(running: Running) -> None:
    with connected(running) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        sent, answer = 0, b""
        connection.settimeout(0.02)
        while sent < 100 * HEAD_BYTES_MAX and not answer:
            try:
                connection.sendall(b"A: " + b"a" * 5_000 + b"\r\n")
                sent += 5_005
                answer = connection.recv(1_000)
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                break
        assert sent < 4 * HEAD_BYTES_MAX
        assert answer == b"" or b" 431 " in answer
    assert running.get("/livez").status_code == 200


def test_requests_one_behind_the_other_are_answered_in_order(running: Running) -> None:
    with connected(running) as connection:
        connection.sendall(GET * 3 + GET.replace(b"/livez", b"/readyz"))
        found = [one_of(connection) for _ in range(4)]
    assert [status for status, _ in found] == [200] * 4
    assert ["ready" in body for _, body in found] == [False, False, False, True]


def test_who_offers_another_protocol_is_answered_in_this_one_and_the_connection_is_closed(running: Running) -> None:
    for upgrade in (b"h2c", b"websocket"):
        with connected(running) as connection:
            more = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: %b\r\nHTTP2-Settings: AAMAAABk\r\n\r\n" % upgrade
            connection.sendall(GET[:-2] + more)
            answer = all_of(connection)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer


def test_a_body_that_nobody_reads_is_not_waited_for_and_its_answer_gets_through(running: Running) -> None:
    head = b"POST /v1/facts HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
    with connected(running) as connection:
        connection.sendall(head + b"x" * 100_000)
        assert one_of(connection)[0] == 401
        assert all_of(connection) == b""  # closed after a while
    with connected(running) as connection:  # a body that comes whole, and another request behind it
        connection.sendall(head.replace(b"100000000", b"300000"))
        assert one_of(connection)[0] == 401
        connection.sendall(b"x" * 300_000 + GET)
        assert one_of(connection) == (200, {"alive": True})


@pytest.mark.parametrize("kept", ["", "Connection: keep-alive\r\n"])
def test_an_answer_without_a_length_to_http_1_0_is_sent_as_it_is_and_ends_with_its_connection(
    running: Running, kept: str
) -> None:
    authorization = running.token("--role", "operator")["Authorization"]
    body = b'{"id":"a"}\n{"id":"b"}\n'
    head = (
        f"POST /v1/facts HTTP/1.0\r\nAuthorization: {authorization}\r\nContent-Type: application/x-ndjson\r\n"
        f"{kept}Content-Length: {len(body)}\r\n\r\n"
    )
    with connected(running) as connection:
        connection.sendall(head.encode() + body)
        said, _, outcomes = all_of(connection).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in said.lower()
    assert b"connection: close" in said.lower()
    assert [json.loads(line)["id"] for line in outcomes.splitlines()] == ["a", "b"]


def test_an_answer_with_a_length_to_http_1_0_has_it(running: Running) -> None:
    with connected(running) as connection:
        connection.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert one_of(connection) == (200, {"alive": True})
        assert all_of(connection) == b""


def test_one_connection_too_many_is_told_to_come_again(running: Running) -> None:
    connections = [connected(running) for _ in range(8)]
    try:
        for connection in connections:
            connection.sendall(GET)
            assert one_of(connection)[0] == 200
        with connected(running) as connection:
            connection.sendall(GET)
            assert one_of(connection)[0] == 503
            assert all_of(connection) == b""
        connections[0].sendall(GET)
        assert one_of(connections[0])[0] == 200
    finally:
        for connection in connections:
            connection.close()


def test_a_later_head_that_comes_a_byte_at_a_time_is_given_up_as_the_first_is(tmp_path: Path) -> None:
    """After one answer a connection was kept for hours by who sent a byte now and then, and needed no token for it."""
    with service_process(tmp_path, "--dev", CSAT_LEDGER_HTTP_HEAD_S="0.5") as served, connected(served) as connection:
        connection.sendall(GET)
        assert one_of(connection)[0] == 200
        time.sleep(1)  # between two requests there is as much time as ever
        connection.sendall(GET)
        assert one_of(connection)[0] == 200
        connection.sendall(GET[:10])
        assert is_closed_while_it_trickles(connection)


def is_closed_while_it_trickles(connection: socket.socket) -> bool:
    """Whether a connection is closed on which a byte is sent now and then."""
    connection.settimeout(0.1)
    began_s = time.monotonic()
    while time.monotonic() - began_s < 20:
        try:
            connection.sendall(b"x")
            if not connection.recv(1):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


@pytest.mark.parametrize("trailer", [b"a: b\r\n", b"x"], ids=["many", "one"])
def test_trailers_without_end_are_not_read_into_memory(running: Running, trailer: bytes) -> None:
    """Each was kept until the deadline of the request, as many as came."""
    with connected(running) as connection:
        connection.sendall(
            b"POST /v1/facts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        assert one_of(connection)[0] == 401
    headers = running.token("--role", "operator")
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    with connected(running) as connection:
        connection.sendall(b"POST /v1/facts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + head + b"\r\n")
        connection.sendall(b"2\r\n[]\r\n0\r\nlast: ")
        sent = 0
        with suppress(OSError):
            while sent < 64 << 20:
                connection.sendall(trailer * 4_096)
                sent += 4_096 * len(trailer)
        assert sent < 32 << 20, "it is refused long before"
