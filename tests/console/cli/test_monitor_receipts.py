"""monitor --receipts, as who keeps receipts uses it: once, and with --follow while more of them come."""

from __future__ import annotations

import json
import os
import shutil
from typing import Any

from tests.console.cli.test_monitor_command import monitored
from tests.console.cli.test_proof_commands import started, stopped
from tests.console.cli.test_receipt_commands import (
    IN_TIME,
    TOO_LATE,
    WITNESS,
    cosign,
    handed,
    lines,
    policy_file,
    record,
    seal,
)
from tests.console.support import Program, met, response
from tests.support.answers import wrong_with

__all__ = ["handed"]
NONE = {"kept": 0, "late": 0, "broken": 0, "unproven": 0, "unreadable": 0}
MORE = [response(60 + n, "Late", f"2011-01-05T00:00:{n:02}Z") for n in range(3)]


def watched(program: Program, *more: str, code: int = 0, state: str = "state") -> Any:
    """What the monitor says of r.jsonl, which keeps to its schema."""
    ran = monitored(program, "log", "--receipts", "r.jsonl", *more, state=state)
    assert ran.code == code, ran
    assert wrong_with("monitor", ran.json) == []
    return ran.json


def test_receipts_are_counted_for_people_and_machines(handed: Program) -> None:
    seal(handed)
    said = watched(handed)
    assert (said["verdict"], said["receipts"]) == ("confirmed", NONE | {"kept": len(met())})
    record(handed, handed.write("more.jsonl", MORE))
    assert watched(handed)["receipts"] == NONE | {"kept": len(met()), "unproven": len(MORE)}
    arguments = ["--log", "log", "--policy", "policy.json", "--state", "state"]
    words = handed.run_bare("monitor", *arguments, "--receipts", "r.jsonl").out.splitlines()
    assert words[2] == f"receipts: {len(met())} kept, 0 late, 0 broken, {len(MORE)} unproven, 0 unreadable"
    assert "receipts:" not in handed.run_bare("monitor", *arguments).out
    assert monitored(handed).json["receipts"] is None


def test_late_ones_are_incomplete(handed: Program) -> None:
    policy_file(handed, witnesses=[str(WITNESS.verifier)], quorum=1)
    seal(handed)
    cosign(handed, IN_TIME)
    record(handed, handed.write("more.jsonl", MORE))
    assert watched(handed)["receipts"] == NONE | {"kept": len(met()), "unproven": len(MORE)}
    seal(handed)
    cosign(handed, TOO_LATE)
    late = watched(handed, code=1)
    assert (late["verdict"], late["receipts"]["late"], len(late["differences"])) == ("incomplete", len(MORE), len(MORE))


def test_a_log_of_another_book_breaks_them_and_what_contradicts_is_shown(handed: Program) -> None:
    shutil.copytree(handed.folder / "keys", handed.folder / "copied")
    facts = handed.write("forged.jsonl", [*met("m-9"), *met()])
    for arguments in (("record", facts), ("seal", "--key", "copied/log.key", "--tiles", "forged")):
        assert handed.run_bare("--store", handed.folder / "other.db", *arguments).code == 0
    shutil.copy(handed.folder / "r.jsonl", handed.folder / "same.jsonl")
    broken = monitored(handed, "forged", "--receipts", "r.jsonl", "--receipts", "same.jsonl")
    assert (broken.code, broken.json["verdict"]) == (1, "tampered")
    assert broken.json["receipts"] == NONE | {"broken": len(met())}
    for line, difference in zip(lines(handed), broken.json["differences"], strict=True):
        assert line["receipt"] in difference["expected"]
    seal(handed)
    assert monitored(handed, "log", "--receipts", "r.jsonl", state="fresh").json["verdict"] == "confirmed"


def test_what_is_no_receipt_is_unverifiable_and_what_is_no_file_an_error(handed: Program) -> None:
    seal(handed)
    with (handed.folder / "r.jsonl").open("a") as file:
        file.write("nonsense\n")
    said = watched(handed, code=2)
    assert (said["verdict"], said["receipts"]) == ("unverifiable", NONE | {"kept": len(met()), "unreadable": 1})
    assert f"line {len(met()) + 1} of " in said["differences"][0]["what"]
    gone = monitored(handed, "log", "--receipts", "none.jsonl")
    assert (gone.code, gone.json["error"]) == (2, "unreadable")
    os.mkfifo(handed.folder / "pipe")
    pipe = monitored(handed, "log", "--receipts", "pipe")
    assert (pipe.code, pipe.json["error"]) == (2, "unverifiable")


def test_a_last_line_that_is_cut_waits_and_is_told(handed: Program) -> None:
    seal(handed)
    path = handed.folder / "r.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    ran = monitored(handed, "log", "--receipts", "r.jsonl")
    assert ran.json["receipts"]["kept"] == len(met()) - 1
    assert "without its end" in ran.err


def test_with_follow_receipts_are_read_as_they_are_handed_out(handed: Program) -> None:
    seal(handed)
    follower, first = started(
        handed, "monitor", "--log", "log", "--policy", "policy.json", "--state", "state", "--follow",
        "--receipts", "r.jsonl",
    )  # fmt: skip
    try:
        assert first["receipts"]["kept"] == len(met())
        record(handed, handed.write("more.jsonl", MORE))
        assert follower.stdout is not None
        said = json.loads(follower.stdout.readline())
        while sum(said["receipts"].values()) < len(met()) + len(MORE):
            said = json.loads(follower.stdout.readline())
        assert said["receipts"] == NONE | {"kept": len(met()), "unproven": len(MORE)}
        seal(handed)
        while said["receipts"]["unproven"]:
            said = json.loads(follower.stdout.readline())
        assert said["receipts"]["kept"] == len(met()) + len(MORE)
    finally:
        assert stopped(follower) == 0
