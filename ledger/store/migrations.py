"""Bringing a store's tables to the version that this program writes.

Each backend has its steps in a list: the first makes version 1 out of nothing, the next version 2 out of 1, and so on.
A store is opened only at the newest version; `csat-ledger migrate` applies what is missing, each step and the new
version in one transaction. To change the tables, add a step at the end and never change an earlier one: somebody's
tables were made by it. A step that adds tables adds what roles may do with them to `grants.sql` (PostgreSQL).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ledger.errors import StoreOutdated

CursorT = TypeVar("CursorT")
Step = Callable[[CursorT], None]


def missing_steps(
    name: str, found: int, steps: Sequence[Step[CursorT]], *, migrate: bool, may_create: bool = True
) -> Sequence[Step[CursorT]]:
    """The steps to apply to tables of version `found` (0: there are none), now.

    Tables are made on first use where the caller may do that. Raises StoreOutdated where they are of an older version
    and nobody asked for a migration, or of a newer one.
    """
    newest = len(steps)
    if found > newest:
        raise StoreOutdated(
            f"{name}: found tables of version {found}, expected at most {newest}: "
            "a newer program has migrated them, and this one cannot use them"
        )
    if found == newest or migrate:
        return steps[found:]
    if found == 0:
        if not may_create:
            raise StoreOutdated(
                f"{name}: found no tables of a ledger, and a role that may not create them; "
                f"`csat-ledger migrate --store …` with a role that may creates them"
            )
        return steps
    raise StoreOutdated(
        f"{name}: found tables of version {found}, expected {newest}; `csat-ledger migrate --store …` brings them there"
    )
