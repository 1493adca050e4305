"""The decisions on renewals: all of them, or those of one membership, in the order in which they were recorded.

A renewal that was decided again has several, one a revision; all but the last are superseded, and stay provable."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Final

from console.cli.exits import DONE
from console.cli.options import instant, known_at
from console.cli.output import plural, short
from console.cli.session import Session
from ledger.instants import END_US

EPILOG: Final = """\
examples:
  csat-ledger decisions                             all
  csat-ledger decisions m-1 --json                  a line each: outcome, revision, superseded, decided_at, position, …
  csat-ledger decisions --at 2011-06-01 --known-at 2011-06-01      those taken by then, as it was known then

`csat-ledger replay M` takes each decision again, `csat-ledger evidence M` proves it."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("membership", nargs="?", metavar="M", help="of this membership only")
    parser.add_argument("--at", type=instant, metavar="T", help="those taken by this instant; default: all")
    parser.add_argument(
        "--known-at", type=known_at, metavar="K", help="a position, or an instant; default: all that is known"
    )


def run(session: Session) -> int:
    """Prints the decisions."""
    from projections.questions.decisions import decisions

    output, at_us = session.output, session.options.at
    until_us = END_US if at_us is None else at_us
    with session.ledger() as ledger:
        ledger.catch_up()
        with ledger.view() as view:
            rows = decisions(view, session.options.membership, until_us, session.known_at(ledger))
    if output.as_json:
        for row in rows:
            output.json(row)
        return DONE
    superseded = sum(row.superseded for row in rows)
    output.text(f"{plural(len(rows), 'decision')}{f', {superseded:,} of them superseded' if superseded else ''}")
    if rows:
        columns = (
            "renewal", "membership", "revision", "outcome", "by", "counted", "decided at", "position", "superseded",
        )  # fmt: skip
        output.table(
            columns,
            [
                (
                    row.renewal_date,
                    row.membership,
                    row.revision,
                    row.outcome,
                    row.via,
                    row.counted,
                    short(row.decided_at),
                    row.position,
                    row.superseded,
                )
                for row in rows
            ],
            spare=("by", "position", "counted"),
        )
    return DONE
