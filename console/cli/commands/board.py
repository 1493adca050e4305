"""Who is eligible, and who will lose it, when and why, if nothing more arrives."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE
from console.cli.options import add_times, days
from console.cli.output import Output, plural, short
from console.cli.session import Session

if TYPE_CHECKING:
    from projections.questions.board import BoardRow

EPILOG: Final = """\
examples:
  csat-ledger board                                 who loses it within 90 days first, then the others
  csat-ledger board --losing --within 30            only who loses it within 30 days
  csat-ledger board --at 2013-04-01 --known-at 2013-04-01         as it was known then
  csat-ledger board --at 2013-04-01 --json          a line for each membership: state (losing, eligible, not-eligible),
                                                    counted, next_change and, where it is lost, why"""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument(
        "--within", type=days, default=90, metavar="DAYS", help="who loses it so soon; default: 90 days"
    )
    parser.add_argument("--losing", action="store_true", help="only those who lose it within that time")
    add_times(parser)


def run(session: Session) -> int:
    """Prints the board."""
    from projections.questions.board import LOSING, board

    output, options = session.output, session.options
    with session.ledger() as ledger:
        ledger.catch_up()
        with ledger.view() as view:
            rows = board(view, session.at_us(), options.within, session.known_at(ledger))
    shown = [row for row in rows if row.state == LOSING] if options.losing else rows
    if output.as_json:
        for row in shown:
            output.json(row)
        return DONE
    print_summary(output, rows, options.within)
    if shown:
        output.text()
        print_rows(output, shown)
    return DONE


def print_summary(output: Output, rows: list[BoardRow], within_days: int) -> None:
    """The board in a line."""
    from projections.questions.board import ELIGIBLE, LOSING, NOT_ELIGIBLE

    count = {state: sum(row.state == state for row in rows) for state in (LOSING, ELIGIBLE, NOT_ELIGIBLE)}
    bound = sum(row.required and not row.satisfied for row in rows)
    output.flowing(
        f"{plural(len(rows), 'membership')}: {count[ELIGIBLE] + count[LOSING]} eligible, {count[LOSING]} of them lose "
        f"it within {plural(within_days, 'day')}; {count[NOT_ELIGIBLE]} not eligible, {bound} of them bound to be"
    )


def print_rows(output: Output, rows: list[BoardRow]) -> None:
    """A line for each membership."""
    columns = ("membership", "name", "state", "via", "counted", "organisations", "loses it at", "why")
    output.table(
        columns,
        [
            (
                row.membership,
                row.name,
                row.state,
                row.via,
                row.counted,
                row.organisations,
                # whole: --at takes it as it stands here
                short(row.next_change.at) if row.why and row.next_change else None,
                row.why,
            )
            for row in rows
        ],
        wrap=("name", "why"),
        spare=("via", "organisations", "counted", "name"),
    )
