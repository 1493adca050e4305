"""log-server, log-publish, and the commands that read a log by its URL, as an operator and an auditor use them.

The object store is a real one, where it was built (CSAT_LEDGER_TEST_SOAK=1 builds it)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.console.cli.test_proof_commands import policy_file, started, stopped
from tests.console.support import Program, met, response
from tests.ledger.seal.logs import ask
from tests.servers.seaweed_server import SeaweedServer, SeaweedUnavailable
from tests.support.answers import wrong_with

TOKEN = "f" * 64
ORIGIN = "ledger.example/renewals"


@pytest.fixture
def sealed(program: Program) -> Program:
    """A book whose log has two checkpoints; `old` is the first."""
    program.record(*met())
    program.run_bare("keygen", "--name", ORIGIN, "--out", "keys")
    policy_file(program)
    assert program.run("seal", "--key", "keys/log.key", "--tiles", "log").code == 0
    (program.folder / "old").write_bytes((program.folder / "log/checkpoint").read_bytes())
    program.record(response(60, "Late", "2010-07-05T00:00:00Z"))
    assert program.run("seal", "--key", "keys/log.key", "--tiles", "log").code == 0
    return program


def token_file(folder: Path, name: str = "tokens", token: str = TOKEN, mode: int = 0o600) -> str:
    path = folder / name
    path.write_text(f"{token}\n")
    path.chmod(mode)
    return name


@contextmanager
def log_server(program: Program, *options: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The URL of a running server, and what it said when it was ready."""
    process, said = started(program, "log-server", "log", "--listen", "127.0.0.1:0", *options)
    try:
        yield f"http://{said['listening']}", said
    finally:
        assert stopped(process) == 0


def test_auditors_read_the_log_by_its_url(sealed: Program) -> None:
    tokens = token_file(sealed.folder)
    here = sealed.run("audit", "--tiles", "log", "--policy", "policy.json", "--json").json
    with log_server(sealed, "--entries-token-file", tokens) as (url, said):
        assert said["entries"] is True
        over = sealed.run("audit", "--tiles", url, "--entries-token-file", tokens, "--policy", "policy.json", "--json")
        assert (over.code, over.json) == (0, here)
        (sealed.folder / "now").write_bytes(ask(url, "/checkpoint").body)
        proved = sealed.run("consistency", "old", "now", "--tiles", f"{url}/", "--policy", "policy.json")
        assert (proved.code, proved.out.partition(":")[0]) == (0, "consistent")
        # another token, none, and one that others may read
        others = token_file(sealed.folder, "others", "e" * 64)
        for arguments in (["--entries-token-file", others], []):
            denied = sealed.run("audit", "--tiles", url, *arguments, "--policy", "policy.json", "--json")
            assert (denied.code, denied.json["error"]) == (2, "log-denied")
            assert TOKEN not in denied.out + denied.err
        open_to_all = token_file(sealed.folder, "open", mode=0o644)
        refused = sealed.run(
            "audit", "--tiles", url, "--entries-token-file", open_to_all, "--policy", "policy.json", "--json"
        )
        assert (refused.code, refused.json["error"]) == (2, "bad-input")


def test_without_a_token_file_entries_are_for_nobody(sealed: Program) -> None:
    with log_server(sealed) as (url, said):
        assert said["entries"] is False
        assert ask(url, "/tile/entries/000.p/5").status == 404
        assert ask(url, "/tile/0/000.p/5").status == 200


