"""How answers become JSON and schemas: names, what is left out, what a schema says of each field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from jsonschema import Draft202012Validator

from projections.questions.answer import LEFT_OUT, Count, Instant, MayBeLeftOut, members, plain
from projections.questions.schemas import answer_schema


@dataclass(frozen=True, slots=True)
class Lamp:
    """A lamp.

    What is said here is for who reads the code.
    """

    lit: bool
    """Whether it is lit."""
    watts: Count | None = None
    """How strong it is; null where nobody knows."""
    also: tuple[str, ...] | MayBeLeftOut = LEFT_OUT
    """Its other names, in
    their order."""


@dataclass(frozen=True, slots=True)
class Street:
    """A street with lamps."""

    from_: Instant
    """Since when."""
    lamps: Mapping[str, Lamp]
    """By name."""
    side: Literal["left", "right"]
    """Where they stand."""
    data: Mapping[str, Any]
    """Whatever else."""


SINCE = "2010-06-01T00:00:00.000000Z"
STREET = Street(SINCE, {"a": Lamp(True, 60, ("b", "c")), "d": Lamp(False)}, "left", {"x": [1, None]})
AS_JSON = {
    "from": SINCE,
    "lamps": {"a": {"lit": True, "watts": 60, "also": ["b", "c"]}, "d": {"lit": False, "watts": None}},
    "side": "left",
    "data": {"x": [1, None]},
}


def test_what_is_left_out_is_not_there_and_an_underscore_at_the_end_of_a_name_is_no_part_of_it() -> None:
    assert plain(STREET) == AS_JSON
    assert list(members(STREET)) == ["from", "lamps", "side", "data"]


def test_a_schema_says_names_descriptions_forms_and_what_is_always_there() -> None:
    schema = answer_schema("street", Street)
    lamp = schema["$defs"]["Lamp"]
    assert (schema["title"], schema["description"]) == ("street", "A street with lamps.")
    assert schema["required"] == ["from", "lamps", "side", "data"]
    assert schema["properties"]["from"]["format"] == "date-time"
    assert schema["properties"]["side"] == {
        "description": "Where they stand.",
        "type": "string",
        "enum": ["left", "right"],
    }
    assert lamp["description"] == "A lamp."
    assert lamp["required"] == ["lit", "watts"]
    assert lamp["properties"]["also"] == {
        "description": "Its other names, in their order.",
        "type": "array",
        "items": {"type": "string"},
    }
    assert lamp["properties"]["watts"]["anyOf"] == [{"type": "integer", "minimum": 0}, {"type": "null"}]


@pytest.mark.parametrize(
    "changed",
    [
        {"from": "2010-06-01"},
        {"side": "above"},
        {"lamps": {"a": {"lit": True}}},
        {"lamps": {"a": {"lit": True, "watts": -1}}},
        {"lamps": {"a": {"lit": True, "watts": None, "also": None}}},
        {"data": []},
    ],
)
def test_what_the_class_does_not_allow_the_schema_does_not_allow(changed: dict[str, Any]) -> None:
    validator = Draft202012Validator(answer_schema("street", Street))
    assert validator.is_valid(AS_JSON)
    assert not validator.is_valid(AS_JSON | changed)


def test_lines_of_several_kinds_have_one_schema() -> None:
    validator = Draft202012Validator(answer_schema("either", Lamp | Street))
    assert validator.is_valid(AS_JSON)
    assert validator.is_valid({"lit": True, "watts": 3})
    assert not validator.is_valid({"watts": 3})


def test_a_type_that_json_does_not_have_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Bytes:
        """Raw."""

        raw: bytes
        """As they are."""

    with pytest.raises(TypeError, match="found <class 'bytes'> in an answer"):
        answer_schema("bytes", Bytes)


def test_two_classes_of_one_name_in_one_answer_are_refused() -> None:
    first = Lamp

    @dataclass(frozen=True, slots=True)
    class Other:
        """Another."""

        weight: int
        """Grams."""

    Other.__name__ = "Lamp"
    with pytest.raises(TypeError, match="found two classes Lamp"):
        answer_schema("two", first | Other)
