"""Facts that were refused, newest first: why, from where and how often, with what is kept of each; or counts by code.

The ledger keeps them beside the book, whichever way they came: files, HTTP, Kafka. It keeps no answers or comments, nothing
that looks like personal data, and a token in the place of the invitation of an answer: such a fact is taken again from the
file of refusals of whoever recorded it, all others by `record --retry`. They are kept for 90 days after they were refused
last (CSAT_LEDGER_REFUSALS_DAYS), and of more than 100,000 the oldest are dropped."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from console.cli.exits import DONE, Failure
from console.cli.options import instant, number
from console.cli.output import plural
from console.cli.session import Session
from projections.questions.answer import Count

if TYPE_CHECKING:
    from console.wiring import Ledger
    from ledger.store.refusal_rows import Wanted
    from projections.questions.refusals import RefusalCount, RefusedFact

LIMIT: Final = 100
PAGE: Final = 1_000

EPILOG: Final = """\
examples:
  csat-ledger refusals --counts                     how many for each code
  csat-ledger refusals --code consent-missing --since 2010-06-01
  csat-ledger refusals --source file:crm.jsonl --json         a line for each, with `original`
  csat-ledger record --retry --code consent-missing           takes them again
  csat-ledger refusals --delete-before 2010-01-01   deletes what was refused last before then"""


@dataclass(frozen=True, slots=True)
class RefusalsDeleted:
    """Refused facts that were deleted."""

    deleted: Count
    """How many."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("--code", metavar="C", help="those that were refused with this code last")
    parser.add_argument("--source", metavar="S", help="those that came from here last, such as file:crm.jsonl")
    parser.add_argument("--since", type=instant, metavar="T", help="refused last at this instant, or later")
    parser.add_argument("--until", type=instant, metavar="T", help="refused last before this instant")
    parser.add_argument("--resolved", action="store_true", help="those, too, that are in the book by now")
    parser.add_argument("--limit", type=number, default=LIMIT, metavar="N", help=f"so many at most; default: {LIMIT}")
    parser.add_argument("--counts", action="store_true", help="how many for each code, in their place")
    parser.add_argument(
        "--delete-before", type=instant, metavar="T", help="delete what was refused last before this instant"
    )


def run(session: Session) -> int:
    """Prints refusals, or counts of them; or deletes some."""
    from console.cli.refusal_code import check_refusal_code
    from ledger.store.refusal_rows import Wanted
    from projections.questions.refusals import refusal_counts

    options = session.options
    wanted = Wanted(
        options.code, options.source, options.since, options.until, resolved=None if options.resolved else False
    )
    with session.ledger() as ledger:
        check_refusal_code(ledger, options.code)
        if options.delete_before is not None:
            if wanted != Wanted() or options.counts:
                raise Failure("usage", "found --delete-before beside other options, expected it alone")
            return _delete(session, ledger)
        if options.counts:
            return _print_counts(session, refusal_counts(ledger.store.refusals, wanted).codes)
        return _print(session, *_read(ledger, wanted, options.limit))


def _read(ledger: Ledger, wanted: Wanted, limit: int) -> tuple[list[RefusedFact], bool]:
    """The newest that are wanted, and whether there are more."""
    from projections.questions.refusals import read_refusals_cursor, refusals

    found: list[RefusedFact] = []
    below: int | None = None
    while len(found) < limit:
        page = refusals(ledger.store.refusals, wanted, below, min(PAGE, limit - len(found)))
        found += page.refusals
        if page.next is None:
            return found, False
        _, below = read_refusals_cursor(page.next)
    return found, True


def _print(session: Session, rows: list[RefusedFact], more: bool) -> int:
    output = session.output
    if output.as_json:
        for row in rows:
            output.json(row)
        return DONE
    output.flowing(f"{plural(len(rows), 'refused fact')}{', the newest; --limit shows more' if more else ''}")
    if rows:
        columns = ("refused at", "code", "fact", "membership", "times", "source", "sentence")
        output.table(columns, [_cells(row) for row in rows], wrap=("sentence", "source"), spare=("times", "membership"))
    if any(row.resolved is None and not row.whole for row in rows):
        number_left = sum(row.resolved is None and not row.whole for row in rows)
        output.words(
            f"{number_left:,} of them are not kept whole: `record --retry` takes them from their file of refusals"
        )
    return DONE


def _cells(row: RefusedFact) -> tuple[Any, ...]:
    said = row.sentence if row.resolved is None else f"in the book at position {row.resolved:,}"
    return (row.refused_at[:19], row.code, row.id, row.membership, row.times, row.source, said)


def _print_counts(session: Session, rows: tuple[RefusalCount, ...]) -> int:
    output = session.output
    if output.as_json:
        for row in rows:
            output.json(row)
        return DONE
    output.flowing(f"{plural(sum(row.facts for row in rows), 'refused fact')}, by code")
    if rows:
        columns = ("code", "facts", "times", "refused at", "given", "resolved", "dropped", "expired")
        output.table(
            columns,
            [
                (
                    row.code, row.facts, row.times, None if row.refused_at is None else row.refused_at[:19],
                    row.given, row.resolved, row.dropped, row.expired,
                )
                for row in rows
            ],
            spare=("times", "expired", "dropped"),
        )  # fmt: skip
    return DONE


def _delete(session: Session, ledger: Ledger) -> int:
    deleted = 0
    while True:
        with ledger.store.keeping_refusals() as table:
            some = table.expire(session.options.delete_before)
        deleted += some
        if not some:
            break
    if session.output.as_json:
        session.output.json(RefusalsDeleted(deleted))
    else:
        session.output.text(f"deleted {plural(deleted, 'refused fact')}")
    return DONE
