"""`demo`, small: it runs through, prints the same for the same seed, and touches nothing that is not its own."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest

from tests.console.support import Program, enrolment

SMALL = ("--memberships", "6", "--partners", "3")


def test_the_demo_prints_the_same_for_the_same_seed_and_leaves_a_ledger(program: Program) -> None:
    first = program.run_bare("demo", *SMALL)
    assert first.code == 0
    assert "A renewal that is met: Alderbrook Consulting" in first.out
    assert "counted 10 responses of 2 organisations, location main" in first.out
    assert "A renewal that is not-met: Quillfield Systems" in first.out
    assert "counted 9 responses of 2 organisations, location Lyon" in first.out
    assert "An anniversary that is qualified: Thornbury Business Apps" in first.out
    assert "An anniversary that is not-qualified: Farrowdale Consulting" in first.out
    assert first.out.count("the same again") == 6
    assert "to   2024-06-20T06:00:00Z as known at position" in first.out  # explained
    assert "usage growth: 30.00 -> 0.00" in first.out
    assert "usage growth: 0.00 -> 30.00" in first.out
    assert first.out.count("verify: confirmed") == 3
    assert "done in" in first.err
    commands = [line.split()[1:] for line in first.out.splitlines() if line.startswith("  csat-ledger ")]
    assert not any("#" in word for command in commands for word in command), "zsh takes no comments"
    named = {command[2] for command in commands}  # after --store WHERE
    assert {"status", "history", "score", "designations", "evidence", "verify", "consistency", "record"} <= named
    for command in commands:
        assert program.run_bare(*command).code in {0, 3}, command
    for facts in ("demo/facts.jsonl", "demo/capability.jsonl"):
        again = program.run_bare("--json", "record", facts, "--store", "demo/ledger.db")
        assert again.json["accepted"] == 0
        assert again.json["duplicates"] > 0
    assert program.run_bare("demo", *SMALL).out == first.out  # that its clock was accepted was the demo's own advice
    assert program.run_bare("demo", *SMALL, "--seed", "2").out != first.out


def test_what_somebody_added_to_a_demo_is_not_removed_without_being_asked_for(program: Program) -> None:
    made = program.run_bare("demo", *SMALL)
    assert made.code == 0
    program.now("2025-01-02T00:00:00Z")  # the demo's own time
    added = program.write("mine.jsonl", enrolment("m-mine"))
    (last,) = re.findall(r"clock-accept (\d\S+)", made.out)
    accepted = program.run_bare("clock-accept", last, "--store", "demo/ledger.db")
    assert accepted.code == 0
    assert program.run_bare("record", added, "--store", "demo/ledger.db").code == 0
    kept = Path("demo/proof/notes.txt")
    kept.write_text("what I saw")
    ran = program.run_bare("demo", *SMALL, "--json")
    assert (ran.code, ran.json["error"]) == (2, "usage")
    assert "2 events in ledger.db, proof/notes.txt" in ran.json["message"]
    assert program.run_bare("status", "m-mine", "--store", "demo/ledger.db").code == 0
    assert program.run_bare("demo", *SMALL, "--force").code == 0
    assert not kept.exists()
    assert program.run_bare("status", "m-mine", "--store", "demo/ledger.db").code == 2


def test_the_demo_takes_no_store(program: Program) -> None:
    program.record(*enrolment())
    before = program.store.read_bytes()
    for arguments in (["demo", "--store", program.store], ["--store", program.store, "demo"]):
        ran = program.run_bare(*arguments, "--json")
        assert (ran.code, ran.json["error"]) == (2, "usage")
        assert "--folder" in ran.json["message"]
    assert program.store.read_bytes() == before
    assert not Path("demo").exists()


def test_the_demo_speaks_json(program: Program) -> None:
    lines = program.run_bare("demo", *SMALL, "--json").lines
    assert lines[0]["refused"] > 0
    decisions = [line for line in lines if "applied" in line]
    assert [(line["outcome"], line["counted"]) for line in decisions] == [("met", 10), ("not-met", 9)]
    designations = [line for line in lines if "first_qualified_at" in line]
    assert [(line["outcome"], line["best"]["centipoints"]) for line in designations] == [
        ("qualified", 7400),
        ("not-qualified", 8500),
    ]
    assert [line["same"] for line in lines if "checked" in line] == [True] * 6
    recorded = [line for line in lines if "refused" in line]
    for counted, facts, refusals in zip(
        recorded, ("facts.jsonl", "capability.jsonl"), ("refused.jsonl", "capability-refused.jsonl"), strict=True
    ):
        refused = Path("demo", refusals).read_bytes().splitlines()
        assert len(refused) == counted["refused"] > 0
        assert orjson.loads(refused[0])["file"] == facts


def test_a_folder_that_is_no_demo_is_left_alone(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.demo.demonstration.Demonstration._tell", lambda *_: None)
    mine = program.folder / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("to a friend")
    refused = program.run_bare("demo", "--folder", mine, "--json")
    assert (refused.code, refused.json["error"]) == (2, "usage")
    assert [path.name for path in mine.iterdir()] == ["letter.txt"]
    assert program.run_bare("demo", "--folder", mine, "--force").code == 0
    assert program.run_bare("demo", "--folder", mine).code == 0
    assert (mine / "letter.txt").read_text() == "to a friend"
    assert program.run_bare("demo", "--folder", mine / "letter.txt", "--force").code == 2


@pytest.mark.parametrize("number", ["1", "0", "x", "99999999999"])
@pytest.mark.parametrize("option", ["--memberships", "--partners"])
def test_a_number_that_makes_no_programme_is_refused(program: Program, option: str, number: str) -> None:
    assert program.run_bare("demo", option, number).code == 2
