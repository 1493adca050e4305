"""The decisions on renewals and on designations: all of them, or those of one membership, in the order of the ledger.

In words those on renewals stand first, then those on designations, each in that order; --json has one order for all.
With --limit, or one of the choices beside it, it is a page of them, the newest first, and a cursor for the next.
What was decided again has several, one a revision; all but the last are superseded, and stay provable. A decision on a
designation names its area; --area shows those of one area only."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Final, get_args

from console.cli.exits import DONE, Failure
from console.cli.options import add_area, add_times, number_up_to, read_by
from console.cli.output import Output, plural, short
from console.cli.points import WIDTH, points
from console.cli.session import Session
from ledger.instants import END_US

if TYPE_CHECKING:
    from projections.questions.decision_counts import DecisionCount
    from projections.questions.decisions import DecisionTaken
    from projections.questions.designation_decisions import DesignationDecisionTaken

LIMIT: Final = 100
PAGED: Final = ("limit", "after", "programme", "outcome", "edition")
"""Options that ask for a page."""

EPILOG: Final = """\
examples:
  csat-ledger decisions                             all, on renewals and on designations
  csat-ledger decisions m-1 --json                  a line each: outcome, revision, superseded, decided_at, position, …
  csat-ledger decisions m-1 --area business-applications           on this designation only
  csat-ledger decisions --limit 20 --outcome not-met               the newest twenty of these; --after CURSOR goes on
  csat-ledger decisions --counts                    how many stand, by quarter, edition and outcome
  csat-ledger decisions --at 2011-06-01 --known-at 2011-06-01      those taken by then, as it was known then

`csat-ledger replay M` takes each decision again, `csat-ledger evidence M` proves it."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    from projections.questions.decisions_page import LIMIT_MAX, OUTCOMES, Programme, read_cursor

    parser.add_argument("membership", nargs="?", metavar="M", help="of this membership only")
    add_area(parser, required=False, text="on designations in this area only; default: on renewals and on designations")
    parser.add_argument("--counts", action="store_true", help="how many stand, by quarter, edition and outcome; of all")
    page = parser.add_argument_group("a page of the newest")
    page.add_argument("--limit", type=number_up_to(LIMIT_MAX), metavar="N", help="so many at most; default: 100")
    page.add_argument(
        "--after", type=read_by(read_cursor), metavar="CURSOR", help="the page after one, beside --limit alone"
    )
    page.add_argument("--programme", choices=get_args(Programme), help="on renewals (survey) or designations only")
    page.add_argument("--outcome", choices=OUTCOMES, metavar="OUTCOME", help=f"one of {', '.join(OUTCOMES)}")
    page.add_argument("--edition", metavar="NAME", help="those that name this edition of the rules")
    add_times(parser, at="those taken by this instant; default: all")


def run(session: Session) -> int:
    """Prints the decisions."""
    from projections.questions.all_decisions import all_decisions
    from projections.questions.decision_counts import decision_counts
    from projections.questions.decisions import DecisionTaken
    from projections.questions.designation_decisions import DesignationDecisionTaken

    output, options = session.output, session.options
    at_us = END_US if options.at is None else options.at
    if options.counts and (options.membership is not None or options.area is not None):
        raise Failure(
            "usage", "found --counts with a membership or an area, expected --counts alone: it is of all decisions"
        )
    if asked := [name for name in PAGED if getattr(options, name) is not None]:
        return _page(session, asked, at_us)
    with session.ledger() as ledger:
        ledger.catch_up()
        known = session.known_at(ledger)
        with ledger.view() as view:
            if options.counts:
                return _print_counts(output, decision_counts(view, at_us, known))
            lines = all_decisions(view, options.membership, options.area, at_us, known)
    if output.as_json:
        for line in lines:
            output.json(line)
        return DONE
    renewals = [line for line in lines if isinstance(line, DecisionTaken)]
    designations = [line for line in lines if isinstance(line, DesignationDecisionTaken)]
    _print_both(output, renewals, designations)
    return DONE


def _page(session: Session, asked: list[str], at_us: int) -> int:
    """Prints a page of the newest decisions. Raises BadInput for what does not go together."""
    from projections.questions.decisions import DecisionTaken
    from projections.questions.decisions_page import Wanted, decisions_page
    from projections.questions.designation_decisions import DesignationDecisionTaken

    output, options = session.output, session.options
    if options.counts or options.area is not None:
        raise Failure("usage", f"found --{asked[0]} beside --counts or --area, expected it without")
    others = [name for name in ("membership", "at", "known_at", *PAGED[2:]) if getattr(options, name) is not None]
    if options.after is not None and others:
        raise Failure(
            "usage", "found --after beside other choices, expected it beside --limit alone: the cursor holds them"
        )
    with session.ledger() as ledger:
        ledger.catch_up()
        named = (options.membership, options.programme, options.outcome, options.edition)
        wanted = options.after or Wanted(at_us, session.known_at(ledger), *named)
        with ledger.view() as view:
            page = decisions_page(view, wanted, options.limit or LIMIT)
    if output.as_json:
        output.json(page)
        return DONE
    _print_both(
        output,
        [one for one in page.decisions if isinstance(one, DecisionTaken)],
        [one for one in page.decisions if isinstance(one, DesignationDecisionTaken)],
    )
    if page.next is not None:
        output.text(f"more: --after {page.next}")
    return DONE


def _print_both(output: Output, renewals: list[DecisionTaken], designations: list[DesignationDecisionTaken]) -> None:
    superseded = sum(row.superseded for row in renewals) + sum(row.superseded for row in designations)
    number_of = plural(len(renewals) + len(designations), "decision")
    output.text(f"{number_of}{f', {superseded:,} of them superseded' if superseded else ''}")
    if renewals:
        _print_renewals(output, renewals)
    if renewals and designations:
        output.text()
    if designations:
        _print_designations(output, designations)


def _print_counts(output: Output, rows: list[DecisionCount]) -> int:
    if output.as_json:
        for row in rows:
            output.json(row)
        return DONE
    output.text(plural(sum(row.decisions or 0 for row in rows), "decision"))
    if rows:
        output.table(
            ("programme", "quarter", "edition", "outcome", "decisions"),
            [(row.programme, row.quarter, row.edition, row.outcome, row.decisions) for row in rows],
        )
    return DONE


def _print_renewals(output: Output, rows: list[DecisionTaken]) -> None:
    columns = (
        "renewal", "membership", "revision", "outcome", "by", "counted", "decided at", "position", "superseded",
    )  # fmt: skip
    output.table(
        columns,
        [
            (
                row.renewal_date,
                row.membership,
                row.revision,
                row.outcome,
                row.via,
                row.counted,
                short(row.decided_at),
                row.position,
                row.superseded,
            )
            for row in rows
        ],
        spare=("by", "position", "counted"),
    )


def _print_designations(output: Output, rows: list[DesignationDecisionTaken]) -> None:
    columns = (
        "anniversary", "membership", "area", "revision", "outcome", "points", "decided at", "position", "superseded",
    )  # fmt: skip
    output.table(
        columns,
        [
            (
                row.anniversary,
                row.membership,
                row.area,
                row.revision,
                row.outcome,
                _points(row),
                short(row.decided_at),
                row.position,
                row.superseded,
            )
            for row in rows
        ],
        spare=("position", "points"),
    )


def _points(row: DesignationDecisionTaken) -> str | None:
    """The points that decided it: when it was qualified, else the best there were."""
    deciding = row.at_first or row.best
    return None if deciding is None else points(deciding["centipoints"]).rjust(WIDTH)
