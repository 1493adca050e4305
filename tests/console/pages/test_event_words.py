"""Events in sentences: each says nothing but what every event of its type has."""

from __future__ import annotations

import json
from string import Formatter
from typing import Any

import pytest

from console.pages.event_words import ANNOUNCED, SENTENCES, event_words
from console.pages.words import share
from tests.console.support import ROOT

SCHEMAS = {
    path.name.removesuffix(".v1.json"): json.loads(path.read_text())
    for path in (ROOT / "schemas/events").glob("*.v1.json")
}


def needed(kind: str) -> set[str]:
    """What the data of each event of a type has."""
    schema: Any = SCHEMAS[kind]
    return set(schema["properties"]["data"].get("required", ()))


@pytest.mark.parametrize("kind", SENTENCES)
def test_a_sentence_names_what_each_event_of_the_type_has(kind: str) -> None:
    named = {name for _, name, _, _ in Formatter().parse(SENTENCES[kind]) if name}
    assert named <= needed(kind)


OF_OTHER_STREAMS = {
    "ClockAccepted", "ErasureCompleted", "ErasureRequested", "KeyRotated", "ResultsPublished", "RulebookPublished",
    "ScorebookPublished",
}  # fmt: skip


def test_every_type_of_a_membership_and_of_a_designation_has_a_sentence() -> None:
    assert SCHEMAS.keys() - OF_OTHER_STREAMS == SENTENCES.keys() | ANNOUNCED.keys()


def test_names_are_escaped_and_what_is_not_known_is_named() -> None:
    said = event_words({"type": "MembershipEnrolled", "data": {"name": "<b>{x}</b>"}})
    assert said == "The membership of <bdi>&lt;b&gt;{x}&lt;/b&gt;</bdi> was enrolled."
    assert event_words({"type": "MembershipUpdated", "data": {"name": "New"}}).endswith("updated.")
    assert event_words({"type": "Other", "data": {}}) == "Other"
    assert event_words({"type": "MonthClosed", "data": {}}) == "MonthClosed"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0.0, "0.0%"),
        (0.000_4, "under 0.1%"),
        (0.000_5, "0.1%"),
        (0.999_4, "99.9%"),
        (0.999_6, "over 99.9%"),
        (1.0, "100.0%"),
    ],
)
def test_a_share_is_all_or_nothing_only_where_it_is(value: float | None, shown: str) -> None:
    assert share(value) == shown
