"""Long answers: the bytes of `--json`, in bounded memory, for whoever takes them slowly or not at all."""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from console.http.asking import NobodyWaits, answer
from console.http.roles import ALL
from console.http.routes import READING, Asked
from console.http.spool import Room, Spool
from console.wiring import Ledger, open_store
from ledger.programmes.registry import fact_from_object
from tests.console.http.process import Running, environment, service_process
from tests.console.http.support import NOW, NOW_US
from tests.console.http.test_fact_stream import connected
from tests.console.http.test_jwks import eventually
from tests.console.support import enrolment, response

RESPONSES = 20_000
REPLAY = "/v1/memberships/m-1/replay"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A membership with a long history, and one with a short one."""
    folder = tmp_path_factory.mktemp("long")
    facts = [*enrolment(), *enrolment("m-2")]
    facts += [
        response(number, f"organisation-{number % 20}", f"2010-{1 + number % 12:02}-01T10:00:00Z")
        for number in range(RESPONSES)
    ]
    ledger = Ledger(open_store(str(folder / "ledger.db"), create=True), lambda: NOW_US)
    for start in range(0, len(facts), 2_000):
        ledger.writer.record([fact_from_object(one) for one in facts[start : start + 2_000]])
    ledger.catch_up()
    ledger.close()
    return folder


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Running]:
    settings = {"CSAT_LEDGER_NOW": NOW, "CSAT_LEDGER_HTTP_STREAM_IDLE_S": "1", "CSAT_LEDGER_HTTP_DEADLINE_S": "60"}
    with service_process(folder, "--dev", CSAT_LEDGER_HTTP_SPOOL_MIB="20", **settings) as served:
        yield served


@dataclass(frozen=True, slots=True)
class Step:
    """An element of a list."""

    said: str
    number: int


def is_cut(connection: socket.socket) -> bool:
    """Whether a connection was cut off, of which nothing more was read."""
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET


def asked(auditor: dict[str, str]) -> bytes:
    return f"GET {REPLAY} HTTP/1.1\r\nHost: x\r\nAuthorization: {auditor['Authorization']}\r\n\r\n".encode()


def test_a_long_answer_has_the_bytes_of_json(running: Running, folder: Path) -> None:
    auditor = running.token("--role", "auditor")
    found = running.get(REPLAY, auditor)
    printed = subprocess.run(
        [sys.executable, "-m", "console", "--store", "ledger.db", "--json", "replay", "m-1"],
        cwd=folder, env=environment(CSAT_LEDGER_NOW=NOW), capture_output=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    assert found.content == b"[" + b",".join(printed.splitlines()) + b"]"
    assert len(found.content) > 5 << 20
    assert int(found.headers["content-length"]) == len(found.content)


@pytest.mark.parametrize("number", [20_000, 60_000])
def test_a_list_takes_the_same_memory_however_long_it_is(folder: Path, number: int) -> None:
    def steps(*_: Any) -> Iterator[Step]:
        return (Step(f"number {one}", one) for one in range(number))

    route = next(one for one in READING if one.name == "replay")
    ledger = Ledger(open_store(str(folder / "ledger.db"), create=False), lambda: NOW_US)
    spool = Spool(Room(1 << 30))
    tracemalloc.start()
    try:
        asked_of = Asked({"membership": "m-2"}, NOW_US)
        answer(ledger, replace(route, ask=steps), asked_of, ALL, True, spool, lambda: True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        ledger.close()
    assert peak < 2 << 20
    assert len(spool) > number * 30
    assert orjson.loads(b"".join(iter(spool.read, b"")))[-1] == {"said": f"number {number - 1}", "number": number - 1}


def test_what_nobody_waits_for_is_not_worked_out_to_its_end(folder: Path) -> None:
    made = 0

    def steps(*_: Any) -> Iterator[Step]:
        nonlocal made
        for made in range(1_000_000):
            yield Step("x" * 100, made)

    route = next(one for one in READING if one.name == "replay")
    ledger = Ledger(open_store(str(folder / "ledger.db"), create=False), lambda: NOW_US)
    with pytest.raises(NobodyWaits):
        answer(
            ledger, replace(route, ask=steps), Asked({"membership": "m-2"}, NOW_US), ALL, True, Spool(Room(1 << 30)),
            lambda: made < 2_000,
        )  # fmt: skip
    ledger.close()
    assert made < 5_000


def test_an_answer_that_never_changes_has_an_etag_however_long_it_is(running: Running) -> None:
    auditor = running.token("--role", "auditor")
    found = running.get(f"{REPLAY}?known_at=15000", auditor)
    again = running.get(f"{REPLAY}?known_at=15000", auditor | {"If-None-Match": found.headers["etag"]})
    assert (found.status_code, again.status_code, again.content) == (200, 304, b"")
    assert len(orjson.loads(found.content)) > 10_000


def test_who_takes_nothing_of_a_long_answer_is_cut_off_and_holds_nobody_up(running: Running) -> None:
    auditor = running.token("--role", "auditor")
    idle: list[socket.socket] = []
    try:
        statuses = []
        for _ in range(4):
            connection = connected(running)
            idle.append(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.sendall(asked(auditor))
            statuses.append(connection.recv(12)[-3:])
        assert running.get("/v1/memberships/m-2/status", auditor).status_code == 200
        assert statuses.count(b"200") >= 2
        assert b"200" in statuses
        assert set(statuses) <= {b"200", b"503"}  # no room for all of them at once
        for status, connection in zip(statuses, idle, strict=True):
            if status == b"200":
                eventually(lambda cut=connection: is_cut(cut))
    finally:
        for connection in idle:
            connection.close()
    assert running.get(REPLAY, auditor).status_code == 200  # there is room again


def test_where_there_is_no_room_for_an_answer_it_is_a_problem(folder: Path) -> None:
    with service_process(folder, "--dev", CSAT_LEDGER_NOW=NOW, CSAT_LEDGER_HTTP_SPOOL_MIB="1") as served:
        auditor = served.token("--role", "auditor")
        found = served.get(REPLAY, auditor)
        assert (found.status_code, found.json()["code"]) == (503, "busy")
        assert served.get(f"{REPLAY}?known_at=1000", auditor).status_code == 200
