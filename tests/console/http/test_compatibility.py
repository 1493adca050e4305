"""Whether a new OpenAPI document breaks the clients of a released one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.http.compatibility import breaks
from console.http.openapi import FILE, broken_promises, document, main
from tests.console.support import ROOT
from tests.support.soak import scaled

PRESENT: dict[str, Any] = orjson.loads(document())
RELEASES = sorted(path.parent.name for path in (ROOT / "schemas/released").glob(f"*/{FILE}"))

SMALL: dict[str, Any] = {
    "security": [{"token": []}],
    "paths": {
        "/v1/lamps": {
            "get": {
                "operationId": "lamps",
                "parameters": [
                    {
                        "name": "state",
                        "in": "query",
                        "required": False,
                        "schema": {"type": "string", "enum": ["on", "off"]},
                    },
                    {"name": "limit", "in": "query", "required": False, "schema": {"type": "integer", "maximum": 10}},
                ],
                "responses": {
                    "200": {
                        "headers": {"Ledger-Position": {"schema": {"type": "integer"}}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Lamp"}}},
                    },
                    "404": {"content": {"application/problem+json": {"schema": {"type": "object"}}}},
                },
            },
            "post": {
                "operationId": "light",
                "requestBody": {
                    "required": False,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Wish"}}},
                },
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Lamp"}}}}
                },
            },
        },
        "/livez": {"get": {"operationId": "livez", "security": [], "responses": {"200": {}}}},
    },
    "components": {
        "schemas": {
            "Lamp": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "state": {"type": "string", "enum": ["on", "off"]},
                    "why": {"type": "string", "enum": ["dusk"], "x-may-grow": True},
                    "note": {"type": "string"},
                },
                "required": ["id", "state"],
            },
            "Wish": {"type": "object", "properties": {"id": {"type": "string"}}, "required": []},
        }
    },
}
GET, POST = ("paths", "/v1/lamps", "get"), ("paths", "/v1/lamps", "post")
LAMP, WISH = ("components", "schemas", "Lamp"), ("components", "schemas", "Wish")


def changed(*way: str | int, to: Any) -> dict[str, Any]:
    """The small document with something else at a place; None takes it away."""
    made = copy.deepcopy(SMALL)
    at: Any = made
    for step in way[:-1]:
        at = at[step]
    if to is None:
        del at[way[-1]]
    elif isinstance(at, list) and way[-1] == len(at):
        at.append(to)
    else:
        at[way[-1]] = to
    return made


NEW_PARAMETER = {"name": "near", "in": "query", "required": False, "schema": {"type": "string"}}


@pytest.mark.parametrize(
    ("present", "said"),
    [
        (changed("paths", "/livez", to=None), "/livez: found no such path any more"),
        (changed(*POST, to=None), "POST /v1/lamps: found no such method any more"),
        (changed(*GET, "operationId", to="lights"), "found the operation 'lights', expected 'lamps'"),
        (changed(*GET, "parameters", 1, to=None), "limit: found no such parameter any more"),
        (changed(*GET, "parameters", 1, "required", to=True), "limit: found a parameter that must be given"),
        (changed(*GET, "parameters", 0, "schema", "enum", to=["on"]), "state"),
        (changed(*GET, "parameters", 1, "schema", "maximum", to=5), "limit"),
        (changed(*GET, "parameters", 1, "in", to="header"), "limit: found no such parameter any more"),
        (
            changed(*GET, "parameters", 2, to={**NEW_PARAMETER, "required": True}),
            "near: found a new parameter that must",
        ),
        (changed(*GET, "responses", "404", to=None), "404: found no such status any more"),
        (changed(*GET, "responses", "206", to={}), "found the new status 206"),
        (changed(*GET, "responses", "200", "headers", "Ledger-Position", to=None), "found no header Ledger-Position"),
        (
            changed(*GET, "responses", "200", "content", to={"text/plain": {"schema": {}}}),
            "no answer of application/json",
        ),
        (changed(*LAMP, "properties", "note", to=None), "note: found no such field any more"),
        (changed(*LAMP, "required", to=["id"]), "state: found an optional field"),
        (changed(*LAMP, "properties", "id", "type", to="integer"), "id: found type integer, expected string"),
        (changed(*LAMP, "properties", "state", "enum", to=["on", "off", "broken"]), "broken"),
        (changed(*LAMP, "properties", "why", "type", to="integer"), "why"),
        (changed(*POST, "requestBody", to=None), "found no body any more"),
        (changed(*POST, "requestBody", "required", to=True), "found that a body must be sent"),
        (changed(*POST, "requestBody", "content", to={}), "found no body of application/json any more"),
        (changed(*WISH, "required", to=["id"]), "id: found a required field that writers do not send"),
        (changed(*WISH, "properties", "id", to=None), "id: found no such field any more"),
        (changed(*WISH, "properties", "id", "maxLength", to=5), "id"),
        (changed("paths", "/livez", "get", "security", to=[{"token": []}]), "found that a token is needed"),
    ],
)
def test_what_breaks_a_client_is_found(present: dict[str, Any], said: str) -> None:
    found = breaks(SMALL, present)
    assert found
    assert any(said in sentence for sentence in found), found


@pytest.mark.parametrize(
    "present",
    [
        SMALL,
        changed("paths", "/v2/lamps", to={"get": {"operationId": "more", "responses": {}}}),
        changed("paths", "/livez", "post", to={"operationId": "wake", "responses": {}}),
        changed(*GET, "parameters", 2, to=NEW_PARAMETER),
        changed(*GET, "parameters", 0, "schema", "enum", to=["on", "off", "broken"]),
        changed(*GET, "parameters", 1, "schema", "maximum", to=100),
        changed(*GET, "responses", "429", to={}),
        changed(*GET, "responses", "200", "headers", "ETag", to={"schema": {"type": "string"}}),
        changed(*GET, "responses", "200", "content", "text/plain", to={"schema": {"type": "string"}}),
        changed(*GET, "summary", to="Other words."),
        changed(*GET, "security", to=[]),
        changed(*LAMP, "properties", "more", to={"type": "integer"}),
        changed(*LAMP, "required", to=["id", "state", "note"]),
        changed(*LAMP, "properties", "why", "enum", to=["dusk", "fog"]),
        changed(*LAMP, "properties", "why", "enum", to=None),
        changed(*WISH, "properties", "colour", to={"type": "string"}),
        changed(*WISH, "properties", "id", to={"anyOf": [{"type": "string"}, {"type": "null"}]}),
    ],
)
def test_what_breaks_nobody_is_left_in_peace(present: dict[str, Any]) -> None:
    assert breaks(SMALL, present) == []


# the present document


def test_the_present_document_breaks_no_released_one() -> None:
    assert RELEASES[:1] == ["1.0"], "there is one to break"
    assert broken_promises(ROOT / "schemas") == []


@pytest.mark.parametrize("version", RELEASES)
def test_a_route_may_be_added_to_a_release_and_none_be_taken_away(version: str) -> None:
    released = orjson.loads((ROOT / "schemas/released" / version / FILE).read_bytes())
    assert released["paths"].keys() <= PRESENT["paths"].keys()
    added = copy.deepcopy(PRESENT)
    added["paths"]["/v1/later"] = copy.deepcopy(added["paths"]["/v1/renewals"])
    assert breaks(released, added) == []
    for path in released["paths"]:
        present = copy.deepcopy(PRESENT)
        del present["paths"][path]
        assert breaks(released, present) == [f"{path}: found no such path any more"]


def places(at: Any, wanted: Callable[[Any], bool], way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each object that is wanted in a document."""
    if wanted(at):
        yield way
    for step, inner in at.items() if isinstance(at, dict) else enumerate(at) if isinstance(at, list) else ():
        yield from places(inner, wanted, (*way, step))


