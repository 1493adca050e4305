"""Anniversaries of designations that are not decided: the overdue ones first, then those ahead; what is at risk before each.

Enough is to be qualified on one day of the window, which ends with the anniversary's month. It is told whether there was
such a day, or will be one if nothing more arrives; the score when the window ends; certificates that expire until then;
and what the next close would bring, compared with the month a year before it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE
from console.cli.options import add_times, days, days_left
from console.cli.output import Output, plural, short
from console.cli.points import SHORT, WIDTH, points
from console.cli.session import Session

if TYPE_CHECKING:
    from projections.questions.anniversaries import AnniversaryLine

EXPIRING_MAX: Final = 20
"""So many certificates are listed beneath the table; --json has all."""

EPILOG: Final = """\
examples:
  csat-ledger anniversaries                         the next 90 days
  csat-ledger anniversaries --at 2024-05-01 --known-at 2024-05-01  as it was known then
  csat-ledger anniversaries --within 365 --json     a line for each, overdue ones first: outlook (qualified, expected,
                                                    missing), qualified_at, centipoints_at_end, expiring, next_close

`csat-ledger decide-designation` records a decision, as soon as there was a day on which it was qualified."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("--within", type=days, default=90, metavar="DAYS", help="how far ahead; default: 90 days")
    add_times(parser)


def run(session: Session) -> int:
    """Prints the anniversaries."""
    from projections.questions.anniversaries import anniversaries

    output, at_us = session.output, session.at_us()
    within = days_left(at_us, session.options.within)
    with session.ledger() as ledger:
        ledger.catch_up()
        known = session.known_at(ledger)
        with ledger.view() as view:
            lines = anniversaries(view, at_us, within, known)
    if output.as_json:
        for line in lines:
            output.json(line)
        return DONE
    _print(output, lines, within)
    return DONE


def _print(output: Output, lines: list[AnniversaryLine], within: int) -> None:
    ahead = [line for line in lines if not line.overdue]
    overdue = len(lines) - len(ahead)
    output.flowing(
        f"{len(ahead):,} {'anniversary' if len(ahead) == 1 else 'anniversaries'} within {plural(within, 'day')}, "
        f"{sum(line.outlook == 'missing' for line in ahead)} at risk"
        f"{f'; {overdue:,} overdue and not decided' if overdue else ''}"
    )
    if not lines:
        return
    columns = (
        "anniversary", "in days", "membership", "area", "outlook", "qualified at", "points", "at the end", "missing",
        "without points", "next close", "brings",
    )  # fmt: skip
    output.table(
        columns,
        [_cells(line) for line in lines],
        wrap=("without points",),
        spare=("without points", "missing", "next close", "brings", "in days"),
    )
    _print_expiring(output, lines)


def _cells(line: AnniversaryLine) -> tuple[object, ...]:
    missing, close = line.missing_centipoints_at_end, line.next_close
    return (
        line.anniversary,
        "overdue" if line.overdue else line.days,
        line.membership,
        line.area,
        line.outlook,
        None if line.qualified_at is None else short(line.qualified_at),
        points(line.centipoints).rjust(WIDTH),
        points(line.centipoints_at_end).rjust(WIDTH),
        None if missing is None else points(missing).rjust(WIDTH),
        ", ".join(SHORT[name] for name in line.zero_at_end) or None,
        None if close is None else f"{close.month} against {close.compared_with}",
        None if close is None else points(close.centipoints).rjust(WIDTH),
    )


def _print_expiring(output: Output, lines: list[AnniversaryLine]) -> None:
    rows = [
        (short(one.until), line.membership, line.area, one.tier, one.person, one.certificate)
        for line in lines
        for one in line.expiring
    ]
    if not rows:
        return
    more = "" if len(rows) <= EXPIRING_MAX else f", the first {EXPIRING_MAX} listed"
    output.text()
    output.flowing(f"certificates that expire before that ({len(rows):,}{more}):")
    columns = ("no longer counts at", "membership", "area", "tier", "person", "certificate")
    output.table(columns, sorted(rows)[:EXPIRING_MAX])
