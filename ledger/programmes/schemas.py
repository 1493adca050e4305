"""The outside contracts of facts and events, as files: JSON Schema 2020-12, and a sample of each.

    schemas/facts/<type>.v1.json             what a fact of the type may look like (DESIGN 4)
    schemas/events/<Type>.v<N>.json          the whole stored object of an event, data and envelope, in every version
    schemas/fold.json                        which characters no name may hold, and which its fold drops (see `ledger.fold`)
    schemas/samples/facts/<type>.v1.json     a fact that is accepted by its schema
    schemas/samples/events/<Type>.v<N>.json  exact stored bytes, without a newline at the end

    python -m ledger.programmes.schemas --write schemas    writes all files
    python -m ledger.programmes.schemas --check schemas    says which of them are not what the models make

A schema says what form says; calendar, languages, what looks like a person's details (`personal-data`) and the rules of the
programme are beyond it. The events' patterns are
those of the facts they come from. What is released is frozen: a type changes by a new version, and samples of events of
an older one, which this program no longer writes, stay where they are and are read for ever.
"""

from __future__ import annotations

import argparse
import functools
import operator
import sys
import types
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
from ledger.fact import OWN_IDS, CompanyName, FactId, Label
from ledger.fold import fold_tables
from ledger.log_events import LOG_EVENTS
from ledger.programmes.log_forms import LOG_FORMS
from ledger.programmes.programme import Programmes
from ledger.programmes.registry import PROGRAMMES
from ledger.programmes.schema_forms import FROM_ONE, INSTANT, Schema, SchemaForms, StreamForm, form, put_forms, tidy

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FACT_VERSION: Final = 1
COMMENT: Final = (
    "Refused beside this, as personal-data: a text that looks like a mail address, a phone number or an IP number, and "
    "free text where a reference belongs."
)
COMMON_FIELDS: Final[Mapping[str, Schema]] = {
    "effective_at": INSTANT,
    "effective_from": INSTANT,
    "edition": form(Label),
    "revision": FROM_ONE,
}
"""Fields that mean the same in the events of every programme."""
SHARED: Final[Mapping[str, Schema]] = {"CompanyName": form(CompanyName), "Label": form(Label)}


def files(programmes: Programmes = PROGRAMMES) -> Iterator[tuple[str, bytes]]:
    """(name relative to the folder, content) of every file, always the same."""
    yield "fold.json", _ranges(fold_tables())
    for programme in programmes.all:
        forms = programme.schema_forms()
        for model in programme.facts():
            schema = fact_schema(model, forms)
            kind = schema["properties"]["type"]["const"]
            yield f"facts/{kind}.v{FACT_VERSION}.json", _pretty(schema)
            yield f"samples/facts/{kind}.v{FACT_VERSION}.json", _pretty(forms.facts[kind])
    for event_type, version in programmes.events.data:
        yield f"events/{event_type}.v{version}.json", _pretty(event_schema(event_type, version, programmes))
        if version == programmes.events.versions[event_type]:
            yield f"samples/events/{event_type}.v{version}.json", event_sample(event_type, programmes)


def fact_schema(model: Any, forms: SchemaForms) -> Schema:
    """The schema of one type of fact; `forms` is what its programme says of its fields."""
    schema = tidy(model.model_json_schema())
    kind = schema["properties"]["type"]["const"]
    for one in (schema, *schema.get("$defs", {}).values()):
        put_forms(one, forms.fact_fields)
    schema["properties"]["id"]["not"] = {"pattern": f"^{OWN_IDS}"}
    return _with_shared_forms(
        {
            "$schema": DIALECT,
            "$id": f"urn:csat-ledger:fact:{kind}:v{FACT_VERSION}",
            "title": f"{kind}, version {FACT_VERSION}",
            "$comment": COMMENT,
            **{name: value for name, value in schema.items() if name != "title"},
            **forms.facts_also.get(kind, {}),
        },
        forms,
    )


