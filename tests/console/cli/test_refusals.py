"""Refusals come back: kept as they were, once each, for their owner alone, and taken again with `record --retry`."""

from __future__ import annotations

import base64
import fcntl
import os
import stat
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from console.cli.exits import Failure
from console.cli.fact_files.lines import Line
from console.cli.refusals_file import RefusalsFile, RefusalsTakenAgain, RefusedLine, decode_refusal, take_again
from tests.console.support import Program, enrolment, fact, met, response

EVALUATION = fact("record-evaluation", "e-1", "2010-02-01T00:00:00Z", "m-2", evaluation="e-1")


def entries(path: Path) -> list[Any]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def waits_for_a_lock(pid: int) -> bool:
    """Whether a process is held up by `flock`, as the kernel has it."""
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return any(line[1:3] == ["->", "FLOCK"] and str(pid) in line[3:] for line in lines)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def refused(program: Program) -> Path:
    """Three lines that were refused: two for want of an enrolment, one that is no fact."""
    facts = [*met(), EVALUATION, response(1, "Brontegard", "2010-06-01T10:00:00Z", "m-2"), "nonsense"]
    assert program.run("record", program.write("facts.jsonl", facts)).code == 3
    return program.folder / "facts.jsonl.refused"


def test_a_pipe_that_nobody_reads_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refusal = RefusedLine(Line("facts.jsonl", 1, b"x"), "malformed", "no fact")
    with pytest.raises((Failure, OSError)):
        RefusalsFile(tmp_path / "pipe").write([refusal])


@pytest.mark.parametrize("target", ["facts.jsonl.refused", "nowhere/file"])
def test_a_link_that_leads_nowhere_is_no_fault(program: Program, target: str) -> None:
    (program.folder / "facts.jsonl.refused").symlink_to(target)
    ran = program.run("record", program.write("facts.jsonl", [*met(), "nonsense"]))
    assert ran.code not in (0, 3, 70), ran
    assert "facts.jsonl.refused" in ran.err


@pytest.mark.parametrize(
    "content",
    [b'{"a" : "\xc3\xbc"} \t', b"\xff\xfe\x00 no text", b"a\rb\r", "\u2028 \x00 \"'\\".encode(), b"\xed\xa0\x80"],
)
def test_a_line_is_kept_to_the_byte(program: Program, content: bytes) -> None:
    path = program.folder / "facts.jsonl"
    path.write_bytes(b'{"type":"x"}\n' + content + b"\n" + content)
    assert program.run("record", path).code == 3
    (_, *kept) = entries(program.folder / "facts.jsonl.refused")
    assert [entry["line_number"] for entry in kept] == [2, 3]
    for entry in kept:
        assert ("line" in entry) != ("line_base64" in entry)
        found = entry["line"].encode() if "line" in entry else base64.b64decode(entry["line_base64"])
        assert found == content


def test_the_file_is_its_owners_alone(program: Program, refused: Path) -> None:
    assert mode(refused) == 0o600
    program.record(*enrolment("m-2"))
    assert program.run("record", "--retry", refused).code == 3
    assert mode(refused) == 0o600
    assert sorted(path.name for path in program.folder.iterdir() if "refused" in path.name) == [refused.name]


def test_recording_a_file_twice_leaves_its_refusals_once(program: Program, refused: Path) -> None:
    before = refused.read_bytes()
    for name in ("facts.jsonl", program.folder / "facts.jsonl"):
        assert program.json("record", name).json["refused"] == 3
    assert refused.read_bytes() == before


def test_what_is_accepted_leaves_the_file_and_the_rest_stays(program: Program, refused: Path) -> None:
    program.record(enrolment("m-2")[0])
    ran = program.json("record", "--retry", refused)
    assert (ran.code, ran.json["accepted"], ran.json["refused"]) == (3, 2, 1)
    assert ran.json["codes"].keys() == {"malformed"}
    (left,) = entries(refused)
    assert (left["file"], left["line_number"], left["line"]) == (str(program.folder / "facts.jsonl"), 15, "nonsense")
    again = program.json("record", "--retry", refused)
    assert (again.json["accepted"], again.json["duplicates"], again.json["refused"]) == (0, 0, 1)
    assert entries(refused) == [left]


def test_a_file_of_which_nothing_is_left_is_empty_and_no_mistake(program: Program) -> None:
    program.run("record", program.write("facts.jsonl", [*enrolment(), EVALUATION]))
    path = program.folder / "facts.jsonl.refused"
    program.record(enrolment("m-2")[0])
    assert program.run("record", "--retry", path).code == 0
    assert path.read_bytes() == b""
    assert program.json("record", "--retry", path).json["accepted"] == 0


def test_a_line_refused_for_something_else_by_now_says_so(program: Program, refused: Path) -> None:
    (first, *_) = entries(refused)
    assert first["code"] == "unknown-membership"
    program.record(enrolment("m-2")[0], {**EVALUATION, "id": "e-0"})
    program.run("record", "facts.jsonl")
    assert [entry["code"] for entry in entries(refused)].count("evaluation-exists") == 1
    program.run("record", "--retry", refused)
    assert sorted(entry["code"] for entry in entries(refused)) == ["evaluation-exists", "malformed"]


