"""The capability score of a designation: at an instant (--at), as the ledger knew it (--known-at), and why it changed.

Both may lie anywhere. The future assumes that nothing more arrives; the answer for a --known-at that is past never changes
again. --explain takes two instants, each perhaps with what was known: T, or T@K."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE, Failure
from console.cli.options import add_area, add_times, side
from console.cli.output import Output, short
from console.cli.points import NO_EDITION, points, print_metrics, qualified
from console.cli.question_batch import Unanswered, answers, exit_code
from console.cli.session import Session

if TYPE_CHECKING:
    from projections.questions.score import LeftOutReports, NextChange, ScoreAnswer
    from projections.questions.view import View

EPILOG: Final = """\
examples:
  csat-ledger score m-1 --area business-applications            now
  csat-ledger score m-1 --area business-applications --at 2024-07-31 --known-at 4711
  csat-ledger score m-1 --area business-applications --explain 2024-07-31@4711 2024-07-31
                                                    what was learned since, and what it did to each metric
  csat-ledger score --batch questions.jsonl         a question a line:
                          {"membership":"m-1","area":"business-applications","at":"2024-07-31T00:00:00Z","known_at":4711}

A date stands for the instant at which it begins, 00:00 UTC. A line of a batch that cannot be answered gets
{"error": code, "line": number, "sentence": …}, the others their answers; exit code 3 says that there was one."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("membership", nargs="?", metavar="M", help="the membership")
    add_area(parser, required=False)
    add_times(parser, at="the instant asked for; default: now")
    parser.add_argument(
        "--explain", nargs=2, type=side, metavar=("FROM", "TO"), help="why the score differs between two T or T@K"
    )
    parser.add_argument("--batch", metavar="FILE", help="answers the question on each line of a file; - is stdin")


def run(session: Session) -> int:
    """Answers one question, or a file of them."""
    options = session.options
    asked = [name for name in ("membership", "area", "at", "known_at", "explain") if getattr(options, name) is not None]
    if options.batch is not None:
        if asked:
            raise Failure("usage", "found --batch beside a question, expected one or the other")
        return _batch(session, options.batch)
    if options.membership is None or options.area is None:
        found = "no membership and no --batch" if options.membership is None else "no --area"
        raise Failure("usage", f"found {found}, expected a membership and --area; `csat-ledger score --help` shows how")
    if options.explain is not None:
        if options.at is not None or options.known_at is not None:
            raise Failure(
                "usage", "found --explain beside --at or --known-at, expected FROM and TO alone, each T or T@K"
            )
        return _explain(session)
    from projections.questions.score import score

    with session.ledger() as ledger:
        ledger.catch_up(asked=session.options.membership)
        with ledger.view() as view:
            answer = score(view.scores(), options.membership, options.area, session.at_us(), session.known_at(ledger))
    if session.output.as_json:
        session.output.json(answer)
    else:
        print_score(session.output, answer)
    return DONE


def _batch(session: Session, name: str) -> int:
    from projections.questions.score import score

    def ask(view: View, named: dict[str, str], at_us: int, known: int | None) -> ScoreAnswer:
        return score(view.scores(), named["membership"], named["area"], at_us, known)

    output, errors = session.output, 0
    for answer in answers(session, name, ("membership", "area"), ask):
        errors += isinstance(answer, Unanswered)
        if output.as_json:
            output.json(answer)
        else:
            output.flowing(_one_line(answer))
    return exit_code(errors)


def _explain(session: Session) -> int:
    from projections.questions.explain import Side, explain

    options = session.options
    with session.ledger() as ledger:
        ledger.catch_up(asked=session.options.membership)
        before, after = (
            Side(at_us, None if known is None else known.resolve(ledger.store)) for at_us, known in options.explain
        )
        with ledger.view() as view:
            answer = explain(view.scores(), options.membership, options.area, before, after)
    if session.output.as_json:
        session.output.json(answer)
    else:
        from console.cli.explanation import print_explanation

        print_explanation(session.output, answer)
    return DONE


def print_score(output: Output, answer: ScoreAnswer) -> None:
    """A score for people."""
    output.flowing(
        f"{answer.membership} in {answer.area} at {short(answer.at)}, as known at position {answer.known_at:,}"
    )
    output.flowing(f"  points      {points(answer.centipoints)}, {qualified(answer.qualified)}")
    output.flowing(f"  edition     {answer.edition or 'none'}, track {answer.track}")
    output.flowing(f"  month       {_compared(answer)}")
    output.flowing(f"  next change {_next_change(answer.next_change)}")
    output.text()
    print_metrics(output, answer.metrics, answer.edition, indent="")
    if answer.left_out.total:
        _print_left_out(output, answer.left_out)


def _print_left_out(output: Output, left_out: LeftOutReports) -> None:
    listed = len(left_out.reports)
    more = "" if listed == left_out.total else f", the first {listed} listed"
    output.text()
    output.flowing(f"left out ({left_out.total:,}{more}):")
    columns = ("what", "customer", "workload", "month", "association", "reason")
    output.table(
        columns, [tuple(getattr(one, name) for name in columns) for one in left_out.reports], wrap=("customer",)
    )


def _compared(answer: ScoreAnswer) -> str:
    if answer.edition is None:
        return f"none, since {NO_EDITION}"
    return "none was closed" if answer.month is None else f"{answer.month}, compared with {answer.compared_with}"


def _next_change(change: NextChange | None) -> str:
    if change is None:
        return "none, if nothing more arrives"
    return f"{short(change.at)}: {'qualified' if change.qualified else 'no longer qualified'}"


def _one_line(answer: ScoreAnswer | Unanswered) -> str:
    if isinstance(answer, Unanswered):
        return f"line {answer.line}: {answer.error}: {answer.sentence}"
    return (
        f"{answer.membership} in {answer.area} at {short(answer.at)} known at {answer.known_at}: "
        f"{points(answer.centipoints)} points, {qualified(answer.qualified)}"
    )
