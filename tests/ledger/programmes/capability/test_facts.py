"""What a fact of the capability programme is the same as: digests, and what it is written as."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.instants import parse_instant
from ledger.programmes.capability.facts import FACT_MODELS
from ledger.programmes.registry import fact_from_object, parse_fact
from tests.oracle.capability_from_text.form import content_of
from tests.support.capability_examples import BY_TRACK, CAPABILITY_EXAMPLES
from tests.support.soak import scaled

MORE_BY_TRACK = {"enterprise": 3, "smb": 1}
OTHER_VALUES: dict[str, Any] = {
    "id": "another",
    "membership": "m-2",
    "area": "another-area",
    "occurred_at": "2024-07-15T10:22:33.123457Z",
    "actor": "auditor",
    "name": "Wingtip",
    "anniversary": "2024-12-01",
    "customer": "c-2",
    "workload": "power-apps",
    "month": "2024-05",
    "association": "cpor",
    "units": 0,
    "amount_cents": 25_001,
    "closed_at": "2024-07-15T10:22:33.123455Z",
    "certificate": "z-2",
    "person": "p-2",
    "code": "mb-700",
    "tier": "advanced",
    "valid_from": "2024-02-28",
    "valid_until": None,
    "on": "2024-08-02",
    "edition": "2024-09",
    "effective_from": "2024-08-01T00:00:00.000001Z",
    "min_centipoints": 7001,
    "window_months": 7,
    "net_adds": {"max": 1500, "each": 300, "threshold_cents": BY_TRACK, "associations": ["csp-1", "cpor"]},
    "intermediate": {"max": 2000, "each": MORE_BY_TRACK, "people": BY_TRACK},
    "advanced": {"max": 1500, "each": BY_TRACK, "people": MORE_BY_TRACK},
    "usage_growth": {"max": 3000, "each_percent": 101, "base_mcv": BY_TRACK},
    "deployments": {"max": 2000, "each": 400, "threshold_mcv": MORE_BY_TRACK},
    "track": {"workloads": 5, "threshold_cents": 500_001},
    "rates": {"power-bi": {"rate_milli": 200_000, "associations": ["pal", "dpor"]}},
}
every_fact = pytest.mark.parametrize("told", CAPABILITY_EXAMPLES, ids=lambda told: str(told["type"]))


@every_fact
def test_a_fact_comes_back_from_what_it_is_written_as(told: dict[str, Any]) -> None:
    fact = fact_from_object(told)
    again = parse_fact(fact.model_dump_json())
    assert again == fact
    assert again.digest() == fact.digest()
    assert again.occurred_us() == parse_instant(told["occurred_at"])


@every_fact
def test_every_field_makes_a_difference_to_the_digest(told: dict[str, Any]) -> None:
    digest = fact_from_object(told).digest()
    for field in told:
        if field != "type":
            assert fact_from_object({**told, field: OTHER_VALUES[field]}).digest() != digest, field


def test_every_field_there_is_was_tried() -> None:
    fields = {name for model in FACT_MODELS for name in model.model_fields if name != "type"}
    assert fields == set(OTHER_VALUES)
    assert {told["type"] for told in CAPABILITY_EXAMPLES} == {
        model.model_fields["type"].annotation.__args__[0]  # type: ignore[union-attr]
        for model in FACT_MODELS
    }


@every_fact
def test_spelling_makes_no_difference_to_the_digest(told: dict[str, Any]) -> None:
    digest = fact_from_object(told).digest()
    for same in (
        dict(reversed(told.items())),
        {**told, "occurred_at": told["occurred_at"].replace("T", " ").replace("Z", "+00:00")},
        {**told, "occurred_at": told["occurred_at"].lower()},
        {**told, "actor": told.get("actor")},
    ):
        assert fact_from_object(same).digest() == digest
    assert parse_fact(json.dumps(told, indent=3).encode()).digest() == digest


def test_a_figure_within_an_edition_makes_a_difference_and_the_order_of_keys_none() -> None:
    told = CAPABILITY_EXAMPLES[-1]
    digest = fact_from_object(told).digest()
    shuffled = {key: dict(reversed(value.items())) if isinstance(value, dict) else value for key, value in told.items()}
    assert fact_from_object(shuffled).digest() == digest
    rates = {"power-bi": {"rate_milli": 200_001, "associations": ["pal"]}}
    assert fact_from_object({**told, "rates": rates}).digest() != digest


@settings(max_examples=scaled(150))
@given(st.sampled_from(CAPABILITY_EXAMPLES), st.sampled_from(CAPABILITY_EXAMPLES), st.data())
def test_digests_are_equal_exactly_where_the_oracle_sees_the_same_content(
    one: dict[str, Any], other: dict[str, Any], data: st.DataObject
) -> None:
    if data.draw(st.booleans()):
        instants = [one["occurred_at"], "2024-07-15T12:22:33.123456+02:00", "2024-07-15T10:22:33.1234560Z"]
        other = {**one, "occurred_at": data.draw(st.sampled_from(instants))}
        if "valid_until" in other and data.draw(st.booleans()):
            other = {**other, "valid_until": None}
        if "valid_until" in one and data.draw(st.booleans()):
            one = {name: value for name, value in one.items() if name != "valid_until"}
    same = content_of(one) == content_of(other)
    assert (fact_from_object(one).digest() == fact_from_object(other).digest()) == same
