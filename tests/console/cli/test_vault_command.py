"""The vault at the command line: made, opened with its own keys alone, rotated, and never taken for something else."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from ledger.vault.database import SQLiteVault
from ledger.vault.keys import make_key_file
from tests.console.cli.test_contacts import ANNA, BERT, People
from tests.console.support import Program
from tests.support.answers import wrong_with


@pytest.fixture
def people(program: Program, monkeypatch: pytest.MonkeyPatch) -> People:
    return People(program, monkeypatch)


def test_made_again_it_stays_as_it_is_and_its_key_too(people: People) -> None:
    key = (people.program.folder / "vault-key").read_bytes()
    again = people.program.json("vault", "migrate", "--make-key")
    assert (again.code, again.json["made"], again.json["keys"]) == (0, False, 1)
    assert (people.program.folder / "vault-key").read_bytes() == key


def test_a_vault_whose_key_is_lost_is_given_no_new_one(people: People) -> None:
    (people.program.folder / "vault-key").unlink()
    ran = people.program.json("vault", "migrate", "--make-key")
    assert (ran.code, ran.json["error"]) == (4, "vault-key-missing")
    assert not (people.program.folder / "vault-key").exists()


def test_without_a_vault_named_or_there_the_commands_say_so(program: Program, tmp_path: Path) -> None:
    make_key_file(tmp_path / "key")
    key = ("--vault-key", "key")
    assert program.json("vault", "rewrap", *key).json["error"] == "usage"
    ran = program.json("access-report", "--vault", "none.db")
    assert (ran.code, ran.json["error"]) == (4, "store-unreachable")
    assert "vault migrate" in ran.json["message"]
    assert program.json("contacts", "show", "s-1", "--vault", "none.db", *key, "--reason", "x").code == 4
    assert not (tmp_path / "none.db").exists()


def test_a_book_is_no_vault_and_a_vault_is_no_book(people: People) -> None:
    program = people.program
    ran = program.json("vault", "migrate", "--vault", str(program.store))
    assert (ran.code, ran.json["error"]) == (4, "store-unreachable")
    assert "a database of something else" in ran.json["message"]
    assert program.run_bare("--store", "people.db", "board").code == 4


def test_the_database_of_a_book_is_no_place_for_a_vault(people: People, postgres_url: str) -> None:
    program = people.program
    assert program.run_bare("--store", postgres_url, "migrate").code == 0
    ran = program.json("vault", "migrate", "--vault", postgres_url)
    assert (ran.code, ran.json["error"]) == (4, "store-unreachable")
    assert "people are kept apart" in ran.json["message"]


def test_another_key_no_key_and_one_that_others_may_read_open_nothing(people: People) -> None:
    program, folder = people.program, people.program.folder
    (anna,) = people.permitted(ANNA)
    make_key_file(folder / "other")
    show = ("contacts", "show", anna, "--reason", "x", "--vault-key")
    for name, code in (("other", "vault-key-mismatch"), ("none", "vault-key-missing")):
        ran = program.json(*show, name)
        assert (ran.code, ran.json["error"]) == (4, code)
    (folder / "vault-key").chmod(0o644)
    ran = program.json(*show, "vault-key")
    assert (ran.code, ran.json["error"]) == (4, "vault-key-unusable")
    assert people.report() == []


def test_the_keys_may_stand_in_the_environment(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    (anna,) = people.permitted(ANNA)
    secret = (people.program.folder / "vault-key").read_text().strip()
    (people.program.folder / "vault-key").unlink()
    monkeypatch.delenv("CSAT_LEDGER_VAULT_KEY_FILE")
    assert people.program.json("contacts", "show", anna, "--reason", "x").json["error"] == "vault-key-missing"
    monkeypatch.setenv("CSAT_LEDGER_VAULT_KEY", secret)
    assert people.program.json("contacts", "show", anna, "--reason", "x").json["name"] == "Anna Möller"
    monkeypatch.setenv("CSAT_LEDGER_VAULT_KEY", secret[:-1])
    ran = people.program.json("contacts", "show", anna, "--reason", "x")
    assert (ran.code, ran.json["error"]) == (4, "vault-key-unusable")
    assert secret[:8] not in ran.err


def test_a_key_is_rotated_by_a_new_one_and_rewrapping_and_the_old_one_may_leave_the_file_then(people: People) -> None:
    program, folder = people.program, people.program.folder
    anna, bert = people.permitted(ANNA, BERT)
    added = program.json("vault", "new-key")
    assert (added.code, added.json["keys"], wrong_with("vault", added.json)) == (0, 2, [])
    refused = program.json("contacts", "upload", people.list(ANNA), "--membership", "m-1", "--facts", "x.jsonl")
    assert (refused.code, refused.json["error"]) == (4, "vault-key-mismatch")
    assert program.json("contacts", "show", bert, "--reason", "x").code == 0
    done = program.json("vault", "rewrap")
    assert (done.code, done.json["rewrapped"], done.json["key"]) == (0, 3, added.json["key"])
    assert wrong_with("vault", done.json) == []
    new, _old = (folder / "vault-key").read_text().splitlines()
    (folder / "vault-key").write_text(f"{new}\n")
    assert program.json("contacts", "show", anna, "--reason", "x").json["name"] == "Anna Möller"
    assert [line["outcome"] for line in people.upload(ANNA, BERT).lines] == ["known"] * 2
    assert program.json("vault", "rewrap").json["rewrapped"] == 0


def test_what_is_damaged_or_swapped_ends_with_1_and_shows_nothing(people: People) -> None:
    anna, bert = people.permitted(ANNA, BERT)
    with closing(sqlite3.connect(people.program.folder / "people.db", isolation_level=None)) as raw:
        raw.execute(
            "UPDATE contacts SET email = (SELECT email FROM contacts WHERE subject = ?) WHERE subject = ?", (anna, bert)
        )
        ran = people.program.json("contacts", "show", bert, "--reason", "x")
        assert (ran.code, ran.json["error"]) == (1, "vault-swapped")
        raw.execute("DELETE FROM data_keys WHERE holder = ?", (f"subject/{bert}",))
    ran = people.program.json("contacts", "show", bert, "--reason", "x")
    assert (ran.code, ran.json["error"]) == (1, "vault-damaged")
    ran = people.export()
    assert (ran.code, ran.json["error"]) == (1, "vault-damaged")
    assert not (people.program.folder / "mail.csv").exists()
    assert "anna" not in f"{ran.out}{ran.err}".lower()


def test_an_unknown_subject_ends_with_2(people: People) -> None:
    ran = people.program.json("contacts", "show", "s-1", "--reason", "x")
    assert (ran.code, ran.json["error"]) == (2, "unknown-subject")


@pytest.mark.parametrize("text", ["anna@example.org", "+49 89 1234567", "0891234567", "192.0.2.1"])
def test_an_address_in_the_place_of_a_subject_is_repeated_nowhere(people: People, text: str) -> None:
    ran = people.program.json("contacts", "show", text, "--reason", "x")
    assert (ran.code, ran.json["error"]) == (2, "unknown-subject")
    assert text not in f"{ran.out}{ran.err}"


def test_the_vaults_log_beside_it_is_for_its_owner_too_and_nothing_else_is_left(people: People) -> None:
    people.permitted(ANNA)
    with closing(SQLiteVault("people.db")) as database:
        with database.writing() as transaction:
            transaction.execute("INSERT INTO vault_meta VALUES ('test', '1')")
            assert transaction.query("PRAGMA secure_delete") == [(1,)]
        modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in people.program.folder.glob("people.db*")}
        assert modes == dict.fromkeys(("people.db", "people.db-wal", "people.db-shm"), 0o600)
    with closing(sqlite3.connect("people.db")) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert [one.name for one in people.program.folder.glob("people.db*")] == ["people.db"]


def test_what_is_replaced_is_written_over_in_the_file(people: People) -> None:
    (anna,) = people.permitted(ANNA)
    with closing(sqlite3.connect("people.db")) as raw:
        (before,) = raw.execute("SELECT name FROM contacts WHERE subject = ?", (anna,)).fetchone()
    assert before in (people.program.folder / "people.db").read_bytes()
    people.upload(ANNA.replace("Anna Möller", "Anna Q"))
    assert before not in (people.program.folder / "people.db").read_bytes()


def test_the_variables_of_the_vault_take_a_password_from_a_file(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSAT_LEDGER_VAULT", "people.db")
    monkeypatch.setenv("CSAT_LEDGER_VAULT_PASSWORD_FILE", "secret")
    ran = program.json("access-report")
    assert (ran.code, ran.json["error"]) == (2, "bad-input")
    assert "CSAT_LEDGER_VAULT_PASSWORD_FILE" in ran.json["message"]


def test_a_guard_of_the_access_log_that_is_missing_is_said_and_mended(people: People) -> None:
    with closing(sqlite3.connect("people.db")) as raw:
        raw.execute("DROP TRIGGER access_log_no_update")
    assert "access_log_no_update" in people.program.json("access-report").err
    made = people.program.json("vault", "migrate")
    assert made.json["mended"] == ["trigger access_log_no_update of the access log"]
    assert wrong_with("vault", made.json) == []
    assert people.program.json("vault", "migrate").json["mended"] == []
    assert people.program.json("access-report").err == ""
