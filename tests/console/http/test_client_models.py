"""The client's models are made of the OpenAPI document: what they would be made as is what they are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from console.http.client_models import FOLDER, differences, main, modules
from tests.console.support import ROOT


def test_the_clients_models_are_those_of_the_document() -> None:
    assert differences(ROOT / "client") == [], "python -m console.http.client_models --write client"


def test_what_was_changed_by_hand_is_left_over_or_is_missing_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / FOLDER
    shutil.copytree(ROOT / "client" / FOLDER, place)
    (place / "status.py").write_text((place / "status.py").read_text().replace("satisfied: bool", "satisfied: int"))
    (place / "old_answer.py").touch()
    (place / "score.py").unlink()
    assert main(["--check", str(tmp_path)]) == 1
    found = capsys.readouterr().err
    for name in ("status.py: is not what", "old_answer.py: is no answer", "score.py: is not what"):
        assert name in found
    assert main(["--nonsense"]) == 2


def test_what_two_answers_have_in_common_is_one_class() -> None:
    defined = [
        line for source in modules().values() for line in source.splitlines() if line.startswith("class Metrics(")
    ]
    assert len(defined) == 1
