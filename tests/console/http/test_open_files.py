"""A process that may have few files open, or has no more of them: it takes fewer connections, and goes on answering."""

from __future__ import annotations

import os
import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count, islice
from pathlib import Path

import pytest

from console.http.open_files import CONNECTIONS_MIN, KEPT
from tests.console.http.process import PATIENCE_S, Running, environment, service_process
from tests.console.http.test_protocol import GET, all_of, connected, one_of

WITHIN = """
import resource
from console.http.limits import Limits
from console.http.open_files import within_open_files
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
print(within_open_files(Limits(connections={connections}), print).connections, *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def within(soft: int, hard: int, connections: int) -> tuple[list[str], str]:
    """What a process with such limits prints, and what it says where it fails."""
    script = WITHIN.format(soft=soft, hard=hard, connections=connections)
    ran = subprocess.run(
        [sys.executable, "-c", script], env=environment(), capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )  # fmt: skip
    return ran.stdout.splitlines(), ran.stderr


def test_the_soft_limit_is_raised_as_far_as_connections_want_it() -> None:
    assert within(300, 1_000, 500) == ([f"500 {500 + KEPT} 1000"], "")
    assert within(900, 1_000, 500) == (["500 900 1000"], "")


def test_fewer_connections_are_taken_where_the_hard_limit_leaves_room_for_fewer() -> None:
    (said, found), _ = within(300, 500, 2_048)
    assert found == f"{500 - KEPT} 500 500"
    assert (f"it takes {500 - KEPT} connections" in said, "2,048 of CSAT_LEDGER_HTTP_CONNECTIONS" in said) == (
        True,
        True,
    )


def test_a_service_without_room_for_connections_does_not_start() -> None:
    printed, errors = within(100, 100, 2_048)
    assert printed == []
    assert f"may have 100 files open (`ulimit -n`), expected {KEPT + CONNECTIONS_MIN} at least" in errors


USED_UP = b"no connection can be taken: Too many open files"


def _number_with_room_for(files: int, served: Running) -> int:
    """The limit on numbers of files beneath which a process can open so many more: numbers that it gave back are free."""
    taken = {int(file.name) for file in Path(f"/proc/{served.process.pid}/fd").iterdir()}
    free = (number for number in count() if number not in taken)
    return next(islice(free, files, None))


def _said_until(served: Running, words: bytes) -> bytes:
    """What a service says on stderr until it says this; fails where it does not in time."""
    assert served.process.stderr is not None
    found, until = b"", time.monotonic() + PATIENCE_S
    while words not in found:
        left = until - time.monotonic()
        ready, _, _ = select.select([served.process.stderr], [], [], max(left, 0))
        part = os.read(served.process.stderr.fileno(), 65_536) if ready else b""
        assert part, f"found {found!r}, expected {words!r}"
        found += part
    return found


@contextmanager
def files_at_most(served: Running, number: int) -> Iterator[None]:
    """A running service that may open no file beyond a number; what it has open stays so."""
    pid = served.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (number, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
def test_connections_that_cannot_be_taken_are_told_of_once_and_taken_later(tmp_path: Path) -> None:
    """asyncio told of them some thousand times a second, with a traceback each: 12 MB a second into the log."""
    with service_process(tmp_path, "--dev", "--no-console") as served, ExitStack() as stack:
        with files_at_most(served, _number_with_room_for(5, served)):
            crowd = [stack.enter_context(connected(served)) for _ in range(40)]
            said = _said_until(served, USED_UP)
            time.sleep(1.3)  # it is tried again every second
        for connection in crowd:
            connection.close()
        with connected(served) as connection:
            connection.sendall(GET)
            assert one_of(connection)[0] == 200
        code, errors = served.stop()
    errors = said + errors
    assert code == 0
    assert errors.count(USED_UP) == 1
    assert (b"Traceback" in errors, len(errors) < 2_000) == (False, True), errors[:2_000]


@pytest.mark.slow
def test_a_problem_is_a_page_where_no_file_can_be_opened(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev", "--console") as served, served.client() as client:
        assert client.get("/livez").status_code == 200
        with files_at_most(served, 3):
            found = client.get("/console/nothing-of-that-name")
        assert (found.status_code, "There is no such page" in found.text) == (404, True), found.text[:500]


@pytest.mark.slow
def test_a_crowd_beyond_those_that_are_told_so_is_cut_off(tmp_path: Path) -> None:
    """One that says nothing keeps a file open until its time for a head is over, and none of it is refused before."""
    two = {"CSAT_LEDGER_HTTP_CONNECTIONS": "2"}
    with service_process(tmp_path, "--dev", "--no-console", **two) as served, ExitStack() as stack:
        crowd = [stack.enter_context(connected(served)) for _ in range(90)]
        assert _is_cut_off(crowd[-1])
        crowd[5].sendall(GET)
        assert one_of(crowd[5])[0] == 503
        assert all_of(crowd[5]) == b""


def _is_cut_off(connection: socket.socket) -> bool:
    connection.settimeout(5)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        pytest.fail("found a connection that is kept, expected it to be cut off")
