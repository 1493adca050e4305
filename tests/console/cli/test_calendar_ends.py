"""Questions at the calendar's first and last instants, of facts about its ends: an answer or a sentence, never a fault."""

from __future__ import annotations

from itertools import count

import pytest

from tests.console.designation_story import ANNIVERSARY, AREA, CLOSED, opened, qualified, told
from tests.console.support import Fact, Program, enrolment, fact, met

ENDS = ("0001-01-01", "0001-01-02", "1900-01-01", "9998-12-31", "9999-12-31", "9999-12-31T23:59:59.999999Z")
OF_ALL = ("designations", "anniversaries", "decisions", "board", "renewals")
WITHIN = ("anniversaries", "board", "renewals")


def at_the_ends() -> list[Fact]:
    number = count()
    days = [day for day in ENDS if len(day) == 10]
    facts = [*qualified(), *opened("m-2"), *met("s-1"), *enrolment("s-2")]
    for day in days:
        facts += [
            told("set-anniversary", f"n-{next(number)}", CLOSED, "m-2", anniversary=day),
            told("decide-designation", f"n-{next(number)}", "2024-12-01T00:00:00Z", "m-2", anniversary=day),
            fact("set-renewal-date", f"n-{next(number)}", "2011-01-01T00:00:00Z", "s-2", renewal_date=day),
        ]
        for until in (None, *days):
            facts.append(
                told(
                    "record-certificate", f"n-{next(number)}", CLOSED, "m-2", certificate=f"z-{day}-{until}",
                    person=day, code="c", tier="advanced", valid_from=day, valid_until=until,
                )
            )  # fmt: skip
    for month in ("1899-12", "1900-01", "9998-12", "9999-12"):
        facts.append(told("close-month", f"n-{next(number)}", CLOSED, "m-2", month=month))
    return facts


@pytest.fixture
def ends(program: Program) -> Program:
    program.now("2024-12-31T00:00:00Z")
    ran = program.json("record", program.write("ends.jsonl", at_the_ends()))
    assert ran.code == 3
    assert set(ran.json["codes"]) == {"malformed", "month-not-over", "anniversary-not-due"}
    return program


def test_every_question_is_answered_at_the_ends_of_the_calendar(ends: Program) -> None:
    for at in ENDS:
        for question in OF_ALL:
            for within in ([], ["--within", "0"], ["--within", "36500"])[: 3 if question in WITHIN else 1]:
                assert ends.json(question, "--at", at, *within).code == 0, (question, at)
        for membership in ("m-1", "m-2"):
            assert ends.run("score", membership, "--area", AREA, "--at", at).code == 0
            assert ends.json("expiring", membership, "--area", AREA, "--at", at, "--months", "120").code == 0
            assert ends.json("what-would-it-take", membership, "--area", AREA, "--at", at).code == 0
            assert ends.json("score-months", membership, "--area", AREA, "--at", at, "--months", "120").code == 0
            assert ends.json("score", membership, "--area", AREA, "--explain", at, "2024-07-01").code == 0
        for membership in ("s-1", "s-2"):
            assert ends.json("status", membership, "--at", at).code == 0
    assert [line["membership"] for line in ends.json("anniversaries", "--at", "9998-12-01").lines].count("m-1") == 1
    assert ends.json("decide-designation", "m-1", "--area", AREA, "--anniversary", ANNIVERSARY).code == 0


def test_an_anniversary_beyond_the_months_is_refused_at_the_door(ends: Program) -> None:
    ran = ends.json("decide-designation", "m-1", "--area", AREA, "--anniversary", "9999-12-31")
    assert (ran.code, ran.json["error"]) == (2, "usage")
    assert "expected an anniversary from 1900-01-01 to 9998-12-31" in ran.json["message"]
