"""Reading must not need writing: where nothing may be written, every question is answered from what is there."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
import pytest

from console.cli.main import main
from ledger.errors import StoreUnreachable
from projections.database import SQLiteDatabase
from projections.registry import all_projections
from tests.console.cli.test_proof_commands import ORIGIN, policy_file
from tests.console.support import Program, fact, met
from tests.servers.postgres import PostgresServer
from tests.support.unprivileged import as_nobody, not_to_be_written, readable_folder

QUESTIONS: list[list[str]] = [
    ["status", "m-1", "--at", "2010-12-01"],
    ["status", "m-1", "--at", "2010-12-01", "--known-at", "9"],
    ["status", "m-1", "--at", "2010-12-01", "--known-at", "2012-01-01"],
    ["history", "m-1"],
    ["replay", "m-1"],
    ["board", "--at", "2010-12-01"],
    ["renewals", "--at", "2010-12-20"],
    ["decisions"],
    ["participation"],
    ["participation", "--by", "month", "--membership", "m-1"],
    ["changes"],
    ["project", "--status"],
    ["status", "m-9"],
]


def told(program: Program) -> None:
    program.record(*met(), *met("m-2"))
    assert program.run("review").code == 0
    assert program.run("decide", "m-2", "--renewal", "2011-03-01").code == 0
    assert program.run("project").code == 0


def ask(store: Path | str | None, question: list[str], stopped_after: str | None = None) -> tuple[int, str, str]:
    """One run in this very process, whoever it is run as; what follows is told to stop once it has printed so much."""
    where = [] if store is None else ["--store", str(store)]
    out, err = io.StringIO(), io.StringIO()

    def stop() -> None:
        deadline = time.monotonic() + 30
        while len(out.getvalue()) < len(stopped_after or "") and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    with redirect_stdout(out), redirect_stderr(err):
        if stopped_after is not None:
            threading.Thread(target=stop).start()
        code = main(["--json", *where, *question])
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def readable() -> Iterator[Path]:
    with readable_folder() as folder:
        yield folder


def put_into(folder: Path, program: Program, *, projections: bool = True) -> Path:
    """A copy of the ledger's files, which nobody may write."""
    for path in program.folder.glob("ledger.db*"):
        if projections or "projections" not in path.name:
            shutil.copy(path, folder)
    not_to_be_written(folder)
    return folder / "ledger.db"


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_question_is_answered_where_nothing_may_be_written(program: Program, readable: Path) -> None:
    told(program)
    expected = [ask(program.store, question) for question in QUESTIONS]  # loads all modules, which nobody could read
    store = put_into(readable, program)
    before = files_in(readable)

    def as_reader() -> None:
        for question, answer in zip(QUESTIONS, expected, strict=True):
            assert ask(store, question) == answer, question
        for refused in (["review"], ["decide", "m-1", "--renewal", "2011-03-01"], ["project", "--rebuild"]):
            code, out, _ = ask(store, refused)
            assert (code, json.loads(out)["error"]) == (4, "store-unreachable"), refused

    program.run("project", "--rebuild")
    program.run("decide", "m-9", "--renewal", "2011-03-01")
    as_nobody(as_reader)
    assert files_in(readable) == before


def test_where_there_are_no_projections_the_answer_is_worked_out_from_the_book(
    program: Program, readable: Path
) -> None:
    told(program)
    questions = [question for question in QUESTIONS if question[0] != "project"]
    expected = [ask(program.store, question)[:2] for question in questions]
    store = put_into(readable, program, projections=False)

    def as_reader() -> None:
        for question, answer in zip(questions, expected, strict=True):
            code, out, err = ask(store, question)
            assert (code, out) == answer, question
            assert ("worked out from the whole book" in err) is (question[0] not in ("replay", "changes")), err
        code, out, _ = ask(store, ["project", "--status"])
        assert (code, [json.loads(line)["position"] for line in out.splitlines()]) == (0, [0] * len(all_projections()))

    as_nobody(as_reader)
    assert {path.name for path in readable.iterdir()} == {"ledger.db"}


def test_projections_that_are_behind_answer_as_of_their_position_and_it_is_said(
    program: Program, readable: Path
) -> None:
    told(program)
    before = ask(program.store, ["status", "m-1", "--at", "2010-12-01"])
    program.record(fact("void-response", "v-1", "2010-11-01T00:00:00Z", response="m-1-r-1", reason="test"))
    store = put_into(readable, program)

    def as_reader() -> None:
        code, out, err = ask(store, ["status", "m-1", "--at", "2010-12-01"])
        assert (code, out) == before[:2]
        known = json.loads(out)["known_at"]
        assert f"answered as of position {known}: the projections are " in err
        assert "behind the book" in err
        code, out, err = ask(store, ["project", "--status"])
        assert all(json.loads(line)["lag"] > 0 for line in out.splitlines())

    as_nobody(as_reader)


