"""Brings a ledger's tables to the version that this program writes, and makes them where there are none.

It also looks whether all that keeps events from being changed is there and works (triggers, keys, rights, the append
lock), makes it so again where it is not, and says both. On PostgreSQL it gives tables to whom they belong, and grants each
role what it may do with them (see ledger/store/roles.sql), so run it as the owner of the tables, or as a superuser after
others were there first. Nothing is changed where everything is as it should be."""

from __future__ import annotations

from argparse import ArgumentParser
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Final

from console.cli.exits import DONE, NOT_SO
from console.cli.session import Session

EPILOG: Final = """\
examples:
  csat-ledger migrate
  csat-ledger migrate --store postgresql://csat_ledger_migrator@db.example.org/ledger --json

Exit code 1 says that something does not guard the events as it should, and could not be mended.
Stop what runs on the ledger first: an older program does not go on with newer tables, and says so."""


@dataclass(frozen=True, slots=True)
class GuardFound:
    """Something that guards the events, and was not as it should be."""

    what: str
    """What it is."""
    found: str
    """How it was found."""
    expected: str
    """How it should be."""


@dataclass(frozen=True, slots=True)
class MigrateAnswer:
    """The tables of a ledger, before and now."""

    store: str
    """The store's name: the file, or the URL without a password."""
    from_: int
    """The version found; 0 where there were no tables."""
    to: int
    """The version now."""
    mended: tuple[GuardFound, ...]
    """What was made as it should be."""
    unguarded: tuple[GuardFound, ...]
    """What could not be mended."""


def register(parser: ArgumentParser) -> None:
    """There is nothing to say but where."""


def run(session: Session) -> int:
    """Migrates, and says from which version to which."""
    from console.wiring import driver_errors, open_store
    from ledger.store.urls import without_password

    with ExitStack() as stack:
        stack.enter_context(driver_errors(without_password(session.where)))
        store = stack.enter_context(closing(open_store(session.where, create=True, migrate=True)))
        found, newest = store.found_version, store.tables_version
        unguarded = store.unguarded()
        mended = [one for one in store.mended if one not in unguarded]
    if session.output.as_json:
        session.output.json(
            MigrateAnswer(
                store=store.name,
                from_=found,
                to=newest,
                mended=tuple(GuardFound(*one) for one in mended),
                unguarded=tuple(GuardFound(*one) for one in unguarded),
            )
        )
    elif found == newest:
        session.output.text(f"{store.name}: the tables are of version {newest}, as they should be")
    else:
        session.output.text(f"{store.name}: brought the tables from version {found} to {newest}")
    for what, some in (("mended", mended), ("not as it should be", unguarded)):
        for one in some:
            session.output.words(f"{what}: {one.what}: found {one.found}, expected {one.expected}")
    return NOT_SO if unguarded else DONE
