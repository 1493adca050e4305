"""Bringing a store's tables to the version that this program writes.

Each backend has its steps in a list: the first makes version 4 out of nothing, the next version 5 out of 4, and so on.
Versions 1 to 3 were those of drafts of this program, whose events have other fields: a book that was begun with one is told
by its version alone, without reading it, and is neither read nor migrated.

A store is opened only at the newest version; `csat-ledger migrate` applies what is missing, each step and the new
version in one transaction. To change the tables, add a step at the end and never change an earlier one: somebody's
tables were made by it. A step that adds tables adds what roles may do with them to `grants.sql` (PostgreSQL).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from ledger.errors import StoreOutdated

CursorT = TypeVar("CursorT")
Step = Callable[[CursorT], None]

DRAFT_VERSION_MAX: Final = 3
"""Tables up to this version hold the events of a draft; a release never has one of them."""


def newest_version(steps: Sequence[Step[CursorT]]) -> int:
    """The version of tables that all steps have made."""
    return DRAFT_VERSION_MAX + len(steps)


def steps_after(found: int, steps: Sequence[Step[CursorT]]) -> Sequence[Step[CursorT]]:
    """The steps that tables of version `found` lack; all of them where there are none (0)."""
    return steps[max(0, found - DRAFT_VERSION_MAX) :]


def missing_steps(
    name: str, found: int, steps: Sequence[Step[CursorT]], *, migrate: bool, may_create: bool = True
) -> Sequence[Step[CursorT]]:
    """The steps to apply to tables of version `found` (0: there are none), now.

    Tables are made on first use where the caller may do that. Raises StoreOutdated where they are of an older version
    and nobody asked for a migration, of a newer one, or of a draft.
    """
    newest = newest_version(steps)
    if found > newest:
        raise StoreOutdated(
            f"{name}: found tables of version {found}, expected at most {newest}: "
            "a newer program has migrated them, and this one cannot use them"
        )
    if 0 < found <= DRAFT_VERSION_MAX:
        raise StoreOutdated(
            f"{name}: found tables of version {found}, expected {newest}: this ledger was begun with a draft of this program, "
            "whose events this one does not read; its facts are recorded anew, from their sources, in a new ledger"
        )
    if found == newest or migrate:
        return steps_after(found, steps)
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
