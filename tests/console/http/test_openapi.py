"""The OpenAPI document: as it is kept, whole, and true of what the service answers; with requests drawn from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from console.http.openapi import document, main
from console.http.roles import TABLE, WEBHOOKS
from console.http.routes import READING
from tests.console.http.support import PATHS, PROVEN, Served, serving
from tests.console.support import ROOT, enrolment, fact

DOCUMENT: dict[str, Any] = orjson.loads(document())
BASE = "urn:openapi"
REGISTRY = Registry().with_resource(BASE, Resource.from_contents(DOCUMENT, default_specification=DRAFT202012))


PEOPLE = {"responses", "comments", "erasures", "access-report"}
"""They need a vault: see test_people.py and test_vault_desk.py, as test_webhooks.py for webhooks."""


def wrong_with(schema: Any, answer: Any) -> list[str]:
    """Each way in which an answer is not what a schema of the document says."""
    validator = Draft202012Validator(_absolute(schema), registry=REGISTRY, format_checker=FormatChecker(["date"]))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(answer)]


def _absolute(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_absolute(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: f"{BASE}{one}" if key == "$ref" else _absolute(one) for key, one in schema.items()}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def answer_schema(operation: dict[str, Any], found: Any) -> Any:
    """The schema of an answer; the document must have its status, and its type of content."""
    content = operation["responses"][str(found.status_code)]["content"]
    return content[found.headers["content-type"].partition(";")[0]]["schema"]


def said_by(found: Any) -> Any:
    """An answer as its schema is about it: JSON, or bytes as a text."""
    return found.json() if "json" in found.headers["content-type"] else found.content.decode("latin-1")


def test_the_document_is_kept_as_the_routes_say_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = (ROOT / "schemas/openapi.json").read_bytes()
    assert kept == document(), "python -m console.http.openapi --write schemas writes it"
    assert main(["--check", str(ROOT / "schemas")]) == 0
    assert main(["--check", str(tmp_path)]) == 1
    assert main(["--write", str(tmp_path)]) == 0
    assert (tmp_path / "openapi.json").read_bytes() == kept
    assert main([]) == 2
    capsys.readouterr()


def test_the_document_is_openapi_with_schemas_that_are_schemas_and_no_reference_into_nothing() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))
    others = {
        "facts",
        "status-batch",
        "refusals-retry",
        "changes",
        "openapi",
        "livez",
        "readyz",
        "metrics",
        "operations",
    }
    others |= {"log-checkpoint", "log-checkpoints", "log-tile", *PEOPLE}
    assert set(names) == {route.name for route in READING} | PROVEN.keys() | others | set(WEBHOOKS)
    assert {route for routes in TABLE.values() for route in routes} <= set(names)
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    referred = set()

    def look(at: Any) -> None:
        if isinstance(at, dict):
            referred.update({at["$ref"]} if isinstance(at.get("$ref"), str) else ())
            for one in at.values():
                look(one)
        elif isinstance(at, list):
            for one in at:
                look(one)

    look(DOCUMENT)
    assert referred == {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}


def sets_of_values(schema: Any) -> Iterator[dict[str, Any]]:
    """Each part of a schema that lists its values."""
    parts = schema if isinstance(schema, list) else schema.values() if isinstance(schema, dict) else ()
    if isinstance(schema, dict) and "enum" in schema:
        yield schema
    for part in parts:
        yield from sets_of_values(part)


def test_every_set_of_values_that_is_answered_may_grow_and_none_that_is_sent() -> None:
    components = DOCUMENT["components"]["schemas"]
    bodies = [orjson.dumps(operation.get("requestBody", {})).decode() for _, _, operation in operations()]
    sent = {name for body in bodies for name in re.findall(r'"#/components/schemas/([^"]+)"', body)}
    assert sent == {"Fact"}
    answered = [one for name, schema in components.items() if name not in sent for one in sets_of_values(schema)]
    assert len(answered) > 20
    assert all(one["x-may-grow"] is True for one in answered)
    assert not [one for name in sent for one in sets_of_values(components[name]) if "x-may-grow" in one]


def test_the_document_is_served(served: Served) -> None:
    assert served.get("/openapi.json", "subscriber").content == document()


@pytest.mark.parametrize(
    ("path", "method", "operation"),
    [one for one in operations() if not one[0].startswith("/v1/webhooks") and one[2]["operationId"] not in PEOPLE],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_the_examples_of_the_document_are_answered(
    served: Served, empty: Served, path: str, method: str, operation: dict[str, Any]
) -> None:
    name = operation["operationId"]
    role = next((role for role, routes in TABLE.items() if name in routes), "auditor")
    if method == "post":
        body = operation["requestBody"]["content"]["application/json"]["example"]
        if name == "facts":
            assert empty.post(path, enrolment()[0], role).status_code == 201
        found = (empty if name == "facts" else served).post(path, body, role)
        assert found.status_code == (201 if name == "facts" else 200)
    else:
        parameters = operation.get("parameters", [])
        example = {one["name"]: one["example"] for one in parameters if "example" in one}
        inside = {one["name"]: example.pop(one["name"]) for one in parameters if one["in"] == "path"}
        found = served.get(
            f"{path.format(**inside)}?{urlencode(example)}".removesuffix("?"), role, Accept="application/json"
        )
        assert found.status_code == 200, found.text
    assert wrong_with(answer_schema(operation, found), said_by(found)) == []


@pytest.mark.parametrize("role", ["auditor", "operations", "partner"])
@pytest.mark.parametrize("name", sorted(PATHS))
def test_answers_are_what_the_document_says_for_whoever_asks(served: Served, name: str, role: str) -> None:
    operation = next(one for _, _, one in operations() if one["operationId"] == name)
    for query in ("", "&at=2010-07-01", "&at=2024-08-01"):
        if query and not any(one["name"] == "at" for one in operation["parameters"]):
            continue
        path = PATHS[name] + query if "?" in PATHS[name] else PATHS[name] + query.replace("&", "?")
        found = served.get(path, role)
        assert wrong_with(answer_schema(operation, found), found.json()) == []


def test_what_is_wrong_is_what_the_document_says(served: Served) -> None:
    problem = {"$ref": "#/components/schemas/Problem"}
    operation = DOCUMENT["paths"]["/v1/memberships/{membership}/status"]["get"]
    for path in ("m-9/status", "m-1/status?at=x", "m-1/status?known_at=999999", f"m-1/status?{'x' * 5000}"):
        found = served.get(f"/v1/memberships/{path}")
        assert answer_schema(operation, found) == problem
        assert wrong_with(problem, found.json()) == []
    refused = served.post("/v1/facts", fact("record-reminder", "x", "2010-06-01T00:00:00Z", "m-9", invitation="i"))
    assert wrong_with(problem, refused.json()) == []
    many = served.post("/v1/facts", [{"type": "x"}])
    assert wrong_with({"type": "array", "items": {"$ref": "#/components/schemas/FactOutcome"}}, many.json()) == []


def test_whoever_asks_too_often_is_told_so_as_the_document_says_of_each_route(tmp_path: Path) -> None:
    """But for who asks whether the service lives, which nothing counts."""
    counted = set()
    with serving(tmp_path / "ledger.db", rate="1/hour", rate_without_token="1/hour") as served:
        for path in ("/v1/overview", "/log/checkpoint"):
            served.get(path, None)
        for path, method, operation in operations():
            found = served.client.request(method.upper(), re.sub(r"{\w+}", "x", path))
            assert str(found.status_code) in operation["responses"], (method, path, found.status_code)
            if found.status_code == 429:
                counted.add(operation["operationId"])
    assert {operation["operationId"] for _, _, operation in operations()} - counted == {"livez", "readyz"}