def event_schema(event_type: str, version: int, programmes: Programmes = PROGRAMMES) -> Schema:
    """The schema of the stored object of one type of event in one version."""
    forms = _forms_of(event_type, programmes)
    data = tidy(TypeAdapter(_for_pydantic(programmes.events.data[event_type, version])).json_schema())
    description, definitions = data.pop("description"), data.pop("$defs", {})
    data.pop("title")
    for one in (data, *definitions.values()):
        put_forms(one, {**COMMON_FIELDS, **forms.event_fields})
    data.update(forms.events_also.get(event_type, {}))
    properties: Schema = {
        "actor": {"description": "Who did it, where the source says so.", "anyOf": [form(Label), {"type": "null"}]},
        "data": data,
        "fact": {
            "description": "The fact that caused it; null for an announcement made by a review.",
            "anyOf": [form(FactId), {"type": "null"}] if event_type in programmes.announcements else [form(FactId)],
        },
        "occurred_at": {"description": "When it was so.", **INSTANT},
        "prev": {
            "description": "The leaf hash (RFC 6962) of the stream's previous event; 64 zeros for the first.",
            "type": "string",
            "pattern": "^[0-9a-f]{64}$",
        },
        "recorded_at": {"description": "When the ledger learned it.", **INSTANT},
        "salt": {
            "description": "16 random bytes of its own, base64: nobody can guess the event from its hash.",
            "type": "string",
            "pattern": "^[A-Za-z0-9+/]{21}[AQgw]==$",
        },
        "seq": {"description": "Its place in the stream.", "type": "integer", "minimum": 1},
        "stream": _stream_form(event_type, forms).schema,
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
    return _with_shared_forms(schema | {"$defs": definitions} if definitions else schema, forms)


def event_sample(event_type: str, programmes: Programmes = PROGRAMMES) -> bytes:
    """The stored bytes of a sample of the newest version of a type."""
    forms = _forms_of(event_type, programmes)
    sample, stream = forms.events[event_type], _stream_form(event_type, forms).sample
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
        version=programmes.events.versions[event_type],
    )


def _forms_of(event_type: str, programmes: Programmes) -> SchemaForms:
    """The forms of the programme, or of the log, that has the type."""
    if event_type in LOG_EVENTS.versions:
        return LOG_FORMS
    return next(one for one in programmes.all if event_type in one.events.versions).schema_forms()


def _stream_form(event_type: str, forms: SchemaForms) -> StreamForm:
    return forms.streams.get(event_type, forms.subjects)


@functools.cache
def _for_pydantic(kind: Any) -> Any:
    """A TypedDict as pydantic reads it before Python 3.12, with no other keys than its own; so are those inside a type."""
    if typing.is_typeddict(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        make: Any = typing_extensions.TypedDict
        made = make(kind.__name__, {name: _for_pydantic(hint) for name, hint in hints.items()})
        made.__doc__ = kind.__doc__
        made.__pydantic_config__ = {"extra": "forbid"}
        return made
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return functools.reduce(operator.or_, map(_for_pydantic, arguments))
    if origin in (list, dict, typing.NotRequired):
        return origin[tuple(map(_for_pydantic, arguments)) if len(arguments) > 1 else _for_pydantic(arguments[0])]
    return kind


def _with_shared_forms(schema: Schema, forms: SchemaForms) -> Schema:
    """With the forms whose patterns are long stated once, and referred to."""
    shared = {**SHARED, **forms.shared}
    used: Schema = {}

    def refer(one: Any) -> Any:
        if isinstance(one, list):
            return [refer(each) for each in one]
        if not isinstance(one, dict):
            return one
        for name, long in shared.items():
            if long.items() <= one.items():
                used[name] = long
                return {"$ref": f"#/$defs/{name}", **{key: value for key, value in one.items() if key not in long}}
        return {key: refer(value) for key, value in one.items()}

    referring: Schema = refer(schema)
    return referring | {"$defs": {**referring.get("$defs", {}), **used}} if used else referring


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
