"""A broker with TLS and passwords: the commands with `CSAT_LEDGER_KAFKA_CLIENT_FILE`, and what they say without."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.servers.fixtures import starting_kafka, without_server

try:
    import kafka  # noqa: F401
except ImportError as missing:
    without_server(missing)

from console.cli.main import main
from csat_ledger_client.errors import BrokerUnreachable
from csat_ledger_client.kafka.broker import Broker
from csat_ledger_client.kafka.client_log import CONNECTIONS, KEPT_MAX, ConnectionFailures
from tests.consumers.roles.test_relay_commands import lines, start_relay
from tests.consumers.support import announcing, eventually

if TYPE_CHECKING:
    from tests.servers.secure_kafka import SecureKafkaBroker


@pytest.fixture
def broker() -> Iterator[SecureKafkaBroker]:
    with starting_kafka(secure=True) as broker:
        yield broker


def test_the_commands_get_in_with_what_the_file_says_and_else_say_what_is_wrong(
    broker: SecureKafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.servers.secure_kafka import PASSWORD, USER

    file = tmp_path / "client.json"
    right = {"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "sasl_plain_username": USER,
             "sasl_plain_password": PASSWORD, "ssl_cafile": str(broker.authority)}  # fmt: skip
    monkeypatch.setenv("CSAT_LEDGER_KAFKA", broker.secure_bootstrap)
    monkeypatch.setenv("CSAT_LEDGER_KAFKA_CLIENT_FILE", str(file))

    def told(options: Mapping[str, Any]) -> str:
        """What the program says while it is not let in."""
        file.write_text(json.dumps(options))
        assert main(["topics", "--json"]) == 4
        (answer,) = lines(capsys)
        assert answer["error"] == "broker-unreachable"
        message: str = answer["message"]
        assert PASSWORD not in message
        return message

    def is_told(options: Mapping[str, Any], reason: str) -> bool:
        """Whether it says so, on a machine that has little time for the broker too."""
        with monkeypatch.context() as context:
            for timeout_ms in (1_500, 5_000, 20_000):
                context.setattr("csat_ledger_client.kafka.broker.BOOTSTRAP_TIMEOUT_MS", timeout_ms)
                if reason in told(options):
                    return True
        return False

    assert is_told(right | {"sasl_plain_password": "another"}, "Invalid username or password")
    assert is_told({key: right[key] for key in right if key != "ssl_cafile"}, "certificate verify failed")
    assert is_told({"security_protocol": "PLAINTEXT"}, broker.secure_bootstrap)

    monkeypatch.setattr("csat_ledger_client.kafka.broker.BOOTSTRAP_TIMEOUT_MS", 60_000)
    file.write_text(json.dumps(right))
    assert main(["topics", "--json"]) == 0
    assert {line["created"] for line in lines(capsys)} == {True}
    broker.let_in("scrambled", "eggs")
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
        scram = {"sasl_mechanism": mechanism, "sasl_plain_username": "scrambled", "sasl_plain_password": "eggs"}
        file.write_text(json.dumps(right | scram))
        assert main(["topics", "--check", "--json"]) == 0
        assert {line["created"] for line in lines(capsys)} == {False}

    with announcing(tmp_path / "book.db") as book:
        book.record(book.enrol("m-1"))
        book.record(book.flips("m-1", 3))
        relay = start_relay(book, tmp_path / "relay.log")
        try:
            found: list[dict[str, Any]] = []

            def all_there() -> bool:
                assert main(["subscribe", "--until-end", "--json"]) == 0
                found[:] = lines(capsys)
                return len(found) == len(book.announcements()) > 0

            eventually(all_there, "the announcements at the broker")
            assert [line["id"] for line in found] == [change.id for change in book.announcements()]
        finally:
            relay.kill()
            relay.wait()


def test_why_a_broker_cannot_be_reached_is_said_once() -> None:
    with pytest.raises(BrokerUnreachable, match=r"127\.0\.0\.1:1: no producer: .*ECONNREFUSED$") as caught:
        Broker("127.0.0.1:1", client_options={"bootstrap_timeout_ms": 500}).producer()
    assert str(caught.value).count("ECONNREFUSED") == 1


def test_the_last_failures_of_connections_are_kept_and_nothing_else() -> None:
    failures = ConnectionFailures()

    def log(text: str, *arguments: object) -> None:
        failures.handle(logging.LogRecord(CONNECTIONS, logging.WARNING, __file__, 1, text, arguments, None))

    log("Bootstrap connection to %s failed: %s (backoff %s secs)", "b-0", "Error: (a) refused", 0.25)
    log("Bootstrap b-0 not ready; waiting 0.05 secs")
    log("Connection failed: Error: (a) refused")
    assert failures.count == 2
    assert failures.since(0) == ["Error: (a) refused"]
    assert failures.since(2) == []
    log("Connection failed: Handshake failed: unable to verify")
    assert failures.since(2) == ["Handshake failed: unable to verify"]
    for number in range(2 * KEPT_MAX):
        log("Connection failed: %s", number)
    assert failures.since(3) == [str(number) for number in range(KEPT_MAX, 2 * KEPT_MAX)]
    assert failures.since(failures.count - 1) == [str(2 * KEPT_MAX - 1)]


def test_a_password_is_not_shown_with_the_broker() -> None:
    assert "secret" not in repr(Broker("b:1", client_options={"sasl_plain_password": "secret"}))
