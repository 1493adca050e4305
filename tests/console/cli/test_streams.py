"""Whatever the program's streams are (closed, full, in any encoding), it answers, and ends with the code that it means."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from console.cli.output import json_text
from ledger.printable import printable
from tests.console.support import NOW, ROOT, Program, enrolment, met

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "CSAT_LEDGER_NOW": NOW}
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


def shell(script: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A script in which $CSAT is the program."""
    return subprocess.run(
        ["bash", "-c", f'CSAT="{sys.executable} -m console"; {script}'],
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        check=False,
        timeout=60,
        cwd=folder,
    )


@pytest.fixture
def store(program: Program) -> Path:
    program.record(*met())
    program.record(*enrolment("m-2"))
    name = {"type": "update-membership", "id": "n", "membership": "m-2", "occurred_at": "2010-02-01T00:00:00Z"}
    program.record({**name, "name": "Ålesund 東京 Ærø"})
    program.run("status", "m-1")
    return program.store


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LANG": "C"},
        {"PYTHONIOENCODING": "utf-8"},
    ],
    ids=lambda environment: "-".join(environment.values()),
)
@pytest.mark.parametrize("command", ["replay m-2", "board", "--help", "status Ærø"])
def test_every_output_works_in_any_encoding(store: Path, environment: dict[str, str], command: str) -> None:
    for option in ("", "--json"):
        done = shell(f"$CSAT --store {store} {option} {command}", **environment)
        assert done.returncode == (2 if "status" in command else 0), done
        assert b"Traceback" not in done.stderr
        if option and command != "--help":
            for line in done.stdout.splitlines():
                json.loads(
                    line.decode("ascii" if environment.get("PYTHONIOENCODING") in {"ascii", "latin-1"} else "utf-8")
                )
    if command == "replay m-2":
        (update,) = (
            line for line in map(json.loads, done.stdout.splitlines()) if line.get("type") == "MembershipUpdated"
        )
        assert update["data"]["name"] == "Ålesund 東京 Ærø"


@FULL
@pytest.mark.parametrize("command", ["status m-1", "replay m-1", "--help", "status --help", "--version"])
def test_an_answer_that_the_disk_does_not_take_is_no_answer(store: Path, command: str) -> None:
    done = shell(f"$CSAT --store {store} --json {command} > /dev/full")
    assert done.returncode == 74, done
    assert done.stderr.decode().splitlines() == [
        "csat-ledger: the answer could not be written: No space left on device"
    ]


@FULL
def test_a_failure_is_told_even_where_nobody_can_be_told(store: Path) -> None:
    for redirected in ("> /dev/full 2>&1", "2> /dev/full", ">&- 2>&-"):
        for option in ("", "--json"):
            assert shell(f"$CSAT --store {store} {option} status m-9 {redirected}").returncode == 2, redirected


def test_a_closed_stdout_takes_no_answer_and_nothing_else(store: Path) -> None:
    for redirected in (">&-", "<&- >&- 2>&-"):
        done = shell(f"$CSAT --store {store} status m-1 {redirected}; echo $? > {store}.code")
        assert (done.stderr, Path(f"{store}.code").read_text()) == (b"", "0\n"), redirected
    facts = store.parent / "more.jsonl"
    facts.write_text(json.dumps(enrolment("m-3")[0]))
    assert shell(f"$CSAT --store {store} record {facts} >&- 2>&-").returncode == 0
    assert shell(f"$CSAT --store {store} status m-3").returncode == 0


@pytest.mark.parametrize(("command", "expected"), [("record -", "facts"), ("status --batch -", "questions")])
def test_a_closed_stdin_is_named(store: Path, command: str, expected: str) -> None:
    done = shell(f"$CSAT --store {store} {command} <&-")
    assert done.returncode == 2
    assert done.stderr.decode() == f"csat-ledger: found stdin closed, expected {expected}\n"


@pytest.mark.parametrize("command", ["--help", "record --help", "replay m-1", "--json replay m-1", "--version"])
def test_a_reader_that_never_reads_ends_the_program_quietly(store: Path, command: str) -> None:
    done = shell(f"(trap '' PIPE; sleep 0.1; $CSAT --store {store} {command}; echo $? > {store}.code) | true")
    assert (done.stderr, Path(f"{store}.code").read_text()) == (b"", "141\n")


def test_an_installation_that_is_not_whole_is_no_answer(tmp_path: Path) -> None:
    """Python itself would end with 1, which says that what was asked is not so."""
    shutil.copytree(ROOT / "console", tmp_path / "console", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "console" / "cli" / "exits.py").write_text("import nothing_of_that_name\n")
    done = shell("$CSAT status m-1", tmp_path, PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert done.returncode == 70
    assert b"this installation cannot be used" in done.stderr
    assert shell("$CSAT status m-1 2>&-", tmp_path, PYTHONPATH=f"{tmp_path}:{ROOT}").returncode == 70


def test_a_command_that_cannot_be_loaded_is_no_answer(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "console", tmp_path / "console", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "console" / "cli" / "commands" / "board.py").write_text("import nothing_of_that_name\n")
    assert shell("$CSAT board", tmp_path, PYTHONPATH=f"{tmp_path}:{ROOT}").returncode == 70


def test_arguments_and_files_that_are_no_utf8_work(store: Path) -> None:
    odd = os.fsdecode(b"caf\xe9.db")
    facts = store.parent / os.fsdecode(b"f\xff.jsonl")
    facts.write_text(json.dumps(enrolment("m-4")[0]) + "\nno fact\n")
    done = subprocess.run(
        [sys.executable, "-m", "console", "--store", store.parent / odd, "--json", "record", facts],
        env=ENVIRONMENT, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, json.loads(done.stdout)["accepted"]) == (3, 1), done
    assert b"f\\xff.jsonl:2" in done.stderr
    (refused,) = map(json.loads, Path(f"{facts}.refused").read_bytes().splitlines())
    assert refused["file"].endswith("f\\xff.jsonl")
    for arguments, code in (
        (["status", "m-4"], 0),
        (["status", os.fsdecode(b"m-\xff")], 2),
        (["replay", os.fsdecode(b"m-\xff")], 2),
        (["decide", os.fsdecode(b"m-\xff"), "--renewal", "2011-03-01"], 2),
        (["history", os.fsdecode(b"m-\xff")], 2),
        (["participation", "--membership", os.fsdecode(b"m-\xff")], 2),
        (["status", "--batch", os.fsdecode(b"\xff")], 2),
        ([os.fsdecode(b"stat\xff")], 2),
    ):
        for option in ([], ["--json"]):
            done = subprocess.run(
                [sys.executable, "-m", "console", "--store", store.parent / odd, *option, *arguments],
                env=ENVIRONMENT, capture_output=True, check=False, timeout=60,
            )  # fmt: skip
            assert done.returncode == code, done
            if option:
                json.loads(done.stdout.decode())


def test_what_is_no_utf8_is_printed_as_an_escape() -> None:
    assert printable("caf\udce9 ü") == "caf\\xe9 ü"
    assert printable("\ud800") == "\\ud800"
    assert json.loads(json_text({"caf\udce9": ["\udcff", 1, None]})) == {"caf\\xe9": ["\\xff", 1, None]}
    assert json_text({"a": "ü東"}, ascii_only=True) == '{"a":"\\u00fc\\u6771"}'
