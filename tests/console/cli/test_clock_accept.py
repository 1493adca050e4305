"""The clock at the command line: what a wrong one says, and how the book goes on."""

from __future__ import annotations

import pytest

from tests.console.support import Program, enrolment, fact, response

FAR = "2030-01-01T00:00:00.000000Z"


def spoil(program: Program) -> None:
    """The book's last instant is years ahead of the clock."""
    program.now(FAR)
    program.record(*enrolment())
    program.now("2026-11-26T09:00:00Z")


def test_a_wrong_clock_is_exit_code_4_and_names_the_way_out(program: Program) -> None:
    spoil(program)
    told = program.write("more.jsonl", [response(1, "Brontegard", "2010-06-15T10:22:33Z")])
    ran = program.json("record", told)
    assert (ran.code, ran.lines[0]["error"]) == (4, "clock-behind")
    assert f"csat-ledger clock-accept {FAR}" in ran.lines[0]["message"]
    for command in (["review"], ["decide", "m-1", "--renewal", "2011-03-01"]):
        assert program.json(*command).lines[0]["error"] == "clock-behind"
    assert program.json("status", "m-1").code == 0  # who asks needs no clock


def test_after_clock_accept_the_book_goes_on(program: Program) -> None:
    spoil(program)
    accepted = program.json("clock-accept", FAR)
    assert (accepted.code, accepted.json) == (0, {"last_recorded_at": FAR, "position": 5})
    assert program.json("clock-accept", FAR).json == accepted.json
    program.record(response(1, "Brontegard", "2010-06-15T10:22:33Z"))
    ahead = program.json("record", program.write("ahead.jsonl", [response(2, "Brontegard", "2027-01-01T00:00:00Z")]))
    assert (ahead.code, ahead.json["refused"]) == (3, 1)
    assert program.run("review").code == 0
    assert program.json("replay", "m-1").code == 0


@pytest.mark.parametrize("instant", ["2029-12-31T23:59:59Z", "2030-01-01T00:00:00.000001Z"])
def test_another_instant_than_the_last_is_not_accepted(program: Program, instant: str) -> None:
    spoil(program)
    ran = program.json("clock-accept", instant)
    assert (ran.code, ran.lines[0]["error"]) == (2, "bad-input")
    assert FAR in ran.lines[0]["message"]


def test_a_clock_beyond_the_programs_life_makes_no_book(program: Program) -> None:
    program.now("9999-06-15T00:00:00Z")
    ran = program.json("record", program.write("facts.jsonl", enrolment()))
    assert (ran.code, ran.lines[0]["error"]) == (4, "clock-ahead")
    assert program.json("status", "m-1").code == 2


def test_the_first_instant_of_the_calendar_and_the_last_can_be_asked_about(program: Program) -> None:
    program.record(*enrolment(), *(response(number, "Brontegard", "2010-06-15T10:22:33Z") for number in range(3)))
    for at in ("0001-01-01", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"):
        assert program.json("status", "m-1", "--at", at).code == 0
        assert program.json("board", "--at", at).code == 0
    ran = program.json("decide", "m-1", "--renewal", "0001-01-01")
    assert ran.code == 2
    assert "evaluated on its eve" in ran.lines[0]["message"]
    assert "a time and an offset" not in ran.lines[0]["message"]


def test_the_last_year_of_the_calendar_ends_in_no_traceback(program: Program) -> None:
    edition = {
        **fact(
            "publish-rulebook", "f-e", "2010-02-01T00:00:00Z", edition="late", effective_from="9999-12-31T00:00:00Z"
        ),
        **dict.fromkeys(("min_responses", "per_org_cap", "min_organisations", "min_evaluations"), 1),
        "window_months": 1200,
        "pool_locations": True,
    }
    del edition["membership"]
    last = fact("set-renewal-date", "f-r", "2010-02-01T00:00:00Z", renewal_date="9999-12-31")
    program.record(*enrolment(), edition, last, response(1, "Brontegard", "2010-06-15T10:22:33Z"))
    for command in (["status", "m-1", "--at", "9999-12-31"], ["renewals", "--at", "9999-12-30"], ["history", "m-1"]):
        assert program.json(*command).code == 0
    late = response(2, "Brontegard", "9999-12-31T00:00:00Z")
    ran = program.json("record", program.write("late.jsonl", [late]))
    assert (ran.code, ran.json["refused"]) == (3, 1)
