"""Who changes status next in the survey, and when, if nothing more arrives: a page at a time, the earliest first.

    page = upcoming_page(view, book, first_page(at_us, 30), limit=10)
    page = upcoming_page(view, book, read_cursor(page.next), limit=100)

Each is what `status` says of the membership: its `next_change`. It goes by all that is known: when a membership is due is
kept beside the book for its end alone, so what was ahead as known at an earlier position is told for one membership
(`status`, `rolling`), and for all of them by evaluating each (`board`), not here. A page is as of the position that it
names; the next one goes on behind the last change that was told, with what is known by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from ledger.instants import BEGINNING_US, DAY_US, END_US, format_instant, parse_instant
from ledger.membership import can_be_membership
from ledger.store.base import Reader
from projections.questions.answer import Count, Instant, Position
from projections.questions.board import BoardRow, board_row
from projections.questions.cursors import cursor_text, cursor_values, is_number, no_cursor
from projections.questions.view import View
from projections.survey.changes_ahead import Candidate, ChangesAhead, read_due
from projections.survey.eligibility_reader import EligibilityReader

LIMIT_MAX: Final = 1_000
EVALUATED: Final = 25
"""So many memberships are evaluated at once."""
EVALUATED_MAX: Final = 300
"""So many at most for a page."""
LOOKED_AT_MAX: Final = 40_000
"""So many rows are read for a page at most, but for the span in which that many are reached."""
SPAN_COST: Final = 100
"""Reading a span costs about as much as so many rows of it."""


@dataclass(frozen=True, slots=True)
class UpcomingChange:
    """A membership whose status changes next."""

    membership: str
    """The membership."""
    name: str
    """The partner's name."""
    at: Instant
    """When it changes: its next change after the instant asked about."""
    satisfied: bool
    """Whether the requirement is met from then on."""
    required: bool
    """Whether the requirement binds at the instant asked about."""
    counted: Count
    """Responses applied at that instant, at the location with the highest count."""
    organisations: Count
    """Organisations with a response that counts there."""
    why: str | None
    """What takes the eligibility away, in a few words; null where nothing does."""


@dataclass(frozen=True, slots=True)
class UpcomingPage:
    """Changes ahead, the earliest first, and where the next page begins."""

    at: Instant
    """The instant asked about."""
    until: Instant
    """The last instant that is looked ahead to."""
    known_at: Position
    """The position of the ledger up to which something is known: all that the projections have."""
    complete: bool
    """Whether no change can be missing: false where the projections are far behind the book."""
    changes: tuple[UpcomingChange, ...]
    """The changes; none is left out up to where the page ends."""
    next: str | None
    """The cursor of the next page, which may have others; null where there are none."""


class Wanted(NamedTuple):
    """A page that is asked for."""

    at_us: int
    until_us: int
    after: Candidate
    """Only what comes behind this instant and membership."""


def first_page(at_us: int, within_days: int) -> Wanted:
    """The first page of what changes within so many days of an instant."""
    return Wanted(at_us, min(END_US, at_us + within_days * DAY_US), (at_us, "~"))


def upcoming_page(view: View, book: Reader, wanted: Wanted, limit: int) -> UpcomingPage:
    """A page of changes ahead.

    It evaluates a bounded number of memberships (EVALUATED_MAX), so that it costs the same however many there are: it may
    hold fewer than `limit`, or none, and still not be the last.
    """
    reader = view.eligibility()
    known = reader.position  # of the view, before the book is asked who is due: that must not be older
    due = read_due(book, wanted.until_us, known)
    search = _Search(reader, wanted, known)
    ahead = ChangesAhead(reader, search.rulebook, due.from_us, known)
    every = ahead.memberships(wanted.at_us, wanted.until_us, EVALUATED_MAX)
    if every is None:
        found, ended_at = search.along(ahead, limit)
    else:
        found, ended_at = search.among(sorted(every), limit)
    return UpcomingPage(
        at=format_instant(wanted.at_us),
        until=format_instant(wanted.until_us),
        known_at=known,
        complete=due.complete,
        changes=tuple(found),
        next=None if ended_at is None else cursor_text([wanted.at_us, wanted.until_us, *ended_at]),
    )


