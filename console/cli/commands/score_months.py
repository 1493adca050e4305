"""The score at the beginning of each of some months, as known now and as it was known then: what was restated since."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE
from console.cli.options import add_area, add_times
from console.cli.points import WIDTH, points, qualified
from console.cli.session import Session

if TYPE_CHECKING:
    from projections.questions.score_months import ScoreMonth

EPILOG: Final = """\
examples:
  csat-ledger score-months m-1 --area business-applications
  csat-ledger score-months m-1 --area business-applications --months 6 --at 2024-07-01 --json

Why a month differs: csat-ledger score m-1 --area business-applications --explain 2024-07-01@2024-07-01 2024-07-01"""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("membership", metavar="M", help="the membership")
    add_area(parser, required=True)
    parser.add_argument("--months", type=_months, metavar="N", help="so many months; default: 24")
    add_times(parser, at="the last month is the one of this instant; default: now")


def _months(text: str) -> int:
    from projections.questions.score_months import MONTHS_MAX

    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MONTHS_MAX):
        raise ArgumentTypeError(f"found {text[:40]!r}, expected a number of months from 1 to {MONTHS_MAX}")
    return int(text)


def run(session: Session) -> int:
    """Prints the months."""
    from ledger.book import position_at
    from projections.questions.score_months import MONTHS, score_months

    options, output = session.options, session.output
    months = MONTHS if options.months is None else options.months
    with session.ledger() as ledger:
        ledger.catch_up(asked=options.membership)
        with ledger.view() as view:
            found = score_months(
                view.scores(), options.membership, options.area, lambda at_us: position_at(ledger.store, at_us),
                session.at_us(), session.known_at(ledger), months,
            )  # fmt: skip
    if output.as_json:
        output.json(found)
        return DONE
    columns = ("month", "points", "", "as known then", "restated")
    output.table(columns, [_cells(one) for one in found.months])
    return DONE


def _cells(one: ScoreMonth) -> tuple[object, ...]:
    return (
        one.at[:7],
        points(one.now.centipoints).rjust(WIDTH),
        qualified(one.now.qualified),
        None if one.then is None else points(one.then.centipoints).rjust(WIDTH),
        "restated" if one.restated else None,
    )
