"""Renewals ahead: where each stands now and would stand on its date, and what is missing.

Missing responses, and the invitations to send for them, are worked out as if nothing more arrived by itself, at the
partner's own response rate (25 % where it has none)."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any, Final

from console.exits import DONE
from console.options import days, days_left, instant
from console.output import plural
from console.session import Session

EPILOG: Final = """\
examples:
  csat-ledger renewals                              the next 90 days
  csat-ledger renewals --within 365 --json          a line for each renewal that is not decided yet, the next first"""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("--within", type=days, default=90, metavar="DAYS", help="how far ahead; default: 90 days")
    parser.add_argument("--at", type=instant, metavar="T", help="seen from this instant; default: now")


def run(session: Session) -> int:
    """Prints the renewals."""
    output, at_us = session.output, session.at_us()
    within = days_left(at_us, session.options.within)
    with session.ledger() as ledger, ledger.view() as view:
        rows = view.renewals(at_us, within)
    if output.as_json:
        for row in rows:
            output.json(row)
        return DONE
    at_risk = sum(row["missing"] > 0 for row in rows)
    output.flowing(f"{plural(len(rows), 'renewal')} within {plural(within, 'day')}, {at_risk} at risk")
    if rows:
        columns = ("renewal", "in days", "membership", "now", "on the date", "counted", "missing", "invitations")
        output.table(columns, [_cells(row) for row in rows], spare=("in days", "counted", "now"))
    return DONE


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    def met(satisfied: bool) -> str:
        return ("met" if satisfied else "not met") if row["required"] else "not required"

    return (
        row["renewal_date"],
        row["days"],
        row["membership"],
        met(row["satisfied_now"]),
        met(row["satisfied_on_date"]),
        row["counted_on_date"],
        row["missing"],
        row["invitations"],
    )
