from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.support import Program


@pytest.fixture
def program(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    """`csat-ledger`, with an empty folder to work in."""
    return Program(tmp_path, capsys, monkeypatch)
