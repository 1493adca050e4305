"""Who changes status next in the survey, and when, if nothing more arrives: the earliest first, each at its next change.

It goes by all that is known now: what was ahead as known at an earlier time is told for one membership by `status` and
`rolling`, and for all by `board`. With --limit it is a page, and a cursor for the next one."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE, Failure
from console.cli.options import days, instant, number_up_to, read_by
from console.cli.output import Output, plural, short
from console.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from projections.questions.upcoming import UpcomingChange

WITHIN: Final = 90
LIMIT: Final = 100

EPILOG: Final = """\
examples:
  csat-ledger upcoming                              within 90 days
  csat-ledger upcoming --within 30 --json           a line for each: membership, at, satisfied (from then on), why
  csat-ledger upcoming --limit 10                   the first ten; --after CURSOR goes on"""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    from projections.questions.upcoming import LIMIT_MAX, read_cursor

    parser.add_argument("--within", type=days, metavar="DAYS", help=f"how far ahead; default: {WITHIN} days")
    parser.add_argument("--at", type=instant, metavar="T", help="seen from this instant; default: now")
    parser.add_argument("--limit", type=number_up_to(LIMIT_MAX), metavar="N", help="a page of so many at most")
    parser.add_argument(
        "--after", type=read_by(read_cursor), metavar="CURSOR", help="the page after one, beside --limit alone"
    )


def run(session: Session) -> int:
    """Prints the changes ahead."""
    from projections.questions.upcoming import every_upcoming, first_page, upcoming_page

    output, options = session.output, session.options
    if options.after is not None and (options.within is not None or options.at is not None):
        raise Failure("usage", "found --after beside other choices, expected it beside --limit alone: it holds them")
    within = WITHIN if options.within is None else options.within
    paged = options.limit is not None or options.after is not None
    with session.ledger() as ledger:
        ledger.catch_up()
        with ledger.view() as view:
            if paged:
                wanted = options.after or first_page(session.at_us(), within)
                pages = [upcoming_page(view, ledger.store, wanted, options.limit or LIMIT)]
            else:
                pages = list(every_upcoming(view, ledger.store, session.at_us(), within))
    changes = [change for page in pages for change in page.changes]
    if not all(page.complete for page in pages):
        output.words(
            "the projections are far behind the book: some changes may be missing; `csat-ledger project` shows it"
        )
    if output.as_json:
        for one in pages if paged else changes:
            output.json(one)
        return DONE
    _print(output, changes, within)
    if paged and pages[-1].next is not None:
        output.text(f"more: --after {pages[-1].next}")
    return DONE


def _print(output: Output, changes: Sequence[UpcomingChange], within: int) -> None:
    losing = sum(not change.satisfied for change in changes)
    output.flowing(
        f"{plural(len(changes), 'change')} within {plural(within, 'day')}: {losing:,} lose their eligibility, "
        f"{len(changes) - losing:,} become eligible, if nothing more arrives"
    )
    if changes:
        output.table(
            ("at", "membership", "name", "from then on", "counted", "why"),
            [
                (
                    short(one.at),
                    one.membership,
                    one.name,
                    "eligible" if one.satisfied else "not eligible",
                    one.counted,
                    one.why,
                )
                for one in changes
            ],
            wrap=("name", "why"),
            spare=("counted", "name"),
        )
