"""How webhooks are sent as the settings say, and where secrets are that are made."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("httpcore")

from console.environment import read_environment
from console.settings import Settings
from console.webhook_rules import made_folder, rules_of, secrets_path
from consumers.webhooks.addresses import read_networks
from ledger.errors import BadInput
from ledger.instants import SECOND_US


def test_the_settings_say_how_long_where_to_and_how_patiently(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rules_of(Settings()).retry_for_us == 72 * 3_600 * SECOND_US
    assert rules_of(Settings()).allowed == ()
    for name, value in {"RETRY_HOURS": "5", "TIMEOUT_S": "2.5", "NETWORKS": "10.20.0.0/16, fd12::/32"}.items():
        monkeypatch.setenv(f"CSAT_LEDGER_WEBHOOK_{name}", value)
    rules = rules_of(read_environment(Settings()))
    assert rules.retry_for_us == 5 * 3_600 * SECOND_US
    assert (rules.bounds.whole_s, rules.bounds.connect_s) == (2.5, 2.5)
    assert rules.allowed == read_networks(["10.20.0.0/16", "fd12::/32"])


@pytest.mark.parametrize(
    ("name", "value"), [("RETRY_HOURS", "0"), ("TIMEOUT_S", "soon"), ("NETWORKS", "10.0.0.1/8"), ("NETWORKS", "home")]
)
def test_a_setting_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"CSAT_LEDGER_WEBHOOK_{name}", value)
    with pytest.raises(BadInput, match=f"CSAT_LEDGER_WEBHOOK_{name}"):
        read_environment(Settings())


def test_secrets_that_are_made_lie_beside_a_file_and_where_it_is_said_for_a_server(tmp_path: Path) -> None:
    beside = secrets_path(Settings(), str(tmp_path / "ledger.db"))
    assert beside == tmp_path / "ledger.db.webhook-secrets"
    assert secrets_path(Settings(), "postgresql://db/ledger") is None
    assert secrets_path(Settings(webhook_secrets="/run/hooks"), "postgresql://db/ledger") == Path("/run/hooks")
    assert beside is not None
    assert made_folder(beside).stat().st_mode & 0o777 == 0o700
    with pytest.raises(BadInput):
        made_folder(tmp_path / "no" / "such" / "folder")
