"""`migrate` and `copy`, and the other commands on a ledger in PostgreSQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib.resources import files
from typing import Any

import psycopg
import pytest

from ledger.store import postgres_tables, sqlite_tables
from ledger.store.migrations import newest_version
from tests.console.support import Program, fact, met, response


def test_a_ledger_goes_to_postgresql_and_back_unchanged(program: Program, postgres_url: str) -> None:
    program.record(*met())
    there = program.run_bare("copy", "--from", program.store, "--to", postgres_url, "--json")
    events = there.json["from"]["events"]
    assert (there.code, there.json["same"], there.json["copied"], there.json["compared"]) == (0, True, events, 0)
    assert there.json["to"] == {"store": postgres_url, "events": events, "position": events}
    back = program.run_bare("copy", "--from", postgres_url, "--to", "back.db")
    assert (back.code, back.out.splitlines()[-1]) == (
        0,
        f"{events} events copied, 0 compared, all chains whole; the two are the same",
    )
    again = program.run_bare("copy", "--from", program.store, "--to", "back.db", "--json")
    assert (again.code, again.json["compared"], again.json["copied"]) == (0, events, 0)


@pytest.mark.parametrize(
    "question",
    [
        ("status", "m-1", "--at", "2010-12-01"),
        ("status", "m-1", "--at", "2010-12-01", "--known-at", "9"),
        ("history", "m-1"),
        ("board",),
        ("renewals",),
        ("participation",),
        ("participation", "--by", "quarter"),
        ("decisions",),
        ("board", "--at", "2010-12-01", "--known-at", "9"),
        ("renewals", "--at", "2010-12-01", "--known-at", "9"),
        ("changes",),
        ("replay", "m-1"),
        ("project", "--rebuild"),
        ("project", "--status"),
        ("status", "m-9"),
    ],
    ids=" ".join,
)
def test_every_question_has_the_same_answer_in_either_database(
    program: Program, postgres_url: str, question: tuple[str, ...]
) -> None:
    program.record(*met())
    assert program.run("review").code == 0
    assert program.run_bare("copy", "--from", program.store, "--to", postgres_url).code == 0
    in_file = program.json(*question)
    in_server = program.run_bare("--store", postgres_url, "--json", *question)
    assert (in_server.code, in_server.out) == (in_file.code, in_file.out)
    program.store = postgres_url  # type: ignore[assignment]
    assert program.run(*question).code == in_file.code


def test_facts_are_recorded_reviewed_and_decided_in_postgresql(program: Program, postgres_url: str) -> None:
    program.store = postgres_url  # type: ignore[assignment]
    assert program.run("status", "m-1").code == 4
    program.record(*met())
    file = program.write(
        "more.jsonl", [met()[0], response(11, "Lindomar", "2010-06-12T10:00:00Z"), response(12, "L", "x")]
    )
    more = program.json("record", file)
    assert (more.code, more.json["accepted"], more.json["duplicates"], more.json["refused"]) == (3, 1, 1, 1)
    assert program.json("review").json["announced"] == 1
    decided = program.json("decide", "m-1", "--renewal", "2011-03-01")
    assert (decided.code, decided.json["outcome"]) == (0, "met")


def test_a_broken_chain_ends_a_copy_with_both_sides(program: Program) -> None:
    program.record(*met())
    with closing(sqlite3.connect(program.store, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER events_no_update")
        connection.execute("UPDATE events SET state = cast(replace(state, 'gold', 'none') AS BLOB) WHERE position = 3")
    ran = program.run_bare("copy", "--from", program.store, "--to", "copy.db", "--json")
    assert (ran.code, ran.json["error"]) == (1, "broken-history")
    found = ran.json["message"]
    assert "position 4: found seq 2 of membership-m-1" in found
    assert "expected seq 2 of membership-m-1" in found
    assert found.split(" after ")[1][:64] != found.split(" after ")[2][:64]


def test_a_target_with_another_book_is_refused(program: Program) -> None:
    program.record(*met())
    other = program.write("other.jsonl", met("m-2"))
    assert program.run_bare("--store", "other.db", "record", other).code == 0
    ran = program.run_bare("copy", "--from", program.store, "--to", "other.db", "--json")
    assert (ran.code, ran.json["error"]) == (1, "different-book")


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("--from", "none.db", "--to", "copy.db"), 4, "store-unreachable"),
        (("--from", "ledger.db", "--to", "ledger.db"), 2, "usage"),
        (("--from", "ledger.db"), 2, "usage"),
        (("--from", "ledger.db", "--to", "postgresql://x:geheim@127.0.0.1:1/x"), 4, "store-unreachable"),
    ],
)
def test_a_copy_that_cannot_be_made_says_why(
    program: Program, arguments: tuple[str, ...], code: int, error: str
) -> None:
    program.record(*met())
    ran = program.run_bare("copy", *arguments, "--json")
    assert (ran.code, ran.json["error"]) == (code, error)
    assert "geheim" not in ran.out + ran.err
    assert not (program.folder / "none.db").exists()


def add_a_table(cursor: Any) -> None:
    """A step of a program to come."""
    cursor.execute("CREATE TABLE notes (text TEXT)")


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_ledger_that_was_begun_with_a_draft_is_refused_by_every_command_and_left_as_it_is(
    program: Program, version: int
) -> None:
    program.record(*met())
    facts = program.write("more.jsonl", [fact("add-location", "l-1", "2010-07-01T00:00:00Z", location="Oslo")])
    with sqlite3.connect(program.store) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    before = program.store.read_bytes()
    for command in (
        ("record", str(facts)),
        ("migrate",),
        ("status", "m-1"),
        ("project", "--rebuild"),
        ("review",),
        ("copy", "--from", str(program.store), "--to", "copy.db"),
    ):
        ran = program.run_bare("--json", *command) if command[0] == "copy" else program.json(*command)
        assert (ran.code, ran.json["error"]) == (4, "store-outdated"), command
        newest = newest_version(sqlite_tables.STEPS)
        expected = f"found tables of version {version}, expected {newest}: this ledger was begun with a draft"
        assert expected in ran.json["message"]
        assert "facts are recorded anew" in ran.json["message"]
    assert program.store.read_bytes() == before


def test_migrating_brings_older_tables_to_the_present_version(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.record(*met())
    newest = newest_version(sqlite_tables.STEPS)
    present = program.json("migrate")
    expected = {"store": str(program.store), "from": newest, "to": newest, "mended": [], "unguarded": []}
    expected["link_key"] = None
    assert (present.code, present.json) == (0, expected)
    monkeypatch.setattr("ledger.store.sqlite.STEPS", [*sqlite_tables.STEPS, add_a_table])
    refused = program.json("status", "m-1")
    assert (refused.code, refused.json["error"]) == (4, "store-outdated")
    assert "csat-ledger migrate" in refused.json["message"]
    migrated = program.run("migrate")
    assert (migrated.code, migrated.out) == (
        0,
        f"{program.store}: brought the tables from version {newest} to {newest + 1}\n",
    )
    assert program.json("status", "m-1").code == 0
    monkeypatch.undo()
    program.now("2012-01-01T00:00:00Z")
    newer = program.run("migrate")
    assert newer.code == 4
    assert "a newer program" in newer.err


def test_migrating_mends_what_guards_the_events_and_says_what_it_cannot_mend(program: Program) -> None:
    program.record(*met())
    with sqlite3.connect(program.store) as connection:
        connection.execute("DROP TRIGGER events_no_update")
    connection.close()
    ran = program.json("migrate")
    assert (ran.code, ran.json["unguarded"]) == (0, [])
    assert [(one["what"], one["found"]) for one in ran.json["mended"]] == [
        ("trigger events_no_update of the events", "none")
    ]
    with sqlite3.connect(program.store) as connection:
        connection.execute("CREATE TRIGGER sneaky BEFORE INSERT ON events BEGIN SELECT RAISE(IGNORE); END")
    connection.close()
    ran = program.run("migrate")
    assert ran.code == 1
    assert "not as it should be: trigger sneaky of the events: found CREATE TRIGGER sneaky" in ran.err


@pytest.mark.parametrize("makes", ["file", "server"])
def test_migrating_makes_what_is_not_there(program: Program, request: pytest.FixtureRequest, makes: str) -> None:
    where = "new.db" if makes == "file" else request.getfixturevalue("postgres_url")
    ran = program.run_bare("migrate", "--store", where, "--json")
    newest = newest_version(sqlite_tables.STEPS if makes == "file" else postgres_tables.STEPS)
    assert (ran.code, ran.json["from"], ran.json["to"]) == (0, 0, newest)
    assert program.run_bare("migrate", "--store", where, "--json").json["from"] == newest


def test_a_question_to_a_role_that_may_only_read_is_answered_from_what_was_projected(
    program: Program, postgres_url: str
) -> None:
    program.record(*met())
    program.run_bare("copy", "--from", program.store, "--to", postgres_url)
    assert program.run_bare("--store", postgres_url, "project").code == 0
    before = program.run_bare("--store", postgres_url, "--json", "status", "m-1", "--at", "2010-12-01")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(files("ledger.store").joinpath("roles.sql").read_text())
        connection.execute("GRANT USAGE ON SCHEMA projections TO csat_ledger_reader")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA projections TO csat_ledger_reader")
    assert program.run_bare("migrate", "--store", postgres_url).code == 0
    more = program.write(
        "more.jsonl", [fact("void-response", "v", "2010-11-01T00:00:00Z", response="m-1-r-1", reason="test")]
    )
    assert program.run_bare("--store", postgres_url, "record", more).code == 0
    reader = f"postgresql://csat_ledger_reader@{postgres_url.rpartition('@')[2]}"
    asked = program.run_bare("--store", reader, "--json", "status", "m-1", "--at", "2010-12-01")
    assert (asked.code, asked.out) == (0, before.out)
    assert program.run_bare("--store", reader, "record", more, "--json").code == 4
    for arguments in ((), ("--rebuild",)):
        refused = program.run_bare("--store", reader, "--json", "project", *arguments)
        assert (refused.code, refused.json["error"]) == (4, "store-unreachable")
        assert "found projections that may only be read here" in refused.json["message"]
        assert "csat_ledger_projector" in refused.json["message"]
        assert "CREATE TABLE" not in refused.out + refused.err
    assert program.run_bare("--store", reader, "--json", "project", "--status").code == 0
