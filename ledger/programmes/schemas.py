"""The outside contracts of facts and events, as files: JSON Schema 2020-12, and a sample of each.

    schemas/facts/<type>.v1.json             what a fact of the type may look like (DESIGN 4)
    schemas/events/<Type>.v<N>.json          the whole stored object of an event, data and envelope, in every version
    schemas/fold.json                        which characters no name may hold, and which its fold drops (see `ledger.fold`)
    schemas/samples/facts/<type>.v1.json     a fact that is accepted by its schema
    schemas/samples/events/<Type>.v<N>.json  exact stored bytes, without a newline at the end

    python -m ledger.programmes.schemas --write schemas    writes all files
    python -m ledger.programmes.schemas --check schemas    says which of them are not what the models make

A schema says what form says; calendar, languages and the rules of the programme are beyond it. The events' patterns are
those of the facts they come from. What is released is frozen: a type changes by a new version, and samples of events of
an older one, which this program no longer writes, stay where they are and are read for ever.
"""

from __future__ import annotations

import argparse
import sys
import typing
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from textwrap import wrap
from typing import Any, Final

import orjson
import typing_extensions
from pydantic import TypeAdapter

from ledger.event import encode_event
from ledger.fact import OWN_IDS, CompanyName, FactId, Label, MembershipId, Reference
from ledger.fold import fold_tables
from ledger.log_events import LOG_EVENTS, LOG_STREAM
from ledger.programmes.registry import PROGRAMMES
from ledger.programmes.survey.events import RULEBOOK_STREAM, membership_stream
from ledger.programmes.survey.facts import LocationName, PublishRulebook, UpdateMembership
from ledger.programmes.survey.samples import EVENT_SAMPLES, FACT_SAMPLES

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FACT_VERSION: Final = 1
STREAMS: Final = dict.fromkeys(LOG_EVENTS.versions, LOG_STREAM) | {"RulebookPublished": RULEBOOK_STREAM}
"""The types of events that have one stream; all others are on a membership's."""

Schema = dict[str, Any]

_INSTANT: Final[Schema] = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$",
}
_DATE: Final[Schema] = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
_INSTANTS: Final = ("occurred_at", "recorded_at", "effective_at", "effective_from", "evaluated_at", "received_at")
_REFERENCES: Final = ("subject", "invitation", "response", "evaluation")
_TOKEN: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_LABELS: Final = (
    "customer_org", "organisation", "same_as", "from", "group", "location", "edition", "business_model", "actor",
)  # fmt: skip
_LISTS_OF_LABELS: Final = ("competencies", "solution_areas", "locations", "also")
_COUNTS: Final = ("counted", "organisations", "applied_total", "left_out_total")
_FIGURES: Final = ("min_responses", "per_org_cap", "min_organisations", "window_months", "min_evaluations")


def files() -> Iterator[tuple[str, bytes]]:
    """(name relative to the folder, content) of every file, always the same."""
    yield "fold.json", _ranges(fold_tables())
    for model in PROGRAMMES.facts.models:
        schema = fact_schema(model)
        kind = schema["properties"]["type"]["const"]
        yield f"facts/{kind}.v{FACT_VERSION}.json", _pretty(schema)
        yield f"samples/facts/{kind}.v{FACT_VERSION}.json", _pretty(FACT_SAMPLES[kind])
    for event_type, version in PROGRAMMES.events.data:
        yield f"events/{event_type}.v{version}.json", _pretty(event_schema(event_type, version))
        if version == PROGRAMMES.events.versions[event_type]:
            yield f"samples/events/{event_type}.v{version}.json", event_sample(event_type)