def test_a_copy_a_follower_and_an_audit_need_no_right_to_write(program: Program, readable: Path) -> None:
    told(program)
    assert program.run_bare("keygen", "--name", ORIGIN, "--out", "keys").code == 0
    policy = policy_file(program)
    assert program.run("seal", "--key", "keys/log.key", "--tiles", "log").code == 0
    shutil.copytree(program.folder / "log", readable / "log")
    shutil.copy(policy, readable)
    audit = ["audit", "--tiles", str(readable / "log"), "--policy", str(readable / policy.name), "--workers", "1"]
    changes = ask(program.store, ["changes"])
    assert ask(program.store, audit)[0] == 0
    assert program.run_bare("copy", "--from", program.store, "--to", "warm.db").code == 0
    for path in (readable / "log").rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    (readable / "log").chmod(0o555)
    store = put_into_beside(readable, program)

    def as_reader() -> None:
        code, out, _ = ask(store, audit)
        assert (code, json.loads(out)["verdict"]) == (0, "confirmed")
        with readable_folder() as mine:
            code, out, _ = ask(None, ["copy", "--from", str(store), "--to", str(mine / "copy.db")])
            assert (code, json.loads(out).get("same")) == (0, True), out
        assert ask(store, ["changes", "--follow"], stopped_after=changes[1])[:2] == changes[:2]

    as_nobody(as_reader)


def put_into_beside(folder: Path, program: Program) -> Path:
    for path in program.folder.glob("ledger.db"):
        shutil.copy(path, folder)
        (folder / path.name).chmod(0o444)
    folder.chmod(0o555)
    return folder / "ledger.db"


def question_all(url: str, answers: list[tuple[int, str, str]]) -> None:
    for question, answer in zip(QUESTIONS, answers, strict=True):
        found = ask(url, question)
        assert found[:2] == answer[:2], (question, found)


def moved(program: Program, url: str) -> list[tuple[int, str, str]]:
    """The ledger in a server, projected there, and the answers that it should give."""
    told(program)
    assert program.run_bare("copy", "--from", program.store, "--to", url).code == 0
    assert program.run_bare("--store", url, "project").code == 0
    return [ask(program.store, question) for question in QUESTIONS]


def test_a_database_that_is_read_only_by_default_answers_every_question(program: Program, postgres_url: str) -> None:
    expected = moved(program, postgres_url)
    name = postgres_url.rpartition("/")[2]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    question_all(postgres_url, expected)


def test_a_role_that_may_read_the_book_alone_is_answered_from_the_book(program: Program, postgres_url: str) -> None:
    expected = moved(program, postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(files("ledger.store").joinpath("roles.sql").read_text())
    assert program.run_bare("migrate", "--store", postgres_url).code == 0
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("REVOKE ALL ON SCHEMA projections FROM csat_ledger_reader, PUBLIC")
    reader = f"postgresql://csat_ledger_reader@{postgres_url.rpartition('@')[2]}"
    for question, answer in zip(QUESTIONS, expected, strict=True):
        if question[0] != "project":
            assert ask(reader, question)[:2] == answer[:2], question


def test_a_standby_answers_every_question(program: Program, own_postgres: PostgresServer) -> None:
    url = own_postgres.create_database()
    expected = moved(program, url)
    own_postgres.stop()
    (own_postgres.folder / "data" / "standby.signal").touch()
    own_postgres.start()
    try:
        question_all(own_postgres.url(url.rpartition("/")[2]), expected)
    finally:
        own_postgres.stop()
        (own_postgres.folder / "data" / "standby.signal").unlink()


def test_a_view_of_a_file_that_is_written_beneath_it_is_not_believed(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(program)
    monkeypatch.setattr("projections.database.may_write", lambda _: False)
    asked: Any = ask(program.store, ["status", "m-1"])
    assert asked[0] == 0
    path = program.store.with_name("ledger.db.projections")
    database = SQLiteDatabase(str(path))
    try:
        with pytest.raises(StoreUnreachable, match="found it written while it was read"), database.reading():
            os.utime(path, ns=(1, 1))
    finally:
        database.close()
