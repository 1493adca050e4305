"""`erase` after a crash, and after a backup was restored: nobody who was erased is shown, and it is ended."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from console.vault_place import VaultPlace
from console.wiring import open_ledger
from ledger.instants import parse_instant
from ledger.vault import erasing, erasures
from ledger.vault.access_log import Access
from ledger.vault.database import SQLiteVault
from tests.console.cli.test_answers_recorded import states
from tests.console.cli.test_contacts import ANNA, BERT, HEADER, People
from tests.console.cli.test_erase import WHY, answered, erase, in_book
from tests.console.support import NOW, Program, enrolment
from tests.support.answers import wrong_with


@pytest.fixture
def people(program: Program, monkeypatch: pytest.MonkeyPatch) -> People:
    return People(program, monkeypatch)


def restore(people: People, backup: Path) -> None:
    for path in people.program.folder.glob("people.db*"):
        path.unlink()
    shutil.copy(backup, people.program.folder / "people.db")


def test_a_restored_vault_shows_nobody_who_was_erased_and_replay_erases_them_again(
    people: People, tmp_path: Path
) -> None:
    anna, bert, _third = answered(people)
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect("people.db")) as raw, closing(sqlite3.connect(backup)) as copy:
        raw.backup(copy)
    erase(people, anna)
    restore(people, backup)
    shown = people.program.json("contacts", "show", anna, "--reason", "x")
    assert (shown.code, shown.json["error"]) == (2, "subject-erased")
    assert "erase --replay" in shown.err
    people.program.stdin(b"anna@example.org\n")
    assert people.program.json("contacts", "find", "-", "--reason", "x").json["subject"] is None
    assert people.program.json("contacts", "show", bert, "--reason", "x").code == 0
    listed = people.program.json("comments", "list", "--membership", "m-1", "--reason", "x")
    assert (listed.code, listed.json["error"]) == (4, "erasures-unfinished")
    (line,) = people.upload(ANNA).lines
    assert line["code"] == "being-erased"
    ran = erase(people, "--replay")
    assert [(one["subject"], one["outcome"]) for one in ran.lines] == [(anna, "erased")]
    assert states(people.program.folder)["m-1-f-1"] == "erased"
    assert people.program.json("comments", "list", "--membership", "m-1", "--reason", "x").code == 0
    assert len(in_book(people)) == 2
    assert erase(people, "--replay").lines == []


def test_migrating_the_vault_ends_what_was_begun(people: People, tmp_path: Path) -> None:
    (anna,) = people.permitted(ANNA)
    people.export()
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect("people.db")) as raw, closing(sqlite3.connect(backup)) as copy:
        raw.backup(copy)
    erase(people, anna)
    restore(people, backup)
    ran = people.program.json("vault", "migrate")
    assert (ran.code, ran.json["erased"], wrong_with("vault", ran.json)) == (0, 1, [])
    shown = people.program.json("contacts", "show", anna, "--reason", "x")
    assert "erased at" in shown.json["message"]
    assert people.program.json("vault", "migrate").json["erased"] == 0


def test_once_it_is_used_with_a_book_nobody_is_shown_without_it(people: People) -> None:
    (anna,) = people.permitted(ANNA)
    show = ("contacts", "show", anna, "--reason", "x")
    assert people.program.run_bare("--store", "none.db", *show).code == 0  # no book knows anybody of it yet
    people.export()
    ran = people.program.run_bare("--json", "--store", "none.db", *show)
    assert (ran.code, ran.json["error"]) == (4, "store-unreachable")
    assert "it says who was erased" in ran.json["message"]
    assert not (people.program.folder / "none.db").exists()
    other = people.program.run_bare("--json", "--store", "other.db", "record", "recorded.jsonl")
    assert other.code == 0
    ran = people.program.run_bare("--json", "--store", "other.db", *show)
    assert (ran.code, ran.json["error"]) == (2, "vault-of-another-book")
    ran = people.program.run_bare("--json", "--store", "other.db", "erase", anna, *WHY)
    assert (ran.code, ran.json["error"]) == (2, "vault-of-another-book")


def test_a_vault_that_was_used_with_no_book_is_erased_from_all_the_same(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSAT_LEDGER_VAULT", "people.db")
    monkeypatch.setenv("CSAT_LEDGER_VAULT_KEY_FILE", "vault-key")
    assert program.json("vault", "migrate", "--make-key").code == 0
    (program.folder / "list.csv").write_text(f"{HEADER}\n{ANNA}\n")
    uploaded = program.json("contacts", "upload", "list.csv", "--membership", "m-1", "--facts", "f.jsonl")
    anna = uploaded.json["subject"]
    assert not program.store.exists()
    assert program.json("erase", anna, *WHY).json["outcome"] == "erased"
    assert program.json("contacts", "show", anna, "--reason", "x").json["error"] == "subject-erased"
    assert program.json("record", program.write("m.jsonl", enrolment())).json["accepted"] == 2


def test_what_was_begun_by_a_process_that_died_is_ended_by_any_next_one(people: People) -> None:
    anna, bert = people.permitted(ANNA, BERT)
    people.export()

    class Died(Exception):
        pass

    def dies(_self: object) -> None:
        raise Died

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SQLiteVault, "scrub", dies)
        assert people.program.json("erase", anna, *WHY).code == 70
    assert in_book(people) == [("ErasureRequested", anna)]
    assert "not over" in people.program.json("contacts", "show", anna, "--reason", "x").json["message"]
    erase(people, bert)
    assert sorted(in_book(people)) == sorted(
        (kind, one) for one in (anna, bert) for kind in ("ErasureRequested", "ErasureCompleted")
    )


def test_a_service_that_starts_ends_what_was_begun(people: People) -> None:
    (anna,) = people.permitted(ANNA)
    people.export()
    now_us = parse_instant(NOW)
    with (
        VaultPlace("people.db", Path("vault-key")).vault() as vault,
        open_ledger(
            str(people.program.store), lambda: now_us, vault=VaultPlace("people.db", Path("vault-key"))
        ) as ledger,
    ):
        erasures.request(vault.database, [anna], Access(now_us, "clerk", "x"), erasing.known_subjects)
        assert in_book(people) == []
        ledger.recorder.open()  # as `serve` and `inbox` do when they start
        ledger.recorder.close()
    assert in_book(people) == [("ErasureRequested", anna), ("ErasureCompleted", anna)]
    assert "erased at" in people.program.json("contacts", "show", anna, "--reason", "x").json["message"]


def test_no_month_is_published_while_an_erasure_is_not_over(people: People) -> None:
    pytest.importorskip("polars")
    anna, *_ = answered(people)
    with VaultPlace("people.db", Path("vault-key")).vault() as vault:
        erasures.request(vault.database, [anna], Access(parse_instant(NOW), "clerk", "x"), erasing.known_subjects)
    ran = people.program.json("publish-results")
    assert (ran.code, ran.json["error"]) == (4, "erasures-unfinished")
    assert erase(people, "--replay").code == 0
    assert people.program.json("publish-results").code == 0
