"""Accepts the instant at which the book was last recorded, where the clock says another.

A clock that is far from the book records nothing: clock-behind where it is more than five minutes before the last
recording, clock-ahead where it is more than 400 days after it. First look at the clock. If it is right, then it is the
book that was recorded under a wrong one, or was left alone for long: accept the instant that the error names. From then
on facts are recorded again; a book that is ahead goes on by a microsecond a transaction until the clock has passed it.
Services that are running go on by themselves."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from typing import Final

from console.cli.exits import DONE
from console.cli.options import instant
from console.cli.session import Session
from ledger.instants import format_instant
from projections.questions.answer import Instant, Position

EPILOG: Final = """\
examples:
  csat-ledger clock-accept 2099-01-01T00:00:00.000000Z    {"last_recorded_at":…,"position":…}

The book keeps this as an event, ClockAccepted. Whether facts lie in the future goes by the clock itself, as ever."""


@dataclass(frozen=True, slots=True)
class ClockAcceptance:
    """An instant was accepted as the one at which the book was last recorded."""

    last_recorded_at: Instant
    """The instant."""
    position: Position
    """Where the acceptance stands in the ledger."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("instant", type=instant, metavar="INSTANT", help="when the book was last recorded")


def run(session: Session) -> int:
    """Records the acceptance."""
    accepted_us: int = session.options.instant
    with session.ledger() as ledger:
        position = ledger.writer.accept_clock(accepted_us)
    instant_text = format_instant(accepted_us)
    if session.output.as_json:
        session.output.json(ClockAcceptance(instant_text, position))
    else:
        session.output.text(f"accepted that the book was last recorded at {instant_text}; position {position:,}")
    return DONE
