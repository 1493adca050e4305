"""The file of receipts under crashes, full disks and others at work on it: none is lost, and no half line stays."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from console.cli.receipts_file import open_receipts
from tests.console.cli.test_receipt_commands import HAND_OUT, ORIGIN, handed, lines, record, seal, verify
from tests.console.support import ROOT, Program, met, response
from tests.support.unprivileged import as_nobody, not_to_be_written, readable_folder

__all__ = ["handed"]
MORE = [response(60 + n, "Late", f"2011-01-05T00:00:{n:02}Z") for n in range(5)]
KILLED = """
import os, signal, sys
from console.cli import receipts_file
from console.cli.main import main

def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)

receipts_file.{where} = killed
main(sys.argv[1:])
"""


def ids(program: Program) -> list[str]:
    return [line["fact"] for line in lines(program)]


@pytest.mark.parametrize("cut", [1, 2, 700, 70_000])
def test_a_line_that_was_cut_off_is_taken_away_before_others_are_added(handed: Program, cut: int) -> None:
    path = handed.folder / "r.jsonl"
    whole = path.read_bytes()
    half = (b"x" * 70_000 + b"\n")[:cut] if cut > 700 else whole.splitlines(keepends=True)[0][:cut]
    path.write_bytes(whole + half)
    record(handed, handed.write("more.jsonl", MORE))
    assert path.read_bytes()[: len(whole)] == whole
    assert ids(handed)[-6:] == [met()[-1]["id"], *(fact["id"] for fact in MORE)]


@pytest.mark.parametrize("content", [b"", b'{"ev', b'{"event":"' + b"x" * 200_000])
def test_a_file_that_has_no_whole_line_is_begun_again(handed: Program, content: bytes) -> None:
    (handed.folder / "r.jsonl").write_bytes(content)
    record(handed, handed.folder / "facts.jsonl")
    assert ids(handed) == [fact["id"] for fact in met()]


@pytest.mark.parametrize(
    "content", [b"x", b'{"type":"record-response"}', b"SQLite format 3\0\n\0\0", b"\n{}", bytes(9)]
)
def test_a_file_of_something_else_is_neither_cut_nor_added_to_and_nothing_is_recorded(
    handed: Program, content: bytes
) -> None:
    (handed.folder / "other").write_bytes(content)
    more = handed.write("more.jsonl", MORE)
    ran = handed.json("record", more, "--receipts", "other", *HAND_OUT[2:])
    assert (ran.code, ran.json["error"], "expected one of receipts" in ran.json["message"]) == (2, "unreadable", True)
    assert (handed.folder / "other").read_bytes() == content
    assert record(handed, more).json["accepted"] == len(MORE)


def test_a_file_that_another_record_has_is_left_alone_and_nothing_is_recorded(handed: Program) -> None:
    before = (handed.folder / "r.jsonl").read_bytes()
    with (handed.folder / "r.jsonl").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        ran = record(handed, handed.write("more.jsonl", MORE), code=2)
    assert (ran.json["error"], "another `record`" in ran.json["message"]) == ("unreadable", True)
    assert (handed.folder / "r.jsonl").read_bytes() == before
    assert record(handed, handed.folder / "more.jsonl").json["accepted"] == len(MORE)


def test_what_can_be_no_file_of_receipts_is_named_before_anything_is_recorded(handed: Program) -> None:
    os.mkfifo(handed.folder / "pipe")
    (handed.folder / "folder").mkdir()
    more = handed.write("more.jsonl", MORE)
    for name in ("pipe", "folder", "no/such/folder", "/dev/null"):
        ran = handed.json("record", more, "--receipts", name, *HAND_OUT[2:])
        assert ran.code == (74 if name.startswith("no/") else 2), ran
        assert name in ran.json["message"]
    assert record(handed, more).json["accepted"] == len(MORE)


def test_without_a_key_that_can_be_read_nothing_is_made(program: Program) -> None:
    assert program.run_bare("keygen", "--name", ORIGIN, "--out", "keys").code == 0
    facts = program.write("facts.jsonl", MORE)
    before = sorted(program.folder.rglob("*"))
    for key, promise in (("nowhere.key", "1"), ("keys/log.key", "1"), ("keys/log.vkey", "1"), ("keys/log.key", "-1")):
        ran = program.json("record", facts, "--receipts", "r.jsonl", "--receipt-key", key, "--promise", promise)
        assert ran.code == 2, ran
        assert sorted(program.folder.rglob("*")) == before


def test_where_no_file_of_receipts_can_be_no_book_is_made(program: Program) -> None:
    assert program.run_bare("keygen", "--name", ORIGIN, "--receipts", "--out", "keys").code == 0
    (key,) = (program.folder / "keys").glob("*.key")
    facts = program.write("facts.jsonl", MORE)
    (program.folder / "folder").mkdir()
    before = sorted(program.folder.rglob("*"))
    for name in ("folder", "no/such/folder", "/dev/null"):
        ran = program.json("record", facts, "--receipts", name, "--receipt-key", key)
        assert ran.code in (2, 74), ran
        assert sorted(program.folder.rglob("*")) == before


def test_a_file_that_may_not_be_written_is_named() -> None:
    with readable_folder() as folder:
        path = folder / "r.jsonl"
        path.write_bytes(b"")
        not_to_be_written(folder)

        def work() -> None:
            with pytest.raises(Exception, match=r"r\.jsonl: receipts could not be written"), open_receipts(path):
                pass

        as_nobody(work)


@pytest.mark.parametrize("room", [0, 1, 1_500])
def test_a_full_disk_leaves_whole_lines_and_the_same_facts_again_give_the_rest(
    handed: Program, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    path = handed.folder / "r.jsonl"
    before = path.read_bytes()
    left, write = [room], os.write

    def until_full(descriptor: int, data: bytes) -> int:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name != path.name:
            return write(descriptor, data)
        if not left[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(descriptor, data[: left[0]])
        left[0] -= written
        return written

    more = handed.write("more.jsonl", MORE)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", until_full)
        ran = record(handed, more, code=74)
    assert ran.json["error"] == "receipts-not-written"
    assert path.read_bytes() == before
    again = record(handed, more).json
    assert (again["accepted"], again["duplicates"], again["receipts"]) == (0, len(MORE), len(MORE))
    assert ids(handed)[-len(MORE) :] == [fact["id"] for fact in MORE]


@pytest.mark.parametrize("where", ["ReceiptsFile.write", "_append"])
def test_killed_between_the_commit_and_the_receipts_the_same_facts_again_give_them(handed: Program, where: str) -> None:
    before = (handed.folder / "r.jsonl").read_bytes()
    more = handed.write("more.jsonl", MORE)
    arguments = ("--store", str(handed.store), "record", str(more), *HAND_OUT)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED.format(where=where), *arguments],
        cwd=handed.folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60, check=False, capture_output=True,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (handed.folder / "r.jsonl").read_bytes() == before
    again = record(handed, more).json
    assert (again["accepted"], again["duplicates"], again["receipts"]) == (0, len(MORE), len(MORE))
    seal(handed)
    (handed.folder / "fact.json").write_bytes(more.read_bytes().splitlines()[0])
    assert verify(handed, "--fact", "fact.json", "--log", "log")["verdict"] == "kept"


def test_receipts_go_with_any_order_and_with_refusals_taken_again(handed: Program) -> None:
    facts = [MORE[0], *met("m-7")[::-1]]
    record(handed, handed.write("any.jsonl", facts), "--any-order")
    assert sorted(ids(handed)[len(met()) :]) == sorted(fact["id"] for fact in facts)
    early = handed.write("early.jsonl", [response(1, "Brontegard", "2010-06-01T10:00:00Z", "m-8")])
    assert record(handed, early, code=3).json["receipts"] == 0
    handed.record(*met("m-8")[:2])
    ran = handed.json("record", "--retry", "early.jsonl.refused", *HAND_OUT)
    assert (ran.code, ran.json["receipts"]) == (0, 1)
    assert ids(handed)[-1] == "m-8-f-1"
