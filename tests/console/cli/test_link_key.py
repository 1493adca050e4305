"""The link key at the command line: what waits for it, which exit code says so, and how it comes to a copy or a server."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from ledger.programmes.registry import PROGRAMMES
from ledger.store.link_key_file import LinkKeyFile, encoded
from ledger.store.sqlite import SQLiteStore
from tests.console.support import Program, enrolment, fact, response
from tests.support.link_key import KEY, token_of

INVITED = {"subject": "s-1", "customer_org": "Brontegard"}
OPENING = [
    *enrolment(),
    fact("record-consent", "c-1", "2010-02-01T00:00:00Z", **INVITED),
    *(
        fact("record-invitation", name, "2010-02-02T00:00:00Z", invitation=name, channel="operator", **INVITED)
        for name in ("inv-1", "inv-2")
    ),
]
ANSWERS = [
    {**response(number, "Brontegard", "2010-03-01T00:00:00Z"), "invitation": f"inv-{number}"} for number in (1, 2)
]
OPEN_LINK = response(3, "Brontegard", "2010-03-02T00:00:00Z")


def tokens(program: Program) -> list[str | None]:
    """The tokens in the book."""
    with closing(SQLiteStore(program.store)) as store:
        events = [PROGRAMMES.decode(row.stored) for row in store.read_feed(0, 1_000)]
    return [event.data["answer_token"] for event in events if event.type == "ResponseReceived"]


def key_path(program: Program) -> Path:
    return program.folder / "ledger.db.link-key"


def test_facts_without_an_invitation_make_no_key_and_the_first_answer_does(program: Program) -> None:
    program.record(*OPENING, OPEN_LINK)
    assert not key_path(program).exists()
    program.record(ANSWERS[0])
    assert key_path(program).stat().st_mode & 0o777 == 0o600
    key = LinkKeyFile(key_path(program), makes=False).find()
    assert key is not None


@pytest.mark.parametrize("order", [(), ("--any-order",)])
def test_without_its_key_what_names_an_invitation_waits_and_the_exit_code_is_4(
    program: Program, order: tuple[str, ...]
) -> None:
    program.record(*OPENING, ANSWERS[0])
    key_path(program).rename(program.folder / "elsewhere")
    reminder = fact("record-reminder", "m-2", "2010-02-20T00:00:00Z", invitation="inv-2")
    ran = program.json("record", *order, program.write("more.jsonl", [ANSWERS[1], reminder, OPEN_LINK]))
    assert ran.code == 4
    assert (ran.json["accepted"], ran.json["refused"]) == (1, 2)
    assert {code: one["count"] for code, one in ran.json["codes"].items()} == {"link-key-missing": 2}
    assert "inv-" not in ran.out + ran.err
    kept = program.folder / "more.jsonl.refused"
    assert kept.stat().st_mode & 0o777 == 0o600
    lines = [orjson.loads(line) for line in kept.read_bytes().splitlines()]
    assert [orjson.loads(one["line"]) for one in lines] == [ANSWERS[1], reminder], "the operator's file keeps them"
    assert program.json("record", "--retry", kept).code == 4
    (program.folder / "elsewhere").rename(key_path(program))
    again = program.json("record", "--retry", kept)
    assert (again.code, again.json["accepted"]) == (0, 2)
    assert kept.read_bytes() == b""


def test_another_key_ends_with_4_and_names_both(program: Program) -> None:
    program.record(*OPENING, ANSWERS[0])
    first = LinkKeyFile(key_path(program), makes=False).find()
    assert first is not None
    key_path(program).write_bytes(encoded(KEY))
    ran = program.json("record", program.write("more.jsonl", [ANSWERS[1]]))
    assert (ran.code, ran.json["error"]) == (4, "link-key-mismatch")
    assert f"found link key {KEY.id}, expected {first.id}" in ran.json["message"]


def test_a_key_that_others_may_read_ends_with_4(program: Program) -> None:
    program.record(*OPENING, ANSWERS[0])
    key_path(program).chmod(0o640)
    ran = program.json("record", program.write("more.jsonl", [ANSWERS[1]]))
    assert (ran.code, ran.json["error"]) == (4, "link-key-unusable")


def test_what_is_said_of_a_refused_answer_names_no_invitation(program: Program) -> None:
    program.record(*OPENING, ANSWERS[0])
    wrong: list[dict[str, Any]] = [
        {**ANSWERS[0], "id": "again", "response": "r-again"},
        {**ANSWERS[1], "customer_org": "Lindomar"},
        {**ANSWERS[1], "id": "unknown", "invitation": "inv-9"},
        fact("record-reminder", "late", "2010-04-01T00:00:00Z", invitation="inv-1"),
    ]
    for ran in (
        program.json("record", program.write("wrong.jsonl", wrong)),
        program.run("record", program.folder / "wrong.jsonl"),
    ):
        assert ran.code == 3
        assert "inv-" not in ran.out + ran.err


def test_the_setting_names_another_file(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    (program.folder / "apart").mkdir()
    path = program.folder / "apart" / "key"
    monkeypatch.setenv("CSAT_LEDGER_LINK_KEY_FILE", str(path))
    program.record(*OPENING, ANSWERS[0])
    assert path.exists()
    assert not key_path(program).exists()
    key = LinkKeyFile(path, makes=False).find()
    assert key is not None
    assert tokens(program) == [token_of("m-1", "inv-1", key.secret)]


def test_the_key_is_no_file_of_refusals(program: Program) -> None:
    program.record(*OPENING, ANSWERS[0])
    before = key_path(program).read_bytes()
    ran = program.run("record", program.write("more.jsonl", [ANSWERS[0]]), "--refused", key_path(program))
    assert ran.code == 2
    assert key_path(program).read_bytes() == before


def test_migrate_makes_a_key_where_it_is_told_to_and_the_book_records_its_id(program: Program) -> None:
    program.record(*OPENING)
    assert program.json("migrate").json["link_key"] is None
    path = program.folder / "made"
    ran = program.json("migrate", "--link-key", path)
    key = LinkKeyFile(path, makes=False).find()
    assert key is not None
    assert (ran.code, ran.json["link_key"]) == (0, key.id)
    assert program.json("migrate", "--link-key", path).json["link_key"] == key.id, "again: nothing changes"
    assert program.json("migrate").json["link_key"] == key.id
    other = program.json("migrate", "--link-key", program.folder / "other")
    assert (other.code, other.json["error"]) == (4, "link-key-missing"), "another would tie nothing to what is there"
    assert not (program.folder / "other").exists()


def test_a_copy_expects_the_same_key_and_is_not_given_it(program: Program) -> None:
    program.record(*OPENING, ANSWERS[0])
    key = LinkKeyFile(key_path(program), makes=False).find()
    assert key is not None
    copy = program.folder / "copy.db"
    ran = program.run_bare("--json", "copy", "--from", program.store, "--to", copy)
    assert (ran.code, ran.json["link_key"]) == (0, key.id)
    assert f"the link key {key.id} was not copied" in ran.err
    assert not (program.folder / "copy.db.link-key").exists()
    program.store = copy
    waiting = program.json("record", program.write("more.jsonl", [ANSWERS[1]]))
    assert (waiting.code, set(waiting.json["codes"])) == (4, {"link-key-missing"})
    shutil.copy(program.folder / "ledger.db.link-key", program.folder / "copy.db.link-key")
    assert program.json("record", "--retry", program.folder / "more.jsonl.refused").code == 0


def test_a_book_in_postgresql_needs_the_setting_and_the_key_that_migrate_made(
    program: Program, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.store = postgres_url  # type: ignore[assignment]
    path = program.folder / "key"
    facts = program.write("facts.jsonl", [*OPENING, ANSWERS[0], OPEN_LINK])
    without = program.json("record", facts)
    assert (without.code, without.json["accepted"], set(without.json["codes"])) == (4, 6, {"link-key-missing"})
    assert without.json["codes"]["link-key-missing"]["first"]["sentence"].startswith("CSAT_LEDGER_LINK_KEY_FILE: found")
    monkeypatch.setenv("CSAT_LEDGER_LINK_KEY_FILE", str(path))
    assert program.json("record", "--retry", program.folder / "facts.jsonl.refused").code == 4, "a server makes none"
    assert not path.exists()
    made = program.json("migrate", "--link-key", path)
    assert made.code == 0
    assert program.json("record", "--retry", program.folder / "facts.jsonl.refused").code == 0
    path.unlink()
    path.write_bytes(encoded(KEY))
    path.chmod(0o600)
    wrong = program.json("record", program.write("more.jsonl", [ANSWERS[1]]))
    assert (wrong.code, wrong.json["error"]) == (4, "link-key-mismatch")
    assert made.json["link_key"] in wrong.json["message"]