def fact_schema(model: Any) -> Schema:
    """The schema of one type of fact."""
    schema = _tidy(model.model_json_schema())
    kind = schema["properties"]["type"]["const"]
    for name, field in schema["properties"].items():
        if name == "renewal_date":
            field.update(_DATE)
        if name in _LISTS_OF_LABELS:
            for one in field.get("anyOf", [field]):
                if one["type"] == "array":
                    one["uniqueItems"] = True
    schema["properties"]["id"]["not"] = {"pattern": f"^{OWN_IDS}"}
    if model is UpdateMembership:
        schema["anyOf"] = [
            {"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in model.FIELDS
        ]
    return _with_shared_forms(
        {
            "$schema": DIALECT,
            "$id": f"urn:csat-ledger:fact:{kind}:v{FACT_VERSION}",
            "title": f"{kind}, version {FACT_VERSION}",
            **{name: value for name, value in schema.items() if name != "title"},
        }
    )


def event_schema(event_type: str, version: int) -> Schema:
    """The schema of the stored object of one type of event in one version."""
    data = _tidy(TypeAdapter(_for_pydantic(PROGRAMMES.events.data[event_type, version])).json_schema())
    description, definitions = data.pop("description"), data.pop("$defs", {})
    data.pop("title")
    for one in (data, *definitions.values()):
        _constrain(one)
    if event_type == "MembershipUpdated":
        data["minProperties"] = 1
    membership = _form(MembershipId)["pattern"]
    properties: Schema = {
        "actor": {"description": "Who did it, where the source says so.", "anyOf": [_form(Label), {"type": "null"}]},
        "data": data,
        "fact": {
            "description": "The fact that caused it; null for an announcement made by a review.",
            "anyOf": [_form(FactId), {"type": "null"}] if event_type == "EligibilityChanged" else [_form(FactId)],
        },
        "occurred_at": {"description": "When it was so.", **_INSTANT},
        "prev": {
            "description": "The leaf hash (RFC 6962) of the stream's previous event; 64 zeros for the first.",
            "type": "string",
            "pattern": "^[0-9a-f]{64}$",
        },
        "recorded_at": {"description": "When the ledger learned it.", **_INSTANT},
        "salt": {
            "description": "16 random bytes of its own, base64: nobody can guess the event from its hash.",
            "type": "string",
            "pattern": "^[A-Za-z0-9+/]{21}[AQgw]==$",
        },
        "seq": {"description": "Its place in the stream.", "type": "integer", "minimum": 1},
        "stream": {"const": STREAMS[event_type]}
        if event_type in STREAMS
        else {"type": "string", "pattern": "^" + membership_stream(membership.removeprefix("^"))},
        "type": {"const": event_type},
        "v": {"const": version},
    }
    schema: Schema = {
        "$schema": DIALECT,
        "$id": f"urn:csat-ledger:event:{event_type}:v{version}",
        "title": f"{event_type}, version {version}",
        "description": description,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return _with_shared_forms(schema | {"$defs": definitions} if definitions else schema)


def event_sample(event_type: str) -> bytes:
    """The stored bytes of a sample of the newest version of a type."""
    sample = EVENT_SAMPLES[event_type]
    stream = STREAMS.get(event_type, membership_stream("m-1"))
    before = sha256(f"the event before {stream}/{sample.seq}".encode()).hexdigest()
    return encode_event(
        stream=stream,
        seq=sample.seq,
        event_type=event_type,
        occurred_at=sample.occurred_at,
        recorded_at=sample.recorded_at,
        fact=sample.fact,
        actor=sample.actor,
        prev="0" * 64 if sample.seq == 1 else before,
        salt=b64encode(sha256(f"salt of {event_type}".encode()).digest()[:16]).decode("ascii"),
        data=sample.data,
        version=PROGRAMMES.events.versions[event_type],
    )


def _for_pydantic(kind: Any) -> Any:
    """A TypedDict as pydantic reads it before Python 3.12, with no other keys than its own."""
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) in (list, typing.NotRequired):
        return typing.get_origin(kind)[_for_pydantic(arguments[0])]
    if not typing.is_typeddict(kind):
        return kind
    hints = typing.get_type_hints(kind, include_extras=True)
    make: Any = typing_extensions.TypedDict
    made = make(kind.__name__, {name: _for_pydantic(hint) for name, hint in hints.items()})
    made.__doc__ = kind.__doc__
    made.__pydantic_config__ = {"extra": "forbid"}
    return made


def _form(kind: Any) -> Schema:
    """The schema of one of the forms that facts are made of."""
    schema: Schema = _tidy(TypeAdapter(kind).json_schema())
    return schema


def _constrain(schema: Schema) -> None:
    """Puts the forms of the facts on the fields of an event that are made of them."""
    names: dict[str, Schema] = {
        **dict.fromkeys(_INSTANTS, _INSTANT),
        **dict.fromkeys(_REFERENCES, _form(Reference)),
        **dict.fromkeys(_LABELS, _form(Label)),
        **{name: {"minimum": 0} for name in _COUNTS},
        "answer_token": _TOKEN,
        "renewal_date": _DATE,
        "name": _form(CompanyName),
        "seq": {"minimum": 1},
        "revision": {"minimum": 1},
    }
    figures = _tidy(PublishRulebook.model_json_schema())["properties"]
    for name, field in schema["properties"].items():
        if name in _LISTS_OF_LABELS:
            field.update(items=_form(Label), uniqueItems=True)
        elif name in _FIGURES:
            field.update(figures[name])
        elif name in ("applied", "left_out"):
            field["maxItems"] = 100
        for one in field.get("anyOf", [field]):
            if one.get("type") != "null":
                one.update(names.get(name, {}))


def _with_shared_forms(schema: Schema) -> Schema:
    """With the forms whose patterns are long stated once, and referred to."""
    forms = {"CompanyName": _form(CompanyName), "Label": _form(Label), "LocationName": _form(LocationName)}
    used: Schema = {}

    def refer(one: Any) -> Any:
        if isinstance(one, list):
            return [refer(each) for each in one]
        if not isinstance(one, dict):
            return one
        for name, form in forms.items():
            if form.items() <= one.items():
                used[name] = form
                return {"$ref": f"#/$defs/{name}", **{key: value for key, value in one.items() if key not in form}}
        return {key: refer(value) for key, value in one.items()}

    referring: Schema = refer(schema)
    return referring | {"$defs": {**referring.get("$defs", {}), **used}} if used else referring


def _tidy(schema: Any, *, names: bool = False) -> Any:
    """Without titles that only say a field's name again, and with digits as every reader of patterns knows them."""
    if isinstance(schema, list):
        return [_tidy(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    tidied: Schema = {}
    for key, value in schema.items():
        if names:
            tidied[key] = {name: one for name, one in _tidy(value).items() if name != "title"}
        elif key == "pattern":
            tidied[key] = value.replace(r"\d", "[0-9]")
        else:
            tidied[key] = _tidy(value, names=key in ("properties", "$defs"))
    return tidied


def _pretty(content: Any) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _ranges(tables: Mapping[str, Any]) -> bytes:
    """The same for tables of ranges: many ranges a line."""
    lines = []
    for key, value in tables.items():
        text = orjson.dumps(value).decode()
        if isinstance(value, list):
            text = "[\n" + "\n".join(f"    {line}" for line in wrap(text[1:-1].replace("],", "], "), 110)) + "\n  ]"
        lines.append(f'  "{key}": {text}')
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def main(arguments: list[str] | None = None) -> int:
    """Writes the files, or compares them."""
    parser = argparse.ArgumentParser(
        prog="python -m ledger.programmes.schemas", description=(__doc__ or "").splitlines()[0]
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", type=Path, metavar="FOLDER", help="write all files")
    what.add_argument("--check", type=Path, metavar="FOLDER", help="exit code 1 where a file is missing or different")
    options = parser.parse_args(arguments)
    different = 0
    for name, content in files():
        path: Path = (options.write or options.check) / name
        found = path.read_bytes() if path.exists() else None
        if found == content:
            continue
        different += 1
        if options.write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        sys.stderr.write(f"{path}: {'written' if options.write else 'missing' if found is None else 'different'}\n")
    return 1 if different and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
