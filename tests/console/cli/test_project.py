"""`project`: up to date, rebuilt, or where they are."""

from __future__ import annotations

import sqlite3

import orjson
import pytest

from projections.registry import all_projections
from tests.console.support import Program, fact, met

NAMES = {projection.name for projection in all_projections()}


def poison(program: Program, membership: str, event_type: str = "ResponseReceived") -> int:
    """An event that no projection can read, as a newer program may have written it; returns its position."""
    return append(program, f"membership-{membership}", event_type)


def append(program: Program, stream: str, event_type: str) -> int:
    """An event of version 99 at the end of a stream; returns its position."""
    with sqlite3.connect(program.store) as connection:
        position, seq = connection.execute(
            "SELECT (SELECT max(position) FROM events) + 1, max(originator_version) + 1 FROM events "
            "WHERE originator_id = ?",
            (stream,),
        ).fetchone()
        stored = orjson.dumps(
            {
                "actor": None,
                "data": {},
                "fact": "p-1",
                "occurred_at": "2011-01-01T00:00:00.000000Z",
                "prev": "0" * 64,
                "recorded_at": "2012-01-01T00:00:00.000000Z",
                "seq": seq,
                "stream": stream,
                "type": event_type,
                "v": 99,
            }
        )
        connection.execute(
            "INSERT INTO events VALUES (?,?,?,?,?,NULL,NULL)", (position, stream, seq, event_type, stored)
        )
    connection.close()
    return int(position)


def test_status_shows_how_far_behind_each_is_and_does_nothing(program: Program) -> None:
    program.record(*met())
    for _ in range(2):
        lines = program.json("project", "--status").lines
        assert {line["projection"] for line in lines} == NAMES
        assert [(line["position"], line["lag"], line["gaps"], line["parked"]) for line in lines] == [
            (0, 15, 0, [])
        ] * len(NAMES)
    assert program.run("project", "--status").out.splitlines()[0].split()[:4] == [
        "projection",
        "version",
        "position",
        "lag",
    ]


def test_project_brings_them_up_to_date(program: Program) -> None:
    program.record(*met())
    assert [(line["position"], line["lag"]) for line in program.json("project").lines] == [(15, 0)] * len(NAMES)
    assert program.run("project").code == 0


def test_a_rebuild_is_compared_and_swapped(program: Program) -> None:
    program.record(*met())
    before = program.json("project").lines
    ran = program.json("project", "--rebuild")
    assert ran.code == 0
    assert [line["differences"] for line in ran.lines] == [0] * len(NAMES)
    for old, new in zip(before, ran.lines, strict=True):
        assert new["generation"] > old["generation"]
        assert new["position"] == old["position"]
    assert "0 differences" in program.run("project", "--rebuild").out


def test_a_rebuild_that_comes_out_different_is_exit_code_1(program: Program) -> None:
    program.record(*met())
    (generation,) = {line["generation"] for line in program.json("project").lines}
    with sqlite3.connect(program.store.with_name("ledger.db.projections")) as connection:
        connection.execute(
            f"UPDATE eligibility_{generation}_responses SET customer_org = 'Lindomar' WHERE position = 5"
        )
    connection.close()
    ran = program.json("project", "--rebuild")
    assert ran.code == 1
    assert {line["projection"]: line["differences"] for line in ran.lines}["eligibility"] == 2
    assert program.json("project", "--rebuild").code == 0


def test_a_rebuild_that_leaves_streams_parked_does_not_end_as_if_all_was_mended(program: Program) -> None:
    program.record(*met(), *met("m-2"))
    position = poison(program, "m-1")
    assert program.run("project").code == 3
    rebuilt = program.json("project", "--rebuild")
    assert rebuilt.code == 3
    assert [one["position"] for line in rebuilt.lines for one in line.get("parked", ())][:1] == [position]
    words = program.run("project", "--rebuild")
    assert words.code == 3
    assert f"membership-m-1 parked at {position}" in words.out


def test_an_event_that_cannot_be_read_parks_its_stream_and_no_other(program: Program) -> None:
    program.record(*met(), *met("m-2"))
    position = poison(program, "m-1")
    program.run("project")
    status = program.json("project", "--status")
    assert status.code == 3
    by_name = {line["projection"]: line for line in status.lines}
    (parked,) = by_name["eligibility"]["parked"]
    assert (parked["stream"], parked["position"]) == ("membership-m-1", position)
    assert "version 99" in parked["error"]
    assert by_name["renewals"]["parked"] == []
    assert [line["lag"] for line in by_name.values()] == [0] * len(NAMES)
    assert program.json("status", "m-2", "--at", "2011-02-28").json["satisfied"] is True
    text = program.run("project", "--status").out
    assert f"membership-m-1 parked at {position}: " in text
    assert_questions_name_what_cannot_be_read(program)
    assert program.json("project", "--rebuild").code == 3


