"""What `topics --json` prints of a real broker is what its schema says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from console.cli.main import main
from tests.support.answers import wrong_with

if TYPE_CHECKING:
    from csat_ledger_client.kafka.broker import Broker


def test_each_topic_that_is_there_is_told_as_the_schema_says(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CSAT_LEDGER_TOPIC_PREFIX", broker.prefix)
    assert main(["topics", "--kafka", broker.bootstrap, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [wrong for line in lines for wrong in wrong_with("topics", line)] == []
    assert [line["created"] for line in lines] == [False] * len(lines)
    assert len(lines) > 1
