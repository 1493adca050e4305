"""`decisions` a page at a time and as counts, and `upcoming`, in words; and what does not go together."""

from __future__ import annotations

import re

import pytest

from tests.console.support import Program, enrolment, fact, met


@pytest.fixture
def decided(program: Program) -> Program:
    """Three memberships, each with a decision; the first was met."""
    program.now("2011-04-01T00:00:00Z")
    program.record(
        *met(),
        *enrolment("m-2"),
        *enrolment("m-3"),
        *(
            fact("decide-renewal", f"decide-{one}", "2011-03-02T00:00:00Z", one, renewal_date="2011-03-01")
            for one in ("m-1", "m-2", "m-3")
        ),
    )
    return program


def test_the_newest_decisions_come_first_and_a_cursor_leads_on(decided: Program) -> None:
    first = decided.run("decisions", "--limit", "2")
    assert first.out.startswith("2 decisions\n")
    assert re.search(r"m-3.*\n.*m-2", first.out)
    cursor = re.search(r"more: --after (\S+)", first.out)
    assert cursor is not None
    second = decided.run("decisions", "--limit", "2", "--after", cursor[1])
    assert second.out.startswith("1 decision\n")
    assert "more:" not in second.out
    chosen = decided.json("decisions", "--outcome", "not-met", "--limit", "5").json
    assert [one["membership"] for one in chosen["decisions"]] == ["m-3", "m-2"]
    assert decided.json("decisions", "m-1", "--outcome", "not-met").json == {"decisions": [], "next": None}


def test_counts_stand_in_a_table(decided: Program) -> None:
    said = decided.run("decisions", "--counts").out
    assert said.startswith("3 decisions\n")
    assert re.search(r"survey +2011-Q1 +2009-11 +met +1\n", said)
    assert re.search(r"survey +2011-Q1 +2009-11 +not-met +2\n", said)


def test_who_changes_next_is_told_with_when_and_why(decided: Program) -> None:
    said = decided.run("upcoming", "--within", "90").out
    words = " ".join(said.split())
    assert words.startswith(
        "1 change within 90 days: 1 lose their eligibility, 0 become eligible, if nothing more arrives"
    )
    assert "m-1" in words
    assert "expires, 9 of 10 left" in words
    (line,) = decided.json("upcoming", "--within", "90").lines
    assert (line["membership"], line["at"], line["satisfied"]) == ("m-1", "2011-06-01T10:00:00.000000Z", False)
    assert decided.json("upcoming", "--within", "30", "--limit", "1").json["changes"] == []
    assert decided.run("upcoming", "--within", "30").out.startswith("0 changes within 30 days")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["decisions", "m-1", "--counts"], "expected --counts alone"),
        (["decisions", "--counts", "--limit", "1"], "--counts"),
        (["decisions", "--area", "business-applications", "--outcome", "met"], "--area"),
        (["decisions", "--limit", "0"], "expected"),
        (["decisions", "--limit", "1001"], "expected 1 to 1,000"),
        (["decisions", "--after", "nonsense"], "cursor"),
        (["decisions", "--outcome", "perhaps"], "invalid choice"),
        (["upcoming", "--limit", "1001"], "expected 1 to 1,000"),
        (["subscribe", "--limit", "0"], "expected a whole number from 1 on"),
        (["upcoming", "--after", "nonsense"], "cursor"),
        (["upcoming", "--after", "W10", "--within", "3"], "cursor"),
        (["upcoming", "--within", "-1"], "expected"),
    ],
)
def test_what_does_not_go_together_is_told(decided: Program, arguments: list[str], said: str) -> None:
    ran = decided.run(*arguments)
    assert ran.code == 2
    assert said in ran.err


def test_a_cursor_holds_what_was_asked_and_stands_beside_the_limit_alone(decided: Program) -> None:
    cursor = decided.json("decisions", "--limit", "1").json["next"]
    for more in (["--outcome", "met"], ["m-1"], ["--at", "2012-01-01"], ["--known-at", "5"]):
        ran = decided.run("decisions", "--after", cursor, *more)
        assert (ran.code, "beside --limit alone" in ran.err) == (2, True), more
