"""What holds for every command: options on both sides, errors in one line, exit codes."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from console.cli.main import COMMANDS
from tests.console.support import NOW, ROOT, Program, met


def test_store_and_json_stand_before_or_after_the_command(program: Program) -> None:
    program.record(*met())
    store = str(program.store)
    answers = [
        program.run_bare("--store", store, "--json", "status", "m-1").out,
        program.run_bare("status", "m-1", "--store", store, "--json").out,
        program.run_bare("--json", "status", "--store", store, "m-1").out,
        program.run_bare(f"--store={store}", "status", "--json", "m-1").out,
    ]
    assert len(set(answers)) == 1
    assert answers[0].startswith('{"membership":"m-1"')


def test_the_later_store_wins(program: Program) -> None:
    program.record(*met())
    assert program.run_bare("--store", "elsewhere.db", "status", "m-1", "--store", program.store).code == 0


def test_the_store_comes_from_the_environment(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    program.record(*met())
    monkeypatch.setenv("CSAT_LEDGER_STORE", str(program.store))
    assert program.run_bare("status", "m-1").code == 0


def test_an_empty_store_is_no_other_store(program: Program) -> None:
    """`--store "$LEDGER"` where that is not set: not a ledger that happens to be in the folder."""
    facts = program.write("facts.jsonl", met())
    ran = program.run_bare("record", facts, "--store", "")
    assert (ran.code, ran.err) == (2, "csat-ledger: found --store empty, expected a file or a postgresql:// URL\n")
    assert [path.name for path in program.folder.iterdir()] == ["facts.jsonl"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples(program: Program, name: str) -> None:
    ran = program.run_bare(name, "--help")
    assert ran.code == 0
    assert "examples:" in ran.out
    assert f"csat-ledger {name}" in ran.out
    assert "--store" in ran.out


def test_the_overview_names_every_command(program: Program) -> None:
    ran = program.run_bare("--help")
    assert ran.code == 0
    for name, command in COMMANDS.items():
        assert f"{name} " in ran.out
        assert command.help in ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no command"),
        (["stauts", "m-1"], "perhaps 'status' is meant"),
        (["fly"], "expected one of record"),
        (["--frobnicate"], "no command"),
        (["status"], "no membership"),
        (["status", "m-1", "--at", "yesterday"], "expected a date or an RFC 3339 instant"),
        (["status", "m-1", "--at", "2011-02-30"], "expected a date of the calendar"),
        (["status", "m-1", "--known-at", "-1"], "usage"),
        (["status", "m-1", "--sto", "x"], "unrecognized"),
        (["renewals", "--within", "soon"], "expected a number of days"),
        (["renewals", "--within", "99999999999999999999"], "expected a number of days"),
        (["changes", "--after", "1.5"], "expected a position"),
        (["decide", "m-1"], "--renewal"),
        (["decide", "m-1", "--renewal", "March"], "expected a date such as"),
        (["record"], "FILE"),
        (["project", "--rebuild", "--status"], "not allowed"),
        (["participation", "--by", "day"], "invalid choice"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(program: Program, arguments: list[str], said: str) -> None:
    ran = program.run_bare(*arguments, "--json")
    assert ran.code == 2
    assert ran.json["error"] == "usage"
    (line,) = ran.err.splitlines()
    assert line.startswith("csat-ledger: ")
    assert said in line or said == "usage"


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "m-9"],
        ["history", "m-9"],
        ["replay", "m-9"],
        ["decide", "m-9", "--renewal", "2011-03-01"],
        ["participation", "--membership", "m-9"],
    ],
)
def test_an_unknown_membership_is_exit_code_2(program: Program, arguments: list[str]) -> None:
    program.record(*met())
    ran = program.json(*arguments)
    assert ran.code == 2
    assert ran.json["error"] == "unknown-membership"
    assert "m-9" in ran.json["message"]
    assert program.run(*arguments).out == ""


@pytest.mark.parametrize("arguments", [["status", "m-1"], ["review"], ["changes"], ["project"], ["board"]])
def test_a_ledger_that_is_not_there_is_exit_code_4_and_is_not_made(program: Program, arguments: list[str]) -> None:
    ran = program.json(*arguments)
    assert (ran.code, ran.json["error"]) == (4, "store-unreachable")
    assert list(program.folder.iterdir()) == []


@pytest.mark.parametrize("where", ["no/such/folder/ledger.db", "mysql://here/ledger", ":memory:"])
def test_a_place_where_no_ledger_can_be_is_exit_code_4(program: Program, where: str) -> None:
    facts = program.write("facts.jsonl", met())
    ran = program.run_bare("record", facts, "--store", where, "--json")
    assert (ran.code, ran.json["error"]) == (4, "store-unreachable")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE due (x);\n",
            "found an SQL dump, expected a ledger",
        ),
        (b'{"type":"enrol-membership"}\n' * 50, "found JSON, expected a ledger"),
        (b"PK\x03\x04" + b"\x00" * 2000, "found a ZIP archive"),
        (b"type,id\n" * 100, "found CSV"),
        (b"a letter to a friend\n" * 100, "found a file that is no database"),
    ],
)
def test_a_file_that_is_no_ledger_is_named_as_what_it_is(program: Program, content: bytes, said: str) -> None:
    program.store.write_bytes(content)
    ran = program.json("status", "m-1")
    assert (ran.code, ran.json["error"]) == (4, "store-unreachable")
    assert said in ran.json["message"]
    assert program.store.read_bytes() == content


def test_a_ledger_restored_from_a_dump_is_named_as_that_and_how_it_is_used(program: Program) -> None:
    program.record(*met())
    with closing(sqlite3.connect(program.store)) as source:
        dump = "\n".join(source.iterdump())
    restored = program.folder / "restored.db"
    with closing(sqlite3.connect(restored)) as target:
        target.executescript(dump)
    ran = program.run_bare("status", "m-1", "--store", restored, "--json")
    assert (ran.code, ran.json["error"]) == (4, "store-unreachable")
    found = re.search(r"sqlite3 FILE '([^']+)'", ran.json["message"])
    assert found is not None
    with closing(sqlite3.connect(restored)) as target:
        target.executescript(found.group(1))
    assert program.run_bare("status", "m-1", "--store", restored).out == program.run("status", "m-1").out


@pytest.mark.parametrize("damage", ["header", "pages"])
@pytest.mark.parametrize("arguments", [["board"], ["status", "m-1"], ["project"], ["project", "--rebuild"]])
def test_damaged_projections_are_named_with_the_way_out(program: Program, damage: str, arguments: list[str]) -> None:
    program.record(*met())
    expected = program.run("board").out
    projections = program.folder / "ledger.db.projections"
    content = projections.read_bytes()
    start = 0 if damage == "header" else 1_000
    projections.write_bytes(content[:start] + b"\xa5" * (len(content) - start))
    ran = program.json(*arguments)
    assert (ran.code, ran.json["error"]) == (4, "store-unreachable")
    assert f"{projections}: found the projections damaged" in ran.json["message"]
    assert f"remove {projections}* and they are built anew" in ran.json["message"]
    for path in program.folder.glob("ledger.db.projections*"):
        path.unlink()
    assert program.run("board").out == expected


def test_a_file_that_is_no_ledger_is_exit_code_4_and_stays_as_it_is(program: Program) -> None:
    program.store.write_text("a letter, not a database, and long enough for a header of one\n" * 50)
    before = program.store.read_bytes()
    for arguments in (["status", "m-1"], ["record", str(program.write("facts.jsonl", met()))]):
        assert program.json(*arguments).code == 4
    assert program.store.read_bytes() == before


def test_a_password_is_never_shown(program: Program) -> None:
    ran = program.run_bare("status", "m-1", "--store", "mysql://me:secret@here/ledger", "--json")
    assert ran.code == 4
    assert "secret" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("name", "value"), [("NOW", "soon"), ("RECORD_BATCH", "0"), ("KAFKA", "somewhere"), ("STORE", "")]
)
def test_a_setting_that_cannot_be_read_is_named(
    program: Program, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"CSAT_LEDGER_{name}", value)
    ran = program.json("status", "m-1")
    assert (ran.code, ran.json["error"]) == (2, "bad-input")
    assert f"CSAT_LEDGER_{name}" in ran.json["message"]


@pytest.mark.parametrize("name", ["NOW", "KAFKA", "KAFKA_CLIENT_FILE", "PORT", "RECORD_BATCH", "STORE_PASSWORD_FILE"])
def test_an_empty_setting_is_none(program: Program, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    program.record(*met())
    monkeypatch.setenv(f"CSAT_LEDGER_{name}", "")
    assert program.run("status", "m-1").code == 0


def test_a_fault_of_the_program_looks_like_no_answer(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    program.record(*met())

    def broken(*_: object) -> None:
        raise ZeroDivisionError("of the test")

    monkeypatch.setattr("projections.questions.status.status", broken)
    ran = program.json("status", "m-1")
    assert (ran.code, ran.json["error"]) == (70, "fault")
    assert "Traceback" in ran.err


def test_the_version_is_printed(program: Program) -> None:
    ran = program.run_bare("--version")
    assert ran.code == 0
    assert ran.out.startswith("csat-ledger ")


def test_a_reader_that_goes_away_ends_the_program_quietly(program: Program) -> None:
    program.record(*met())
    script = (
        f'"{sys.executable}" -m console --store "{program.store}" replay m-1 | head -n 1; echo "${{PIPESTATUS[0]}}"'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "CSAT_LEDGER_NOW": NOW},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] in {"0", "141"}
    assert done.stderr == ""


def test_only_wiring_and_the_clock_setting_know_the_wall_clock() -> None:
    """Everything that is recorded or answered takes its instant from the clock that wiring makes.

    How old a file is, and when a caller may come again, are matters of the machine alone.
    """
    asked = [
        path.name
        for path in Path(ROOT / "console").rglob("*.py")
        if any(call in path.read_text() for call in ("time.time", "datetime.now", "date.today"))
    ]
    assert sorted(asked) == ["rates.py", "sealed.py", "wiring.py"]
