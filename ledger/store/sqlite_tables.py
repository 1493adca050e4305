"""The tables of a book in SQLite, what guards them, and the steps that bring them to the present version.

    events      position (explicit: VACUUM never renumbers it), stream, seq, type, stored bytes; the fact's id and
                digest on the first event of a fact. The database itself refuses UPDATE, DELETE, REPLACE, and gaps.
    snapshots   cached folds of long streams; may be dropped
    due         for each membership an instant before which no review is needed
    set_aside   streams that a writer could not read, and waits to take up again (see `ledger.writing.setting_aside`)
    ledger_meta up to which instants memberships were reviewed, and the id of the link key (`ledger.link_key`)
    refusals    refused facts, beside the book (`ledger.store.refusals`), and their totals by code
    tracking    the library's own, empty
    webhooks, webhook_held   receivers of announcements, and what waits for them (`consumers.webhooks.registry`)

The version stands in `PRAGMA user_version`, that this is a ledger's file in `PRAGMA application_id`.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from ledger.errors import StoreUnreachable
from ledger.store.migrations import Step, newest_version
from ledger.store.refusals import table_statements

APPLICATION_ID: Final = 0x43534154  # "CSAT"

EVENTS_TABLE: Final = """
CREATE TABLE IF NOT EXISTS {table} (
    position INTEGER PRIMARY KEY,
    originator_id TEXT NOT NULL,
    originator_version INTEGER NOT NULL,
    topic TEXT NOT NULL,
    state BLOB NOT NULL,
    fact TEXT,
    fact_digest BLOB,
    UNIQUE (originator_id, originator_version)
)"""
EVENTS_INDEXES: Final = (
    "CREATE UNIQUE INDEX IF NOT EXISTS {table}_fact ON {table} (fact) WHERE fact IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS {table}_announcements ON {table} (position) WHERE topic = 'EligibilityChanged'",
    "CREATE INDEX IF NOT EXISTS {table}_designations ON {table} (position) WHERE topic = 'DesignationChanged'",
)
EVENTS_TRIGGERS: Final = (
    """CREATE TRIGGER IF NOT EXISTS {table}_no_update BEFORE UPDATE ON {table}
       BEGIN SELECT RAISE(ABORT, 'events are immutable: UPDATE refused'); END""",
    """CREATE TRIGGER IF NOT EXISTS {table}_no_delete BEFORE DELETE ON {table}
       BEGIN SELECT RAISE(ABORT, 'events are immutable: DELETE refused'); END""",
    # REPLACE deletes without firing a delete trigger, so what it would replace is refused before.
    """CREATE TRIGGER IF NOT EXISTS {table}_append_only BEFORE INSERT ON {table}
       WHEN NEW.position IS NOT (SELECT coalesce(max(position), 0) + 1 FROM {table})
         OR EXISTS (SELECT 1 FROM {table}
                    WHERE originator_id = NEW.originator_id AND originator_version = NEW.originator_version)
         OR EXISTS (SELECT 1 FROM {table} WHERE fact = NEW.fact)
       BEGIN SELECT RAISE(ABORT, 'events are immutable: an event must be new and follow the last one'); END""",
)
INSERT_EVENTS: Final = "INSERT INTO {table} VALUES (?,?,?,?,?,?,?)"
TRACKING_TABLE: Final = """
CREATE TABLE IF NOT EXISTS tracking (
    application_name TEXT, notification_id INTEGER, PRIMARY KEY (application_name)
) WITHOUT ROWID"""


def events_table_statements(table: str) -> list[str]:
    """What creates the events table with all that guards it."""
    return [statement.format(table=table) for statement in (EVENTS_TABLE, *EVENTS_INDEXES, *EVENTS_TRIGGERS)]


def _version_4(cursor: sqlite3.Cursor) -> None:
    for statement in (TRACKING_TABLE, *events_table_statements("events")):
        cursor.execute(statement)
    cursor.execute("CREATE TABLE snapshots (stream TEXT PRIMARY KEY, seq INTEGER NOT NULL, state BLOB NOT NULL)")
    cursor.execute("CREATE TABLE due (stream TEXT PRIMARY KEY, at_us INTEGER NOT NULL) WITHOUT ROWID")
    cursor.execute("CREATE INDEX due_at ON due (at_us)")
    cursor.execute("CREATE TABLE ledger_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
    cursor.execute(
        "CREATE TABLE set_aside (stream TEXT PRIMARY KEY, position INTEGER NOT NULL, reason TEXT NOT NULL, "
        "reviewed_us INTEGER NOT NULL) WITHOUT ROWID"
    )
    cursor.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _version_5(cursor: sqlite3.Cursor) -> None:
    for statement in table_statements(schema="", text="TEXT", binary="BLOB"):
        cursor.execute(statement)


def _version_6(cursor: sqlite3.Cursor) -> None:
    cursor.execute(
        "CREATE TABLE webhooks (id TEXT PRIMARY KEY, url TEXT NOT NULL, types TEXT NOT NULL, secret_file TEXT NOT NULL, "
        "allow_private INTEGER NOT NULL, owner TEXT NOT NULL, created_us INTEGER NOT NULL, position INTEGER NOT NULL, "
        "head TEXT NOT NULL, trouble TEXT NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID"
    )
    cursor.execute(
        "CREATE TABLE webhook_held (webhook TEXT NOT NULL, membership TEXT NOT NULL, position INTEGER NOT NULL, "
        "since_us INTEGER NOT NULL, next_us INTEGER NOT NULL, attempts INTEGER NOT NULL, parked INTEGER NOT NULL, "
        "reason TEXT NOT NULL, PRIMARY KEY (webhook, membership)) WITHOUT ROWID"
    )


STEPS: list[Step[sqlite3.Cursor]] = [_version_4, _version_5, _version_6]


def found_version(cursor: sqlite3.Cursor, name: str) -> int:
    """The version of the tables; 0 where there are none. Raises StoreUnreachable for a file of something else."""
    (tables,) = cursor.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables:
        return 0
    (mark,) = cursor.execute("PRAGMA application_id").fetchone()
    if mark == 0 and _has_our_tables(cursor):
        raise StoreUnreachable(
            f"{name}: found a ledger that was restored from an SQL dump, which leaves out the marks of the file; copies "
            f"are made by `csat-ledger copy` or .backup. To use this one: sqlite3 FILE 'PRAGMA application_id="
            f"{APPLICATION_ID}; PRAGMA user_version={newest_version(STEPS)}', then "
            "`csat-ledger audit`, since a dump can be edited"
        )
    if mark != APPLICATION_ID:
        raise StoreUnreachable(f"{name}: found a database of something else, expected a ledger's or none")
    version: int = cursor.execute("PRAGMA user_version").fetchone()[0]
    return version


def _has_our_tables(cursor: sqlite3.Cursor) -> bool:
    names = {name for (name,) in cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()}
    return names >= {"events", "snapshots", "due", "ledger_meta"}