def test_a_rebuild_after_which_streams_are_parked_still_is_exit_code_3_and_names_them(program: Program) -> None:
    program.record(*met(), *met("m-2"))
    position = poison(program, "m-1")
    assert program.run("project").code == 3
    ran = program.json("project", "--rebuild")
    assert (ran.code, {line["differences"] for line in ran.lines}) == (3, {0})
    assert any(parked["position"] == position for line in ran.lines for parked in line["parked"])
    words = program.run("project", "--rebuild")
    assert words.code == 3
    assert f"membership-m-1 parked at {position}: " in words.out
    assert program.run("review").code == 3  # a writer sets it aside
    aside = program.json("project", "--rebuild")
    assert (aside.code, aside.lines[-1]["set_aside"]) == (3, "membership-m-1")
    with sqlite3.connect(program.store) as connection:
        connection.execute("DROP TRIGGER events_no_delete")
        connection.execute("DELETE FROM events WHERE position = ?", (position,))
        connection.execute("DELETE FROM set_aside")
    connection.close()
    assert program.run("migrate").code == 0  # the trigger
    mended = program.json("project", "--rebuild")
    assert (mended.code, [line["parked"] for line in mended.lines]) == (0, [[]] * len(NAMES))


def test_a_rebuild_where_workers_kept_projections_of_another_book_is_compared_with_nothing(program: Program) -> None:
    program.record(*met())
    assert program.run("project").code == 0
    database = program.store.with_name("ledger.db.projections")
    with sqlite3.connect(database) as connection:  # as workers leave it that read the topics of another book
        for name, generation in connection.execute("SELECT name, generation FROM projection_state").fetchall():
            connection.execute(
                "INSERT INTO projection_partitions VALUES (?,?,'events','an-id',0,100,100,100,?,100)",
                (name, generation, "ab" * 32),
            )
    connection.close()
    assert program.json("status", "m-1").json["error"] == "different-book"
    ran = program.json("project", "--rebuild")
    assert ran.code == 0
    assert [(line["position"], line["lag"], "differences" in line) for line in ran.lines] == [(15, 0, False)] * len(
        NAMES
    )
    assert "this is another book, or an older copy" in ran.err
    assert "topics --relay-anew" in ran.err
    assert program.json("status", "m-1").json["counted"] >= 0
    again = program.run("project", "--rebuild")
    assert (again.code, again.err, again.out.count("0 differences")) == (0, "", len(NAMES))


@pytest.mark.parametrize("stream", ["membership-m-1", "programme"])
def test_an_event_of_a_type_that_only_a_newer_program_knows_is_not_passed_over(program: Program, stream: str) -> None:
    program.record(*met(), *met("m-2"))
    position = append(program, stream, "SomethingNewHappened")
    ran = program.run("status", "m-2", "--at", "2011-02-28")
    assert ran.code == 0
    assert f"{stream}: " in ran.err or stream == "membership-m-1"
    status = program.json("project", "--status")
    assert status.code == 3
    for line in status.lines:
        (parked,) = line["parked"]
        assert (parked["stream"], parked["position"]) == (stream, position)
        assert "found event type 'SomethingNewHappened' version 99, this program knows no such type" in parked["error"]


def test_a_membership_with_an_event_that_nobody_can_read_is_shown_and_holds_up_nobody_else(program: Program) -> None:
    program.record(*met(), *met("m-2"))
    position = poison(program, "m-1")
    facts = [
        fact("add-location", f"l-{membership}", "2010-07-01T00:00:00Z", membership, location="Oslo")
        for membership in ("m-1", "m-2")
    ]
    ran = program.json("record", program.write("more.jsonl", facts))
    assert (ran.code, ran.json["accepted"], ran.json["refused"]) == (3, 1, 1)
    (refused,) = map(orjson.loads, (program.folder / "more.jsonl.refused").read_bytes().splitlines())
    assert refused["code"] == "stream-set-aside"
    assert (reviewed := program.json("review")).code == 3
    assert reviewed.json["set_aside"] == 1
    decided = program.json("decide", "m-1", "--renewal", "2011-03-01")
    assert (decided.code, decided.json["error"]) == (3, "stream-set-aside")
    assert program.run("decide", "m-2", "--renewal", "2011-03-01").code == 0
    status = program.json("project", "--status")
    assert status.code == 3
    aside = status.lines[-1]
    assert (aside["set_aside"], aside["position"]) == ("membership-m-1", position)
    assert "version 99" in aside["reason"]
    assert f"membership-m-1 set aside at {position}: " in program.run("project", "--status").out
    assert_questions_name_what_cannot_be_read(program)


def assert_questions_name_what_cannot_be_read(program: Program) -> None:
    for question in (("status", "m-1"), ("history", "m-1"), ("board",), ("participation",), ("renewals",)):
        ran = program.run(*question)
        assert ran.code == 0
        assert "membership-m-1: found an event that cannot be read, and what is answered of it may lack" in ran.err


def test_an_answer_about_a_membership_names_what_cannot_be_read_of_that_one_and_of_no_other(program: Program) -> None:
    program.record(*met(), *met("m-2"), *met("m-3"))
    for membership in ("m-1", "m-2"):
        poison(program, membership)
    for form in ((), ("--json",)):
        for question in ("status", "history"):
            for membership in ("m-1", "m-2"):
                ran = program.run(question, membership, *form)
                assert (ran.code, ran.err.count("cannot be read")) == (0, 1)
                assert f"membership-{membership}: found an event that cannot be read" in ran.err
            assert program.run(question, "m-3", *form).err == ""
        assert "membership-m-1 and 1 more: found an event" in program.run("board", *form).err


def test_questions_of_a_book_that_can_be_read_say_nothing(program: Program) -> None:
    program.record(*met())
    assert "cannot be read" not in program.run("status", "m-1").err
