"""How a membership's eligibility changed, or with --area a designation, as it was announced and as that stands now.

An announcement replaces everything announced from its instant on; what was replaced is not shown, nor what only took
back a change that is none any more (`changes` has all of it)."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE
from console.cli.options import add_area
from console.cli.output import Output, short
from console.cli.session import Session

if TYPE_CHECKING:
    from projections.questions.designation_history import QualificationChange

EPILOG: Final = """\
examples:
  csat-ledger history m-1
  csat-ledger history m-1 --json     a line for each change, the earliest first
  csat-ledger history m-1 --area business-applications             when the designation was qualified, and when not

Time alone changes both too: `csat-ledger review` announces that."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("membership", metavar="M", help="the membership")
    add_area(parser, required=False, text="of its designation in this area; default: of its eligibility")


def run(session: Session) -> int:
    """Prints the folded announcements."""
    if session.options.area is not None:
        return _of_designation(session)
    output = session.output
    with session.ledger() as ledger, ledger.view() as view:
        history = view.eligibility().history(session.options.membership)
    if output.as_json:
        for entry in history:
            output.json(entry)
    elif not history:
        output.text("nothing was announced: never satisfied so far")
    else:
        columns = ("effective at", "satisfied", "via", "counted", "organisations", "cause", "position")
        rows = [(short(entry["effective_at"]), *list(entry.values())[1:]) for entry in history]
        output.table(columns, rows, spare=("position", "organisations", "via"))
    return DONE


def _of_designation(session: Session) -> int:
    from projections.questions.answer import plain
    from projections.questions.designation_history import designation_history

    options, output = session.options, session.output
    with session.ledger() as ledger, ledger.view() as view:
        changes = designation_history(view, options.membership, options.area)
    if not output.as_json:
        print_qualification_changes(output, changes)
        return DONE
    for change in changes:
        output.json(plain(change))
    return DONE


def print_qualification_changes(output: Output, changes: list[QualificationChange]) -> None:
    """The history of a designation for people."""
    from console.cli.points import WIDTH, points

    if not changes:
        output.text("nothing was announced: never qualified so far")
        return
    rows = [
        (
            short(change.effective_at),
            change.qualified,
            points(change.centipoints).rjust(WIDTH),
            change.cause,
            change.position,
        )
        for change in changes
    ]
    output.table(("effective at", "qualified", "points", "cause", "position"), rows, spare=("position",))
