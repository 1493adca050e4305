"""What all long-running processes share: retries that say so, health, metrics, log lines without secrets, a clean end."""

from __future__ import annotations

import io
import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("prometheus_client")

from consumers.roles.service import LIVE_FOR_S, READY_FOR_S, Backoff, Log, Service, hide_passwords
from csat_ledger_client.errors import BrokerUnreachable
from ledger.errors import BadInput, StoreUnreachable
from tests.consumers.role_processes import running
from tests.consumers.support import eventually

ROOT = Path(__file__).parents[3]


class Steps:
    """A role that raises what it is told to, then does nothing, quickly."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.opened = 0
        self.closed = 0

    @contextmanager
    def open(self, _service: Service) -> Iterator[Steps]:
        self.opened += 1
        try:
            yield self
        finally:
            self.closed += 1

    def step(self) -> float:
        if self.errors:
            raise self.errors.pop(0)
        return 0.01


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_lost_store_and_broker_are_opened_anew_and_said_to_be_lost_and_back() -> None:
    steps = Steps(StoreUnreachable("db: refused"), BrokerUnreachable("kafka: gone"), ValueError("a fault"))
    with running("test", steps.open) as service:
        eventually(lambda: service.ready and service.events("back"), "it is ready again, and has said so")
        lost, (back,) = service.events("lost"), service.events("back")
        assert [line["what"] for line in lost] == ["store", "broker", "fault"]
        assert [line["level"] for line in lost] == ["warning", "warning", "error"]
        assert "traceback" in lost[2]
        assert "traceback" not in lost[0]
        assert [line["failures"] for line in lost] == [1, 2, 3]
        assert back["failures"] == 3
        assert service.figure("csat_ledger_failures_total", what="store") == 1
        assert service.figure("csat_ledger_ready") == 1
    assert steps.opened == steps.closed == 4
    assert service.events("stopped")


def test_what_is_fatal_ends_the_process_with_its_error() -> None:
    service = Service("test", stream=io.StringIO())
    with pytest.raises(BadInput):
        service.run(lambda: Steps(BadInput("found nonsense")).open(service))


def test_pauses_double_up_to_a_limit_and_are_never_the_same_for_two() -> None:
    backoff = Backoff(first_s=0.2, max_s=15, chance=random.Random(7))
    pauses = [backoff.pause_s(failures) for failures in range(1, 60)]
    for failures, pause in enumerate(pauses, 1):
        whole = min(15, 0.2 * 2 ** (failures - 1))
        assert whole / 2 <= pause <= whole
    assert len(set(pauses)) == len(pauses)


def test_port_tells_health_and_metrics() -> None:
    steps = Steps(*[StoreUnreachable("postgresql://w:hush@db/x: refused")] * 6)
    with running("test", steps.open, listen=("127.0.0.1", 0)) as service:
        eventually(lambda: service.events("listening"), "it listens")
        port = service.events("listening")[0]["port"]
        eventually(lambda: service.events("lost"), "it has lost the store")
        status, body = get(port, "/readyz")
        assert status in (200, 503)
        assert "hush" not in body
        eventually(lambda: get(port, "/readyz")[0] == 200, "it is ready")
        assert get(port, "/livez")[0] == 200
        status, text = get(port, "/metrics")
        assert status == 200
        assert 'csat_ledger_ready{service="test"} 1.0' in text
        assert 'csat_ledger_failures_total{service="test",what="store"} 6.0' in text
        assert get(port, "/elsewhere")[0] == 404
    with pytest.raises(urllib.error.URLError):
        get(port, "/livez")


def test_a_loop_that_hangs_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service("test", stream=io.StringIO())
    assert service.health("/livez")[0] == 200
    monkeypatch.setattr(service, "_beat", time.monotonic() - LIVE_FOR_S - 1)
    assert service.health("/livez")[0] == 503
    assert service.health("/readyz")[0] == 503


def test_a_step_that_does_not_come_back_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    hung = Service("test", stream=io.StringIO())
    monkeypatch.setattr(hung, "_trouble", "")
    assert hung.health("/readyz") == (200, {"service": "test", "ready": True, "trouble": None})
    assert 'csat_ledger_ready{service="test"} 1.0' in hung.metrics.text().decode()
    monkeypatch.setattr(hung, "_beat", time.monotonic() - READY_FOR_S - 1)
    status, answer = hung.health("/readyz")
    assert (status, answer["ready"]) == (503, False)
    assert answer["trouble"].startswith("a step has not come back for 16 s")
    assert 'csat_ledger_ready{service="test"} 0.0' in hung.metrics.text().decode()
    assert hung.health("/livez")[0] == 200


def test_a_port_that_is_taken_is_an_error_that_says_so() -> None:
    with running("one", Steps().open, listen=("127.0.0.1", 0)) as service:
        eventually(lambda: service.events("listening"), "it listens")
        second = Service("two", listen=("127.0.0.1", service.events("listening")[0]["port"]), stream=io.StringIO())
        with pytest.raises(BadInput, match="free port"):
            second.run(lambda: Steps().open(second))


def test_log_lines_are_json_without_passwords() -> None:
    stream = io.StringIO()
    log = Log("test", stream)
    with log.installed():
        log.info("opened", store="postgresql://writer:hush@db/ledger", number=3, nothing=None)
        log.warning("odd", error='connection failed: password=hush host="x"')
        logging.getLogger("somebody.else").warning("of a library: %s", "token: hush")
        logging.getLogger("somebody.else").info("not shown")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["opened", "odd", "of a library: token=…"]
    assert lines[0]["store"] == "postgresql://writer@db/ledger"
    assert (lines[0]["number"], lines[0]["nothing"]) == (3, None)
    assert lines[2]["logger"] == "somebody.else"
    assert "hush" not in stream.getvalue()
    assert all(line["at"].endswith("Z") and line["service"] == "test" for line in lines)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("postgresql://u:p%40ss@h/d", "postgresql://u@h/d"),
        ("mail for a@b", "mail for a@b"),
        ("db_password = x y", "db_password=… y"),
    ],
)
def test_passwords_are_hidden(text: str, hidden: str) -> None:
    assert hide_passwords(text) == hidden


PROGRAM = """
import sys, time
from contextlib import contextmanager
from consumers.roles.service import Service

service = Service("child")

class Role:
    def step(self):
        if len(sys.argv) > 1:
            print("hangs", flush=True)
            while not service.stopping:
                time.sleep(0.01)
            print("told to stop", flush=True)
            time.sleep(60)
        return 30.0

@contextmanager
def connect():
    yield Role()
    print("closed", flush=True)

service.run(connect)
print("ended", flush=True)
"""


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_loop_and_closes_the_role(signum: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        while json.loads(process.stderr.readline())["event"] != "ready":
            pass
        process.send_signal(signum)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert out.split() == ["closed", "ended"]
    assert json.loads(err.splitlines()[-1])["event"] == "stopped"


def test_second_signal_does_not_wait_for_the_step() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "hang"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "hangs\n"
        os.kill(process.pid, signal.SIGTERM)
        assert process.stdout.readline() == "told to stop\n"
        assert process.poll() is None
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
