"""Facts with answers over HTTP, one, as an array and as a stream: into the vault, and told to nobody."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from console.vault_place import VaultPlace
from ledger.vault.columns import columns
from tests.console.http.process import Running, environment, service_process
from tests.console.support import Fact, enrolment, fact, response

AT = "2011-06-02T10:00:00Z"
NOW = "2012-01-01T00:00:00Z"


def said(number: int, **changed: Any) -> Fact:
    given = {"answers": {"overall": number, "own": {"wish": "Zwetschge"}}, "comment": "Quirina was friendly"}
    return {**response(number, "Brontegard", AT), **given, **changed}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    settings = {"CSAT_LEDGER_VAULT": "people.db", "CSAT_LEDGER_VAULT_KEY_FILE": "key", "CSAT_LEDGER_NOW": NOW}
    subprocess.run(
        [sys.executable, "-m", "console", "vault", "migrate", "--make-key"],
        cwd=tmp_path, env=environment(**settings), check=True, capture_output=True,
    )  # fmt: skip
    with service_process(tmp_path, "--dev", "--access-log", "access.log", **settings) as found:
        yield found


def kept(folder: Path) -> list[tuple[str, int | None]]:
    with VaultPlace(str(folder / "people.db"), folder / "key").vault() as vault:
        return [(one.fact, one.overall) for one in columns(vault)]


def test_one_fact_an_array_and_a_stream_keep_their_answers_and_tell_nobody(running: Running, tmp_path: Path) -> None:
    operator = running.token("--role", "operator")
    for one in enrolment():
        assert running.post("/v1/facts", one, operator).status_code == 201
    assert running.post("/v1/facts", said(1), operator).status_code == 201
    assert running.post("/v1/facts", said(1), operator).status_code == 200
    reused = running.post("/v1/facts", said(1, comment="Quirina again"), operator)
    assert (reused.status_code, reused.json()["code"]) == (422, "id-reused")
    array = running.post("/v1/facts", [said(2), said(3, answers={"overall": 11}), said(4, location="Lisbon")], operator)
    assert [one.get("code", one["status"]) for one in array.json()] == ["accepted", "malformed", "unknown-location"]
    lines = b"".join(orjson.dumps(said(number)) + b"\n" for number in range(5, 9))
    with running.client() as client:
        stream = client.post("/v1/facts", content=lines, headers=operator | {"Content-Type": "application/x-ndjson"})
    assert [orjson.loads(line)["status"] for line in stream.text.splitlines()] == ["accepted"] * 4
    assert kept(tmp_path) == [(f"m-1-f-{number}", number) for number in (1, 2, 5, 6, 7, 8)]

    waiting = running.get("/v1/refusals", operator).json()["refusals"]
    by_id = {one["id"]: one for one in waiting}
    assert by_id["m-1-f-4"]["whole"]
    assert by_id["m-1-f-4"]["original"]["answers"] == "in the vault"
    assert running.post("/v1/facts", fact("add-location", "l", AT, location="Lisbon"), operator).status_code == 201
    retried = running.post("/v1/refusals:retry", {"ids": ["m-1-f-4"]}, operator).json()
    assert (retried["accepted"], retried["refused"]) == (1, 0)
    assert ("m-1-f-4", 4) in kept(tmp_path)

    told = [one.text for one in (array, stream, reused)] + [running.get("/v1/refusals", operator).text]
    code, errors = running.stop()
    assert code in (0, -15, 143), errors
    files = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    for word in (b"Quirina", b"Zwetschge"):
        assert word not in errors
        assert not any(word.decode() in one for one in told)
        assert [path.name for path, content in files.items() if word in content] == []


def test_where_the_vault_cannot_be_used_facts_with_answers_are_to_come_again_and_others_are_taken(
    tmp_path: Path,
) -> None:
    settings = {"CSAT_LEDGER_VAULT": "people.db", "CSAT_LEDGER_VAULT_KEY_FILE": "key", "CSAT_LEDGER_NOW": NOW}
    with service_process(tmp_path, "--dev", **settings) as running:
        operator = running.token("--role", "operator")
        found = running.post("/v1/facts", [*enrolment(), said(1), response(2, "Brontegard", AT)], operator).json()
        assert [one["status"] for one in found] == ["accepted", "accepted", "put-off", "accepted"]
        assert found[2]["code"] == "vault-key-missing"
        one = running.post("/v1/facts", said(1), operator)
        assert (one.status_code, "Retry-After" in one.headers) == (503, True)
        subprocess.run(
            [sys.executable, "-m", "console", "vault", "migrate", "--make-key"],
            cwd=tmp_path, env=environment(**settings), check=True, capture_output=True,
        )  # fmt: skip
        assert running.post("/v1/facts", said(1), operator).status_code == 201
    assert kept(tmp_path) == [("m-1-f-1", 1)]
