"""Who read which person when, and why: the access log of the vault, in its order. It names subjects, never persons.

It takes no key of the vault. The database itself refuses to change or to remove an entry."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from typing import Final

from console.cli.exits import DONE
from console.cli.options import instant
from console.cli.output import short
from console.cli.session import Session
from console.cli.vault_options import add_vault, open_database
from ledger.instants import format_instant
from projections.questions.answer import Instant, Number

EPILOG: Final = """\
examples:
  csat-ledger access-report --vault people.db
  csat-ledger access-report --vault people.db --since 2012-01-01 --json
  csat-ledger access-report --vault people.db --subject 4f1c…      how a request for access is answered"""


@dataclass(frozen=True, slots=True)
class PersonRead:
    """A reading of a person."""

    entry: Number
    """Its number in the access log; there may be gaps, of readings that were given up."""
    at: Instant
    """When."""
    actor: str
    """Who read."""
    action: str
    """What for: invitation, reminder, shown, found; of a response answers, comment, link, comment-cleared,
    comment-withheld; erased where the erasure was asked for."""
    subject: str
    """Whom, by reference; of a response `response/<membership>/<response>`, which names nobody."""
    reason: str
    """Why, in the reader's words."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    add_vault(parser)
    parser.add_argument("--subject", metavar="S", help="the readings of one subject; default: of all")
    parser.add_argument("--since", type=instant, metavar="T", help="from this instant on")


def run(session: Session) -> int:
    """Prints the entries."""
    from ledger.vault.access_log import entries

    options = session.options
    with open_database(session) as database:
        for what in database.unguarded():
            session.output.words(f"{what}: found none, or another, expected what `csat-ledger vault migrate` made")
        for entry in entries(database, options.subject, options.since):
            at = format_instant(entry.at_us)
            if session.output.as_json:
                session.output.json(PersonRead(entry.id, at, entry.actor, entry.action, entry.subject, entry.reason))
            else:
                session.output.text(f"{short(at)}  {entry.actor}  {entry.action}  {entry.subject}  {entry.reason}")
    return DONE
