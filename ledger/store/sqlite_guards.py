"""What guards the events in SQLite: whether it still is as `sqlite_tables` makes it, and making it so again.

Somebody with the file can drop a trigger and put it back, or leave it away: the events would then be as safe as any other
rows. What is found is compared, word for word, with what a new book has.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from ledger.store.base import Unguarded
from ledger.store.sqlite_tables import EVENTS_INDEXES, EVENTS_TRIGGERS, events_table_statements

SELECT: Final = (
    "SELECT type || ' ' || name, sql FROM sqlite_master WHERE tbl_name = 'events' AND sql IS NOT NULL "
    "UNION ALL SELECT type || ' ' || name, sql FROM sqlite_temp_master WHERE tbl_name = 'events' ORDER BY 1"
)
Execute = Callable[[str], Any]


def unguarded(execute: Execute) -> list[Unguarded]:
    """What differs from a new book's guards."""
    found, expected = dict(execute(SELECT).fetchall()), expected_guards()
    return [
        Unguarded(f"{name} of the events", _said(found.get(name)), _said(expected.get(name)))
        for name in sorted(found.keys() | expected.keys())
        if found.get(name) != expected.get(name)
    ]


def expected_guards() -> dict[str, str]:
    """The table, its indexes and triggers, as the database of a new book names and keeps them."""
    connection = sqlite3.connect(":memory:")
    try:
        for statement in events_table_statements("events"):
            connection.execute(statement)
        return dict(connection.execute(SELECT).fetchall())
    finally:
        connection.close()


def mend(cursor: sqlite3.Cursor) -> list[Unguarded]:
    """Puts triggers and indexes in the place of those that are missing or other; returns what was not as it should be.

    What stands there beside them, and a table that is another, is left to whoever made it.
    """
    wrong = unguarded(cursor.execute)
    expected = expected_guards()
    for one in wrong:
        kind_and_name = one.what.removesuffix(" of the events")
        if kind_and_name in expected and not kind_and_name.startswith("table "):
            cursor.execute(f"DROP {kind_and_name.replace(' ', ' IF EXISTS ', 1)}")
    if wrong:
        for statement in (*EVENTS_INDEXES, *EVENTS_TRIGGERS):
            cursor.execute(statement.format(table="events"))
    return wrong


def _said(sql: str | None) -> str:
    return "none" if sql is None else " ".join(sql.split())