def test_a_log_that_is_not_there_is_exit_code_4(sealed: Program) -> None:
    with log_server(sealed) as (url, _):
        pass
    gone = sealed.run("consistency", "old", "log/checkpoint", "--tiles", url, "--policy", "policy.json", "--json")
    assert (gone.code, gone.json["error"]) == (4, "log-unreachable")
    for command in (["consistency", "log/checkpoint", "log/checkpoint"], ["audit"]):
        ran = sealed.run(*command, "--tiles", "nowhere", "--policy", "policy.json", "--json")
        assert (ran.code, ran.json["error"]) == (4, "log-unreachable"), command
        assert "found no such folder" in ran.json["message"]
    wrong = sealed.run(
        "consistency", "old", "log/checkpoint", "--tiles", "ftp://x/y", "--policy", "policy.json", "--json"
    )
    assert (wrong.code, wrong.json["error"]) == (2, "bad-input")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere", "--listen", "127.0.0.1:0"], 2, "found no such folder"),
        (["log", "--listen", "127.0.0.1:0", "--entries-token-file", "none"], 2, "expected a file of tokens"),
        (["log", "--listen", "127.0.0.1"], 2, "expected HOST:PORT"),
        (["log"], 2, "--listen"),
    ],
)
def test_what_it_cannot_serve_it_says_at_once(sealed: Program, arguments: list[str], code: int, said: str) -> None:
    ran = sealed.run_bare("log-server", *arguments)
    assert ran.code == code
    assert said in ran.err


def test_a_port_that_is_taken_is_named(sealed: Program) -> None:
    with log_server(sealed) as (url, _):
        place = url.removeprefix("http://")
        assert sealed.run_bare("keygen", "--name", "w.example/1", "--out", "keys", "--witness").code == 0
        for server in (["log-server", "log"], ["witness", "--key", "keys/witness.key", "--policy", "policy.json"]):
            ran = sealed.run_bare(*server, "--listen", place)
            assert ran.code == 2
            assert f"found {place} not to be listened on" in ran.err
            assert "Address already in use" in ran.err


def test_a_log_that_is_damaged_is_told_on_stderr_and_no_token(sealed: Program) -> None:
    tokens = token_file(sealed.folder)
    process: subprocess.Popen[bytes] = sealed.start(
        "log-server", "log", "--listen", "127.0.0.1:0", "--entries-token-file", tokens, "--json"
    )
    assert process.stdout is not None
    url = f"http://{json.loads(process.stdout.readline())['listening']}"
    for path in (sealed.folder / "log/tile/entries").glob("000.p/*"):
        path.write_bytes(b"\0")
    answer = ask(url, "/tile/entries/000.p/5", Authorization=f"Bearer {TOKEN}")
    process.terminate()
    _, errors = process.communicate(timeout=30)
    assert (answer.status, process.returncode) == (500, 0)
    assert b"entry 0 of the bundle" in errors
    assert TOKEN.encode() not in errors


@pytest.mark.parametrize(
    ("to", "environment", "said"),
    [
        ("https://h/bucket", {}, "found no AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/csat", {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, "found the object store"),
    ],
)
def test_what_it_cannot_publish_to_it_says_at_once(
    sealed: Program, monkeypatch: pytest.MonkeyPatch, to: str, environment: dict[str, str], said: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ran = sealed.run_bare("log-publish", "log", "--to", to)
    assert ran.code == 2
    assert said in ran.err


@pytest.mark.elsewhere
def test_a_log_in_an_object_store_is_read_by_its_url(
    sealed: Program, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        server = SeaweedServer(tmp_path_factory.mktemp("seaweed")).__enter__()
    except SeaweedUnavailable as error:
        pytest.skip(str(error))
    try:
        to = f"{server.new_bucket('auditors')}/csat"
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.credentials.key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.credentials.secret)
        process, said = started(sealed, "log-publish", "log", "--to", to, "--entries", "--follow")
        assert wrong_with("log-publish", said) == []
        assert said["before"] == 0
        sealed.record(response(61, "Later", "2010-07-06T00:00:00Z"))
        assert sealed.run("seal", "--key", "keys/log.key", "--tiles", "log").code == 0
        assert process.stdout is not None
        grown = json.loads(process.stdout.readline())
        assert (grown["before"], stopped(process)) == (said["size"], 0)
        here = sealed.run("audit", "--tiles", "log", "--policy", "policy.json", "--json")
        there = sealed.run("audit", "--tiles", to, "--policy", "policy.json", "--json")
        assert (there.code, there.json) == (0, here.json)
        assert here.json["verdict"] == "confirmed"
    finally:
        server.__exit__(None, None, None)
