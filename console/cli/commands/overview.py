"""How many memberships are eligible and how many designations are qualified, and how that moved month by month.

It goes by what was announced: `csat-ledger review` announces what time alone has changed."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Final

from console.cli.exits import DONE
from console.cli.options import add_times
from console.cli.output import plural, short
from console.cli.session import Session

EPILOG: Final = """\
examples:
  csat-ledger overview
  csat-ledger overview --at 2013-04-01 --known-at 2013-04-01 --json

Each month is told at its end, the last one at the instant asked for."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    add_times(parser)


def run(session: Session) -> int:
    """Prints the counts."""
    from projections.questions.overview import overview

    output = session.output
    with session.ledger() as ledger:
        ledger.catch_up()
        with ledger.view() as view:
            found = overview(view, ledger.store, session.at_us(), session.known_at(ledger))
    if output.as_json:
        output.json(found)
        return DONE
    output.text(
        f"{short(found.at)}, as known at position {found.known_at:,}: {found.eligible:,} of "
        f"{plural(found.memberships, 'membership')} eligible, {found.qualified:,} of "
        f"{plural(found.designations, 'designation')} qualified; "
        f"{plural(found.overdue or 0, 'renewal')} overdue and not decided"
    )
    if not found.complete:
        output.text("what time alone changes by then is not all announced, and is not counted")
    if found.months:
        output.table(
            ("month", "eligible", "qualified"), [(one.month, one.eligible, one.qualified) for one in found.months]
        )
    return DONE
