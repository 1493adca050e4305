"""A membership's results as published: responses, mean and distribution of the core questions, trend, by quarter or month.

Nothing is tabulated when it is asked: `publish-results` closes months. A figure of which too few answers are known is left
out, and looks like one of which there are none."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any, Final

from console.cli.exits import DONE
from console.cli.options import add_known_at
from console.cli.session import Session
from console.cli.vault_options import add_vault, open_database

if TYPE_CHECKING:
    from projections.questions.results import QuestionResult

EPILOG: Final = """\
examples:
  csat-ledger results m-1 --vault people.db                quarter by quarter
  csat-ledger results m-1 --by month --json                one object, with distributions, locations and segments"""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("membership", metavar="M", help="the membership")
    parser.add_argument("--by", choices=("quarter", "month"), default="quarter", help="default: quarter")
    add_known_at(parser)
    add_vault(parser)


def run(session: Session) -> int:
    """Prints the results."""
    from console.published import published_of
    from projections.questions.results import results

    output, options = session.output, session.options
    with session.ledger() as ledger, open_database(session) as database:
        ledger.catch_up(asked=options.membership)
        published = published_of(ledger.store, database)
        with ledger.view() as view:
            answer = results(view, published, options.membership, options.by, session.known_at(ledger))
    if output.as_json:
        output.json(answer)
        return DONE
    rate = "none" if answer.response_rate is None else f"{answer.response_rate:.1%}"
    output.flowing(
        f"{answer.membership}, closed through {answer.closed_through or 'nothing yet'}; invitations {answer.invitations:,}, "
        f"answered {answer.invitations_answered:,}, response rate {rate}"
    )
    rows: list[tuple[Any, ...]] = [
        (one.period, one.invitations, one.responses, *_means(one.questions)) for one in answer.periods
    ]
    rows.append(("life", answer.invitations, answer.life.responses, *_means(answer.life.questions)))
    columns = (options.by, "invitations", "responses", "overall", "continue", "re-engage", "recommend")
    output.table(columns, rows, spare=("invitations",))
    if answer.parts:
        output.text()
        parts = [(one.location, one.segment, one.period, one.responses, *_means(one.questions)) for one in answer.parts]
        output.table(("location", "segment", "period", "responses", *columns[3:]), parts)
    return DONE


def _means(questions: tuple[QuestionResult, ...]) -> tuple[str | None, ...]:
    """Each mean, with its trend where there is one."""
    return tuple(
        None if one.mean is None else f"{one.mean:.2f}{'' if one.trend is None else f' ({one.trend:+.2f})'}"
        for one in questions
    )
