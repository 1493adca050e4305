"""What would have been under other figures: who would have gained or lost status, and which decisions would have differed.

The file holds a fact `publish-rulebook` or `publish-scorebook`, or as much of one as is to be tried: the figures that it
names take the place of those of every edition in force between --from and --to, all others stay. Each decision is taken anew
with what was known when it was taken. Nothing is recorded."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE, Failure
from console.cli.options import add_known_at, instant
from console.cli.output import short
from console.cli.session import Session
from console.cli.standard_streams import standard_input
from ledger.errors import BadInput, ExtraMissing

if TYPE_CHECKING:
    from projections.questions.what_if import WhatIf, WhatIfSpan

EPILOG: Final = """\
examples:
  echo '{"min_responses": 12}' | csat-ledger what-if --edition -            twelve responses instead of ten, from always on
  csat-ledger what-if --edition 2027-01.json --from 2025-01-01 --json     an edition, before it is published
  csat-ledger what-if --edition scorebook.json --counts                   how many, for the programme's owner

a figure of the other programme, in the file:
  {"type": "publish-scorebook", "area": "business-applications", "usage_growth": {"base_mcv": {"smb": 20000}}}

--counts tells how many, never who: in fives, rounded down, and of fewer than five no number; its span is of whole months, and
its figures have two digits and zeros."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("--edition", required=True, metavar="FILE", help="the figures, as JSON; - is standard input")
    parser.add_argument(
        "--from", dest="from_us", type=instant, metavar="T",
        help="from when on they hold; default: the file's effective_from, else always",
    )  # fmt: skip
    parser.add_argument("--to", dest="to_us", type=instant, metavar="T", help="until before when; default: now")
    parser.add_argument("--membership", metavar="M", help="list this membership only; the counts are of all")
    parser.add_argument("--counts", action="store_true", help="tell how many, not who")
    add_known_at(parser)


def run(session: Session) -> int:
    """Prints what differs."""
    options, output = session.options, session.output
    if options.counts and options.membership is not None:
        raise Failure("usage", "found --counts with --membership, expected one of them")
    try:
        from projections.what_if.figures import TEXT_MAX, counted_hypothesis, hypothesis
        from projections.what_if.found import counts, told
        from projections.what_if.question import what_if
    except ModuleNotFoundError as error:
        raise ExtraMissing(error.name, "results") from None
    text, now_us = _read(options.edition, TEXT_MAX), session.clock()
    if options.counts:
        other = counted_hypothesis(text, options.from_us, options.to_us, now_us)
    else:
        other = hypothesis(text, options.from_us, now_us if options.to_us is None else options.to_us)
    with session.ledger() as ledger:
        ledger.catch_up(asked=options.membership)
        with ledger.view() as view:
            found = what_if(view, other, session.known_at(ledger))
    answer = counts(found) if options.counts else told(found, options.membership, None)
    if output.as_json:
        output.json(answer)
        return DONE
    _print(session, answer)
    return DONE


def _read(name: str, most: int) -> bytes:
    """A file with an edition, or what comes on standard input. Raises BadInput."""
    try:
        if name == "-":
            return standard_input("an edition").read(most + 1)
        with Path(name).open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise BadInput(f"{name}: found {error.strerror}, expected a file with an edition") from None


def _print(session: Session, answer: WhatIf) -> None:
    output = session.output
    what = "membership" if answer.programme == "survey" else "designation"
    of_area = f" of {answer.area}" if isinstance(answer.area, str) else ""
    output.text(
        f"{short(answer.from_)} until before {short(answer.to)}, as known at position {answer.known_at:,}: of "
        f"{_some(answer.number)} {what if answer.number == 1 else f'{what}s'}{of_area} {_some(answer.gained)} would have "
        f"gained and {_some(answer.lost)} lost the status at some time; of {_some(answer.decided)} decisions that stand "
        f"{_some(answer.differing)} would have differed"
    )
    if answer.outcomes:
        rows = [(one.outcome, one.would_be, _some(one.decisions)) for one in answer.outcomes]
        output.table(("decided", "would be", "decisions"), rows)
    if isinstance(answer.status, tuple) and answer.status:
        output.table(
            ("membership", "gained", "lost"),
            [(one.membership, _spans(one.gained), _spans(one.lost)) for one in answer.status],
        )
    if isinstance(answer.decisions, tuple) and answer.decisions:
        differing = [(one.membership, one.day, one.revision, one.outcome, one.would_be) for one in answer.decisions]
        output.table(("membership", "day", "revision", "decided", "would be"), differing)


def _some(number: int | None) -> str:
    return "fewer than five" if number is None else f"{number:,}"


def _spans(spans: tuple[WhatIfSpan, ...]) -> str:
    return "; ".join(f"{short(one.from_)} to {short(one.to)}" for one in spans)
