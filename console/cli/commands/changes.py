"""The feed of changes of eligibility and of qualification, from a position on: each once, in the order of the ledger.

Who keeps the last position that it has dealt with, and starts with --after that one, misses nothing and sees nothing
twice. A change at an instant replaces everything announced of the same membership, or of the same designation (it names
its area), from that instant on."""

from __future__ import annotations

from argparse import ArgumentParser
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from console.cli.exits import DONE
from console.cli.following import follow
from console.cli.options import position
from console.cli.output import Output, short
from console.cli.points import points, qualified
from console.cli.session import Session
from console.cli.signals import Interrupted
from ledger.store.bookmark import Bookmark, BookmarkWatch, bookmark_at
from projections.questions.changes import Announced, DesignationChange, EligibilityChange, changes

if TYPE_CHECKING:
    from collections.abc import Callable

    from console.wiring import Ledger
    from ledger.store.base import Store

WAIT_S: Final = 1.0
WAY_OUT: Final = "follow the other book from a position of its own, --after 0 for all of it"

EPILOG: Final = """\
examples:
  csat-ledger changes --json                        all of them
  csat-ledger changes --after 4711 --follow --json  those after a position, and what comes, until stopped

A position beyond the end is an error (position-unknown): the book was restored from before it, or is another one."""


def register(parser: ArgumentParser) -> None:
    """Names the arguments."""
    parser.add_argument("--after", type=position, default=0, metavar="P", help="start after this position; default: 0")
    parser.add_argument("--follow", action="store_true", help="go on with what comes, until SIGINT or SIGTERM")


def run(session: Session) -> int:
    """Prints the feed; following it survives a lost store, and ends cleanly when the program is told to stop."""
    if not session.options.follow:
        with session.ledger() as ledger:
            _print_from(ledger.store, session.options.after, session)
        return DONE
    follower = _Follower(session)
    with suppress(Interrupted):
        follow(session, follower.turn)
    return DONE


class _Follower:
    """Who follows the feed, and how far they have come."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._mark: Bookmark | None = None

    def turn(self, ledger: Ledger, begun: Callable[[], None]) -> None:
        """What there is, then what comes, as long as the book is the one that was printed from."""
        if self._mark is None:
            self._mark = self._print(ledger.store, self._session.options.after)
        begun()
        watch = BookmarkWatch(ledger.store, "this follower", WAY_OUT, mark=self._mark)
        while True:
            watch.check()
            if ledger.store.wait(self._mark.position, WAIT_S):
                watch.check(now=True)
                watch.mark = self._mark = self._print(ledger.store, self._mark.position)

    def _print(self, store: Store, after: int) -> Bookmark:
        position = _print_from(store, after, self._session)
        return bookmark_at(store, position) or Bookmark(position, "")  # beyond the end: said by whoever compares


def _print_from(store: Store, after: int, session: Session) -> int:
    """Prints all announcements after a position; returns the position up to which there are no others."""
    while True:
        page = changes(store, after)
        with session.signals.put_off():  # a line is printed whole or not at all
            for change in page.announced():
                _print(session.output, change)
            session.output.flush()
        after = page.through
        if not page.more:
            return after


def _print(output: Output, change: Announced) -> None:
    if output.as_json:
        output.json(change)
        return
    tell = _eligibility(change) if isinstance(change, EligibilityChange) else _designation(change)
    output.flowing(f"{change.position:>9}  {short(change.effective_at)}  {change.membership}  {tell}")


def _eligibility(change: EligibilityChange) -> str:
    return (
        f"{'satisfied' if change.satisfied else 'not satisfied'}  "
        f"({change.counted} of {change.organisations} organisations, {change.cause}{_revises(change)})"
    )


def _designation(change: DesignationChange) -> str:
    return (
        f"{change.area}  {qualified(change.qualified)}  "
        f"({points(change.centipoints)} points, {change.cause}{_revises(change)})"
    )


def _revises(change: Announced) -> str:
    return ", revises" if change.revises else ""
