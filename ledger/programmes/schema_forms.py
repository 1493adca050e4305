"""What the schemas of a programme's facts and events say beyond its models, and a sample of each (`ledger.programmes.schemas`).

A model knows the forms of a fact; an event is a TypedDict, which knows no more of a field than that it is a text. So the
package of each programme says which form a field has, by its name, in `schema_forms.py`:

    SchemaForms(
        facts={"light-bulb": {"type": "light-bulb", "id": "f-1", …}},
        events={"BulbLit": EventSample(1, "2020-01-01T00:00:00.000000Z", …)},
        subjects=StreamForm({"type": "string", "pattern": "^lamp-…$"}, "lamp-a"),
        streams={"LampRulesPublished": StreamForm({"const": "lamprules"}, "lamprules")},
        event_fields={"hours": {"type": "integer", "minimum": 1}},
    )
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter

Schema = dict[str, Any]

INSTANT: Final[Schema] = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$",
}
"""An instant as events have it: always six decimals, always Z."""
DATE: Final[Schema] = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
FROM_ONE: Final[Schema] = {"type": "integer", "minimum": 1}


class EventSample(NamedTuple):
    """What is particular to the sample of a type."""

    seq: int
    occurred_at: str
    recorded_at: str
    fact: str | None
    actor: str | None
    data: dict[str, Any]


class StreamForm(NamedTuple):
    """What names of streams look like, and the one in which the samples stand."""

    schema: Schema
    sample: str


@dataclass(frozen=True)
class SchemaForms:
    """What the schemas of a programme say beyond its models, and its samples."""

    facts: Mapping[str, Mapping[str, Any]]
    """Fact type -> a sample."""
    events: Mapping[str, EventSample]
    """Event type -> a sample of its newest version."""
    subjects: StreamForm
    """The streams of its subjects."""
    streams: Mapping[str, StreamForm] = field(default_factory=dict)
    """Event type -> the streams that it stands in, where these are no subject's."""
    fact_fields: Mapping[str, Schema] = field(default_factory=dict)
    """Name of a field -> what is added to its schema in facts, wherever it has the type of the form."""
    event_fields: Mapping[str, Schema] = field(default_factory=dict)
    """The same for the data of events."""
    facts_also: Mapping[str, Schema] = field(default_factory=dict)
    """Fact type -> what its schema says beside its fields."""
    events_also: Mapping[str, Schema] = field(default_factory=dict)
    """Event type -> what the schema of its data says beside its fields."""
    shared: Mapping[str, Schema] = field(default_factory=dict)
    """Name -> a form of its own whose pattern is long: a schema states it once, and refers to it."""


def form(kind: Any) -> Schema:
    """The schema of one of the forms that facts are made of."""
    schema: Schema = tidy(TypeAdapter(kind).json_schema())
    return schema


def pattern_of(kind: Any) -> str:
    """The pattern of a form of text, without its anchors: a part of a longer one."""
    pattern: str = form(kind)["pattern"]
    return pattern.removeprefix("^").removesuffix("$")


def put_forms(schema: Schema, forms: Mapping[str, Schema]) -> None:
    """Adds forms to the fields of an object that have their names and their types; null stays allowed where it was."""
    for name, found in schema.get("properties", {}).items():
        wanted = forms.get(name)
        if wanted is None:
            continue
        for one in found.get("anyOf", [found]):
            if "type" in one and one["type"] == wanted["type"]:
                one.update(wanted)


def tidy(schema: Any, *, names: bool = False) -> Any:
    """Without titles that only say a field's name again, and with digits as every reader of patterns knows them."""
    if isinstance(schema, list):
        return [tidy(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    tidied: Schema = {}
    for key, value in schema.items():
        if names:
            tidied[key] = {name: one for name, one in tidy(value).items() if name != "title"}
        elif key == "pattern":
            tidied[key] = value.replace(r"\d", "[0-9]")
        else:
            tidied[key] = tidy(value, names=key in ("properties", "$defs"))
    return tidied
