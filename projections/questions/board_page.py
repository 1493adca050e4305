"""The board a page at a time, by the ids of the memberships: for who shows thousands of them, or looks for one.

    page = board_page(view, first_page(at_us, 90, None, search="mills"), limit=100)
    page = board_page(view, read_cursor(page.next), limit=100)

A cursor holds all that the first page was asked, and the position up to which something was known then. So the pages that
follow are of the same board, however the book has grown since.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, get_args
from unicodedata import normalize

import orjson

from ledger.errors import BadInput
from ledger.instants import BEGINNING_US, DAY_US, END_US
from ledger.membership import can_be_membership
from projections.questions.board import BoardRow, State, board_row
from projections.questions.view import View

LIMIT_MAX: Final = 1_000
SEARCH_MAX: Final = 200
CURSOR_MAX: Final = 2_000
WITHIN_MAX: Final = 36_500
POSITION_MAX: Final = 1 << 62
EVALUATED: Final = 50
"""So many memberships are evaluated at once for a page."""
WEIGHT: Final = 20
"""A membership that is evaluated costs about so much more than one of which only the name is read."""
LOOKED_AT_MAX: Final = 12_000
"""So many memberships are passed over for a page by their names at most, or fewer that are evaluated."""


@dataclass(frozen=True, slots=True)
class BoardPage:
    """Some memberships of the board, by their ids, and where the next page begins."""

    memberships: tuple[BoardRow, ...]
    """The memberships that were looked for; none is left out up to where the page ends."""
    next: str | None
    """The cursor of the next page, which may have others; null where there are none."""


class Wanted(NamedTuple):
    """A page that is asked for."""

    at_us: int
    within_days: int
    known_at: int | None
    search: str | None
    """Only those with this in their id or in their name, in whatever case and normal form."""
    state: State | None
    """Only those in this state."""
    after: str
    """Only those beyond this membership."""


def first_page(
    at_us: int,
    within_days: int,
    known_at: int | None = None,
    *,
    search: str | None = None,
    state: State | None = None,
) -> Wanted:
    """The first page of the board at an instant, as known by a position (None: all that is known)."""
    return Wanted(at_us, within_days, known_at, search, state, "")


def board_page(view: View, wanted: Wanted, limit: int) -> BoardPage:
    """A page of the board.

    It passes over so many memberships at most that are not looked for (LOOKED_AT_MAX), so that it costs the same however rare
    these are: it may hold fewer than `limit`, or none, and still not be the last.
    """
    reader = view.eligibility()
    known = reader.known_at(wanted.known_at)
    rulebook = reader.rulebook(known)
    soon_us = min(END_US, wanted.at_us + wanted.within_days * DAY_US)
    folded = None if wanted.search is None else _folded(wanted.search)
    found: list[BoardRow] = []
    passed_over = 0
    for chunk in reader.memberships(known, wanted.after):
        shown = len(found)
        among = [one for one in chunk if folded is None or any(folded in _folded(text) for text in one)]
        for start in range(0, len(among), EVALUATED):
            some = among[start : start + EVALUATED]
            evidence = reader.evidence_from([membership for membership, _ in some], wanted.at_us, known)
            for membership, name in some:
                row = board_row(membership, name, evidence[membership], rulebook, wanted.at_us, soon_us, known)
                if wanted.state in (None, row.state):
                    found.append(row)
                if len(found) == limit:
                    return BoardPage(tuple(found), _cursor(wanted, known, membership))
        passed_over += len(chunk) - len(among) + WEIGHT * (len(among) - (len(found) - shown))
        if passed_over >= LOOKED_AT_MAX:
            return BoardPage(tuple(found), _cursor(wanted, known, chunk[-1][0]))
    return BoardPage(tuple(found), None)


def _folded(text: str) -> str:
    """A text as it is looked for: letters of whatever case, and however what they are made of was written down."""
    return text.casefold() if text.isascii() else normalize("NFKC", normalize("NFKC", text).casefold())


def _cursor(wanted: Wanted, known: int, after: str) -> str:
    said = wanted._replace(known_at=known, after=after)
    return urlsafe_b64encode(orjson.dumps(tuple(said))).decode().rstrip("=")


def read_cursor(text: str) -> Wanted:
    """The page that a cursor stands for. Raises BadInput."""
    wrong = BadInput("found what is no cursor, expected the `next` of a page")
    if len(text) > CURSOR_MAX:
        raise wrong
    try:
        said: Any = orjson.loads(urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}"))
        wanted = Wanted(*said)
    except (ValueError, TypeError):
        raise wrong from None
    if not (
        isinstance(said, list)
        and _is_number(wanted.at_us, BEGINNING_US, END_US)
        and _is_number(wanted.within_days, 0, WITHIN_MAX)
        and _is_number(wanted.known_at, 0, POSITION_MAX)
        and (wanted.search is None or (isinstance(wanted.search, str) and 0 < len(wanted.search) <= SEARCH_MAX))
        and wanted.state in (None, *get_args(State))
        and isinstance(wanted.after, str)
        and can_be_membership(wanted.after)
    ):
        raise wrong
    return wanted


def _is_number(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
