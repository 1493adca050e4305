"""Where a membership stands: at an instant (--at), as the ledger knew it (--known-at).

Both may lie anywhere. The future assumes that nothing more arrives; the answer for a --known-at that is past never
changes again."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from console.exits import DONE, Failure
from console.options import KnownAt, instant, known_at, read_instant, read_known_at
from console.output import Output, plural, short, yes_no
from console.session import Session
from ledger.errors import BadInput, UnknownMembership

if TYPE_CHECKING:
    from console.wiring import Ledger
    from projections.status import EligibilityReader

BATCH_KEYS: Final = {"membership", "at", "known_at"}

EPILOG: Final = """\
examples:
  csat-ledger status m-1                                        now
  csat-ledger status m-1 --at 2011-02-28T23:59:59.999999Z       the evaluation of a renewal on 2011-03-01
  csat-ledger status m-1 --at 2011-02-28 --known-at 2011-02-01  as it was known on 1 February
  csat-ledger status m-1 --known-at 4711                        as it was known at a position
  csat-ledger status --batch questions.jsonl                    a question a line:
                          {"membership":"m-1","at":"2011-02-28T12:00:00Z","known_at":4711}

A date stands for the instant at which it begins, 00:00 UTC."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("membership", nargs="?", metavar="M", help="the membership")
    parser.add_argument("--at", type=instant, metavar="T", help="the instant asked for; default: now")
    parser.add_argument(
        "--known-at", type=known_at, metavar="K", help="a position, or an instant; default: all that is known"
    )
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
    with session.ledger() as ledger, ledger.view() as view:
        known = None if options.known_at is None else options.known_at.resolve(ledger.store)
        answer = view.eligibility().status(options.membership, session.at_us(), known)
    if session.output.as_json:
        session.output.json(answer)
    else:
        _print(session.output, answer)
    return DONE


def _batch(session: Session, name: str) -> int:
    output = session.output
    with _lines(name) as lines, session.ledger() as ledger, ledger.view() as view:
        reader = view.eligibility()
        now_us = session.clock()
        for line in lines:
            if not line.isspace():
                answer = _answer(line, ledger, reader, now_us)
                if output.as_json:
                    output.json(answer)
                else:
                    output.text(_one_line(answer))
    return DONE


def _answer(line: bytes, ledger: Ledger, reader: EligibilityReader, now_us: int) -> dict[str, Any]:
    """The answer to a line, or its error: one line that asks nonsense must not cost the others their answers."""
    try:
        membership, at_us, known = _question(line)
        return reader.status(
            membership,
            now_us if at_us is None else at_us,
            None if known is None else known.resolve(ledger.store),
        )
    except UnknownMembership as error:
        return {"error": error.code}
    except BadInput:
        return {"error": "malformed"}


def _question(line: bytes) -> tuple[str, int | None, KnownAt | None]:
    import orjson

    try:
        question = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"found no JSON: {error}") from None
    if not isinstance(question, dict) or not isinstance(question.get("membership"), str) or set(question) - BATCH_KEYS:
        raise BadInput(f"found {question!r}, expected an object with membership, and perhaps at and known_at")
    at, known = question.get("at"), question.get("known_at")
    if at is not None and not isinstance(at, str):
        raise BadInput(f"found at {at!r}, expected an instant")
    if known is not None and (isinstance(known, bool) or not isinstance(known, int | str)):
        raise BadInput(f"found known_at {known!r}, expected a position or an instant")
    return (
        question["membership"],
        None if at is None else read_instant(at),
        None if known is None else read_known_at(str(known)),
    )


@contextmanager
def _lines(name: str) -> Iterator[Iterable[bytes]]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        stream: BinaryIO = Path(name).open("rb")  # noqa: SIM115 - closed below, whoever has asked
    except OSError as error:
        raise Failure("unreadable", f"{name}: {error.strerror}") from None
    with stream:
        yield stream


def _print(output: Output, answer: dict[str, Any]) -> None:
    edition, via = answer["edition"], answer["via"]
    output.text(f"{answer['membership']} at {short(answer['at'])}, as known at position {answer['known_at']:,}")
    output.text(f"  required    {yes_no(answer['required'])}{f', by edition {edition}' if edition else ''}")
    output.text(f"  satisfied   {yes_no(answer['satisfied'])}{f', by {via}' if via else ''}")
    counted = f"{plural(answer['counted'], 'response')} of {plural(answer['organisations'], 'organisation')}"
    place = f", location {answer['location']}" if answer["location"] else ""
    output.text(f"  counted     {counted}{place}")
    if answer["evaluations"]:
        output.text(f"  evaluations {answer['evaluations']:,}")
    output.text(f"  next change {_next_change(answer)}")
    rows = [
        (location, organisation, figures["received"], figures["applied"])
        for location, found in answer["locations"].items()
        for organisation, figures in found["by_org"].items()
    ]
    if rows:
        output.text()
        output.table(("location", "organisation", "received", "applied"), rows)


def _next_change(answer: dict[str, Any]) -> str:
    change = answer["next_change"]
    if change is None:
        return "none, if nothing more arrives"
    return f"{short(change['at'])}: {'satisfied' if change['satisfied'] else 'no longer satisfied'}"


def _one_line(answer: dict[str, Any]) -> str:
    if "error" in answer:
        return f"error: {answer['error']}"
    return (
        f"{answer['membership']} at {short(answer['at'])} known at {answer['known_at']}: "
        f"{'satisfied' if answer['satisfied'] else 'not satisfied'}, {plural(answer['counted'], 'response')} of "
        f"{plural(answer['organisations'], 'organisation')}"
    )
