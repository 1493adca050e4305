"""Certificates of a designation that will expire, and what the score falls to where it does, if nothing more arrives."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE
from console.cli.options import add_area, add_times
from console.cli.output import Output, short
from console.cli.points import NAMES, WIDTH, points, qualified
from console.cli.session import Session

if TYPE_CHECKING:
    from projections.questions.expiring import Expiring

EPILOG: Final = """\
examples:
  csat-ledger expiring m-1 --area business-applications
  csat-ledger expiring m-1 --area business-applications --months 12 --at 2024-07-01 --known-at 2024-07-01 --json

Those that count at --at, and no longer within so many months. Where somebody holds another of the tier, nothing falls."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("membership", metavar="M", help="the membership")
    add_area(parser, required=True)
    parser.add_argument("--months", type=_months, metavar="N", help="how far ahead; default: 6 months")
    add_times(parser)


def _months(text: str) -> int:
    from projections.questions.expiring import MONTHS_MAX

    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MONTHS_MAX):
        raise ArgumentTypeError(f"found {text[:40]!r}, expected a number of months from 1 to {MONTHS_MAX}")
    return int(text)


def run(session: Session) -> int:
    """Prints the certificates."""
    from projections.questions.expiring import MONTHS, expiring

    options = session.options
    months = MONTHS if options.months is None else options.months
    with session.ledger() as ledger:
        ledger.catch_up(asked=options.membership)
        with ledger.view() as view:
            known = session.known_at(ledger)
            found = expiring(view.scores(), options.membership, options.area, session.at_us(), known, months)
    if session.output.as_json:
        session.output.json(found)
    else:
        _print(session.output, found)
    return DONE


def _print(output: Output, found: Expiring) -> None:
    output.flowing(f"{found.membership} in {found.area} at {short(found.at)}, as known at position {found.known_at:,}")
    output.flowing(f"  points      {points(found.centipoints)}, {qualified(found.qualified)}")
    listed = len(found.certificates)
    more = "" if listed == found.total else f", the first {listed} listed"
    output.flowing(f"  expiring    {found.total:,} until {short(found.through)}{more}")
    if not listed:
        return
    output.text()
    rows = [
        (short(one.until), one.certificate, NAMES[one.tier], f"{one.people_before:,} -> {one.people:,}",
         f"{points(one.tier_centipoints_before)} -> {points(one.tier_centipoints)}", points(one.centipoints).rjust(WIDTH),
         qualified(one.qualified))
        for one in found.certificates
    ]  # fmt: skip
    columns = ("no longer counts at", "certificate", "tier", "people", "points of it", "score then", "")
    output.table(columns, rows, wrap=("certificate",), spare=("people",))
