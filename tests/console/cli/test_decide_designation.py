"""`decide-designation`, and what `history`, `decisions` and `replay` tell of a designation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.console.cli.test_decide import tamper
from tests.console.designation_story import ANNIVERSARY, AREA, CLOSED, opened, qualified, restated, told
from tests.console.support import Program, enrolment, met

DECIDE = ("decide-designation", "m-1", "--area", AREA, "--anniversary", ANNIVERSARY)
AT_FIRST = {
    "centipoints": 7_400,
    "metrics": {
        "net-adds": {"centipoints": 900, "now": 3, "year_before": 0},
        "intermediate": {"centipoints": 1_200, "people": 3},
        "advanced": {"centipoints": 1_500, "people": 2},
        "usage-growth": {
            "centipoints": 3_000,
            "mcv_milli": "40000000",
            "mcv_milli_year_before": "25000000",
            "percent": "60",
            "base_met": True,
        },
        "deployments": {"centipoints": 800, "now": 3, "year_before": 1},
    },
}


@pytest.fixture
def later(program: Program) -> Program:
    """The clock stands at the end of 2024."""
    program.now("2024-12-31T00:00:00Z")
    return program


def test_a_decision_says_all_that_the_contract_names(later: Program) -> None:
    later.record(*qualified())
    ran = later.json(*DECIDE)
    assert ran.code == 0
    position = ran.json["position"]
    assert ran.json == {
        "membership": "m-1",
        "area": AREA,
        "anniversary": ANNIVERSARY,
        "window_from": "2024-02-01T00:00:00.000000Z",
        "window_to": "2024-07-31T23:59:59.999999Z",
        "outcome": "qualified",
        "first_qualified_at": "2024-06-20T08:00:00.000000Z",
        "at_first": AT_FIRST,
        "best": {"at": "2024-06-20T08:00:00.000000Z", **AT_FIRST},
        "edition": "2023-06",
        "track": "smb",
        "month": "2024-05",
        "revision": 1,
        "position": position,
    }
    assert later.json("record", later.write("none", [])).json["position"] == position


def test_a_decision_is_told_to_people_in_points_and_words(later: Program) -> None:
    later.record(*qualified())
    text = later.run(*DECIDE).out
    assert f"m-1 in {AREA}, anniversary {ANNIVERSARY}: qualified (revision 1)" in text
    assert "qualified at 2024-06-20T08:00:00Z with 74.00 points" in text
    assert "usage growth                  30.00  40,000, a year before 25,000 (60 %)" in text
    later.record(restated())
    text = later.run(*DECIDE).out
    assert "not-qualified (revision 2)" in text
    assert "best at 2024-06-20T08:00:00Z with 44.00 points" in text
    assert "24,999, which does not reach the base" in text


def test_decided_twice_on_the_same_state_it_is_refused_and_after_a_change_it_is_a_revision(later: Program) -> None:
    later.record(*qualified())
    assert later.json(*DECIDE).json["revision"] == 1
    again = later.json(*DECIDE)
    assert (again.code, again.json["error"]) == (3, "designation-already-decided")
    later.record(restated())
    assert (later.json(*DECIDE).json["revision"], later.json(*DECIDE).code) == (2, 3)


@pytest.mark.parametrize(
    ("facts", "arguments", "code", "error"),
    [
        (qualified(), ("m-2", AREA, ANNIVERSARY), 2, "unknown-designation"),
        (qualified(), ("m-1", "elsewhere", ANNIVERSARY), 2, "unknown-designation"),
        (qualified(), ("m-1", "Else/where\0", ANNIVERSARY), 2, "unknown-designation"),
        (qualified(), ("m/1", AREA, ANNIVERSARY), 2, "unknown-designation"),
        (qualified(), ("m-1", AREA, "2024-07-30"), 3, "anniversary-not-set"),
        (qualified(), ("m-1", AREA, "2024-02-30"), 2, "usage"),
        (qualified(), ("m-1", AREA, "31 July"), 2, "usage"),
        ([*opened(), told("set-anniversary", "next", CLOSED, anniversary="2025-03-01")],
         ("m-1", AREA, "2025-03-01"), 3, "anniversary-not-due"),
    ],
)  # fmt: skip
def test_what_cannot_be_decided_says_why(
    later: Program, facts: list[dict[str, Any]], arguments: tuple[str, str, str], code: int, error: str
) -> None:
    later.record(*facts)
    membership, area, day = arguments
    ran = later.json("decide-designation", membership, "--area", area, "--anniversary", day)
    assert (ran.code, ran.json["error"]) == (code, error)


def test_history_is_what_stands_announced(later: Program) -> None:
    later.record(*qualified())
    later.now("2025-02-01T00:00:00Z")
    later.run("review")
    first = later.json("history", "m-1", "--area", AREA)
    assert first.code == 0
    assert first.lines == [
        {
            "effective_at": "2024-06-20T08:00:00.000000Z",
            "qualified": True,
            "centipoints": 7_400,
            "cause": "close",
            "position": first.lines[0]["position"],
        },
        {
            "effective_at": "2025-01-10T00:00:00.000000Z",
            "qualified": False,
            "centipoints": 6_200,
            "cause": "expiry",
            "position": first.lines[1]["position"],
        },
    ]
    assert "2025-01-10T00:00:00Z  no          62.00  expiry" in later.run("history", "m-1", "--area", AREA).out
    later.record(restated())
    assert later.json("history", "m-1", "--area", AREA).lines == []
    assert "never qualified so far" in later.run("history", "m-1", "--area", AREA).out


def test_decisions_lists_those_of_both_programmes_in_the_order_of_the_ledger(later: Program) -> None:
    later.record(*met(), *qualified(), *qualified("m-2"))
    later.run("decide", "m-1", "--renewal", "2011-03-01")
    later.run(*DECIDE)
    later.record(restated())
    later.run(*DECIDE)
    ran = later.json("decisions", "m-1")
    assert [(line.get("renewal_date"), line.get("anniversary"), line["superseded"]) for line in ran.lines] == [
        ("2011-03-01", None, False),
        (None, ANNIVERSARY, True),
        (None, ANNIVERSARY, False),
    ]
    assert ran.lines[1].keys() == later.json("decisions", "m-1", "--area", AREA).lines[0].keys()
    assert ran.lines[1] == {
        "membership": "m-1", "area": AREA, "anniversary": ANNIVERSARY, "window_from": "2024-02-01T00:00:00.000000Z",
        "window_to": "2024-07-31T23:59:59.999999Z", "outcome": "qualified",
        "first_qualified_at": "2024-06-20T08:00:00.000000Z", "at_first": AT_FIRST,
        "best": {"at": "2024-06-20T08:00:00.000000Z", **AT_FIRST}, "edition": "2023-06", "track": "smb", "month": "2024-05",
        "revision": 1, "position": ran.lines[1]["position"], "superseded": True, "decided_at": "2024-12-31T00:00:00.000000Z",
    }  # fmt: skip
    assert later.json("decisions").lines == ran.lines
    assert len(later.json("decisions", "--area", AREA).lines) == 2
    assert later.json("decisions", "m-2").lines == []
    first = later.json("decisions", "m-1", "--known-at", str(ran.lines[1]["position"]))
    assert [line["superseded"] for line in first.lines] == [False, False]
    text = later.run("decisions").out
    assert text.startswith("3 decisions, 1 of them superseded\n")
    assert "not-qualified   44.00" in text


def test_decisions_of_who_is_in_no_programme_are_an_error(later: Program) -> None:
    later.record(*met(), *qualified("m-2"))
    for arguments, error in (
        (("m-3",), "unknown-membership"),
        (("m-3", "--area", AREA), "unknown-designation"),
        (("m-2", "--known-at", "1"), "unknown-membership"),
        (("m-2", "--area", AREA, "--known-at", "1"), "unknown-designation"),
    ):
        ran = later.json("decisions", *arguments)
        assert (ran.code, ran.lines[-1]["error"]) == (2, error), arguments


def test_replay_shows_the_score_after_each_event_and_takes_each_decision_again(later: Program) -> None:
    later.record(*qualified())
    later.run(*DECIDE)
    later.record(restated())
    later.run(*DECIDE)
    ran = later.json("replay", "m-1", "--area", AREA)
    assert ran.code == 0
    steps = [line for line in ran.lines if "checked" not in line]
    assert [step["seq"] for step in steps] == list(range(1, len(steps) + 1))
    closed = next(step for step in steps if step["type"] == "MonthClosed")
    assert closed == {
        "seq": closed["seq"], "position": closed["position"], "type": "MonthClosed",
        "occurred_at": "2024-06-20T08:00:00.000000Z", "recorded_at": "2024-12-31T00:00:00.000000Z", "fact": "m-1-close",
        "actor": None, "data": {"month": "2024-05"}, "announcement": False, "qualified": True, "centipoints": 7_400,
        "metrics": {"net-adds": 900, "intermediate": 1_200, "advanced": 1_500, "usage-growth": 3_000, "deployments": 800},
        "edition": "2023-06", "track": "smb", "month": "2024-05",
    }  # fmt: skip
    assert [line for line in ran.lines if "checked" in line] == [
        {
            "checked": "DesignationDecided",
            "position": position,
            "anniversary": ANNIVERSARY,
            "revision": revision,
            "outcome": outcome,
            "same": True,
        }
        for position, revision, outcome in (
            (steps[-4]["position"], 1, "qualified"),
            (steps[-1]["position"], 2, "not-qualified"),
        )
    ]
    text = later.run("replay", "m-1", "--area", AREA).out
    assert "=> qualified with 74.00 (close)" in text
    assert "=> not qualified with 44.00 (report, revises)" in text
    assert "2 of 2 decisions the same again" in text


def test_replay_as_it_was_known_and_of_who_is_not_there(later: Program) -> None:
    later.record(*qualified())
    assert len(later.json("replay", "m-1", "--area", AREA, "--known-at", "5").lines) == 2
    for arguments in (("m-1", "elsewhere"), ("m-2", AREA), ("m-1", "a b")):
        ran = later.json("replay", arguments[0], "--area", arguments[1])
        assert (ran.code, ran.json["error"]) == (2, "unknown-designation")
    ran = later.json("replay", "m-1", "--area", AREA, "--known-at", "1")
    assert (ran.code, ran.json["error"]) == (2, "unknown-designation")


def test_a_decision_that_does_not_hold_is_exit_code_1_and_both_sides_are_told(later: Program) -> None:
    later.record(*qualified())
    position = later.json(*DECIDE).json["position"]
    tamper(later, position, {"track": "enterprise"})
    ran = later.json("replay", "m-1", "--area", AREA)
    assert ran.code == 1
    assert ran.lines[-1]["different"] == {"track": {"recorded": "enterprise", "recomputed": "smb"}}
    text = later.run("replay", "m-1", "--area", AREA)
    assert text.code == 1
    assert "track: recorded enterprise, recomputed smb" in text.out


def test_changes_has_the_announcements_of_both_programmes_in_their_order(later: Program) -> None:
    later.record(*qualified()[:-1], *met(), qualified()[-1])
    ran = later.json("changes")
    assert [(line["position"], line.get("satisfied"), line.get("qualified")) for line in ran.lines] == [
        (ran.lines[0]["position"], True, None),
        (ran.lines[1]["position"], None, True),
    ]
    assert ran.lines[0]["position"] < ran.lines[1]["position"]
    assert ran.lines[1] == {
        "position": ran.lines[1]["position"], "membership": "m-1", "area": AREA, "qualified": True, "previous": False,
        "centipoints": 7_400, "month": "2024-05", "track": "smb", "edition": "2023-06", "cause": "close",
        "metrics": {"net-adds": 900, "intermediate": 1_200, "advanced": 1_500, "usage-growth": 3_000, "deployments": 800},
        "effective_at": "2024-06-20T08:00:00.000000Z", "revises": False, "fact": "m-1-close", "seq": 16,
    }  # fmt: skip
    assert later.json("changes", "--after", str(ran.lines[0]["position"])).lines == ran.lines[1:]
    text = later.run("changes").out
    assert f"m-1  {AREA}  qualified  (74.00 points, close)" in text
    assert "m-1  satisfied  (10 of 2 organisations, response)" in text


@pytest.mark.parametrize("page", [1, 2, 3, 1_000])
def test_pages_of_the_feed_lose_nothing_where_the_programmes_take_turns(
    later: Program, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"m-{number}" for number in range(1, 6)]
    for name in names:
        later.record(*qualified(name))
    for name in (*names[:2], *names):
        later.json("record", later.write("some", met(name)))
    later.record(*(restated(name) for name in names))
    monkeypatch.setattr("projections.questions.changes.PAGE", page)
    positions = [line["position"] for line in later.json("changes").lines]
    assert len(positions) == 15
    assert positions == sorted(set(positions))
    for after in positions:
        rest = [line["position"] for line in later.json("changes", "--after", str(after)).lines]
        assert rest == [position for position in positions if position > after]


def test_review_announces_what_time_changes_in_both_programmes(later: Program) -> None:
    later.record(*met(), *qualified())
    later.now("2025-01-10T00:00:00Z")
    ran = later.json("review")
    assert (ran.code, ran.json["announced"]) == (0, 2)
    causes = [(line.get("area"), line["cause"]) for line in later.json("changes").lines]
    assert causes[-2:] == [(AREA, "expiry"), (None, "expiry")] or causes[-2:] == [(None, "expiry"), (AREA, "expiry")]


@pytest.mark.parametrize(
    "question",
    [("status", "m-1"), ("history", "m-1"), ("replay", "m-1"), ("decide", "m-1", "--renewal", "2011-03-01"),
     ("history", "m-1", "--area", "elsewhere"), ("replay", "m-1", "--area", "elsewhere")],
)  # fmt: skip
def test_who_has_a_designation_only_is_told_so_where_something_else_is_asked_for(
    later: Program, question: tuple[str, ...]
) -> None:
    later.record(*qualified())
    ran = later.json(*question)
    assert ran.code == 2
    assert ran.json["error"] == ("unknown-designation" if "--area" in question else "unknown-membership")
    told_there = (
        f"known then of the membership: {AREA}"
        if "--area" in question
        else f"it has a designation in {AREA}, which --area names"
    )
    assert ran.json["message"].endswith(f"; {told_there}")
    other = later.json(question[0], "m-2", *question[2:])
    assert AREA not in other.json["message"]


@pytest.mark.parametrize(
    "question",
    [
        ("score", "m-1", "--known-at", "1"),
        ("score", "m-1", "--explain", "2024-07-01@1", "2024-07-01"),
        ("decisions", "m-1", "--known-at", "1"),
        ("replay", "m-1", "--known-at", "1"),
    ],
)
def test_what_is_said_of_an_early_position_does_not_tell_what_came_later(
    later: Program, question: tuple[str, ...]
) -> None:
    later.record(*enrolment("m-2"))
    before = later.json(*question, "--area", AREA)
    later.record(*opened())
    after = later.json(*question, "--area", AREA)
    assert before.code == after.code == 2
    assert before.json == after.json
    assert AREA not in later.json(*question, "--area", "elsewhere").json["message"]
