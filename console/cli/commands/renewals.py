"""Renewals that are not decided: the overdue ones first, then those ahead; where each stands, and what is missing.

Missing responses, and the invitations to send for them, are worked out as if nothing more arrived by itself, at the
partner's own response rate over its whole life: invitations that were answered by a response that is not void, of all
that were sent. Where it has none, or one of 0, 25 % is planned with."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any, Final

from console.cli.exits import DONE
from console.cli.options import add_times, days, days_left
from console.cli.output import plural
from console.cli.session import Session

if TYPE_CHECKING:
    from projections.questions.renewals import Renewal

NAMED_MAX: Final = 10
"""So many memberships are named in a remark beneath the table."""

EPILOG: Final = """\
examples:
  csat-ledger renewals                              the next 90 days
  csat-ledger renewals --at 2011-01-01 --known-at 2011-01-01       as it was known then
  csat-ledger renewals --membership m-1 --within 3650
  csat-ledger renewals --within 365 --json          a line for each renewal that is not decided yet, overdue ones first:
                                                    overdue, missing, missing_organisations, invitations, rate_own,
                                                    rate_used"""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("--membership", metavar="M", help="of this membership only")
    parser.add_argument("--within", type=days, default=90, metavar="DAYS", help="how far ahead; default: 90 days")
    add_times(parser)


def run(session: Session) -> int:
    """Prints the renewals."""
    from projections.questions.renewals import renewals

    output, at_us = session.output, session.at_us()
    within = days_left(at_us, session.options.within)
    with session.ledger() as ledger:
        ledger.catch_up()
        with ledger.view() as view:
            rows = renewals(view, at_us, within, session.known_at(ledger), membership=session.options.membership)
    if output.as_json:
        for row in rows:
            output.json(row)
        return DONE
    ahead = [row for row in rows if not row.overdue]
    overdue = len(rows) - len(ahead)
    output.flowing(
        f"{plural(len(ahead), 'renewal')} within {plural(within, 'day')}, {sum(row.missing > 0 for row in ahead)} "
        f"at risk{f'; {overdue:,} overdue and not decided' if overdue else ''}"
    )
    if rows:
        columns = (
            "renewal",
            "in days",
            "membership",
            "now",
            "on the date",
            "counted",
            "missing",
            "organisations missing",
            "rate",
            "invitations",
        )
        output.table(
            columns, [_cells(row) for row in rows], spare=("organisations missing", "counted", "now", "in days")
        )
    if without := [row.membership for row in ahead if row.rate_own == 0 and row.missing]:
        names = ", ".join(dict.fromkeys(without[:NAMED_MAX])) + (", …" if len(without) > NAMED_MAX else "")
        output.flowing(f"planned at 25 % though no invitation was ever answered: {names}")
    return DONE


def _cells(row: Renewal) -> tuple[Any, ...]:
    def met(satisfied: bool) -> str:
        return ("met" if satisfied else "not met") if row.required else "not required"

    return (
        row.renewal_date,
        "overdue" if row.overdue else row.days,
        row.membership,
        met(row.satisfied_now),
        met(row.satisfied_on_date),
        row.counted_on_date,
        row.missing,
        row.missing_organisations,
        f"{row.rate_used:.0%}",
        row.invitations,
    )
