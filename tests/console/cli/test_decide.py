"""`decide` and `replay`: a decision is recorded from the stream, and taken again by whoever wants to check it."""

from __future__ import annotations

import sqlite3
from typing import Any

import orjson

from tests.console.support import Program, edition, enrolment, fact, met, response

DECISION_KEYS = [
    "membership", "renewal_date", "evaluated_at", "outcome", "via", "location", "counted", "organisations", "edition",
    "applied", "applied_total", "left_out", "left_out_total", "revision", "position",
]  # fmt: skip


def test_a_decision_names_what_was_applied_and_what_was_left_out(program: Program) -> None:
    program.record(*met(), response(11, "Brontegard", "2010-07-01T10:00:00Z"))
    answer = program.json("decide", "m-1", "--renewal", "2011-03-01").json
    assert list(answer) == DECISION_KEYS
    assert answer["evaluated_at"] == "2011-02-28T23:59:59.999999Z"
    assert (answer["outcome"], answer["via"], answer["counted"], answer["revision"]) == ("met", "responses", 10, 1)
    assert answer["applied"][0] == {
        "response": "m-1-r-1",
        "customer_org": "Brontegard",
        "group": "Brontegard",
        "received_at": "2010-06-01T10:00:00.000000Z",
        "seq": 3,
    }
    assert (answer["applied_total"], len(answer["applied"])) == (10, 10)
    assert answer["left_out"] == [
        {"response": "m-1-r-11", "reason": "over-cap", "customer_org": "Brontegard", "group": "Brontegard"}
    ]


def test_a_decision_is_taken_again_only_when_something_has_changed(program: Program) -> None:
    program.record(*met())
    assert program.json("decide", "m-1", "--renewal", "2011-03-01").json["revision"] == 1
    again = program.json("decide", "m-1", "--renewal", "2011-03-01")
    assert (again.code, again.json["error"]) == (3, "renewal-already-decided")
    program.record(fact("void-response", "v-1", "2011-04-01T00:00:00Z", response="m-1-r-9", reason="fraud"))
    ran = program.json("decide", "m-1", "--renewal", "2011-03-01")
    assert (ran.code, ran.json["outcome"], ran.json["revision"]) == (0, "not-met", 2)
    assert ran.json["left_out"] == [{"response": "m-1-r-9", "reason": "void"}]


def test_a_decision_that_cannot_be_taken_is_exit_code_3_with_its_code(program: Program) -> None:
    program.now("2011-02-28T23:59:59.999999Z")
    program.record(*enrolment())
    ran = program.json("decide", "m-1", "--renewal", "2011-02-01")
    assert (ran.code, ran.json["error"]) == (3, "renewal-date-not-set")
    ran = program.json("decide", "m-1", "--renewal", "2011-03-01")
    assert (ran.code, ran.json["error"]) == (3, "renewal-not-due")
    (line,) = ran.err.splitlines()
    assert line.startswith("csat-ledger: ")


def test_a_decision_for_people(program: Program) -> None:
    program.record(*met(), response(11, "Brontegard", "2010-07-01T10:00:00Z"))
    text = program.run("decide", "m-1", "--renewal", "2011-03-01").out
    assert text.startswith("m-1, renewal on 2011-03-01: met, by responses (revision 1)\n")
    assert "applied (10):" in text
    assert "left out (1):" in text
    assert "over-cap" in text


def test_replay_tells_each_event_with_the_count_after_it(program: Program) -> None:
    program.record(*met())
    steps = program.json("replay", "m-1").lines
    assert [step["seq"] for step in steps] == list(range(1, 14))
    assert [step["counted"] for step in steps] == [0, 0, *range(1, 11), 10]
    assert {"position", "type", "occurred_at", "recorded_at", "organisations", "satisfied"} <= set(steps[0])
    assert [step["announcement"] for step in steps] == [False] * 12 + [True]
    assert [step["satisfied"] for step in steps] == [False] * 11 + [True] * 2


def test_replay_ends_with_the_decisions_taken_again(program: Program) -> None:
    program.record(*met())
    program.run("decide", "m-1", "--renewal", "2011-03-01")
    program.record(fact("void-response", "v-1", "2011-04-01T00:00:00Z", response="m-1-r-9", reason="fraud"))
    program.run("decide", "m-1", "--renewal", "2011-03-01")
    ran = program.json("replay", "m-1")
    assert ran.code == 0
    checks = [line for line in ran.lines if "checked" in line]
    assert [(check["outcome"], check["revision"], check["same"]) for check in checks] == [
        ("met", 1, True),
        ("not-met", 2, True),
    ]
    assert "2 of 2 decisions the same again" in program.run("replay", "m-1").out


def test_replay_as_it_was_known(program: Program) -> None:
    program.record(*met())
    assert [step["position"] for step in program.json("replay", "m-1", "--known-at", "5").lines] == [3, 4, 5]
    assert program.json("replay", "m-1", "--known-at", "2011-01-01").json["error"] == "unknown-membership"


def tamper(program: Program, position: int, change: dict[str, Any]) -> None:
    """Changes the data of an event behind the ledger's back, as one with power over the file can."""
    with sqlite3.connect(program.store) as connection:
        connection.execute("DROP TRIGGER events_no_update")
        (stored,) = connection.execute("SELECT state FROM events WHERE position = ?", (position,)).fetchone()
        event = orjson.loads(stored)
        event["data"] |= change
        stored = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
        connection.execute("UPDATE events SET state = ? WHERE position = ?", (stored, position))
    connection.close()


def test_a_decision_that_does_not_hold_is_exit_code_1_and_both_sides_are_told(program: Program) -> None:
    program.record(*met()[:11])
    position = program.json("decide", "m-1", "--renewal", "2011-03-01").json["position"]
    tamper(program, position, {"outcome": "met"})
    ran = program.json("replay", "m-1")
    assert ran.code == 1
    check = ran.lines[-1]
    assert check["same"] is False
    assert check["different"] == {"outcome": {"recorded": "met", "recomputed": "not-met"}}
    text = program.run("replay", "m-1")
    assert text.code == 1
    assert "outcome: recorded met, recomputed not-met" in text.out


def test_a_history_that_was_changed_is_exit_code_1(program: Program) -> None:
    program.record(*met())
    tamper(program, 7, {"customer_org": "Lindomar"})
    ran = program.json("replay", "m-1")
    assert ran.code == 1
    assert ran.lines[-1]["error"] == "broken-history"
    assert "position 8" in ran.err


def test_an_edition_counts_from_the_position_at_which_it_became_known(program: Program) -> None:
    program.record(*met())
    program.run("decide", "m-1", "--renewal", "2011-03-01")
    program.record(edition("kinder", "2010-01-01T00:00:00Z", min_responses=3))
    ran = program.json("replay", "m-1")
    assert ran.code == 0
    assert all(line["same"] for line in ran.lines if "checked" in line)
