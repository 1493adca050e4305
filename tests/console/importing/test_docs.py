"""What docs/importing.md shows is so: its worked example prints what it says, and its map of everything is read."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest

from console.importing.map_files import load_map
from tests.console.support import ROOT, Program, enrolment

PAGE = (ROOT / "docs/importing.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_worked_example_prints_what_is_shown(program: Program) -> None:
    program.record(*enrolment())
    for name, content in re.findall(r"^<!-- (\S+) -->\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        (program.folder / name).write_text(content)
    (pasted,), (shown,) = blocks("sh"), blocks("text")
    printed = ""
    for line in pasted.splitlines():
        ran = program.run(*line.removeprefix("csat-ledger ").split())
        assert ran.code == 0, ran
        printed += ran.out
    pattern = r"(?:.*\n)*?" + "[^\n]*".join(map(re.escape, shown.removeprefix("…\n").split("…")))
    assert re.fullmatch(pattern, printed), printed
    facts = [orjson.loads(line) for line in (program.folder / "desk.jsonl").read_bytes().splitlines()]
    assert [(fact["type"], fact.get("invitation")) for fact in facts] == [
        ("record-consent", None),
        ("record-consent", None),
        ("withdraw-consent", None),
        ("record-invitation", "desk:1"),
        ("record-invitation", "desk:3"),
    ]
    consented = {fact["subject"] for fact in facts if fact["type"] == "record-consent"}
    assert {fact["subject"] for fact in facts if fact["type"] == "record-invitation"} == consented


def test_the_map_of_everything_is_read(tmp_path: Path) -> None:
    whole = next(block for block in blocks("toml") if "Support survey" in block)
    path = tmp_path / "whole.toml"
    path.write_text(whole)
    found = load_map(str(path))
    assert found.title == "Support survey of Q3"
    assert found.pivot is not None
    (fact,) = found.facts
    assert {"answers.overall", "answers.own.speed", "comment"} <= set(fact.fields)
    path.write_text(whole.replace('extends = "limesurvey"', ""))
    assert {"answers.re_engage"} <= set(fact.fields)
    (alone,) = load_map(str(path)).facts
    assert "answers.re_engage" not in alone.fields


@pytest.mark.parametrize("name", ["rows", "skip", "contact", "fact"])
def test_each_table_of_the_map_of_everything_is_explained(name: str) -> None:
    assert re.search(rf"^\[+{name}\]+", PAGE, re.MULTILINE)
