"""The examples of the OpenAPI document: every operation has them, and a real service answers them as it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from console.http.examples import JSON, NDJSON, as_shown, examples
from console.http.openapi import document
from tests.console.http.examples import ELSEWHERE, ask, copied, is_shown, main, make_exemplary, operations
from tests.console.http.test_openapi import wrong_with

DOCUMENT: dict[str, Any] = orjson.loads(document())
ALL = {operation["operationId"]: (path, method, operation) for path, method, operation in operations(DOCUMENT)}
REQUESTS = [
    (name, media)
    for name, (_, _, operation) in ALL.items()
    for media in operation.get("requestBody", {"content": {None: {}}})["content"]
]


@pytest.fixture(scope="module")
def exemplary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("exemplary") / "ledger.db"
    make_exemplary(store)
    return store


def contents(operation: Any) -> Iterator[tuple[str, str, Any]]:
    """Status, type and content of each answer that says that it went well."""
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            for media, content in answer.get("content", {}).items():
                yield status, media, content


@pytest.mark.parametrize("name", ALL)
def test_every_operation_has_examples_of_what_is_sent_and_of_what_is_answered(name: str) -> None:
    _, _, operation = ALL[name]
    for parameter in operation.get("parameters", []):
        assert "example" in parameter or not parameter.get("required"), parameter["name"]
    for media, content in operation.get("requestBody", {"content": {}})["content"].items():
        assert "example" in content, f"the body of {media}"
    if is_shown(operation):
        assert name in examples(), "python -m tests.console.http.examples --write asks a service, and writes it"
        assert any("example" in content for _, _, content in contents(operation))


def test_there_is_no_example_of_an_operation_that_there_is_not() -> None:
    assert examples().keys() <= ALL.keys() - ELSEWHERE.keys()
    assert ELSEWHERE.keys() <= ALL.keys()


@pytest.mark.parametrize("name", ALL)
def test_an_example_is_what_its_schema_says(name: str) -> None:
    _, _, operation = ALL[name]
    for _, media, content in contents(operation):
        if media == JSON and "example" in content:
            assert wrong_with(content["schema"], content["example"]) == []
    for media, content in operation.get("requestBody", {"content": {}})["content"].items():
        if media == JSON:
            assert wrong_with(content["schema"], content["example"]) == []
    for parameter in operation.get("parameters", []):
        if "example" in parameter:
            assert wrong_with(parameter["schema"], parameter["example"]) == []


@pytest.mark.parametrize(("name", "media"), REQUESTS, ids=[f"{name}-{media}" for name, media in REQUESTS])
def test_a_service_answers_the_examples_as_the_document_shows(
    exemplary: Path, tmp_path: Path, name: str, media: str | None
) -> None:
    path, method, operation = ALL[name]
    with copied(exemplary, tmp_path) as served:
        found = ask(served, path, method, operation, media)
    assert 200 <= found.status_code < 300, found.text
    if found.status_code == 204:
        return
    kind = found.headers["content-type"].partition(";")[0]
    content = operation["responses"][str(found.status_code)]["content"][kind]
    if not is_shown(operation):
        assert "example" not in content
    elif kind == NDJSON:
        lines = [orjson.loads(line) for line in found.content.splitlines()]
        assert as_shown(lines, kind) == content["example"]
    else:
        assert as_shown(found.json(), kind) == content["example"], "python -m tests.console.http.examples --write"


def test_the_examples_are_written_by_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "--write" in capsys.readouterr().err
