"""`record` with facts of both programmes in one file: order, refusals, and what is taken again."""

from __future__ import annotations

from random import Random
from typing import Any

import orjson
import pytest

from tests.console.designation_story import AREA, close, opened, qualified, restated, told, usage
from tests.console.support import Program, met

LATER = "2024-12-31T00:00:00Z"


@pytest.fixture
def later(program: Program) -> Program:
    """The clock stands at the end of 2024."""
    program.now(LATER)
    return program


def decision(fact_id: str = "decide") -> dict[str, Any]:
    return told("decide-designation", fact_id, LATER, anniversary="2024-07-31")


def test_facts_of_both_programmes_stand_in_one_file(later: Program) -> None:
    mixed = [
        fact for pair in zip(qualified(), [*met(), *met("m-9")[:2], *met("m-8")[:3]], strict=False) for fact in pair
    ]
    ran = later.json("record", later.write("both.jsonl", mixed))
    assert (ran.code, ran.json["accepted"], ran.json["refused"]) == (0, len(mixed), 0)
    assert later.json("record", later.write("both.jsonl", mixed)).json["duplicates"] == len(mixed)


def test_refusals_name_their_code_and_are_taken_again(later: Program) -> None:
    late = later.write("late.jsonl", [*qualified()[2:], *met()[2:3]])
    ran = later.json("record", late)
    assert ran.code == 3
    assert {code: found["count"] for code, found in ran.json["codes"].items()} == {
        "unknown-designation": len(qualified()) - 2,
        "unknown-membership": 1,
    }
    refused = later.folder / "late.jsonl.refused"
    assert {orjson.loads(line)["code"] for line in refused.read_bytes().splitlines()} == {
        "unknown-designation",
        "unknown-membership",
    }
    later.record(*opened(), *met()[:2])
    again = later.json("record", "--retry", refused)
    assert (again.code, again.json["accepted"]) == (0, len(qualified()) - 1)


@pytest.mark.parametrize("seed", range(5))
def test_in_any_order_a_designation_becomes_what_it_is_in_order_of_time(later: Program, seed: int) -> None:
    facts = [*qualified(), restated(), decision(), *met()]
    Random(seed).shuffle(facts)
    ran = later.json("record", later.write("shuffled.jsonl", facts), "--any-order")
    assert (ran.code, ran.json["accepted"]) == (0, len(facts))
    assert [line["outcome"] for line in later.json("decisions", "m-1", "--area", AREA).lines] == ["not-qualified"]
    announced = [line for line in later.json("changes").lines if "area" in line]
    assert [(line["qualified"], line["cause"], line["revises"]) for line in announced] == [
        (True, "close", False),
        (False, "report", True),
    ]


def test_in_any_order_the_report_of_the_latest_occurrence_is_the_one_that_counts(later: Program) -> None:
    first = usage("first", "2024-06-18T00:00:00Z", "c-1", "2024-05", 10)
    last = usage("last", "2024-06-19T00:00:00Z", "c-1", "2024-05", 20)
    later.json("record", later.write("some.jsonl", [last, first, *opened()]), "--any-order")
    steps = later.json("replay", "m-1", "--area", AREA).lines
    assert [step["data"]["units"] for step in steps if step["type"] == "UsageReported"] == [10, 20]


def test_in_any_order_at_one_instant_the_files_say_which_report_is_the_last(later: Program) -> None:
    reports = [usage(f"u-{units}", "2024-06-18T00:00:00Z", "c-1", "2024-05", units) for units in (30, 10, 20)]
    first, second = later.write("a.jsonl", reports[:2]), later.write("b.jsonl", [reports[2], *opened()])
    later.json("record", first, second, "--any-order")
    steps = later.json("replay", "m-1", "--area", AREA).lines
    assert [step["data"]["units"] for step in steps if step["type"] == "UsageReported"] == [30, 10, 20]


def test_in_any_order_a_correction_waits_for_what_it_corrects_and_what_is_never_right_is_refused(
    later: Program,
) -> None:
    corrected = told(
        "correct-close", "correct", "2024-06-20T07:00:00Z", month="2024-05", closed_at="2024-06-19T00:00:00Z"
    )
    too_early = told("close-month", "early", "2024-06-20T00:00:00Z", month="2024-06")
    unknown = told("end-certificate", "end", "2024-06-20T00:00:00Z", certificate="none", on="2024-07-01")
    ran = later.json(
        "record", later.write("x.jsonl", [corrected, close(), too_early, unknown, *opened()]), "--any-order"
    )
    assert (ran.code, ran.json["accepted"]) == (3, 4)
    assert ran.json["codes"].keys() == {"month-not-over", "unknown-certificate"}
