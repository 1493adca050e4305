"""How a membership's eligibility changed, or with --area a designation, as it was announced and as that stands now.

An announcement replaces everything announced from its instant on; what was replaced is not shown, nor what only took
back a change that is none any more (`changes` has all of it)."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE
from console.cli.options import add_area, add_times
from console.cli.output import Output, short
from console.cli.session import Session
from ledger.instants import END_US

if TYPE_CHECKING:
    from projections.questions.designation_history import QualificationChange

EPILOG: Final = """\
examples:
  csat-ledger history m-1
  csat-ledger history m-1 --json     a line for each change, the earliest first
  csat-ledger history m-1 --at 2011-03-01 --known-at 2011-03-01    the changes up to then, as announced by then
  csat-ledger history m-1 --area business-applications             when the designation was qualified, and when not

Time alone changes both too: `csat-ledger review` announces that."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("membership", metavar="M", help="the membership")
    add_area(parser, required=False, text="of its designation in this area; default: of its eligibility")
    add_times(parser, at="the changes up to this instant; default: all that are announced")


def run(session: Session) -> int:
    """Prints the folded announcements."""
    if session.options.area is not None:
        return _of_designation(session)
    from projections.questions.history import history

    output = session.output
    with session.ledger() as ledger:
        ledger.catch_up(asked=session.options.membership)
        with ledger.view() as view:
            changes = history(view, session.options.membership, _until_us(session), session.known_at(ledger))
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


def _until_us(session: Session) -> int:
    at_us: int | None = session.options.at
    return END_US if at_us is None else at_us


def _of_designation(session: Session) -> int:
    from projections.questions.designation_history import designation_history

    options, output = session.options, session.output
    with session.ledger() as ledger:
        ledger.catch_up(asked=session.options.membership)
        with ledger.view() as view:
            changes = designation_history(
                view, options.membership, options.area, _until_us(session), session.known_at(ledger)
            )
    if not output.as_json:
        print_qualification_changes(output, changes)
        return DONE
    for change in changes:
        output.json(change)
    return DONE


def print_qualification_changes(output: Output, changes: list[QualificationChange]) -> None:
    """The history of a designation for people."""
    from console.cli.points import WIDTH, points

    if not changes:
        output.text("nothing was announced: never qualified so far")
        return
    rows = [
        (short(one.effective_at), one.qualified, points(one.centipoints).rjust(WIDTH), one.cause, one.position)
        for one in changes
    ]
    output.table(("effective at", "qualified", "points", "cause", "position"), rows, spare=("position",))