def without(made: Any, way: tuple[Any, ...], step: Any) -> Any:
    """A copy of a document without a member of an object."""
    left = copy.deepcopy(made)
    at = left
    for one in way:
        at = at[one]
    del at[step]
    return left


ANSWERED = ("Status", "ScoreAnswer", "BoardPage", "RefusalsPage", "FactOutcome", "RefusalsRetried", "Problem")
OPERATIONS = sorted(
    (path, method)
    for path, methods in PRESENT["paths"].items()
    for method in methods
    if isinstance(methods[method], dict)
)


@settings(max_examples=scaled(25))
@given(st.sampled_from(OPERATIONS), st.data())
def test_whatever_is_taken_from_an_operation_is_found(operation: tuple[str, str], data: st.DataObject) -> None:
    path, method = operation
    said = PRESENT["paths"][path][method]
    choices: list[tuple[tuple[Any, ...], Any]] = [((), path)]
    choices += [((path, method, "responses"), status) for status in said["responses"]]
    choices += [((path, method, "parameters"), place) for place in range(len(said.get("parameters", [])))]
    choices += [((path, method), "requestBody")] if "requestBody" in said else []
    way, step = data.draw(st.sampled_from(choices))
    assert breaks(PRESENT, without(PRESENT, ("paths", *way), step))


ANSWERS = sorted(
    {
        way
        for way in places(PRESENT["components"]["schemas"], lambda at: isinstance(at, dict) and "properties" in at)
        if way[0] not in ("Fact",)
    }
)


@settings(max_examples=scaled(25))
@given(st.sampled_from(ANSWERS), st.data())
def test_whatever_member_is_taken_from_an_answer_is_found(way: tuple[Any, ...], data: st.DataObject) -> None:
    at: Any = PRESENT["components"]["schemas"]
    for step in way:
        at = at[step]
    member = data.draw(st.sampled_from(sorted(at["properties"])))
    assert breaks(PRESENT, without(PRESENT, ("components", "schemas", *way, "properties"), member))


@settings(max_examples=scaled(25))
@given(st.sampled_from(ANSWERS), st.text("abc", min_size=12, max_size=12))
def test_a_member_that_is_added_to_an_answer_breaks_nobody(way: tuple[Any, ...], name: str) -> None:
    more = copy.deepcopy(PRESENT)
    at: Any = more["components"]["schemas"]
    for step in way:
        at = at[step]
    at["properties"][name] = {"type": "string"}
    assert breaks(PRESENT, more) == []


# a release


def test_a_release_is_kept_for_ever_and_checked_against(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--write", str(tmp_path)]) == 0
    assert main(["--release", str(tmp_path), "1.1"]) == 0
    assert (tmp_path / "released/1.1" / FILE).read_bytes() == document()
    assert main(["--check", str(tmp_path)]) == 0
    with pytest.raises(FileExistsError):
        main(["--release", str(tmp_path), "1.1"])
    released = orjson.loads(document())
    released["paths"]["/v1/gone"] = {"get": {"operationId": "gone", "responses": {}}}
    (tmp_path / "released/1.1" / FILE).write_bytes(orjson.dumps(released))
    assert main(["--check", str(tmp_path)]) == 1
    assert "/v1/gone: found no such path any more" in capsys.readouterr().err
