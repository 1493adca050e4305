"""The OpenAPI 3.1 document of the service, made of the table of routes and the classes of the answers.

    python -m console.http.openapi --write schemas     writes schemas/openapi.json
    python -m console.http.openapi --check schemas     compares, and checks against every release (`console.http.compatibility`)
    python -m console.http.openapi --release schemas 1.1        keeps the document as that of a release, for ever

Each answer's schema is that of `schemas/answers`, its definitions under names of their own: two answers may each have a
NextChange. Of a member that some role sees otherwise the schema says so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import orjson

from console.cli.question_batch import Unanswered
from console.http import changes_document, refusals
from console.http.changes import PARAMETERS as CHANGES
from console.http.changes import PATH, ChangesPage
from console.http.compatibility import MAY_GROW, breaks
from console.http.examples import put_examples
from console.http.health import Health
from console.http.intake import FactOutcome
from console.http.openapi_log import log_paths
from console.http.openapi_people import people_paths
from console.http.openapi_vault import vault_paths
from console.http.openapi_webhooks import body_schema, webhook_paths, webhooks_sent
from console.http.operations import PATH as PATH_OF_OPERATIONS
from console.http.operations import Operations
from console.http.parameters import DATE, Parameter
from console.http.problems import MEDIA_TYPE, ProblemDetails
from console.http.roles import TABLE
from console.http.routes import READING, Route
from ledger.programmes.registry import PROGRAMMES
from projections.questions.schemas import answer_schema
from projections.questions.status import Status

FILE: Final = "openapi.json"
VERSION: Final = "1.0.0"
NDJSON: Final = "application/x-ndjson"
Schema = dict[str, Any]

PROBLEMS: Final = {
    400: "What was asked cannot be read; `field` names it.",
    401: "No token, or one that does not hold.",
    403: "Not for the token's roles; the same whatever there is.",
    404: "What was asked about is not there.",
    405: "Another method is expected.",
    408: "A stream of facts on which nothing went on for too long.",
    409: "A position that the book has not reached or that is of another book, or a decision that is not sealed.",
    413: "A body that is too long.",
    414: "A target that is too long.",
    415: "Another type of body is expected.",
    416: "A part that does not begin inside.",
    422: "A fact that form, id or rules refuse, or what is too much for one answer; `code` never changes.",
    429: "More requests than the limits on rate allow; `Retry-After` says when to come again.",
    431: "Headers that are too long.",
    503: "The ledger cannot be used at present, or too much is under way; ask again later.",
    504: "The deadline passed, or the position asked for was not reached in time.",
}
READ: Final = (400, 401, 403, 404, 409, 414, 429, 431, 503, 504)
FACT_EXAMPLE: Final = {
    "type": "record-response", "id": "crm-4711", "membership": "m-1", "occurred_at": "2010-06-15T10:22:33Z",
    "response": "r-4711", "customer_org": "Brontegard",
}  # fmt: skip


SENT: Final = frozenset({"Fact"})
"""Components of what is sent to the service. All others are answers, or what webhooks receive."""


@cache
def document() -> bytes:
    """The document as it is served, and kept in `schemas`."""
    components: dict[str, Schema] = {}
    paths: dict[str, Any] = {}
    for route in READING:
        paths[route.path] = {"get": _reading(route, components)}
    paths["/v1/status:batch"] = {"post": _batch(components)}
    paths["/v1/facts"] = {"post": _facts(components)}
    paths[PATH] = {"get": _changes(components)}
    paths[refusals.PATH] = {"post": _retry(components)}
    component = partial(_component, components=components)
    paths |= webhook_paths(component, _parameter, _roles, _problems)
    paths |= people_paths(component, _parameter, _roles, _problems)
    paths |= vault_paths(component, _parameter, _roles, _problems)
    paths |= log_paths(component, _parameter, _roles, _problems) | _others(components)
    _component("Problem", ProblemDetails, components)
    webhooks = webhooks_sent(component)
    for name, schema in components.items():
        if name not in SENT:
            _let_grow(schema)
    put_examples(paths)
    made = {
        "openapi": "3.1.0",
        "info": {
            "title": "csat-ledger",
            "version": VERSION,
            "summary": "Questions to a ledger of evidence for partner programmes, and facts into it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "security": [{"token": []}],
        "paths": paths,
        "webhooks": webhooks,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }
    return orjson.dumps(made, option=orjson.OPT_INDENT_2) + b"\n"


def _let_grow(schema: Any) -> None:
    """Says beside each set of values in an answer that it may grow: a client takes any text there (docs/decisions.md)."""
    if isinstance(schema, dict):
        if "enum" in schema:
            schema[MAY_GROW] = True
        for one in schema.values():
            _let_grow(one)
    elif isinstance(schema, list):
        for one in schema:
            _let_grow(one)


def _reading(route: Route, components: dict[str, Schema]) -> Schema:
    name = "".join(part.capitalize() for part in route.name.split("-"))
    schema = _component(name, route.answer, components)
    _show_days(route.name, name, components)
    return {
        "operationId": route.name,
        "summary": route.summary,
        "description": _roles(route.name),
        "parameters": [*map(_parameter, route.parameters), MIN_POSITION, IF_NONE_MATCH],
        "responses": {
            "200": _answer("The answer.", {"type": "array", "items": schema} if route.many else schema),
            "304": {"description": "What was asked has the ETag that was named; only with a `known_at` in the past."},
            **_problems(READ),
        },
    }


def _batch(components: dict[str, Schema]) -> Schema:
    answer = {"anyOf": [_component("Status", Status, components), _component("Unanswered", Unanswered, components)]}
    question: Schema = {
        "type": "object",
        "properties": {
            "membership": {"type": "string"},
            "at": {"type": "string"},
            "known_at": {"type": ["integer", "string"]},
        },
        "required": ["membership"],
    }
    example = [{"membership": "m-1", "at": "2011-02-28T12:00:00Z"}]
    return {
        "operationId": "status-batch",
        "summary": "The answer to each of many questions about statuses, in order.",
        "description": _roles("status-batch"),
        "parameters": [MIN_POSITION],
        "requestBody": _body({"type": "array", "items": question, "maxItems": 10_000}, question, example),
        "responses": {
            "200": _answer(
                "An answer, or why there is none, for each question.", {"type": "array", "items": answer}, answer
            ),
            **_problems((400, 401, 403, 413, 414, 415, 429, 431, 503, 504)),
        },
    }


def _facts(components: dict[str, Schema]) -> Schema:
    outcome = _component("FactOutcome", FactOutcome, components)
    types = [name for programme in PROGRAMMES.all for name in sorted(_types(programme.facts()))]
    components["Fact"] = {
        "type": "object",
        "description": "A fact; schemas/facts has the fields of each type, and nothing else may stand in it.",
        "properties": {
            "type": {"type": "string", "enum": types},
            "id": {"type": "string", "minLength": 1, "maxLength": 200},
            "membership": {"type": "string"},
            "occurred_at": {"type": "string", "format": "date-time"},
            "actor": {"type": "string"},
        },
        "required": ["type", "id", "occurred_at"],
        "examples": [FACT_EXAMPLE],
    }
    reference: Schema = {"$ref": "#/components/schemas/Fact"}
    outcomes = {"type": "array", "items": outcome}
    return {
        "operationId": "facts",
        "summary": "Records a fact, or many; each once, however often it is sent.",
        "description": _roles("facts")
        + " One fact is answered by its own status, an array by an outcome for each. Of ndjson, which may be of any length, "
        "each line that is not blank gets an outcome, in order, while the others are still being sent.",
        "requestBody": _body(
            {"anyOf": [reference, {"type": "array", "items": reference, "maxItems": 10_000}]}, reference, FACT_EXAMPLE
        ),
        "responses": {
            "200": _answer(
                "The fact was recorded before; or an outcome for each of many.", {"anyOf": [outcome, outcomes]}, outcome
            ),
            "201": _answer("The fact is recorded, and on disk.", outcome),
            **_problems((400, 401, 403, 408, 413, 414, 415, 422, 429, 431, 503, 504)),
        },
    }


def _changes(components: dict[str, Schema]) -> Schema:
    events = [
        changes_document.event_schema(name, _component(kind.__name__, kind, components))
        for name, kind in changes_document.EVENTS.items()
    ]
    stream: Schema = {"schema": {"description": changes_document.STREAM_DESCRIPTION, "anyOf": events}}
    page: Schema = {"schema": _component("ChangesPage", ChangesPage, components)}
    return {
        "operationId": "changes",
        "summary": "What is announced, from a place on: each once, in the order of the ledger.",
        "description": f"{_roles('changes')} {changes_document.DESCRIPTION}",
        "parameters": [*map(_parameter, CHANGES), changes_document.LAST_EVENT],
        "responses": {
            "200": {
                "description": "The stream, or the page.",
                "headers": changes_document.HEADERS,
                "content": {
                    "text/event-stream": stream | {"example": changes_document.STREAM_EXAMPLE},
                    "application/json": page | {"example": changes_document.PAGE_EXAMPLE},
                },
            },
            **_problems((400, 401, 403, 409, 414, 429, 431, 503, 504)),
        },
    }


def _retry(components: dict[str, Schema]) -> Schema:
    content = {
        "application/json": {"schema": body_schema(refusals.RetryWanted), "example": {"code": "unknown-membership"}}
    }
    return {
        "operationId": refusals.ROUTE,
        "summary": "Takes refused facts again that are kept whole, some at a time.",
        "description": _roles(refusals.ROUTE) + " What is accepted is resolved, what is refused again stays.",
        "requestBody": {"required": False, "content": content},
        "responses": {
            "200": _answer("What came of them.", _component("RefusalsRetried", refusals.RefusalsRetried, components)),
            **_problems((400, 401, 403, 413, 414, 415, 429, 431, 503, 504)),
        },
    }


def _types(models: Iterable[Any]) -> list[str]:
    return [model.model_fields["type"].annotation.__args__[0] for model in models]


def _others(components: dict[str, Schema]) -> dict[str, Any]:
    health = _component("Health", Health, components)
    alive = {"type": "object", "properties": {"alive": {"const": True}}, "required": ["alive"]}
    plain = {"description": "The answer.", "content": {"application/json": {"schema": alive}}}
    return {
        "/openapi.json": {
            "get": {
                "operationId": "openapi", "summary": "This document.", "description": "For whoever has a token.",
                "responses": {
                    "200": {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object"}}}},
                    **_problems((400, 401, 403, 414, 429, 431, 503)),
                },
            }
        },
        "/metrics": {
            "get": {
                "operationId": "metrics", "summary": "Figures of the service, as Prometheus reads them.",
                "description": _roles("metrics"),
                "responses": {
                    "200": {"description": "Text format 0.0.4.", "content": {"text/plain": {"schema": {"type": "string"}}}},
                    **_problems((400, 401, 403, 414, 429, 431, 503)),
                },
            }
        },
        PATH_OF_OPERATIONS: {
            "get": {
                "operationId": "operations", "summary": "How the service stands, and what there is to do about it.",
                "description": _roles("operations"),
                "responses": {
                    "200": {
                        "description": "The answer.",
                        "content": {"application/json": {"schema": _component("Operations", Operations, components)}},
                    },
                    **_problems((400, 401, 403, 414, 429, 431, 503, 504)),
                },
            }
        },
        "/livez": {
            "get": {
                "operationId": "livez", "summary": "Whether the process answers.", "security": [],
                "responses": {"200": plain, **_problems((400, 414, 431, 503))},
            }
        },
        "/readyz": {
            "get": {
                "operationId": "readyz", "summary": "Whether it can answer, and what it lacks.", "security": [],
                "responses": {
                    "200": {"description": "It can.", "content": {"application/json": {"schema": health}}},
                    "503": {
                        "description": "It cannot, or too much is under way.",
                        "content": {
                            "application/json": {"schema": health},
                            MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}},
                        },
                    },
                    **_problems((400, 414, 431)),
                },
            }
        },
    }  # fmt: skip


MIN_POSITION: Final[Schema] = {
    "name": "Min-Position",
    "in": "header",
    "description": "The answer is as of this position at least; waited for a bounded time, then 504.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
}
IF_NONE_MATCH: Final[Schema] = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of an answer that the client keeps.",
    "schema": {"type": "string", "maxLength": 200},
}


def _parameter(one: Parameter) -> Schema:
    said: Schema = {
        "name": one.name, "in": one.place, "required": one.required, "description": one.description,
        "schema": dict(one.schema),
    }  # fmt: skip
    return said if one.example is None else said | {"example": one.example}


def _roles(route: str) -> str:
    return f"For the roles {', '.join(role for role, routes in TABLE.items() if route in routes)}."


def _body(schema: Schema, line: Schema, example: Any) -> Schema:
    lines = example if isinstance(example, list) else [example]
    return {
        "required": True,
        "content": {
            "application/json": {"schema": schema, "example": example},
            NDJSON: {
                "schema": {"type": "string", "description": f"A line for each: {line.get('$ref', 'a question')}."},
                "example": "".join(orjson.dumps(one).decode() + "\n" for one in lines),
            },
        },
    }


def _answer(description: str, schema: Schema, line: Schema | None = None) -> Schema:
    """An answer with its headers; `line` is what each line of ndjson is, where it can be asked for."""
    content: Schema = {"application/json": {"schema": schema}}
    if line is not None:
        content[NDJSON] = {
            "schema": {"type": "string", "description": "A line for each, as the elements of the array."}
        }
    headers = {
        "Ledger-Position": {"description": "As of which position it is.", "schema": {"type": "integer", "minimum": 0}}
    }
    return {"description": description, "headers": headers, "content": content}


def _problems(statuses: Iterable[int]) -> dict[str, Schema]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(status): {"description": PROBLEMS[status], "content": content} for status in statuses}


def _component(name: str, kind: Any, components: dict[str, Schema]) -> Schema:
    """Puts the schema of an answer among the components, what it defines beside it; a reference to it."""
    reference = {"$ref": f"#/components/schemas/{name}"}
    if name in components:
        return reference
    schema = answer_schema(name, kind)
    for key in ("$schema", "$id", "title"):
        del schema[key]
    for inner, definition in schema.pop("$defs", {}).items():
        components[f"{name}.{inner}"] = _moved(definition, name)
    components[name] = _moved(schema, name)
    return reference


def _moved(schema: Any, name: str) -> Any:
    if isinstance(schema, list):
        return [_moved(one, name) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: f"#/components/schemas/{name}.{value.removeprefix('#/$defs/')}"
        if key == "$ref" and isinstance(value, str)
        else _moved(value, name)
        for key, value in schema.items()
    }


def _show_days(route: str, name: str, components: dict[str, Schema]) -> None:
    """Says of an instant that a role sees its day alone."""
    for way in {way for routes in TABLE.values() if route in routes for way in routes[route].by_day}:
        *inner, last = way.split(".")
        schema = components[name]
        for step in inner:
            options = schema["properties"][step].get("anyOf", [schema["properties"][step]])
            (reference,) = [option["$ref"] for option in options if "$ref" in option]
            schema = components[reference.removeprefix("#/components/schemas/")]
        said = dict(schema["properties"][last])
        description = said.pop("description", "")
        schema["properties"][last] = {
            "description": f"{description} Some roles see its day alone.".strip(), "anyOf": [said, dict(DATE)]
        }  # fmt: skip


def broken_promises(folder: Path) -> list[str]:
    """Where the present document breaks the clients of a released one."""
    return [
        f"{released}: {sentence}"
        for released in sorted((folder / "released").glob(f"*/{FILE}"))
        for sentence in breaks(orjson.loads(released.read_bytes()), orjson.loads(document()))
    ]


def release(folder: Path, version: str) -> None:
    """Keeps the present document as that of a release. Raises FileExistsError where there is one."""
    there = folder / "released" / version
    there.mkdir(parents=True, exist_ok=True)
    with (there / FILE).open("xb") as file:
        file.write(document())


def main(arguments: Sequence[str]) -> int:
    """See the module."""
    match list(arguments):
        case ["--write", folder]:
            (Path(folder) / FILE).write_bytes(document())
            return 0
        case ["--check", folder]:
            there = Path(folder) / FILE
            found = broken_promises(Path(folder))
            if not there.exists() or there.read_bytes() != document():
                found.append(f"{there}: is not what the routes say")
            sys.stderr.writelines(f"{line}\n" for line in found)
            return 1 if found else 0
        case ["--release", folder, version]:
            release(Path(folder), version)
            return 0
    sys.stderr.write(f"{__doc__}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
