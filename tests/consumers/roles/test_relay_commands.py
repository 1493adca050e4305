"""`csat-ledger topics`, `relay` and `subscribe`, as scripts and operations use them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.fixtures import without_server

try:
    import kafka  # noqa: F401
except ImportError as missing:
    without_server(missing)

from console.cli.main import main
from csat_ledger_client.kafka.broker import Broker
from tests.consumers.support import Announcing, announcing, broker_with_topics, eventually, relay_all
from tests.servers.kafka import KafkaBroker

ROOT = Path(__file__).parents[3]


@pytest.fixture
def broker(kafka_broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = broker_with_topics(kafka_broker.bootstrap)
    monkeypatch.setenv("CSAT_LEDGER_KAFKA", broker.bootstrap)
    monkeypatch.setenv("CSAT_LEDGER_TOPIC_PREFIX", broker.prefix)
    return broker


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Announcing]:
    with announcing(tmp_path / "book.db") as book:
        book.record(book.enrol("m-1"))
        book.record(book.flips("m-1", 3))
        yield book


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def start_relay(book: Announcing, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-W", "ignore", "-m", "console", "--store", book.store.name, "relay", "--port", "0"]
    with log.open("wb") as output:
        return subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=output, stderr=output)


def asked(log: Path, page: str) -> tuple[int, str]:
    port = re.search(r'"event": "listening", "port": (\d+)', log.read_text())
    if port is None:
        return 0, ""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}{page}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()


def test_topics_are_created_once_and_checked(
    kafka_broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CSAT_LEDGER_TOPIC_PREFIX", "command.")
    kafka_options = ["--kafka", kafka_broker.bootstrap, "--json"]
    assert main(["topics", "--check", *kafka_options]) == 4
    assert lines(capsys)[0]["error"] == "topics-unfit"
    assert main(["topics", "--partitions", "2", *kafka_options]) == 0
    made = {line["topic"]: (line["partitions"], line["created"]) for line in lines(capsys)}
    assert made["command.csat.eligibility-changed.v1"] == (2, True)
    assert made["command.csat.relay-positions.v1"] == (1, True)
    assert main(["topics", *kafka_options]) == 0
    assert {line["created"] for line in lines(capsys)} == {False}


def test_relay_tells_how_it_is_doing_and_ends_when_it_is_told_to(
    book: Announcing, broker: Broker, tmp_path: Path
) -> None:
    log = tmp_path / "relay.log"
    process = start_relay(book, log)
    try:
        eventually(lambda: asked(log, "/readyz")[0] == 200, "it is ready")
        end = book.store.max_position()
        position = f'csat_ledger_position{{service="relay"}} {end:.1f}'
        eventually(lambda: position in asked(log, "/metrics")[1], "it has relayed everything")
        _, figures = asked(log, "/metrics")
        assert 'csat_ledger_active{service="relay"} 1.0' in figures
        assert 'csat_ledger_lag{of="book",service="relay"} 0.0' in figures
        assert 'csat_ledger_oldest_undelivered_seconds{service="relay"} 0.0' in figures
        assert f'csat_ledger_done_total{{service="relay",what="events"}} {end:.1f}' in figures
        assert 'csat_ledger_done_total{service="relay",what="announcements"} 3.0' in figures
        assert 'csat_ledger_announcements_total{service="relay",type="EligibilityChanged"} 3.0' in figures
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_relay_of_another_book_ends_and_says_why(book: Announcing, broker: Broker, tmp_path: Path) -> None:
    relay_all(book.store, broker)
    with announcing(tmp_path / "other.db") as other:
        other.record(other.enrol("m-2"))
        log = tmp_path / "relay.log"
        process = start_relay(other, log)
        assert process.wait(60) == 1
    assert "older copy" in log.read_text()


def test_subscribe_prints_what_there_is(book: Announcing, broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    relay_all(book.store, broker)
    told = book.announcements()
    assert main(["subscribe", "--until-end", "--json"]) == 0
    found = lines(capsys)
    assert [line["position"] for line in found] == [change.position for change in told]
    assert {line["kind"] for line in found} == {"changed"}
    assert found[0]["id"] == told[0].id
    assert main(["subscribe", "--resume", found[0]["resume"], "--until-end", "--json"]) == 0
    assert [line["id"] for line in lines(capsys)] == [change.id for change in told[1:]]
    assert main(["subscribe", "--from", told[2].recorded_at, "--until-end", "--json"]) == 0
    assert told[2].id in [line["id"] for line in lines(capsys)]
    assert main(["subscribe", "--from", "status", "--until-end", "--json"]) == 0
    (status,) = lines(capsys)
    assert (status["kind"], status["position"], status["resume"]) == ("status", told[-1].position, None)
    assert main(["subscribe", "--group", "scripts", "--limit", "2", "--json"]) == 0
    assert len(lines(capsys)) == 2
    assert main(["subscribe", "--until-end"]) == 0
    assert "m-1  satisfied" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--group", "g", "--from", "status"], "found --group with --from status"),
        (["--resume", "0=x"], "expected TOPIC:ID/PARTITION=OFFSET"),
        (["--from", "yesterday"], "yesterday"),
    ],
)
def test_subscribe_refuses_what_makes_no_sense(
    arguments: list[str], said: str, broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["subscribe", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_without_a_broker_named_or_there_the_commands_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CSAT_LEDGER_KAFKA", raising=False)
    assert main(["subscribe", "--json"]) == 2
    assert "expected --kafka HOST:PORT" in capsys.readouterr().err
    assert main(["topics", "--kafka", "127.0.0.1:1", "--json"]) == 4
    assert lines(capsys)[0]["error"] == "broker-unreachable"