def test_a_crash_before_the_file_is_replaced_loses_and_doubles_nothing(
    program: Program, refused: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.record(enrolment("m-2")[0])
    before = refused.read_bytes()

    def killed(_: object) -> None:
        raise OSError("of the test")

    with monkeypatch.context() as patched:
        patched.setattr(RefusalsTakenAgain, "finish", killed)
        assert program.run("record", "--retry", refused).code == 2
    assert refused.read_bytes() == before
    (program.folder / f".{refused.name}.part").write_text("of one that was killed")
    ran = program.json("record", "--retry", refused)
    assert (ran.json["accepted"], ran.json["duplicates"], ran.json["refused"]) == (0, 2, 1)
    assert len(entries(refused)) == 1
    assert not (program.folder / f".{refused.name}.part").exists()


def test_lines_that_are_no_refusals_stay_and_a_file_of_facts_is_not_taken_for_one(
    program: Program, refused: Path
) -> None:
    torn = refused.read_bytes()[:40]
    refused.write_bytes(refused.read_bytes() + torn)
    ran = program.run("record", "--retry", refused)
    assert ran.code == 3
    assert "1 line in" in ran.err
    assert torn in refused.read_bytes().splitlines()
    facts = program.write("other.jsonl", met())
    before = facts.read_bytes()
    wrong = program.json("record", "--retry", facts)
    assert (wrong.code, wrong.json["error"]) == (2, "unreadable")
    assert wrong.err.count("\n") == 1, "nothing was tried, so there is nothing to give again"
    assert facts.read_bytes() == before
    assert program.json("record", "--retry", "none").json["error"] == "unreadable"
    assert program.json("record", "--retry", program.folder).json["error"] == "unreadable"


def test_refusals_are_not_added_onto_a_line_that_broke_off(program: Program, refused: Path) -> None:
    whole = refused.read_bytes()
    refused.write_bytes(whole[:-20])
    program.run("record", "facts.jsonl")
    assert [decode_refusal(line) is None for line in refused.read_bytes().splitlines()] == [False, False, True, False]


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "refused"
    refusals = [RefusedLine(Line("facts", 1, b"{}"), "malformed", "found nothing")]
    RefusalsFile(path).write(refusals)
    before, write = path.read_bytes(), os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) < 30:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:20])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Failure, match=f"{path}: refusals could not be written: No space left.*--refused") as raised:
        RefusalsFile(path).write([RefusedLine(Line("facts", 2, b"[]"), "malformed", "found nothing")])
    assert raised.value.exit_code == 74
    assert path.read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_refusals_that_find_no_room_are_no_unreadable_input(program: Program) -> None:
    path = program.write("facts.jsonl", [*enrolment("m-1"), "nonsense"])
    full = program.json("record", path, "--refused", "/dev/full")
    assert (full.code, full.json["error"]) == (74, "refusals-not-written")
    assert "/dev/full: refusals could not be written: No space left on device" in full.json["message"]
    again = program.json("record", path)
    assert (again.code, again.json["accepted"], again.json["refused"]) == (3, 0, 1)


def test_refusals_that_are_taken_again_stay_where_there_is_no_room(
    program: Program, refused: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = refused.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("console.cli.refusals_file.os.fsync", full)
    with (
        take_again(refused) as again,
        pytest.raises(Failure, match=f"{refused}: .*No space left.*stays as it is") as raised,
    ):
        again.finish()
    assert raised.value.exit_code == 74
    assert refused.read_bytes() == before
    assert [path.name for path in refused.parent.iterdir() if path.name.endswith(".part")] == []


def test_who_adds_waits_for_who_takes_again_and_writes_into_the_new_file(program: Program, refused: Path) -> None:
    """A `record` that waited for the lock must not add to the file that was replaced in the meantime."""
    with refused.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        busy = program.json("record", "--retry", refused)
        assert (busy.code, "another `record`" in busy.json["message"]) == (2, True)
        waiting = program.start("record", "-", "--refused", refused)
        try:
            assert waiting.stdin is not None
            waiting.stdin.write(b"{}\n")
            waiting.stdin.close()
            deadline = time.monotonic() + 30
            while not waits_for_a_lock(waiting.pid):
                assert waiting.poll() is None, "it did not wait"
                assert time.monotonic() < deadline, "it asked for no lock within 30 s"
                time.sleep(0.02)
            new = program.folder / "new"
            new.write_bytes(b"")
            new.replace(refused)
        finally:
            fcntl.flock(held, fcntl.LOCK_UN)
        assert waiting.wait(30) == 3
        assert waiting.stdout is not None
        assert waiting.stderr is not None
        waiting.stdout.close()
        waiting.stderr.close()
    assert [entry["line"] for entry in entries(refused)] == ["{}"]


def test_refusals_go_to_what_is_no_plain_file_too(program: Program) -> None:
    assert program.run("record", program.write("facts.jsonl", ["{}"]), "--refused", "/dev/null").code == 3


@pytest.mark.parametrize(
    "arguments", [["record"], ["record", "x", "--retry", "y"], ["record", "--retry", "y", "--refused", "z"]]
)
def test_files_and_a_retry_are_two_things(program: Program, arguments: list[str]) -> None:
    assert program.json(*arguments).json["error"] == "usage"
    assert not program.store.exists()
