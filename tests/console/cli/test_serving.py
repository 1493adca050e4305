"""Settings of the processes that run for ever: the password in a file, and options that make sense."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from console.addresses import read_listen
from console.cli.main import main
from console.environment import read_environment
from console.settings import Settings
from ledger.errors import BadInput

URL = "postgresql://writer@db:5432/ledger?sslmode=require"


def test_password_of_the_store_comes_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "password"
    file.write_text("p@ss/w?rd\n")
    monkeypatch.setenv("CSAT_LEDGER_STORE", URL)
    monkeypatch.setenv("CSAT_LEDGER_STORE_PASSWORD_FILE", str(file))
    expected = "postgresql://writer:p%40ss%2Fw%3Frd@db:5432/ledger?sslmode=require"
    assert read_environment(Settings()).store == expected


@pytest.mark.parametrize("store", ["csat-ledger.db", "postgresql://db/ledger", "postgresql://writer:known@db/ledger"])
def test_password_file_without_a_user_to_give_it_to_is_an_error(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("secret")
    monkeypatch.setenv("CSAT_LEDGER_STORE", store)
    monkeypatch.setenv("CSAT_LEDGER_STORE_PASSWORD_FILE", str(tmp_path / "password"))
    with pytest.raises(BadInput, match="STORE_PASSWORD_FILE"):
        read_environment(Settings())


def test_password_file_that_is_not_there_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSAT_LEDGER_STORE", URL)
    monkeypatch.setenv("CSAT_LEDGER_STORE_PASSWORD_FILE", "/nowhere/password")
    with pytest.raises(BadInput, match="/nowhere/password"):
        read_environment(Settings())


SASL = {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": "ledger",
        "sasl_plain_password": "hush"}  # fmt: skip


def test_what_the_broker_wants_of_its_clients_comes_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "client.json"
    monkeypatch.setenv("CSAT_LEDGER_KAFKA_CLIENT_FILE", str(file))
    for name in ("ca.pem", "own.pem"):
        (tmp_path / name).touch()
    tls = {"ssl_cafile": "ca.pem", "ssl_certfile": str(tmp_path / "own.pem"), "ssl_password": "hush"}
    found = {"ssl_cafile": str(tmp_path / "ca.pem"), "ssl_certfile": str(tmp_path / "own.pem"), "ssl_password": "hush"}
    for given, expected in (
        (SASL, SASL),
        ({"security_protocol": "PLAINTEXT"}, {"security_protocol": "PLAINTEXT"}),
        ({"security_protocol": "SSL"} | tls, {"security_protocol": "SSL"} | found),
        (SASL | tls, SASL | found),
    ):
        file.write_text(json.dumps(given))
        settings = read_environment(Settings())
        assert settings.kafka_client == expected
        assert "hush" not in repr(settings)
    assert Settings().kafka_client == {}


def test_what_a_variable_lacks_is_said_without_the_words_of_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSAT_LEDGER_NOW", "yesterday")
    with pytest.raises(BadInput, match=r"^CSAT_LEDGER_NOW: found 'yesterday', expected an RFC"):
        read_environment(Settings())
    monkeypatch.delenv("CSAT_LEDGER_NOW")
    monkeypatch.setenv("CSAT_LEDGER_STATE_MIB", "much")
    with pytest.raises(BadInput, match=r"^CSAT_LEDGER_STATE_MIB: found what is no whole number, expected one$"):
        read_environment(Settings())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "found no JSON: EOF"),
        ("[]", "object"),
        ("{}", "security_protocol: found none, expected one"),
        ({"security_protocol": "TLS"}, "security_protocol: found another, expected 'PLAINTEXT', 'SSL'"),
        (SASL | {"retries": 5}, "retries: found a member that there is not, expected none"),
        (SASL | {"sasl_mechanism": "GSSAPI"}, "sasl_mechanism: found another, expected 'PLAIN'"),
        (SASL | {"sasl_plain_username": 5}, "sasl_plain_username: found what is no text, expected text"),
        ({key: SASL[key] for key in SASL if key != "sasl_plain_password"}, "found no sasl_plain_password, expected it"),
        (
            SASL | {"security_protocol": "SSL"},
            "found sasl_mechanism, sasl_plain_password, sasl_plain_username, expected",
        ),
        (
            SASL | {"security_protocol": "SASL_PLAINTEXT", "ssl_cafile": "ca.pem"},
            "found ssl_cafile, expected none with",
        ),
        ({"security_protocol": "SSL", "ssl_keyfile": "ca.pem"}, "found ssl_keyfile without ssl_certfile"),
        (SASL | {"ssl_cafile": "none.pem"}, "none.pem, expected one in PEM"),
    ],
)
def test_a_client_file_that_makes_no_sense_is_an_error_that_says_why_and_tells_no_secret(
    content: str | dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "client.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    monkeypatch.setenv("CSAT_LEDGER_KAFKA_CLIENT_FILE", str(file))
    with pytest.raises(BadInput) as caught:
        read_environment(Settings())
    message = str(caught.value)
    assert message.startswith(f"CSAT_LEDGER_KAFKA_CLIENT_FILE: {file}: ")
    assert said in message
    assert "hush" not in message


def test_a_client_file_that_is_not_there_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSAT_LEDGER_KAFKA_CLIENT_FILE", "/nowhere/client.json")
    with pytest.raises(BadInput, match=r"KAFKA_CLIENT_FILE: /nowhere/client\.json: "):
        read_environment(Settings())


@pytest.mark.parametrize(
    "arguments",
    [
        ["inbox"],  # no broker is named
        ["inbox", "--kafka", "localhost:1", "--session-timeout", "0.1"],
        ["worker", "--kafka", "localhost:1", "--port", "70000"],
        ["clock", "--port", "nine"],
    ],
)
def test_options_that_make_no_sense_are_usage_errors(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CSAT_LEDGER_KAFKA", raising=False)
    assert main(arguments) == 2
    assert "found" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("9100", ("127.0.0.1", 9100)),
        ("0", ("127.0.0.1", 0)),
        ("0.0.0.0:9100", ("0.0.0.0", 9100)),
        ("[::1]:9100", ("::1", 9100)),
        ("ledger.example:9100", ("ledger.example", 9100)),
    ],
)
def test_port_is_of_the_loopback_unless_an_address_is_given(
    text: str, listen: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSAT_LEDGER_PORT", text)
    assert read_environment(Settings()).listen == read_listen(text) == listen


@pytest.mark.parametrize("text", [":9100", "0.0.0.0", "a:b", "::1:9100", "[]:1", "1:70000", "-1", "a b:1"])
def test_address_that_is_none_is_an_error_that_says_what_was_expected(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="expected a port"):
        read_listen(text)
    monkeypatch.setenv("CSAT_LEDGER_PORT", text)
    with pytest.raises(BadInput, match="CSAT_LEDGER_PORT"):
        read_environment(Settings())


@pytest.mark.parametrize("text", ["kafka:9092", "[::1]:9092", "[fe80::1%eth0]:9092,kafka:9093", "10.0.0.1:1"])
def test_brokers_may_have_addresses_of_either_kind(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSAT_LEDGER_KAFKA", text)
    assert read_environment(Settings()).kafka == text


@pytest.mark.parametrize("text", ["kafka", "::1:9092", "[::1]", "kafka:0", "kafka:9092,", "[kafka]:9092", "a b:1"])
def test_brokers_that_are_none_are_usage_errors(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSAT_LEDGER_KAFKA", text)
    with pytest.raises(BadInput, match="CSAT_LEDGER_KAFKA: "):
        read_environment(Settings())


def test_health_is_told_on_an_address_of_ipv6() -> None:
    pytest.importorskip("prometheus_client")
    from consumers.roles.metrics import Metrics, serve

    try:
        with (
            serve(("::1", 0), Metrics("test"), lambda _: (200, {})) as port,
            urlopen(f"http://[::1]:{port}/livez", timeout=5) as answer,
        ):
            assert answer.status == 200
    except BadInput as nowhere:
        pytest.skip(f"this machine has no IPv6: {nowhere}")
