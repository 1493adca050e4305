"""The benchmark as published: peers with the same solution area and business model, who are never named; a partner's place.

Without --membership every group of which something is published, totals included. With it the partner's own peer group, and
beside each mean its own, and the quarter of its peers in which it lies. --places lists where each partner sits."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any, Final

from console.cli.exits import DONE, Failure
from console.cli.options import add_known_at
from console.cli.session import Session
from console.cli.vault_options import add_vault, open_database

if TYPE_CHECKING:
    from projections.questions.benchmark import BenchmarkLine

EPILOG: Final = """\
examples:
  csat-ledger benchmark --vault people.db --json           a line for each group and quarter
  csat-ledger benchmark --membership m-1 --by month
  csat-ledger benchmark --places                           where each partner sits, for the programme's owner"""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("--membership", metavar="M", help="the peers of this membership, and its place among them")
    parser.add_argument("--by", choices=("quarter", "month"), default="quarter", help="default: quarter")
    parser.add_argument("--places", action="store_true", help="where each partner sits in its peer group")
    add_known_at(parser)
    add_vault(parser)


def run(session: Session) -> int:
    """Prints the benchmark."""
    from console.published import published_of
    from projections.questions.benchmark import benchmark, partner_places

    output, options = session.output, session.options
    if options.places and options.membership is not None:
        raise Failure("usage", "found --places with --membership, expected one of them")
    with session.ledger() as ledger, open_database(session) as database:
        ledger.catch_up(asked=options.membership)
        known, published = session.known_at(ledger), published_of(ledger.store, database)
        if options.membership is not None:
            with ledger.view() as view:
                view.eligibility().require(options.membership)
        if options.places:
            places = partner_places(published, known)
            if not output.as_json:
                placed = ("period", "solution area", "business model", "question", "membership", "place")
                rows = [
                    (one.period, one.solution_area, one.business_model, one.question, one.membership, one.place)
                    for one in places
                ]
                output.table(placed, rows)
            else:
                for place in places:
                    output.json(place)
            return DONE
        lines = benchmark(published, options.membership, options.by, known)
    if output.as_json:
        for line in lines:
            output.json(line)
        return DONE
    columns = (
        "period",
        "solution area",
        "business model",
        "partners",
        "responses",
        "overall",
        "continue",
        "re-engage",
        "recommend",
    )
    output.table(columns, [_cells(line) for line in lines])
    return DONE


def _cells(line: BenchmarkLine) -> tuple[Any, ...]:
    """A line: each mean, and after it the partner's own and its place where one was named."""
    means = []
    for one in line.questions:
        own = "" if one.own_mean is None else f", own {one.own_mean:.2f}{f' {one.place}' if one.place else ''}"
        means.append(None if one.mean is None else f"{one.mean:.2f}{own}")
    return line.period, line.solution_area, line.business_model, line.partners, line.responses, *means
