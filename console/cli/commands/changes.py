"""The feed of changes of eligibility and of qualification, from a position on: each once, in the order of the ledger.

Who keeps the last position that it has dealt with, and starts with --after that one, misses nothing and sees nothing
twice. A change at an instant replaces everything announced of the same membership, or of the same designation (it names
its area), from that instant on."""

from __future__ import annotations

from argparse import ArgumentParser
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from console.cli.exits import DONE
from console.cli.following import follow
from console.cli.options import position
from console.cli.output import Output, short
from console.cli.points import points, qualified
from console.cli.session import Session
from console.cli.signals import Interrupted
from ledger.errors import BrokenHistory, PositionUnknown
from ledger.membership import membership_or_stream
from ledger.programmes.registry import PROGRAMMES
from ledger.store.bookmark import Bookmark, BookmarkWatch, bookmark_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from console.wiring import Ledger
    from ledger.store.base import Row, Store

PAGE: Final = 1_000
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
        end = store.max_position()  # before reading: what is announced up to here is in the page or on a later one
        if after > end:
            raise PositionUnknown.to_go_on_from(after, end)
        rows, through = _page(store, after)
        with session.signals.put_off():  # a line is printed whole or not at all
            for row in rows:
                _print(session.output, row)
            session.output.flush()
        if through is None:
            return max([after, end, *(row.position for row in rows[-1:])])
        after = through


def _page(store: Store, after: int) -> tuple[list[Row], int | None]:
    """Announcements of all programmes after a position, in order, and the position up to which there are no others.

    None where there are none beyond them.
    """
    pages = [store.read_type(announcement, after, PAGE) for announcement in sorted(PROGRAMMES.announcements)]
    full = [page[-1].position for page in pages if len(page) == PAGE]
    through = min(full) if full else None
    rows = [row for page in pages for row in page if through is None or row.position <= through]
    return sorted(rows, key=lambda row: row.position), through


def _print(output: Output, row: Row) -> None:
    event = PROGRAMMES.decode(row.stored, row.position)
    if event.type != row.type:
        raise BrokenHistory(
            f"position {row.position}: found an event {event.type}, expected {row.type} as its row says"
        )
    data: dict[str, Any] = event.data
    membership = membership_or_stream(event.stream)
    if output.as_json:
        output.json(
            {
                "position": event.position,
                "membership": membership,
                **data,
                "fact": event.fact,
                "seq": event.seq,
            }
        )
        return
    tell = _designation if event.type == "DesignationChanged" else _eligibility
    output.flowing(f"{event.position:>9}  {short(data['effective_at'])}  {membership}  {tell(data)}")


def _eligibility(data: dict[str, Any]) -> str:
    return (
        f"{'satisfied' if data['satisfied'] else 'not satisfied'}  "
        f"({data['counted']} of {data['organisations']} organisations, {data['cause']}{_revises(data)})"
    )


def _designation(data: dict[str, Any]) -> str:
    return (
        f"{data['area']}  {qualified(data['qualified'])}  "
        f"({points(data['centipoints'])} points, {data['cause']}{_revises(data)})"
    )


def _revises(data: dict[str, Any]) -> str:
    return ", revises" if data["revises"] else ""
