"""A membership's rolling count over time: how many responses counted, from when on, and what the edition asked for.

What lies after --at is what becomes of it if nothing more arrives."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Final

from console.cli.exits import DONE
from console.cli.options import add_times, instant
from console.cli.output import short
from console.cli.session import Session

EPILOG: Final = """\
examples:
  csat-ledger rolling m-1
  csat-ledger rolling m-1 --at 2011-03-01 --known-at 2011-03-01
  csat-ledger rolling m-1 --from 2010-01-01 --to 2012-01-01 --json

Each line holds until the next one."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("membership", metavar="M", help="the membership")
    parser.add_argument("--from", dest="since", type=instant, metavar="T", help="the first instant that is told")
    parser.add_argument("--to", dest="until", type=instant, metavar="T", help="the last one")
    add_times(parser)


def run(session: Session) -> int:
    """Prints the points."""
    from projections.questions.rolling import rolling

    options, output = session.options, session.output
    with session.ledger() as ledger:
        ledger.catch_up(asked=options.membership)
        with ledger.view() as view:
            known = session.known_at(ledger)
            found = rolling(view, options.membership, session.at_us(), known, options.since, options.until)
    if output.as_json:
        output.json(found)
        return DONE
    columns = ("from", "counted", "organisations", "needed", "satisfied")
    rows = [(short(one.at), one.counted, one.organisations, one.min_responses, one.satisfied) for one in found.points]
    output.table(columns, rows, spare=("organisations",))
    return DONE
