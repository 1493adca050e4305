"""What each role of roles.sql may do, and above all what none of them may do to an event."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from pkgutil import iter_modules
from typing import Any

import psycopg
import pytest

import console.cli.commands
from consumers.webhooks import registry
from ledger.errors import StoreOutdated, StoreUnreachable
from ledger.programmes.registry import PROGRAMMES
from ledger.store.bookmark import Bookmark
from ledger.store.postgres import PostgresStore
from ledger.store.refusal_rows import NewRefusal, Wanted
from ledger.writing.writer import Writer
from projections.postgres import PostgresDatabase
from projections.questions.board import board
from projections.questions.view import view
from projections.registry import all_projections
from projections.runner import Runner
from tests.ledger.store.writing_process import NOW_US, facts

ROLES = (
    "csat_ledger_migrator", "csat_ledger_writer", "csat_ledger_reader", "csat_ledger_projector", "csat_ledger_webhooks",
)  # fmt: skip
AGAINST_EVENTS = (
    "UPDATE ledger.events SET topic = 'Nothing'",
    "UPDATE ledger.events SET topic = topic WHERE false",
    "DELETE FROM ledger.events",
    "TRUNCATE ledger.events",
    "ALTER TABLE ledger.events DISABLE TRIGGER ALL",
    "ALTER TABLE ledger.events DISABLE TRIGGER events_are_immutable",
    "DROP TRIGGER events_are_immutable ON ledger.events",
    "CREATE OR REPLACE FUNCTION ledger.events_refuse() RETURNS trigger LANGUAGE sql AS 'SELECT 1'",
    "ALTER TABLE ledger.events ADD more text",
    "DROP TABLE ledger.events",
    "CREATE TABLE ledger.more (text text)",
    "CREATE RULE gone AS ON INSERT TO ledger.events DO INSTEAD NOTHING",
    "SET session_replication_role = replica",
    "SET ROLE csat_ledger_migrator",
    "BEGIN; LOCK TABLE ledger.events IN ACCESS EXCLUSIVE MODE",
    "UPDATE ledger.ledger_meta SET value = '99'",
    "UPDATE ledger.link_key SET id = 'another'",
    "DELETE FROM ledger.link_key",
)
Url = Callable[[str], str]


@pytest.fixture
def as_role(postgres_url: str) -> Url:
    """A URL for each role, of a database for which roles.sql was run."""
    script = files("ledger.store").joinpath("roles.sql").read_text()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(script)
        connection.execute(script)  # again: nothing changes
    place = postgres_url.rpartition("@")[2]
    return lambda role: f"postgresql://{role}@{place}"


@pytest.fixture
def book(as_role: Url) -> Url:
    """The same with tables and some facts."""
    PostgresStore(as_role("csat_ledger_migrator"), migrate=True).close()
    store = PostgresStore(as_role("csat_ledger_writer"))
    outcomes = Writer(store, lambda: NOW_US, PROGRAMMES).record(list(facts("a", 40)))
    assert {outcome.status for outcome in outcomes} == {"accepted"}
    with store.writing() as transaction:
        transaction.save_link_key_id("0123456789abcdef")
    store.close()
    return as_role


def attempt(url: str, statement: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement)


@pytest.mark.parametrize("statement", AGAINST_EVENTS)
def test_no_process_can_change_an_event_or_what_guards_it(book: Url, statement: str) -> None:
    for role in ROLES[1:]:
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue)):
            attempt(book(role), statement)


@pytest.mark.parametrize("statement", AGAINST_EVENTS[:4])
def test_even_the_owner_of_the_tables_meets_the_triggers(book: Url, statement: str) -> None:
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="immutable"):
        attempt(book("csat_ledger_migrator"), statement)


def test_the_writer_does_all_that_a_writer_does(book: Url) -> None:
    store = PostgresStore(book("csat_ledger_writer"))
    writer = Writer(store, lambda: NOW_US, PROGRAMMES)
    assert {outcome.status for outcome in writer.record(list(facts("b", 1_200)))} == {"accepted"}
    assert writer.review().position == store.max_position()
    writer.close()  # keeps snapshots
    assert store.wait(0, 1)
    lock = store.try_lock("clock")
    assert lock is not None
    lock.release()
    store.close()


def test_the_reader_reads_and_adds_nothing(book: Url) -> None:
    store = PostgresStore(book("csat_ledger_reader"))
    assert store.read_feed(0, 10)
    assert store.read_due()
    assert store.link_key_id() == "0123456789abcdef"
    assert store.wait(0, 1)
    lock = store.try_lock("relay")
    assert lock is not None
    lock.release()
    with pytest.raises(StoreUnreachable, match="permission denied"):
        Writer(store, lambda: NOW_US, PROGRAMMES).record(list(facts("c", 5)))
    for statement in (
        "INSERT INTO ledger.events VALUES (1000, 's', 1, 'T', '{}')",
        "DELETE FROM ledger.due",
        "UPDATE ledger.reviews SET value = '[]'",
        "SELECT * FROM ledger.snapshots",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            attempt(book("csat_ledger_reader"), statement)
    store.close()


def test_the_sender_of_webhooks_reads_events_keeps_its_own_tables_and_nothing_else(book: Url) -> None:
    store = PostgresStore(book("csat_ledger_webhooks"))
    assert store.read_feed(0, 10)
    lock = store.try_lock("webhooks")
    assert lock is not None
    lock.release()
    registry.add(store, registry.Webhook("wh-1", "https://crm.example/", (), "x", False, "", 1, Bookmark(0, "")))
    assert registry.save(store, [registry.Progress("wh-1", 0, Bookmark(0, ""), "hm", {})]) == []
    assert registry.webhook(store, "wh-1").trouble == "hm"
    for role in ("csat_ledger_writer", "csat_ledger_reader"):
        assert registry.webhooks(PostgresStore(book(role)))
    registry.remove(store, "wh-1")
    with pytest.raises(StoreUnreachable, match="permission denied"):
        Writer(store, lambda: NOW_US, PROGRAMMES).record(list(facts("c", 5)))
    for statement in (
        "INSERT INTO ledger.events VALUES (1000, 's', 1, 'T', '{}')",
        "DELETE FROM ledger.due",
        "SELECT * FROM ledger.snapshots",
        "SELECT * FROM ledger.link_key",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            attempt(book("csat_ledger_webhooks"), statement)
    for role in ("csat_ledger_reader", "csat_ledger_projector"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            attempt(book(role), "DELETE FROM ledger.webhooks")
    store.close()


def test_the_projector_keeps_what_the_reader_reads_and_touches_no_event(book: Url) -> None:
    store = PostgresStore(book("csat_ledger_projector"))
    database = PostgresDatabase(book("csat_ledger_projector"))
    assert database.may_write()
    runner = Runner(store, database, all_projections())
    assert runner.catch_up() == store.max_position()
    assert set(runner.rebuild().values()) == {0}
    with pytest.raises(StoreUnreachable, match="permission denied"):
        Writer(store, lambda: NOW_US, PROGRAMMES).record(list(facts("c", 5)))
    for role in ("csat_ledger_reader", "csat_ledger_writer"):
        reading = PostgresDatabase(book(role))
        assert not reading.may_write()
        with view(reading) as seen:
            assert len(board(seen, NOW_US, 90)) == 5
        with pytest.raises(StoreUnreachable, match="permission denied"), reading.writing() as connection:
            connection.execute("DELETE FROM projection_state")
        reading.close()
    database.close()
    store.close()


def test_the_writer_keeps_what_is_refused_the_reader_reads_it_and_nobody_else_does(book: Url) -> None:
    refused = NewRefusal(bytes(32), "f", "x", "m-1", "malformed", "why", None, "file:a", None, False)
    with closing(PostgresStore(book("csat_ledger_writer"))) as store, store.keeping_refusals() as table:
        table.keep([refused], NOW_US)
        table.expire(NOW_US + 1)
        table.keep([refused], NOW_US)
    with closing(PostgresStore(book("csat_ledger_reader"))) as store:
        assert [row.fact for row in store.refusals.page(Wanted(), 10)] == ["f"]
        assert [(one.code, one.refused) for one in store.refusals.totals()] == [("malformed", 2)]
        with pytest.raises(StoreUnreachable, match="permission denied"), store.keeping_refusals() as table:
            table.expire(NOW_US + 1)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        attempt(book("csat_ledger_projector"), "SELECT * FROM ledger.refusals")


def test_a_role_that_may_not_make_tables_is_told_who_may(as_role: Url) -> None:
    with pytest.raises(StoreOutdated, match="csat-ledger migrate"):
        PostgresStore(as_role("csat_ledger_writer"))


def test_roles_made_after_the_tables_are_granted_by_the_next_migration(postgres_url: str) -> None:
    PostgresStore(postgres_url).close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(files("ledger.store").joinpath("roles.sql").read_text())
    PostgresStore(postgres_url, migrate=True).close()
    place = postgres_url.rpartition("@")[2]
    store = PostgresStore(f"postgresql://csat_ledger_writer@{place}")
    assert Writer(store, lambda: NOW_US, PROGRAMMES).record(list(facts("a", 5)))[0].status == "accepted"
    store.close()


def test_roles_are_said_to_be_used_by_commands_that_there_are() -> None:
    text = files("ledger.store").joinpath("roles.sql").read_text()
    named = {name for line in text.splitlines() if line.startswith("--  ") for name in re.findall("`([a-z-]+)`", line)}
    assert "record" in named
    commands = {module.name.replace("_", "-") for module in iter_modules(console.cli.commands.__path__)}
    assert named <= commands
