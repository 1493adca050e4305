"""How a service ends: what is under way is answered, what is new finds nobody."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import orjson
import pytest

from tests.console.http.process import PATIENCE_S, Running, environment, service_process
from tests.console.support import enrolment, met


@contextmanager
def connected(served: Running) -> Iterator[socket.socket]:
    host, _, port = served.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        yield connection


def head(served: Running, length: int) -> bytes:
    """The head of a request that hands in facts, with a token."""
    lines = [
        "POST /v1/facts HTTP/1.1", "Host: ledger.example", f"Content-Length: {length}", "Content-Type: application/json",
        f"Authorization: {served.token('--role', 'operator')['Authorization']}",
    ]  # fmt: skip
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def rest_of(connection: socket.socket) -> bytes:
    found = b""
    while part := connection.recv(65_536):
        found += part
    return found


def until(connection: socket.socket, end: bytes) -> bytes:
    found = b""
    while not found.endswith(end) and (part := connection.recv(65_536)):
        found += part
    return found


def refused_by(served: Running) -> bool:
    """Whether nobody takes a connection any more."""
    try:
        served.get("/livez")
    except httpx.TransportError:
        return True
    return False


def await_refusal(served: Running) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not refused_by(served):
        assert time.monotonic() < deadline, "no connection is taken any more"
        time.sleep(0.02)


def test_a_slow_request_that_is_under_way_is_answered_and_its_facts_are_there(tmp_path: Path) -> None:
    body = orjson.dumps(met())
    with service_process(tmp_path, "--dev", "--access-log", "access.log") as served:
        with connected(served) as slow, connected(served) as idle:
            slow.sendall(head(served, len(body)) + body[: len(body) // 2])
            idle.sendall(b"GET /livez HTTP/1.1\r\nHost: ledger.example\r\n\r\n")
            assert until(idle, b'{"alive":true}').startswith(b"HTTP/1.1 200")
            served.process.send_signal(signal.SIGTERM)
            await_refusal(served)
            assert served.process.poll() is None  # it waits for the slow one
            assert rest_of(idle) == b""  # one on which nothing is asked is closed
            slow.sendall(body[len(body) // 2 :])
            answer = rest_of(slow)
        code, errors = served.stop()
    assert (code, errors) == (0, b"")
    assert answer.startswith(b"HTTP/1.1 200")
    outcomes = orjson.loads(answer.partition(b"\r\n\r\n")[2])
    assert [one["status"] for one in outcomes] == ["accepted"] * len(met())
    lines = [orjson.loads(line) for line in (tmp_path / "access.log").read_bytes().splitlines()]
    assert ("facts", 200) in [(line["route"], line["status"]) for line in lines]
    with service_process(tmp_path, "--dev") as again:
        found = again.get("/v1/memberships/m-1/status?at=2010-07-01", again.token("--role", "auditor"))
        assert found.json()["satisfied"] is True


def test_a_connection_that_is_cut_leaves_whole_facts_alone(tmp_path: Path) -> None:
    body = orjson.dumps(enrolment())
    with service_process(tmp_path, "--dev") as served:
        with connected(served) as cut:
            cut.sendall(head(served, len(body)) + body[:-1])
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(PATIENCE_S) == 0
    with service_process(tmp_path, "--dev") as again:
        operator = again.token("--role", "operator")
        assert {one["status"] for one in again.post("/v1/facts", enrolment(), operator).json()} == {"accepted"}


ENDING_SOON = """
import sys
from console.cli.main import main
from console.http import ending
ending.MORE_S = 0.5
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_service_whose_store_says_nothing_ends_all_the_same(tmp_path: Path) -> None:
    """The thread that records waits in the driver; nothing but SIGKILL ended a service whose PostgreSQL hung."""
    command = ["--store", "ledger.db", "--json", "serve", "--dev", "--no-console", "--no-bookkeeper", "--no-clock"]
    process = subprocess.Popen(
        [sys.executable, "-c", ENDING_SOON, *command, "--listen", "127.0.0.1:0"], cwd=tmp_path,
        env=environment(CSAT_LEDGER_HTTP_DEADLINE_S="1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        served = Running(process, tmp_path, environment())
        operator = served.token("--role", "operator")
        with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert served.post("/v1/facts", enrolment(), operator).status_code == 504
            code, errors = served.stop()
    finally:
        process.kill()
        process.wait()
    assert code == 4, errors
    assert b"found itself still there 1.5 seconds after it was told to end" in errors
    assert b"Traceback" not in errors
