"""The access log: what stands in a line, that nothing else does, and that no request fails or waits over it."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from console.http.access_log import WAITING_MAX, Access, AccessLog
from console.http.figures import Figures
from console.http.observed import Observers
from ledger.errors import BadInput
from tests.console.designation_story import AREA
from tests.console.http.process import PATIENCE_S, service_process
from tests.console.http.support import (
    INVITATIONS,
    NOW_US,
    ORGANISATIONS,
    PATHS,
    SUBJECTS,
    Served,
    bearer,
    make_book,
    responses,
    serving,
    token,
)
from tests.console.support import enrolment

ACCESS = Access(NOW_US, "id-1", "GET", "status", 200, None, 0.001_234_5, 12, ("auditor",), "somebody@example.org")


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


@contextmanager
def logging_to(place: Path) -> Iterator[tuple[AccessLog, list[int], list[str]]]:
    lost: list[int] = []
    said: list[str] = []
    log = AccessLog(str(place), lost.append, said.append)
    try:
        yield log, lost, said
    finally:
        log.close()


def eventually(so: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[tuple[Served, Callable[[], list[dict[str, Any]]]]]:
    """A service that logs, and its lines so far."""
    make_book(tmp_path / "ledger.db")
    place, logs = tmp_path / "access.log", []

    def observe(figures: Figures) -> Observers:
        logs.append(AccessLog(str(place), figures.dropped.inc, lambda _: None))
        return Observers(figures, lambda: NOW_US, logs[0])

    def lines() -> list[dict[str, Any]]:
        logs[0].close()
        return lines_of(place)

    with serving(tmp_path / "ledger.db", observe=observe) as served:
        yield served, lines
        logs[0].close()


def test_a_line_says_which_route_how_it_ended_and_who_asked_by_a_pseudonym(logged: Any) -> None:
    served, lines = logged
    headers = {"Authorization": f"Bearer {token('auditor', sub='anna@example.org')}"}
    answer = served.client.get("/v1/memberships/m-1/status", headers=headers | {"X-Request-Id": "crm-4711"})
    served.client.get("/v1/memberships/m-9/status", headers=headers)
    served.get("/v1/renewals", None)
    served.get("/v1/nowhere")
    one, two, none, nowhere = lines()
    caller = one.pop("caller")
    assert one.pop("ms") > 0
    assert one == {
        "at": "2024-12-31T00:00:00.000000Z", "service": "serve", "event": "request", "id": "crm-4711", "method": "GET",
        "route": "status", "status": 200, "code": None, "bytes": len(answer.content), "roles": ["auditor"],
    }  # fmt: skip
    assert answer.headers["x-request-id"] == "crm-4711"
    assert re.fullmatch("[0-9a-f]{12}", caller)
    assert (two["caller"], two["status"], two["code"]) == (caller, 404, "unknown-membership")
    assert (none["route"], none["status"], none["code"], none["roles"], none["caller"]) == (
        "renewals", 401, "unauthorized", [], None,
    )  # fmt: skip
    assert (nowhere["route"], nowhere["status"]) == (None, 404)


def test_no_line_names_whom_a_request_was_about_or_holds_a_token(logged: Any) -> None:
    served, lines = logged
    for path in PATHS.values():
        for role in ("auditor", "partner", "operations", None):
            served.get(path, role, **{"User-Agent": "a-user-agent", "X-Forwarded-For": "192.0.2.7"})
    served.get("/v1/memberships?search=Lindquist")
    served.get("/v1/nowhere/of-m-1")
    served.post("/v1/facts", enrolment("m-7"))
    text = orjson.dumps(lines()).decode()
    assert text.count('"event":"request"') == 4 * len(PATHS) + 3
    hidden = (*ORGANISATIONS, *SUBJECTS, *INVITATIONS, *responses(), AREA, "Lindquist", "nowhere", "agent", "192.0.2.7")
    for name in (*hidden, "m-1", "m-7", enrolment("m-7")[0]["id"], bearer("auditor")["Authorization"].split(".")[1]):
        assert name not in text, name


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (
            {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
            "4bf92f3577b34da6a3ce929d0e0e4736",
        ),
        ({"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01", "X-Request-Id": "a:1"}, "a:1"),
        ({"traceparent": "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}, None),
        ({"traceparent": "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"}, None),
        ({"X-Request-Id": "anna@example.org"}, None),
        ({"X-Request-Id": 'a","status":"200'}, None),
        ({"X-Request-Id": b"a\xe2\x80\xa8b"}, None),
        ({"X-Request-Id": "a" * 65}, None),
        ({}, None),
    ],
)
def test_a_request_has_the_id_that_its_caller_gave_it_in_form_or_one_that_is_drawn(
    served: Served, headers: dict[str, Any], found: str | None
) -> None:
    said = served.get("/livez", None, **headers).headers["x-request-id"]
    assert said == found if found else re.fullmatch("[0-9a-f]{32}", said)


def test_a_pseudonym_is_the_same_within_a_process_and_another_in_the_next(tmp_path: Path) -> None:
    with logging_to(tmp_path / "a") as (one, _, _), logging_to(tmp_path / "b") as (other, _, _):
        assert one.pseudonym("anna") == one.pseudonym("anna") != one.pseudonym("otto")
        assert one.pseudonym("anna") != other.pseudonym("anna")


def test_the_file_is_the_operators_alone_and_goes_on_where_it_ended(tmp_path: Path) -> None:
    for _ in range(2):
        with logging_to(tmp_path / "access.log") as (log, _, _):
            log.write(ACCESS)
    assert stat.S_IMODE((tmp_path / "access.log").stat().st_mode) == 0o600
    assert [(line["id"], line["ms"]) for line in lines_of(tmp_path / "access.log")] == [("id-1", 1.234)] * 2
    assert b"somebody" not in (tmp_path / "access.log").read_bytes()


def test_a_disk_that_is_full_loses_lines_counts_them_and_says_so_once() -> None:
    with logging_to(Path("/dev/full")) as (log, lost, said):
        for _ in range(100):
            log.write(ACCESS)
        eventually(lambda: sum(lost) == 100, "lines that could not be written are counted")
    assert said == ["the access log cannot be written: No space left on device; its lines are lost until it can be"]


def test_a_line_that_was_cut_off_becomes_no_part_of_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written, real = [], os.write

    def full(file: int, data: bytes) -> int:
        written.append(data)
        if len(written) == 1:
            return real(file, data[:10])
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        return real(file, data)

    with logging_to(tmp_path / "access.log") as (log, lost, _), monkeypatch.context() as patched:
        patched.setattr("console.http.access_log.os.write", full)
        log.write(ACCESS)
        eventually(lambda: lost == [1], "the line that was cut off is lost")
        log.write(ACCESS)
        eventually(lambda: len(written) == 3, "the next is written")
    first, second = (tmp_path / "access.log").read_bytes().splitlines()
    assert len(first) == 10
    assert orjson.loads(second)["id"] == "id-1"


def test_a_reader_that_reads_nothing_keeps_nobody_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(BadInput, match="a pipe that nobody reads"):
        AccessLog(str(pipe), lambda _: None, lambda _: None)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with logging_to(pipe) as (log, lost, said):
            started_s = time.monotonic()
            for _ in range(WAITING_MAX + 2_000):
                log.write(ACCESS)
            assert time.monotonic() - started_s < 30
            eventually(lambda: sum(lost) > 0, "lines beyond what may wait are lost")
            os.close(reader)
            reader = -1
            eventually(lambda: said, "a reader that went away is said")
        assert said == ["the access log cannot be written: Broken pipe; its lines are lost until it can be"]
    finally:
        if reader >= 0:
            os.close(reader)


def test_a_log_that_is_moved_away_or_cut_short_goes_on_in_a_file_of_its_name(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev", "--access-log", "access.log") as served:
        place, moved = tmp_path / "access.log", tmp_path / "access.log.1"
        served.get("/livez")
        eventually(place.read_bytes, "the first line")
        place.rename(moved)
        served.process.send_signal(signal.SIGHUP)
        eventually(lambda: served.get("/readyz").is_success and place.exists(), "a new file")
        eventually(place.read_bytes, "a line in it")
        os.truncate(place, 0)  # as logrotate's copytruncate does
        served.get("/livez")
        eventually(place.read_bytes, "a line from the beginning on")
        assert place.read_bytes().startswith(b"{")
        assert {line["route"] for line in lines_of(moved)} <= {"livez", "readyz"}
        code, errors = served.stop()
    assert (code, errors) == (0, b"")


def test_lines_on_stderr_stand_beside_its_words_and_hold_no_line_break(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev", "--access-log", "-") as served:
        auditor = served.token("--role", "auditor")
        served.get("/v1/memberships/m-9/status?at=%0a%1b[2J", auditor)
        served.get("/v1/renewals", auditor)
        code, errors = served.stop()
    *words, last = errors.decode().splitlines()
    assert code == 0
    lines = [orjson.loads(line) for line in (*words, last) if line.startswith("{")]
    assert [(line["route"], line["status"], line["code"]) for line in lines] == [
        ("status", 400, "bad-input"), ("renewals", 403, "forbidden"),
    ]  # fmt: skip
    assert [line for line in words if not line.startswith("{")] == [
        "csat-ledger: refused with 403: renewals, asked as auditor"
    ]


def test_a_stderr_that_nobody_reads_any_more_fails_no_request(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev", "--access-log", "-") as served:
        operations = served.token("--role", "operations")
        assert served.process.stderr is not None
        served.process.stderr.close()
        for _ in range(20):
            assert served.get("/v1/memberships", operations).status_code == 200
        eventually(
            lambda: 'access_log_dropped_total{service="serve"} 0.0' not in served.get("/metrics", operations).text,
            "lines that are lost are counted",
        )
        served.process.terminate()
        assert served.process.wait(PATIENCE_S) == 0


def test_a_place_where_no_log_can_be_is_named_at_once(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "console", "serve", "--dev", "--listen", "127.0.0.1:0", "--access-log", "no/such/folder"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}, capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert (done.returncode, "expected a file for the access log" in done.stderr) == (2, True), done


def test_a_caller_that_goes_away_is_no_fault_and_leaves_a_line_that_says_so(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev", "--access-log", "access.log") as served:
        host, _, port = served.url.removeprefix("http://").rpartition(":")
        operator = served.token("--role", "operator")["Authorization"]
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            head = f"POST /v1/facts HTTP/1.1\r\nHost: x\r\nAuthorization: {operator}\r\nContent-Length: 100\r\n\r\n"
            connection.sendall(head.encode() + b"{")
            time.sleep(0.3)
        place = tmp_path / "access.log"
        eventually(lambda: place.exists() and place.read_bytes(), "a line for it")
        (line,) = lines_of(place)
        assert (line["route"], line["status"], line["code"]) == ("facts", 499, "client-gone")
        assert served.stop() == (0, b"")
