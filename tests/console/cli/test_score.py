"""`score`, its batch and its explanation; `designations`; `anniversaries`: the contract field by field, and ugly input."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.console.designation_story import (
    ANNIVERSARY,
    AREA,
    CLOSED,
    certificate,
    opened,
    qualified,
    restated,
    told,
    usage,
)
from tests.console.support import Program, met

JULY = "2024-07-01T00:00:00.000000Z"
ASKED = ("score", "m-1", "--area", AREA)
METRICS = {
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
}
NOTHING = {
    "net-adds": {"centipoints": 0, "now": None, "year_before": None},
    "intermediate": {"centipoints": 0, "people": 0},
    "advanced": {"centipoints": 0, "people": 0},
    "usage-growth": {
        "centipoints": 0, "mcv_milli": None, "mcv_milli_year_before": None, "percent": None, "base_met": None,
    },
    "deployments": {"centipoints": 0, "now": None, "year_before": None},
}  # fmt: skip
WORKED_EXAMPLE = {
    "membership": "m-1",
    "area": AREA,
    "at": JULY,
    "edition": "2023-06",
    "track": "smb",
    "month": "2024-05",
    "compared_with": "2023-05",
    "centipoints": 7_400,
    "qualified": True,
    "metrics": METRICS,
    "left_out": {"total": 0, "reports": []},
    "next_change": {"at": "2025-01-10T00:00:00.000000Z", "qualified": False},
}


@pytest.fixture
def later(program: Program) -> Program:
    """The clock stands at the end of 2024."""
    program.now("2024-12-31T00:00:00Z")
    return program


def test_the_worked_example_is_told_field_by_field(later: Program) -> None:
    later.record(*qualified())
    ran = later.json(*ASKED, "--at", "2024-07-01")
    assert ran.code == 0
    assert ran.json == WORKED_EXAMPLE | {"known_at": later.json(*ASKED).json["known_at"]}


def test_what_was_known_before_a_restatement_stays_known(later: Program) -> None:
    later.record(*qualified())
    before = later.json(*ASKED, "--at", "2024-07-01").json
    later.record(restated())
    now = later.json(*ASKED, "--at", "2024-07-01").json
    assert (now["centipoints"], now["qualified"], now["next_change"]) == (4_400, False, None)
    assert now["metrics"]["usage-growth"] == {
        "centipoints": 0, "mcv_milli": "40000000", "mcv_milli_year_before": "24999000", "percent": "60", "base_met": False,
    }  # fmt: skip
    assert later.json(*ASKED, "--at", "2024-07-01", "--known-at", str(before["known_at"])).json == before


def test_before_the_first_edition_and_before_a_close_there_is_nothing_to_compare(later: Program) -> None:
    later.record(*qualified())
    early = later.json(*ASKED, "--at", "2023-06-12").json
    assert {name: early[name] for name in ("edition", "month", "compared_with", "track", "centipoints", "metrics")} == {
        "edition": None, "month": None, "compared_with": None, "track": "smb", "centipoints": 0, "metrics": NOTHING,
    }  # fmt: skip
    unclosed = later.json(*ASKED, "--at", "2024-06-01").json
    assert (unclosed["edition"], unclosed["month"], unclosed["centipoints"]) == ("2023-06", None, 2_700)
    assert unclosed["metrics"]["deployments"] == NOTHING["deployments"]
    assert unclosed["next_change"] == {"at": "2024-06-20T08:00:00.000000Z", "qualified": True}


def test_reports_that_do_not_count_are_told_with_why(later: Program) -> None:
    reported = "2024-06-18T00:00:00Z"
    common = {"customer": "c-1", "month": "2024-05", "workload": "retail"}
    later.record(
        *qualified(),
        told("report-usage", "wrong", reported, **common, units=7, association="pal"),
        told("report-usage", "small", reported, **common, units=8, association="cpor"),
        told("report-usage", "large", reported, **common, units=9, association="dpor"),
        told("report-usage", "gone", reported, **{**common, "customer": "c-9"}, units=0, association="pal"),
    )
    assert later.json(*ASKED, "--at", "2024-07-01").json["left_out"] == {
        "total": 2,
        "reports": [
            {"what": "usage", **common, "association": "cpor", "reason": "smaller"},
            {"what": "usage", **common, "association": "pal", "reason": "association"},
        ],
    }
    text = later.run(*ASKED, "--at", "2024-07-01").out
    assert "left out (2):" in text
    assert "usage  c-1       retail    2024-05  pal          association" in text


def test_a_score_is_told_to_people_in_points_and_words(later: Program) -> None:
    later.record(*qualified())
    text = later.run(*ASKED, "--at", "2024-07-01").out
    assert "points      74.00, qualified" in text
    assert "month       2024-05, compared with 2023-05" in text
    assert "next change 2025-01-10T00:00:00Z: no longer qualified" in text
    assert "usage growth                  30.00  40,000, a year before 25,000 (60 %)" in text
    early = later.run(*ASKED, "--at", "2023-06-12").out
    assert "edition     none, track smb" in early
    assert "month       none, since no edition is in force" in early


def test_an_end_that_made_no_difference_is_not_named_as_the_cause(later: Program) -> None:
    later.record(*opened(), certificate(1, "advanced", "p-1", valid_until="2024-08-01"))
    recorded = later.json("score", "m-1", "--area", AREA).json["known_at"]
    later.record(
        told("end-certificate", "end-1", "2024-07-01T00:00:00Z", certificate="advanced-1", on="2024-12-01"),
        told("end-certificate", "end-2", "2024-07-01T00:00:00Z", certificate="advanced-1", on="2024-03-01"),
        told("end-certificate", "end-3", "2024-07-01T00:00:00Z", certificate="advanced-1", on="2024-12-01"),
    )
    first, second, third = recorded + 1, recorded + 2, recorded + 3

    def cause(before: str, after: str) -> tuple[str, int]:
        (metric,) = later.json(*ASKED, "--explain", before, after).json["metrics"]
        (found,) = metric["causes"]
        return found["kind"], found["position"]

    for known in (recorded, first):
        assert cause(f"2024-07-31@{known}", f"2024-08-01@{first}") == ("expiry", recorded)
        assert cause(f"2024-08-01@{known}", f"2024-07-31@{first}") == ("certificate", recorded)
    assert cause(f"2024-07-01@{first}", f"2024-07-01@{second}") == ("expiry", second)
    assert cause(f"2024-02-01@{second}", f"2024-07-01@{second}") == ("expiry", second)
    assert cause(f"2024-07-01@{second}", f"2024-07-01@{third}") == ("certificate", third)


def test_before_the_first_edition_it_is_said_that_none_is_in_force_whatever_was_closed(later: Program) -> None:
    later.record(
        told("open-designation", "open", "2023-01-01T00:00:00Z", name="A"),
        told(
            "record-certificate", "z", "2023-01-01T00:00:00Z",
            certificate="z", person="p", code="c", tier="advanced", valid_from="2023-01-01",
        ),
        told("close-month", "close", "2023-02-20T00:00:00Z", month="2023-01"),
    )  # fmt: skip
    early = later.run(*ASKED, "--at", "2023-03-01").out
    assert "closed" not in early
    assert "people" not in early
    assert early.count("no edition is in force") == 6
    then = later.run(*ASKED, "--at", "2023-07-01").out
    assert "month       2023-01, compared with 2022-01" in then
    assert "1 person" in then


def test_under_an_edition_without_a_closed_month_that_is_what_is_said(later: Program) -> None:
    later.record(*opened())
    text = later.run(*ASKED, "--at", "2023-07-01").out
    assert "month       none was closed" in text
    assert text.count("no month was closed") == 3


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("score", "m-2", "--area", AREA), "unknown-designation"),
        (("score", "m-1", "--area", "elsewhere"), "unknown-designation"),
        (("score", "m-1", "--area", "Else where"), "unknown-designation"),
        (("score", "m-1", "--area", ""), "unknown-designation"),
        (("score", "m-1\0", "--area", AREA), "unknown-designation"),
        (("score", "m-1", "--area", AREA, "--known-at", "1"), "unknown-designation"),
        (("score", "m-1", "--area", AREA, "--known-at", "9999"), "position-unknown"),
        (("score", "m-1", "--area", AREA, "--at", "yesterday"), "usage"),
        (("score", "m-1", "--area", AREA, "--explain", "2024-07-01"), "usage"),
        (("score", "m-1", "--area", AREA, "--explain", "2024-07-01", "@7"), "usage"),
        (("score", "m-1", "--area", AREA, "--explain", "2024-07-01@", "2024-07-01"), "usage"),
        (("score", "m-1", "--area", AREA, "--explain", "2024-07-01", "2024-07-01@9999"), "position-unknown"),
        (("score", "m-1", "--area", AREA, "--explain", "2024-07-01@1", "2024-07-01"), "unknown-designation"),
        (("score", "m-1", "--area", AREA, "--explain", "2024-07-01", "2024-07-02", "--at", "2024-07-01"), "usage"),
        (("score", "m-1"), "usage"),
        (("score",), "usage"),
        (("score", "m-1", "--area", AREA, "--batch", "x"), "usage"),
        (("score", "--area", AREA, "--batch", "x"), "usage"),
        (("score", "--batch", "no-such-file"), "unreadable"),
    ],
)
def test_what_cannot_be_answered_is_exit_code_2(later: Program, arguments: tuple[str, ...], error: str) -> None:
    later.record(*qualified())
    ran = later.json(*arguments)
    assert (ran.code, ran.lines[-1]["error"]) == (2, error)


def test_a_batch_is_answered_line_by_line_in_order(later: Program) -> None:
    later.record(*qualified(), *met())
    whole = later.json(*ASKED, "--at", JULY).json
    questions: list[Any] = [
        {"membership": "m-1", "area": AREA, "at": JULY},
        {"membership": "m-1", "area": AREA, "at": "2024-07-01", "known_at": whole["known_at"]},
        {"membership": "m-1", "area": "elsewhere"},
        {"membership": "m-1"},
        {"membership": "m-1", "area": 7},
        {"membership": "m-1", "area": AREA, "when": JULY},
        {"membership": "m-1", "area": AREA, "known_at": 10**9},
        {"membership": "m-1", "area": AREA, "at": "soon"},
        [],
    ]
    path = later.folder / "questions.jsonl"
    path.write_bytes(b"\n".join([*map(orjson.dumps, questions), b"", b"{", orjson.dumps(questions[0])]))
    ran = later.json("score", "--batch", path)
    assert ran.code == 3
    assert ran.lines[0] == ran.lines[1] == ran.lines[-1] == whole
    assert [(line["error"], line["line"]) for line in ran.lines[2:-1]] == [
        ("unknown-designation", 3),
        ("malformed", 4),
        ("malformed", 5),
        ("malformed", 6),
        ("position-unknown", 7),
        ("malformed", 8),
        ("malformed", 9),
        ("malformed", 11),
    ]
    assert "expected an object with membership and area, and perhaps at and known_at" in ran.lines[3]["sentence"]
    text = later.run("score", "--batch", path)
    assert text.code == 3
    assert f"m-1 in {AREA} at 2024-07-01T00:00:00Z known at {whole['known_at']}: 74.00 points, qualified" in text.out
    assert "line 3: unknown-designation" in text.out


def test_a_score_is_explained_between_two_states_of_knowledge(later: Program) -> None:
    later.record(*qualified())
    known = later.json(*ASKED).json["known_at"]
    later.record(restated())
    ran = later.json(*ASKED, "--explain", f"2024-07-01@{known}", "2024-07-01")
    assert ran.code == 0
    assert ran.json["from"] == {"at": JULY, "known_at": known, "centipoints": 7_400, "qualified": True}
    assert (ran.json["to"]["centipoints"], ran.json["to"]["known_at"] > known) == (4_400, True)
    (metric,) = ran.json["metrics"]
    (cause,) = metric.pop("causes")
    assert metric == {"metric": "usage-growth", "from": 3_000, "to": 0}
    position = cause.pop("position")
    assert cause == {
        "kind": "report", "customer": "c-1", "workload": "customer-insights", "month": "2023-05", "association": "pal",
        "figure_from": "25000000", "figure_to": "24999000", "because": "restated",
    }  # fmt: skip
    types = {line["position"]: line["fact"] for line in later.json("replay", "m-1", "--area", AREA).lines}
    assert types[position] == restated()["id"]
    text = later.run(*ASKED, "--explain", f"2024-07-01@{known}", "2024-07-01").out
    assert "usage growth: 30.00 -> 0.00" in text
    assert "c-1, customer-insights, 2023-05, pal  25,000  24,999" in text


def test_a_score_is_explained_between_two_instants(later: Program) -> None:
    later.record(*qualified())
    ran = later.json(*ASKED, "--explain", "2024-07-01", "2025-02-01")
    (metric,) = ran.json["metrics"]
    assert (metric["metric"], metric["from"], metric["to"]) == ("intermediate", 1_200, 0)
    assert [(cause["kind"], cause["certificate"]) for cause in metric["causes"]] == [
        ("expiry", f"intermediate-{number}") for number in (1, 2, 3)
    ]
    text = later.run(*ASKED, "--explain", "2024-07-01", "2025-02-01").out
    assert "intermediate certifications: 12.00 -> 0.00" in text
    same = later.run(*ASKED, "--explain", "2024-07-01", "2024-07-02")
    assert "no metric has other points" in same.out


def test_the_board_says_what_state_each_designation_is_in(later: Program) -> None:
    later.record(*qualified(), *opened("m-2"), *met("m-3"))
    lines = later.json("designations", "--at", "2024-07-01").lines
    assert lines == [
        {
            "membership": "m-1",
            "area": AREA,
            "state": "qualified",
            "centipoints": 7_400,
            "missing_centipoints": 0,
            "zero": [],
            "next_steps": {
                "net-adds": {"needed": 1, "centipoints": 300},
                "intermediate": {"needed": 1, "centipoints": 400},
                "advanced": None,
                "usage-growth": None,
                "deployments": {"needed": 1, "centipoints": 400},
            },
            "anniversary": ANNIVERSARY,
        },
        {
            "membership": "m-2",
            "area": AREA,
            "state": "in-progress",
            "centipoints": 0,
            "missing_centipoints": 7_000,
            "zero": ["net-adds", "intermediate", "advanced", "usage-growth", "deployments"],
            "next_steps": {
                "net-adds": None,
                "intermediate": {"needed": 1, "centipoints": 400},
                "advanced": {"needed": 1, "centipoints": 750},
                "usage-growth": None,
                "deployments": None,
            },
            "anniversary": ANNIVERSARY,
        },
    ]
    assert later.json("designations", "--at", "2024-07-01", "--state", "qualified").lines == lines[:1]
    text = later.run("designations", "--at", "2024-07-01").out
    assert "2 designations: 0 enrolled, 0 of them with a renewal due; 1 qualified, 1 in progress" in text
    assert "net adds +1: 3.00" in text
    early = later.json("designations", "--at", "2023-06-01").lines[0]
    assert (early["missing_centipoints"], set(early["next_steps"].values())) == (None, {None})


def test_growth_says_how_much_more_value_makes_the_next_percent(later: Program) -> None:
    facts = [fact for fact in qualified() if fact["id"] not in ("m-1-usage-3", "m-1-usage-4")]
    later.record(*facts, usage("usage-9", "2024-06-18T00:00:00Z", "c-1", "2024-05", 125_005))
    (line,) = later.json("designations", "--at", "2024-07-01").lines
    assert line["next_steps"]["usage-growth"] == {"needed": 1, "centipoints": 100, "mcv_milli": "249000"}
    assert "growth +1 %: 1.00" in later.run("designations", "--at", "2024-07-01").out


def test_the_board_goes_from_qualified_to_enrolled_to_renewal_due_and_back(later: Program) -> None:
    later.now("2024-06-25T00:00:00Z")
    later.record(*qualified(), told("set-anniversary", "next", CLOSED, anniversary="2025-07-31"))
    later.now("2024-07-01T00:00:00Z")
    later.json("decide-designation", "m-1", "--area", AREA, "--anniversary", ANNIVERSARY)

    def at(instant: str) -> tuple[str, str | None]:
        (line,) = later.json("designations", "--at", instant).lines
        return line["state"], line["anniversary"]

    assert at("2024-06-30T23:59:59.999999Z") == ("qualified", ANNIVERSARY)
    assert at("2024-07-01") == ("enrolled", ANNIVERSARY)
    assert at("2024-07-31") == ("enrolled", "2025-07-31")
    assert at("2025-01-31T23:59:59.999999Z") == ("enrolled", "2025-07-31")
    assert at("2025-02-01") == ("renewal-due", "2025-07-31")
    assert at("2025-07-30T23:59:59.999999Z") == ("renewal-due", "2025-07-31")
    assert at("2025-07-31") == ("in-progress", None)
    known = later.json(*ASKED).json["known_at"]
    (before,) = later.json("designations", "--at", "2024-07-01", "--known-at", str(known - 2)).lines
    assert before["state"] == "qualified"
    text = later.run("designations", "--at", "2025-02-01").out
    assert "1 designation: 1 enrolled, 1 of them with a renewal due" in text


def test_anniversaries_ahead_say_what_is_at_risk(later: Program) -> None:
    later.now("2024-06-25T00:00:00Z")
    later.record(
        *qualified(),
        certificate(9, "intermediate", "p-9", valid_until="2024-07-15"),
        *opened("m-2"),
        told("set-anniversary", "past", CLOSED, "m-2", anniversary="2024-03-31"),
    )
    ran = later.json("anniversaries", "--at", "2024-07-01")
    assert ran.code == 0
    assert [(line["membership"], line["anniversary"], line["overdue"], line["outlook"]) for line in ran.lines] == [
        ("m-2", "2024-03-31", True, "missing"),
        ("m-1", ANNIVERSARY, False, "qualified"),
        ("m-2", ANNIVERSARY, False, "missing"),
    ]
    known = later.json(*ASKED).json["known_at"]
    assert ran.lines[1] == {
        "membership": "m-1", "area": AREA, "anniversary": ANNIVERSARY, "days": 30, "overdue": False,
        "window_from": "2024-02-01T00:00:00.000000Z", "window_to": "2024-07-31T23:59:59.999999Z",
        "outlook": "qualified", "qualified_at": "2024-06-20T08:00:00.000000Z", "centipoints": 7_800, "qualified": True,
        "centipoints_at_end": 7_400, "qualified_at_end": True, "missing_centipoints_at_end": 0, "zero_at_end": [],
        "expiring": [
            {"certificate": "intermediate-9", "person": "p-9", "tier": "intermediate", "until": "2024-07-15T00:00:00.000000Z"}
        ],
        "next_close": {
            "month": "2024-06", "compared_with": "2023-06", "centipoints": 3_100, "qualified": False,
            "metrics": {
                "net-adds": {"centipoints": 0, "now": 0, "year_before": 0},
                "intermediate": {"centipoints": 1_600, "people": 4},
                "advanced": {"centipoints": 1_500, "people": 2},
                "usage-growth": {"centipoints": 0, "mcv_milli": "0", "mcv_milli_year_before": "0", "percent": None,
                                 "base_met": False},
                "deployments": {"centipoints": 0, "now": 0, "year_before": 0},
            },
        },
        "known_at": known,
    }  # fmt: skip
    text = later.run("anniversaries", "--at", "2024-07-01").out
    assert "2 anniversaries within 90 days, 1 at risk; 1 overdue and not decided" in text
    assert "2024-06 against 2023-06" in text
    assert "certificates that expire before that (1):" in text
    ahead = later.json("anniversaries", "--at", "2024-05-20").lines
    assert [(line["membership"], line["outlook"]) for line in ahead][1:] == [("m-1", "expected"), ("m-2", "missing")]
    assert len(later.json("anniversaries", "--at", "2024-07-01", "--within", "29").lines) == 1
    later.now("2024-07-02T00:00:00Z")
    later.json("decide-designation", "m-1", "--area", AREA, "--anniversary", ANNIVERSARY)
    assert [line["membership"] for line in later.json("anniversaries").lines] == ["m-2", "m-2"]


@pytest.mark.parametrize("command", ["designations", "anniversaries"])
def test_a_ledger_without_designations_has_an_empty_board(later: Program, command: str) -> None:
    later.record(*met())
    assert later.json(command).out == ""
    assert later.run(command).out.startswith("0 ")


@pytest.mark.parametrize("command", ["designations", "decisions"])
@pytest.mark.parametrize("area", ["security", "Business-Applications", "Nope!"])
def test_an_area_in_which_nobody_has_a_designation_is_no_empty_list(later: Program, command: str, area: str) -> None:
    later.record(*qualified())
    ran = later.json(command, "--area", area)
    assert (ran.code, ran.json["error"]) == (2, "unknown-designation")
    assert f"in the area '{area}'" in ran.err
