"""The settings of the service: each with a default that the documentation has, and an error that names it."""

from __future__ import annotations

import pytest

from console.http.limits import Limits, read_limits, variables
from ledger.errors import BadInput
from tests.console.support import ROOT, Program


def test_without_a_variable_all_is_as_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, _, _ in variables():
        monkeypatch.delenv(name, raising=False)
    assert read_limits() == Limits()
    monkeypatch.setenv("CSAT_LEDGER_HTTP_STREAMS", "")
    assert read_limits() == Limits()
    monkeypatch.setenv("CSAT_LEDGER_HTTP_STREAMS", "3")
    monkeypatch.setenv("CSAT_LEDGER_HTTP_RATE", "7 per minute")
    assert read_limits() == Limits(streams=3, rate="7 per minute")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RATE", "x"), ("RATE", "0/second"), ("RATE", "1/second;2/minute"), ("RATE", "1/second" * 20),
        ("RATE_WITHOUT_TOKEN", "-1/second"), ("STREAMS", "0"), ("STREAMS", "many"), ("DEADLINE_S", "0"),
        ("DEADLINE_S", "nan"), ("BODY_BYTES", "10"), ("SPOOL_MIB", "1.5"),
    ],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"CSAT_LEDGER_HTTP_{name}", value)
    with pytest.raises(BadInput, match=f"^CSAT_LEDGER_HTTP_{name}: "):
        read_limits()


def test_a_setting_out_of_its_bounds_is_told_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSAT_LEDGER_HTTP_BODY_BYTES", "-1")
    with pytest.raises(BadInput, match=r"^CSAT_LEDGER_HTTP_BODY_BYTES: found less than 1024, expected 1024 at least$"):
        read_limits()


def test_a_service_with_such_a_setting_does_not_start(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSAT_LEDGER_HTTP_STREAMS", "0")
    ran = program.run("serve", "--dev")
    assert (ran.code, "CSAT_LEDGER_HTTP_STREAMS" in ran.err) == (2, True), ran


def test_each_setting_stands_with_its_default_in_the_documentation_and_in_the_help(program: Program) -> None:
    documented = (ROOT / "docs/operations.md").read_text()
    shown = program.run_bare("serve", "--help").out.splitlines()
    for name, default, what in variables():
        assert f"| `{name}` | {default} | {what} |" in documented
        assert [name, default] in [line.split() for line in shown]
