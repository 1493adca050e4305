"""The subscribers in TypeScript and Go that docs/examples shows: compiled, and run against a feed that breaks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from csat_ledger_client import Ledger
from tests.client.http.scripted import Connection, Server, scripted
from tests.client.http.support import bearer_of
from tests.client.http.test_changes import DESIGNATION, ELIGIBILITY, cursor, sends, told
from tests.console.http.process import service_process
from tests.console.support import ROOT, met
from tests.docs.compilers import EXAMPLES, Unavailable, compiled_go, compiled_typescript

COMPILERS = {"go": compiled_go, "typescript": compiled_typescript}
SOURCES = {"go": EXAMPLES / "go" / "follow.go", "typescript": EXAMPLES / "typescript" / "follow.ts"}
PATIENCE_S = 60.0


@pytest.fixture(scope="module", params=list(COMPILERS))
def follower(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command of an example, compiled."""
    try:
        return COMPILERS[request.param](tmp_path_factory.mktemp(request.param))
    except Unavailable as why:
        pytest.skip(str(why))


@contextmanager
def running(command: list[str], server: Server, kept: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*command, server.url, str(kept), *options], env=os.environ | {"CSAT_LEDGER_TOKEN": "a.b.c"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_S)


def lines(process: subprocess.Popen[str], number: int) -> list[dict[str, Any]]:
    assert process.stdout is not None
    return [json.loads(process.stdout.readline()) for _ in range(number)]


def await_kept(path: Path, text: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists() or path.read_text() != text:
        assert time.monotonic() < deadline, path.read_text() if path.exists() else "no cursor was kept"
        time.sleep(0.02)


def test_it_follows_over_breaks_and_goes_on_where_it_was_once_it_is_killed(follower: list[str], tmp_path: Path) -> None:
    place = f'id: {cursor(90)}\nevent: position\ndata: {{"position":90}}\n\n'.encode()
    kept = tmp_path / "cursor"
    steps = [
        sends(b"retry: 10\n\n", told(3), b":\n\n", told(5, name="DesignationChanged"), told(7)[:60]),
        lambda connection: connection.problem(503, "busy"),
        sends(told(5), told(7), told(8, name="NextYears"), place, stay=True),
        sends(told(95), stay=True),
    ]
    with scripted(*steps) as server:
        with running(follower, server, kept, "--membership", "m-1") as process:
            found = lines(process, 3)
            await_kept(kept, cursor(90))
        assert [one["position"] for one in found] == [3, 5, 7]
        assert (found[0]["satisfied"], found[1]["area"]) == (True, "business-applications")
        with running(follower, server, kept) as process:
            assert [one["position"] for one in lines(process, 1)] == [95]
            await_kept(kept, cursor(95))
    assert server.asked[0].line in (
        "GET /v1/changes?membership=m-1&after=0 HTTP/1.1",
        "GET /v1/changes?after=0&membership=m-1 HTTP/1.1",
    )
    assert [one.headers.get("last-event-id") for one in server.asked] == [None, cursor(5), cursor(5), cursor(90)]
    assert {one.headers["authorization"] for one in server.asked} == {"Bearer a.b.c"}


def test_another_book_or_another_token_ends_it(follower: list[str], tmp_path: Path) -> None:
    kept = tmp_path / "cursor"
    kept.write_text(cursor(3))
    cut = b'event: cut-off\ndata: {"reason":"position-unknown","sentence":"an older copy"}\n\n'

    def denies(connection: Connection) -> None:
        connection.problem(401, "unauthorized")

    for step, said in ((sends(cut), "an older copy"), (denies, "unauthorized")):
        with scripted(step) as server, running(follower, server, kept) as process:
            assert process.wait(PATIENCE_S) == 1
            assert process.stderr is not None
            assert said in process.stderr.read()
    assert kept.read_text() == cursor(3)


@pytest.mark.parametrize("name", ["EligibilityChange", "DesignationChange"])
def test_their_types_have_the_members_of_the_schema(name: str) -> None:
    schema = json.loads((ROOT / "schemas/answers/changes.json").read_text())["$defs"][name]["properties"]
    sample = {"EligibilityChange": ELIGIBILITY, "DesignationChange": DESIGNATION}[name]
    assert schema.keys() == {"position", *sample}
    go = re.search(rf"type {name} struct {{(.*?)\n}}", SOURCES["go"].read_text(), re.DOTALL)
    typescript = re.search(rf"interface {name} {{(.*?)\n}}", SOURCES["typescript"].read_text(), re.DOTALL)
    assert go is not None
    assert typescript is not None
    assert re.findall(r'json:"(\w+)"', go[1]) == list(schema)
    assert re.findall(r"^  (\w+):", typescript[1], re.MULTILINE) == list(schema)
    nullable = {field for field, said in schema.items() if {"type": "null"} in said.get("anyOf", [])}
    assert set(re.findall(r"^  (\w+): [\w ]+ \| null", typescript[1], re.MULTILINE)) == nullable
    assert set(re.findall(r'\*\w+ +`json:"(\w+)"', go[1])) == nullable


def test_it_follows_the_service_itself(follower: list[str], tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev") as served:
        token = bearer_of(served, "--role", "subscriber")
        with Ledger(served.url, bearer_of(served, "--role", "operator")) as ledger:
            ledger.record_many(met())
        command = [*follower, served.url, str(tmp_path / "cursor"), "--type", "EligibilityChanged"]
        process = subprocess.Popen(
            command,
            env=os.environ | {"CSAT_LEDGER_TOKEN": token},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            (found,) = lines(process, 1)
            deadline = time.monotonic() + PATIENCE_S
            while not (tmp_path / "cursor").exists():
                assert time.monotonic() < deadline
                time.sleep(0.02)
        finally:
            process.kill()
            process.communicate(timeout=PATIENCE_S)
    assert (found["membership"], found["satisfied"], found["effective_at"]) == (
        "m-1",
        True,
        "2010-06-10T10:00:00.000000Z",
    )
    assert int((tmp_path / "cursor").read_text().partition("-")[0]) >= found["position"]
