"""Where a membership stands: at an instant (--at), as the ledger knew it (--known-at).

Both may lie anywhere. The future assumes that nothing more arrives; the answer for a --known-at that is past never
changes again."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE, Failure
from console.cli.options import add_times
from console.cli.output import Output, plural, short, yes_no
from console.cli.session import Session

if TYPE_CHECKING:
    from console.cli.question_batch import Unanswered
    from projections.questions.answer import MayBeLeftOut
    from projections.questions.status import NextChange, Status

NAMES_SHOWN_MAX: Final = 5

EPILOG: Final = """\
examples:
  csat-ledger status m-1                                        now
  csat-ledger status m-1 --at 2011-02-28T23:59:59.999999Z       the evaluation of a renewal on 2011-03-01
  csat-ledger status m-1 --at 2011-02-28 --known-at 2011-02-01  as it was known on 1 February
  csat-ledger status m-1 --known-at 4711                        as it was known at a position
  csat-ledger status --batch questions.jsonl                    a question a line:
                          {"membership":"m-1","at":"2011-02-28T12:00:00Z","known_at":4711}

A date stands for the instant at which it begins, 00:00 UTC. A line of a batch that cannot be answered gets
{"error": code, "line": number, "sentence": …}, the others their answers; exit code 3 says that there was one."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("membership", nargs="?", metavar="M", help="the membership")
    add_times(parser, at="the instant asked for; default: now")
    parser.add_argument("--batch", metavar="FILE", help="answers the question on each line of a file; - is stdin")


def run(session: Session) -> int:
    """Answers one question, or a file of them."""
    options = session.options
    if options.batch is not None:
        if options.membership is not None or options.at is not None or options.known_at is not None:
            raise Failure("usage", "found --batch beside a question, expected one or the other")
        return _batch(session, options.batch)
    if options.membership is None:
        raise Failure("usage", "found no membership and no --batch; `csat-ledger status --help` shows how")
    from projections.questions.status import status

    with session.ledger() as ledger:
        ledger.catch_up(asked=session.options.membership)
        with ledger.view() as view:
            answer = status(view, options.membership, session.at_us(), session.known_at(ledger))
    if session.output.as_json:
        session.output.json(answer)
    else:
        _print(session.output, answer)
    return DONE


def _batch(session: Session, name: str) -> int:
    from console.cli.question_batch import Unanswered, answers, exit_code
    from projections.questions.status import status

    output, errors = session.output, 0
    for answer in answers(
        session,
        name,
        ("membership",),
        lambda view, named, at_us, known: status(view, named["membership"], at_us, known),
    ):
        errors += isinstance(answer, Unanswered)
        if output.as_json:
            output.json(answer)
        else:
            output.flowing(_refused(answer) if isinstance(answer, Unanswered) else _one_line(answer))
    return exit_code(errors)


def _print(output: Output, answer: Status) -> None:
    edition, via = answer.edition, answer.via
    output.flowing(f"{answer.membership} at {short(answer.at)}, as known at position {answer.known_at:,}")
    output.flowing(f"  required    {yes_no(answer.required)}{f', by edition {edition}' if edition else ''}")
    output.flowing(f"  satisfied   {yes_no(answer.satisfied)}{f', by {via}' if via else ''}")
    counted = f"{plural(answer.counted, 'response')} of {plural(answer.organisations, 'organisation')}"
    place = f", location {answer.location}" if answer.location else ""
    output.flowing(f"  counted     {counted}{place}")
    if answer.evaluations:
        output.flowing(f"  evaluations {answer.evaluations:,}")
    output.flowing(f"  next change {_next_change(answer.next_change)}")
    output.flowing(f"  next renewal {answer.next_renewal or 'none'}")
    rows = [
        (location, _with_names(organisation, count.names), count.received, count.applied)
        for location, found in answer.locations.items()
        for organisation, count in found.by_org.items()
    ]
    if rows:
        output.text()
        columns = ("location", "organisation", "received", "applied")
        output.table(columns, rows, wrap=("location", "organisation"))


def _with_names(organisation: str, names: tuple[str, ...] | MayBeLeftOut) -> str:
    """An organisation with its other names, the first of them."""
    others = [name for name in names if name != organisation] if isinstance(names, tuple) else []
    more = f" and {len(others) - NAMES_SHOWN_MAX:,} more" if len(others) > NAMES_SHOWN_MAX else ""
    return f"{organisation} (is {', '.join(others[:NAMES_SHOWN_MAX])}{more})" if others else organisation


def _next_change(change: NextChange | None) -> str:
    if change is None:
        return "none, if nothing more arrives"
    return f"{short(change.at)}: {'satisfied' if change.satisfied else 'no longer satisfied'}"


def _refused(answer: Unanswered) -> str:
    return f"line {answer.line}: {answer.error}: {answer.sentence}"


def _one_line(answer: Status) -> str:
    return (
        f"{answer.membership} at {short(answer.at)} known at {answer.known_at}: "
        f"{'satisfied' if answer.satisfied else 'not satisfied'}, {plural(answer.counted, 'response')} of "
        f"{plural(answer.organisations, 'organisation')}"
    )
