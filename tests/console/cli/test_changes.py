"""`changes`: the feed for who has no broker."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from typing import IO

import orjson
import pytest

from tests.console.support import Program, fact, met


def test_announcements_come_in_order_of_position_with_their_cause(program: Program) -> None:
    program.record(*met(), *met("m-2"))
    program.run("review")
    lines = program.json("changes").lines
    assert [(line["membership"], line["cause"], line["satisfied"]) for line in lines] == [
        ("m-1", "response", True),
        ("m-2", "response", True),
        ("m-1", "expiry", False),
        ("m-2", "expiry", False),
    ]
    assert lines[0] == {
        "position": 15,
        "membership": "m-1",
        "satisfied": True,
        "previous": False,
        "via": "responses",
        "location": "main",
        "counted": 10,
        "organisations": 2,
        "edition": "2009-11",
        "effective_at": "2010-06-10T10:00:00.000000Z",
        "cause": "response",
        "revises": False,
        "fact": "m-1-f-10",
        "seq": 13,
    }
    assert lines[2]["fact"] is None


def test_from_any_position_nothing_is_missed_and_nothing_comes_twice(program: Program) -> None:
    program.record(*met(), *met("m-2"))
    program.run("review")
    lines = program.json("changes").lines
    for place, line in enumerate(lines):
        assert program.json("changes", "--after", str(line["position"])).lines == lines[place + 1 :]
        assert program.json("changes", "--after", str(line["position"] - 1)).lines == lines[place:]


@pytest.mark.parametrize("follow", [[], ["--follow"]])
def test_a_position_beyond_the_end_is_an_error_and_not_quiet(program: Program, follow: list[str]) -> None:
    """Else a book that was restored from an older copy would look as if nothing had happened."""
    program.record(*met())
    assert program.json("changes", "--after", "15").code == 0
    ran = program.json("changes", "--after", "16", *follow)
    assert (ran.code, ran.json["error"]) == (2, "position-unknown")
    assert "found position 16" in ran.json["message"]
    assert "at most 15" in ran.json["message"]


def test_a_stream_whose_name_is_no_text_any_more_holds_up_no_other(program: Program) -> None:
    program.record(*met(), *met("m-2"))
    before = program.json("changes").lines
    overwrite(program, before[0]["position"], "originator_id", b"\xff")
    assert program.json("changes").lines == before


def test_an_announcement_that_cannot_be_read_is_named_by_its_position(program: Program) -> None:
    """Going on behind it would hand out a history with a hole."""
    program.record(*met(), *met("m-2"))
    first, second = (line["position"] for line in program.json("changes").lines)
    with closing(sqlite3.connect(program.store)) as connection:
        ((stored,),) = connection.execute("SELECT state FROM events WHERE position = ?", (second,)).fetchall()
    overwrite(program, second, "state", orjson.dumps({**orjson.loads(stored), "v": 9}))
    ran = program.json("changes")
    assert (ran.code, ran.lines[0]["position"], ran.lines[1]["error"]) == (1, first, "broken-history")
    assert f"position {second}: found event type 'EligibilityChanged' version 9" in ran.err


def overwrite(program: Program, position: int, column: str, content: bytes) -> None:
    """Past the ledger and its triggers."""
    with closing(sqlite3.connect(program.store)) as connection, connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        value = "?" if column == "state" else "CAST(? AS TEXT)"
        connection.execute(f"UPDATE events SET {column} = {value} WHERE position = ?", (content, position))


def test_changes_for_people_say_that_something_is_revised(program: Program) -> None:
    program.record(*met(), fact("void-response", "v-1", "2011-04-01T00:00:00Z", response="m-1-r-9", reason="test"))
    assert "not satisfied  (9 of 2 organisations, void, revises)" in program.run("changes").out


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_following_goes_on_with_what_comes_and_ends_cleanly(program: Program, signum: signal.Signals) -> None:
    program.record(*met())
    process = program.start("--json", "changes", "--follow")
    try:
        assert process.stdout is not None
        assert read(process.stdout)["membership"] == "m-1"
        program.record(*met("m-2"))
        assert read(process.stdout)["membership"] == "m-2"
        program.run("review")
        assert [read(process.stdout)["cause"] for _ in range(2)] == ["expiry", "expiry"]
        process.send_signal(signum)
        rest, err = process.communicate(timeout=30)
        assert (process.returncode, rest, err) == (0, b"", b"")
    finally:
        process.kill()


def read(stream: IO[bytes]) -> dict[str, object]:
    line: dict[str, object] = orjson.loads(stream.readline())
    return line


def test_a_row_that_says_it_is_an_announcement_and_is_none_is_damage_and_no_fault(program: Program) -> None:
    program.record(*met())
    with sqlite3.connect(program.store) as raw:
        raw.execute("DROP TRIGGER events_no_update")
        raw.execute("UPDATE events SET topic = 'EligibilityChanged' WHERE position = 5")
    raw.close()
    ran = program.run("changes")
    assert (ran.code, "position 5: found an event ResponseReceived, expected Elig" in ran.err) == (1, True), ran
