"""Announces what time alone has changed: moves the horizon of what is due, of both programmes, up to now, or to --until.

Every change in between is announced with the exact instant at which it takes effect, however late this runs."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from typing import Final

from console.cli.exits import DONE, SOME_REFUSED, Failure
from console.cli.options import instant
from console.cli.output import plural
from console.cli.session import Session
from console.throughput import collect_garbage_seldom
from ledger.instants import format_instant
from projections.questions.answer import Count, Position

EPILOG: Final = """\
examples:
  csat-ledger review                                everything up to now
  csat-ledger review --rebuild                      after a restore from a dump, or where `audit` says that something is due
                                                    later than it should be, or a snapshot is not what the events say
  csat-ledger review --until 2011-07-01 --json      {"reviewed":…,"announced":…,"position":…,"set_aside":…}

Exit code 3 says that some memberships or designations cannot be read and wait; `csat-ledger project --status` shows them."""


@dataclass(frozen=True, slots=True)
class ReviewAnswer:
    """What a review did."""

    reviewed: Count
    """Memberships and designations whose horizon was moved."""
    announced: Count
    """Announcements made."""
    position: Position
    """The ledger's last position now."""
    set_aside: Count
    """Memberships and designations that cannot be read, and wait."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument(
        "--rebuild",
        action="store_true",
        help="first work out anew when each is due, and all snapshots, from the events",
    )
    parser.add_argument("--until", type=instant, metavar="T", help="an instant not after now; default: now")


def run(session: Session) -> int:
    """Reviews, in transactions of a few hundred memberships and designations each."""
    output, until_us = session.output, session.options.until
    now_us = session.clock()
    if until_us is not None and until_us > now_us:
        raise Failure(
            "usage", f"found --until {format_instant(until_us)}, expected no later than now, {format_instant(now_us)}"
        )
    collect_garbage_seldom()
    with session.ledger() as ledger, output.progress("reviewing") as advance:
        if session.options.rebuild:
            built = ledger.writer.rebuild(lambda number: advance(number, None))
            output.words(
                f"worked out anew when {_subjects(built.subjects)} are due: {plural(built.moved, 'difference')}, "
                f"{plural(built.announced, 'announcement')} overdue"
            )
        done = ledger.writer.review(now_us if until_us is None else until_us, lambda number: advance(number, None))
    if output.as_json:
        output.json(ReviewAnswer(done.reviewed, done.announced, done.position, done.set_aside))
    else:
        output.text(
            f"reviewed {_subjects(done.reviewed)}, made {plural(done.announced, 'announcement')}; "
            f"the ledger is at position {done.position:,}"
        )
    if done.set_aside:
        output.words(f"{_subjects(done.set_aside)} set aside: `csat-ledger project --status` says why")
    return SOME_REFUSED if done.set_aside else DONE


def _subjects(number: int) -> str:
    return f"{number:,} {'membership or designation' if number == 1 else 'memberships and designations'}"
