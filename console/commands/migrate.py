"""Brings a ledger's tables to the version that this program writes, and makes them where there are none.

On PostgreSQL it also grants each role what it may do with them (see ledger/store/roles.sql), so run it as the owner of
the tables. Nothing is changed where everything is as it should be."""

from __future__ import annotations

from argparse import ArgumentParser
from contextlib import ExitStack, closing
from typing import Final

from console.exits import DONE
from console.session import Session

EPILOG: Final = """\
examples:
  csat-ledger migrate
  csat-ledger migrate --store postgresql://csat_ledger_migrator@db.example.org/ledger --json

Stop what runs on the ledger first: an older program does not go on with newer tables, and says so."""


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
    if session.output.as_json:
        session.output.json({"store": store.name, "from": found, "to": newest})
    elif found == newest:
        session.output.text(f"{store.name}: the tables are of version {newest}, as they should be")
    else:
        session.output.text(f"{store.name}: brought the tables from version {found} to {newest}")
    return DONE
