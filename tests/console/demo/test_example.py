"""docs/examples/capability.jsonl, which the README records: the worked example of the rules, judged by their oracle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.capability_from_text.decisions import decided
from tests.oracle.capability_from_text.oracle import Oracle
from tests.oracle.capability_from_text.score import flips, state
from tests.oracle.survey.time import instant

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "capability.jsonl"
PARTNER = ("m-1", "business-applications")
NOW, CLOSED = instant("2026-01-05T12:00:00Z"), instant("2024-06-20T06:00:00Z")


@pytest.fixture
def facts() -> list[dict[str, Any]]:
    return [json.loads(line) for line in EXAMPLE.read_text().splitlines()]


@pytest.fixture
def oracle(facts: list[dict[str, Any]]) -> Oracle:
    oracle = Oracle()
    for fact in facts:
        assert oracle.record(fact, NOW)[0] == "accepted", fact
    return oracle


def test_its_facts_come_in_the_order_in_which_they_occurred(facts: list[dict[str, Any]]) -> None:
    assert [fact["occurred_at"] for fact in facts] == sorted(fact["occurred_at"] for fact in facts)


def test_its_partner_has_74_points_from_the_close_on_and_is_decided_qualified(oracle: Oracle) -> None:
    found = state(oracle, *PARTNER, CLOSED)
    assert {name: metric["centipoints"] for name, metric in found["metrics"].items()} == {
        "net-adds": 900,
        "intermediate": 1200,
        "advanced": 1500,
        "usage-growth": 3000,
        "deployments": 800,
    }
    assert (found["qualified"], found["track"], found["month"]) == (True, "smb", "2024-05")
    assert flips(oracle, *PARTNER)[0] == (CLOSED, True)
    (anniversary,) = oracle.anniversaries(*PARTNER)
    fact = dict(zip(("membership", "area", "anniversary"), (*PARTNER, anniversary), strict=True))
    assert decided(oracle, fact, NOW)["outcome"] == "qualified"


def test_five_units_less_in_may_2023_leave_44_points(oracle: Oracle, facts: list[dict[str, Any]]) -> None:
    (reported,) = [one for one in facts if (one.get("customer"), one.get("month")) == ("cust-6", "2023-05")]
    restated = {**reported, "id": "g-restated", "units": reported["units"] - 5, "occurred_at": "2024-07-03T09:00:00Z"}
    assert oracle.record(restated, NOW)[0] == "accepted"
    found = state(oracle, *PARTNER, CLOSED)
    assert (found["centipoints"], found["qualified"]) == (4400, False)
