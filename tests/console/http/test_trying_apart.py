"""The process in which other figures are tried: whatever becomes of it, the service says so and goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from console.http import trying_apart
from console.http.problems import Problem
from console.http.trying import APART
from ledger.errors import StoreUnreachable
from projections.what_if.figures import hypothesis
from tests.console.http.process import PATIENCE_S, environment
from tests.console.http.support import Served
from tests.console.http.test_what_if import path_of
from tests.console.support import ROOT
from tests.consumers.support import eventually
from tests.servers.guard import started_at

LITTLE = """
import resource
from console.http.problems import Problem
from console.http.trying_apart import Apart, Question
from ledger.errors import StoreUnreachable
from projections.what_if.figures import hypothesis
resource.setrlimit(resource.RLIMIT_AS, ({bytes}, resource.RLIM_INFINITY))
try:
    Apart().found(Question("{folder}/no-such-folder/ledger.db", hypothesis('{{"min_responses":5}}', None, 1), {known}))
except Problem as problem:
    print(problem.status, problem.code, problem.detail)
except StoreUnreachable:
    pass
"""


def with_little(folder: Path, mib: int, known: int) -> str:
    """What is said where a process has no more than so many MiB of addresses, and so many events are known."""
    script = LITTLE.format(folder=folder, bytes=mib << 20, known=known)
    ran = subprocess.run(
        [sys.executable, "-c", script], env=environment(), capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )  # fmt: skip
    return ran.stdout


def while_it_works(served: Served, figure: int, do: Callable[[], None]) -> httpx.Response:
    """The answer to a question whose process meets with something."""
    with ThreadPoolExecutor(1) as others:
        asked = others.submit(served.get, path_of({"min_responses": figure}, to="2014-01-01"))
        until = time.monotonic() + PATIENCE_S
        while APART._process is None:
            assert time.monotonic() < until, "no process has begun"
            time.sleep(0.001)
        do()
        return asked.result(PATIENCE_S)


def kill() -> None:
    process = APART._process
    assert process is not None
    process.kill()


def end() -> None:
    with APART.ending(), pytest.raises(Problem, match="503 no-answer"):
        APART.found(trying_apart.Question("no-such.db", hypothesis("{}", None, 1), 1))


@pytest.mark.parametrize(("do", "figure"), [(kill, 41), (end, 43)], ids=["killed by the machine", "the service ends"])
def test_a_process_that_is_ended_is_told_and_the_next_answers(
    served: Served, do: Callable[[], None], figure: int
) -> None:
    refused = while_it_works(served, figure, do)
    assert (refused.status_code, refused.json()["code"]) == (503, "no-memory"), refused.text
    assert "signal 9" in refused.json()["detail"]
    assert APART._process is None
    assert served.get(path_of({"min_responses": figure}, to="2014-01-01")).status_code == 200


def test_one_that_finds_nothing_in_time_is_ended(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying_apart, "DEADLINE_S", 0.01)
    refused = served.get(path_of({"min_responses": 42}, to="2014-01-01"))
    assert (refused.status_code, refused.json()["code"]) == (503, "no-answer"), refused.text
    assert APART._process is None


def test_it_is_not_begun_without_the_memory_for_what_is_known(tmp_path: Path) -> None:
    assert with_little(tmp_path, 700, 1_000_000).startswith("503 no-memory found "), "before anything is read"
    assert with_little(tmp_path, 700, 1) == "", "it is begun, and finds no projections"


def test_errors_of_the_process_are_errors_here() -> None:
    other = hypothesis('{"min_responses":5}', None, 1)
    with pytest.raises(StoreUnreachable, match="never built"):
        APART.found(trying_apart.Question("/no-such-folder/ledger.db", other, 1))


SERVICE = """
import os, subprocess, sys, time
command = [sys.executable, "-P", "-m", "console.http.trying_apart", str(os.getpid())]
print(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells of a parent's end on Linux alone")
def test_it_ends_with_a_service_that_is_killed_whatever_it_waits_for() -> None:
    question, never_asked = os.pipe()
    with os.fdopen(question), os.fdopen(never_asked, "wb"), subprocess.Popen(
        [sys.executable, "-c", SERVICE], env=environment(), stdin=question, stdout=subprocess.PIPE
    ) as service:  # fmt: skip
        assert service.stdout is not None
        pid = int(service.stdout.readline())
        service.kill()
        try:
            eventually(lambda: started_at(pid) is None, "the process is gone")
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


ISOLATED = """
import sys
sys.path.insert(0, {root!r})
from console.http.trying_apart import Apart, Question
from ledger.errors import StoreUnreachable
from projections.what_if.figures import hypothesis
try:
    Apart().found(Question("no-such.db", hypothesis('{{"min_responses":5}}', None, 1), 1))
except StoreUnreachable:
    print("asked")
"""


def test_a_service_that_heeds_no_environment_has_nobody_else_say_what_is_imported(tmp_path: Path) -> None:
    (tmp_path / "pickle.py").write_text(f"open({str(tmp_path / 'was_here')!r}, 'w').close()\nraise SystemExit(3)\n")
    ran = subprocess.run(
        [sys.executable, "-I", "-c", ISOLATED.format(root=str(ROOT))], env=environment(PYTHONPATH=str(tmp_path)),
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert (ran.stdout, ran.stderr) == ("asked\n", "")
    assert not (tmp_path / "was_here").exists()
