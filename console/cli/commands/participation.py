"""How the survey is taken up: consents, invitations, reminders, responses and the response rate."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any, Final

from console.cli.exits import DONE
from console.cli.session import Session

if TYPE_CHECKING:
    from projections.questions.participation import Participation

SPARE: Final = ("evaluations", "anonymous", "consents", "void", "reminders")

EPILOG: Final = """\
examples:
  csat-ledger participation                         a line for each membership
  csat-ledger participation --by quarter            all memberships together, quarter by quarter
  csat-ledger participation --membership m-1 --by month --json

The response rate is that of a membership's whole life: invitations answered by a response that is not void, of all that
were sent (several answers to one invitation, each but the last voided, are one). A quarter or a month has counts of each
and no rate. Plan with 25 % where there is none yet."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("--membership", metavar="M", help="of this membership only")
    parser.add_argument(
        "--by", choices=("membership", "quarter", "month"), default="membership", help="default: membership"
    )


def run(session: Session) -> int:
    """Prints the counts."""
    from projections.questions.participation import participation

    output, options = session.output, session.options
    with session.ledger() as ledger:
        ledger.catch_up()
        with ledger.view() as view:
            rows = participation(view, options.membership, options.by)
    if output.as_json:
        for row in rows:
            output.json(row)
        return DONE
    columns = (
        options.by,
        "consents",
        "invitations",
        "reminders",
        "responses",
        "void",
        "anonymous",
        "evaluations",
        *(("answered", "response rate") if options.by == "membership" else ("to invitations",)),
    )
    output.table(columns, [_cells(row) for row in rows], spare=SPARE)
    return DONE


def _cells(row: Participation) -> tuple[Any, ...]:
    from projections.questions.participation import MembershipParticipation, MonthParticipation

    def counted(name: str, *others: Any) -> tuple[Any, ...]:
        return (
            name,
            row.consents,
            row.invitations,
            row.reminders,
            row.responses,
            row.responses_voided,
            row.responses_anonymous,
            row.evaluations,
            *others,
        )

    if isinstance(row, MembershipParticipation):
        rate = row.response_rate
        return counted(row.membership, row.invitations_answered, None if rate is None else f"{rate:.1%}")
    if isinstance(row, MonthParticipation):
        return counted(row.month, row.responses_to_invitations)
    return counted(row.quarter, row.responses_to_invitations)