class _Search:
    """Looks for the changes of one page."""

    def __init__(self, reader: EligibilityReader, wanted: Wanted, known: int) -> None:
        self.rulebook = reader.rulebook(known)
        self._reader = reader
        self._wanted = wanted
        self._known = known
        self._changes: dict[str, UpcomingChange | None] = {}
        """Of each membership that was evaluated; None where nothing changes within the time."""

    def among(self, memberships: Sequence[str], limit: int) -> tuple[list[UpcomingChange], Candidate | None]:
        """The first changes of some memberships behind where the page begins, and where it ends if there are more."""
        self._evaluate(memberships)
        found = sorted(
            (change for change in self._changes.values() if change is not None and _place(change) > self._wanted.after),
            key=_place,
        )
        return found[:limit], _place(found[limit - 1]) if len(found) > limit else None

    def along(self, ahead: ChangesAhead, limit: int) -> tuple[list[UpcomingChange], Candidate | None]:
        """The same along the instants at which somebody may change, until there are enough, or enough was looked at."""
        found: list[UpcomingChange] = []
        looked_at = 0
        after = self._wanted.after
        until_us = min(self._wanted.until_us, ahead.last_us())
        for end_us, candidates, rows in ahead.spans(max(self._wanted.at_us, after[0] - 1), until_us):
            left = [one for one in candidates if one > after]
            for place, candidate in enumerate(left):
                if candidate[1] not in self._changes:
                    if len(self._changes) >= EVALUATED_MAX:
                        return found, after
                    self._evaluate(self._next(left[place:]))
                change = self._changes.get(candidate[1])
                if change is not None and _place(change) == candidate:
                    if len(found) == limit:
                        return found, after
                    found.append(change)
                after = candidate
            after = (end_us, "~")
            looked_at += rows + SPAN_COST
            if looked_at >= LOOKED_AT_MAX and end_us < until_us:
                return found, after
        return found, None

    def _next(self, candidates: Sequence[Candidate]) -> list[str]:
        """The next memberships that were not evaluated."""
        names = dict.fromkeys(name for _, name in candidates[: 4 * EVALUATED] if name not in self._changes)
        return list(names)[: min(EVALUATED, EVALUATED_MAX - len(self._changes))]

    def _evaluate(self, memberships: Sequence[str]) -> None:
        """Looks at memberships; one that was not enrolled as far as is projected changes nothing."""
        reader, known = self._reader, self._known
        for start in range(0, len(memberships), EVALUATED):
            some = memberships[start : start + EVALUATED]
            self._changes.update(dict.fromkeys(some))
            names = reader.names(some, known)
            if names:
                evidence = reader.evidence_from(sorted(names), self._wanted.at_us, known)
                for membership, name in names.items():
                    row = board_row(
                        membership,
                        name,
                        evidence[membership],
                        self.rulebook,
                        self._wanted.at_us,
                        self._wanted.until_us,
                        known,
                    )
                    self._changes[membership] = _change(row, self._wanted.until_us)


def _change(row: BoardRow, until_us: int) -> UpcomingChange | None:
    """What a row of the board says of the next change; None where that is later."""
    change = row.next_change
    if change is None or parse_instant(change.at) > until_us:
        return None
    return UpcomingChange(
        row.membership, row.name, change.at, change.satisfied, row.required, row.counted, row.organisations, row.why
    )


def _place(change: UpcomingChange) -> Candidate:
    return parse_instant(change.at), change.membership


def every_upcoming(view: View, book: Reader, at_us: int, within_days: int) -> Iterator[UpcomingPage]:
    """All pages, as of one state of knowledge."""
    wanted: Wanted | None = first_page(at_us, within_days)
    while wanted is not None:
        page = upcoming_page(view, book, wanted, LIMIT_MAX)
        yield page
        wanted = None if page.next is None else read_cursor(page.next)


def read_cursor(text: str) -> Wanted:
    """The page that a cursor stands for. Raises BadInput."""
    at_us, until_us, after_us, after = cursor_values(text, 4)
    if not (
        is_number(at_us, BEGINNING_US, END_US)
        and is_number(until_us, at_us, END_US)
        and is_number(after_us, at_us, until_us)
        and isinstance(after, str)
        and (after == "~" or can_be_membership(after))
    ):
        raise no_cursor()
    return Wanted(at_us, until_us, (after_us, after))
