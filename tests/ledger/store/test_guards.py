"""What guards the events is looked at, not believed: everything that somebody can take away is found, and mended."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest

from ledger.store.postgres import PostgresStore
from ledger.store.sqlite import SQLiteStore
from projections.postgres import PostgresDatabase
from projections.registry import all_projections
from projections.runner import Runner

# SQLite

IN_SQLITE = {
    "DROP TRIGGER events_no_update": ("trigger events_no_update", "none", True),
    "DROP TRIGGER events_append_only": ("trigger events_append_only", "none", True),
    "DROP TRIGGER events_no_delete; CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT 1; END": (
        "trigger events_no_delete",
        "SELECT 1; END",
        True,
    ),
    "DROP INDEX events_fact": ("index events_fact", "none", True),
    "CREATE TRIGGER sneaky BEFORE INSERT ON events BEGIN SELECT RAISE(IGNORE); END": (
        "trigger sneaky",
        "IGNORE",
        False,
    ),
}


@pytest.mark.parametrize("attack", IN_SQLITE)
def test_a_guard_that_is_gone_or_other_is_found_in_a_file_and_mended(tmp_path: Path, attack: str) -> None:
    what, found, mendable = IN_SQLITE[attack]
    path = tmp_path / "book.db"
    with closing(SQLiteStore(path)) as store:
        assert store.unguarded() == []
        with closing(sqlite3.connect(path)) as raw:
            raw.executescript(attack)
        (wrong,) = store.unguarded()
        assert wrong.what == f"{what} of the events"
        assert found in wrong.found
    with closing(SQLiteStore(path, migrate=True)) as store:
        assert store.mended == [wrong]
        assert store.unguarded() == ([] if mendable else [wrong])


# PostgreSQL

IN_POSTGRES = {
    "ALTER TABLE ledger.events DISABLE TRIGGER events_are_immutable": ("trigger events_are_immutable", "mode D", True),
    "ALTER TABLE ledger.events ENABLE TRIGGER events_have_no_gaps": ("trigger events_have_no_gaps", "mode O", True),
    "ALTER TABLE ledger.events ENABLE REPLICA TRIGGER events_have_no_gaps": (
        "trigger events_have_no_gaps",
        "mode R",
        True,
    ),
    "DROP TRIGGER events_have_no_gaps ON ledger.events": ("trigger events_have_no_gaps", "none", True),
    "CREATE OR REPLACE TRIGGER events_are_immutable BEFORE DELETE ON ledger.events FOR EACH STATEMENT "
    "EXECUTE FUNCTION ledger.events_refuse(); ALTER TABLE ledger.events ENABLE ALWAYS TRIGGER events_are_immutable": (
        "trigger events_are_immutable",
        "type 10",
        True,
    ),
    "CREATE OR REPLACE FUNCTION ledger.events_refuse() RETURNS trigger LANGUAGE plpgsql "
    "SET search_path = pg_catalog AS 'BEGIN RETURN NULL; END'": (
        "function ledger.events_refuse()",
        "RETURN NULL",
        True,
    ),
    "CREATE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
    "CREATE TRIGGER sneaky BEFORE INSERT ON ledger.events FOR EACH ROW EXECUTE FUNCTION public.nothing()": (
        "trigger sneaky",
        "nothing",
        False,
    ),
    "CREATE RULE gone AS ON INSERT TO ledger.events DO INSTEAD NOTHING": ("rule gone", "one", False),
    "ALTER TABLE ledger.events ENABLE ROW LEVEL SECURITY": ("row security", "one", False),
    "DROP INDEX ledger.events_fact": ("unique key (fact)", "none that is valid", True),
    "DROP TABLE ledger.events_append_lock": ("append lock ledger.events_append_lock", "none", True),
    "GRANT UPDATE ON ledger.events TO csat_ledger_writer": (
        "UPDATE on ledger.events",
        "granted to csat_ledger_writer",
        True,
    ),
    "GRANT SELECT ON ledger.events TO PUBLIC": ("SELECT on ledger.events", "granted to everybody", True),
    "ALTER TABLE ledger.events OWNER TO csat_ledger_writer; REVOKE UPDATE, DELETE, TRUNCATE, TRIGGER, REFERENCES "
    "ON ledger.events FROM csat_ledger_writer": (
        "owner of ledger.events",
        "csat_ledger_writer, whom csat_ledger_writer may be",
        True,
    ),
}


@pytest.fixture
def with_roles(postgres_url: str) -> str:
    """A database for which roles.sql was run, and its tables made as its migrator."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(files("ledger.store").joinpath("roles.sql").read_text())
    PostgresStore(as_role(postgres_url, "csat_ledger_migrator"), migrate=True).close()
    return postgres_url


def as_role(url: str, role: str) -> str:
    return f"postgresql://{role}@{url.rpartition('@')[2]}"


@pytest.mark.parametrize("attack", IN_POSTGRES)
def test_a_guard_that_is_gone_or_other_is_found_in_a_server_and_mended(with_roles: str, attack: str) -> None:
    what, found, mendable = IN_POSTGRES[attack]
    with psycopg.connect(with_roles, autocommit=True) as connection:
        connection.execute(attack)
    with closing(PostgresStore(with_roles)) as store:
        (wrong,) = store.unguarded()
    assert wrong.what.startswith(what)
    assert found in wrong.found
    with closing(PostgresStore(with_roles, migrate=True)) as store:
        assert store.mended == [wrong]
        assert store.unguarded() == ([] if mendable else [wrong])


def test_a_whole_set_of_guards_is_confirmed_to_every_role(with_roles: str) -> None:
    for role in ("csat_ledger_migrator", "csat_ledger_writer", "csat_ledger_reader", "csat_ledger_projector"):
        with closing(PostgresStore(as_role(with_roles, role))) as store:
            assert store.unguarded() == [], role


def test_projections_that_somebody_else_built_first_are_given_to_their_keeper(postgres_url: str) -> None:
    PostgresStore(postgres_url, migrate=True).close()
    with closing(PostgresStore(postgres_url)) as store, closing(PostgresDatabase(postgres_url)) as first:
        Runner(store, first, all_projections()).catch_up()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(files("ledger.store").joinpath("roles.sql").read_text())
    with closing(PostgresStore(postgres_url)) as store:
        assert all("projections." in one.what for one in store.unguarded())
        assert "csat_ledger_projector" in store.unguarded()[0].expected
    with closing(PostgresStore(postgres_url, migrate=True)) as store:
        assert store.unguarded() == []
        assert store.mended
    keeper = as_role(postgres_url, "csat_ledger_projector")
    with closing(PostgresStore(keeper)) as store, closing(PostgresDatabase(keeper)) as database:
        assert set(Runner(store, database, all_projections()).rebuild().values()) == {0}
    with psycopg.connect(as_role(postgres_url, "csat_ledger_reader")) as connection:
        assert connection.execute("SELECT count(*) FROM projections.projection_state").fetchone() == (
            len(all_projections()),
        )
