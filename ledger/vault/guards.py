"""What keeps tables as they were written: the access log, and what was published, which is told once and never changed.

In SQLite triggers on UPDATE, DELETE, and an INSERT that would replace; in PostgreSQL one trigger a table on UPDATE, DELETE and
TRUNCATE. Releases alone come in the place of others, and have none. `unguarded` of the database compares them with these
texts, and `csat-ledger vault migrate` makes those that are missing, so also in a vault that was made before there were any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Guarded(NamedTuple):
    """A table to which rows are added, and that is all."""

    name: str
    """What it is called in messages."""
    key: tuple[str, ...]
    """The columns of its primary key."""
    function: str
    """The function of its trigger in PostgreSQL."""


_PUBLISHED: Final = "published_refuse"
GUARDED: Final[Mapping[str, Guarded]] = {
    "access_log": Guarded("the access log", ("id",), "access_log_refuse"),
    "published_closings": Guarded("the closed months", ("month",), _PUBLISHED),
    "published_cells": Guarded(
        "the published figures", ("scope", "membership", "part", "peers", "period", "measure", "version"), _PUBLISHED
    ),
    "published_places": Guarded("the published places", ("period", "question", "membership"), _PUBLISHED),
    "published_groups": Guarded("the published groups", ("membership", "since"), _PUBLISHED),
}
BODIES: Final[Mapping[str, str]] = {
    "access_log_refuse": """
       BEGIN
           RAISE EXCEPTION 'the access log is append-only: % refused', TG_OP
               USING ERRCODE = 'integrity_constraint_violation';
       END """,
    _PUBLISHED: """
       BEGIN
           RAISE EXCEPTION 'what was published is append-only: % of % refused', TG_OP, TG_TABLE_NAME
               USING ERRCODE = 'integrity_constraint_violation';
       END """,
}
"""By function of PostgreSQL, what it does."""


def sqlite_triggers(table: str) -> dict[str, str]:
    """The triggers of a table in SQLite: by name the statement that makes it, as `sqlite_master` keeps it."""
    name, key, _ = GUARDED[table]
    same = " AND ".join(f"{column} = NEW.{column}" for column in key)
    return {
        f"{table}_no_update": f"""CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}
       BEGIN SELECT RAISE(ABORT, '{name} {_be(name)} append-only: UPDATE refused'); END""",
        f"{table}_no_delete": f"""CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}
       BEGIN SELECT RAISE(ABORT, '{name} {_be(name)} append-only: DELETE refused'); END""",
        # REPLACE deletes without firing a delete trigger, so what it would replace is refused before.
        f"{table}_append_only": f"""CREATE TRIGGER {table}_append_only BEFORE INSERT ON {table}
       WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})
       BEGIN SELECT RAISE(ABORT, '{name} {_be(name)} append-only: an entry must be new'); END""",
    }


def postgres_triggers(table: str) -> tuple[str, ...]:
    """What makes the trigger of a table in PostgreSQL, in the schema that is on the search path."""
    function = GUARDED[table].function
    return (
        f"""CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
       LANGUAGE plpgsql SET search_path = pg_catalog AS $${BODIES[function]}$$""",
        f"""CREATE OR REPLACE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
       FOR EACH STATEMENT EXECUTE FUNCTION {function}()""",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_is_append_only",
    )


def _be(name: str) -> str:
    return "are" if name.endswith("s") else "is"
