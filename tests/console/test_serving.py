"""Settings of the processes that run for ever: the password in a file, and options that make sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.environment import read_environment
from console.main import main
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
