"""How a membership's eligibility changed, as it was announced and as that stands now.

An announcement replaces everything announced from its instant on; what was replaced is not shown, nor what only took
back a change that is none any more (`changes` has all of it)."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Final

from console.cli.exits import DONE
from console.cli.output import short
from console.cli.session import Session

EPILOG: Final = """\
examples:
  csat-ledger history m-1
  csat-ledger history m-1 --json     a line for each change, the earliest first

Time alone changes eligibility too: `csat-ledger review` announces that."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("membership", metavar="M", help="the membership")


def run(session: Session) -> int:
    """Prints the folded announcements."""
    from projections.questions.history import history

    output = session.output
    with session.ledger() as ledger:
        ledger.catch_up()
        with ledger.view() as view:
            changes = history(view, session.options.membership)
    if output.as_json:
        for change in changes:
            output.json(change)
    elif not changes:
        output.text("nothing was announced: never satisfied so far")
    else:
        columns = ("effective at", "satisfied", "via", "counted", "organisations", "cause", "position")
        rows = [
            (short(one.effective_at), one.satisfied, one.via, one.counted, one.organisations, one.cause, one.position)
            for one in changes
        ]
        output.table(columns, rows, spare=("position", "organisations", "via"))
    return DONE
