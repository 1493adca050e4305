"""How many are eligible, and how that moved over time: counts alone, of all memberships and all designations.

But for the renewals that are overdue they go by what was announced (DESIGN 6), as that stands as known by a position; what
is not reviewed yet, since the clock is late or the instant lies ahead, is not announced. A question about all memberships by
the rules would cost as much as evaluating each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.book import position_at
from ledger.instants import BEGINNING_US, END_US, format_instant
from ledger.store.base import Reader
from projections.questions.answer import Count, Instant, Position
from projections.questions.view import View
from projections.results.periods import LAST_MONTH, month_end_us, months_from

MONTHS_MAX: Final = 600
"""So many months are told, the last ones."""


@dataclass(frozen=True, slots=True)
class MonthStanding:
    """How many there were at the end of a month, or at the instant asked for in the last one."""

    month: str
    """YYYY-MM."""
    eligible: Count
    """Memberships that were eligible."""
    qualified: Count
    """Designations that were qualified."""


@dataclass(frozen=True, slots=True)
class Overview:
    """How many stand where, as it was announced."""

    at: Instant
    """The instant asked about."""
    known_at: Position
    """The position of the ledger up to which something is known."""
    memberships: Count
    """Memberships of the survey programme that are known."""
    eligible: Count
    """How many of them are eligible at that instant."""
    designations: Count
    """Designations of the capability programme that are known."""
    qualified: Count
    """How many of them are qualified at that instant."""
    complete: bool
    """Whether all that time alone changes by that instant was announced, and so is counted: false where nobody reviews, and
    where the instant lies ahead of what is known."""
    overdue: Count | None
    """Renewals before the day of that instant that nobody has decided; null where they are fewer than five, but some, and the
    programme's owner asks."""
    months: tuple[MonthStanding, ...]
    """The same over time, from the first month in which there was one; at most fifty years."""


def overview(view: View, book: Reader, at_us: int, known_at: int | None = None) -> Overview:
    """The counts at an instant, as known by a position, and at the end of each month before it.

    The book is asked how far it was reviewed.
    """
    eligibility, designations = view.eligibility(), view.designations()
    renewals = view.renewals()
    known = min(reader.known_at(known_at) for reader in (eligibility, designations, renewals))
    eligible = _by_month(eligibility.net_changes(("membership",), "satisfied", known), at_us)
    qualified = _by_month(designations.net_changes(("membership", "area"), "qualified", known), at_us)
    months = []
    if eligible or qualified:
        last = format_instant(at_us)[:7]
        first = max(min([*eligible, *qualified]), _earlier(last, MONTHS_MAX - 1))
        numbers = (_standing_before(eligible, first), _standing_before(qualified, first))
        for month in months_from(first, last):
            numbers = (eligible.get(month, numbers[0]), qualified.get(month, numbers[1]))
            months.append(MonthStanding(month, *numbers))
    return Overview(
        at=format_instant(at_us),
        known_at=known,
        memberships=eligibility.number_of("memberships", known),
        eligible=months[-1].eligible if months else 0,
        designations=designations.number_of("designations", known),
        qualified=months[-1].qualified if months else 0,
        complete=_is_reviewed(book, at_us, None if known_at is None else known),
        overdue=renewals.overdue(format_instant(at_us)[:10], known),
        months=tuple(months),
    )


def _is_reviewed(book: Reader, at_us: int, known: int | None) -> bool:
    """Whether nothing can be missing of what time changes by an instant: of all that is known, or as known by a position.

    By then no membership was to be reviewed; and at that instant no more was known than is asked about.
    """
    due_us = book.next_due()
    return (due_us is None or at_us < due_us) and (known is None or position_at(book, at_us) <= known)


def _earlier(month: str, months: int) -> str:
    """So many months before a month; the calendar's first where there are not so many."""
    number = max(12, int(month[:4]) * 12 + int(month[5:]) - 1 - months)
    return f"{number // 12:04}-{number % 12 + 1:02}"


def _standing_before(found: Mapping[str, int], month: str) -> int:
    """How many held at the end of the last month before one."""
    before = max((one for one in found if one < month), default=None)
    return 0 if before is None else found[before]


def _by_month(changes: Sequence[tuple[int, int]], at_us: int) -> dict[str, int]:
    """Of each month up to an instant in which something changed, how many hold at its end, or at the instant."""
    found: dict[str, int] = {}
    number = 0
    month, over_us = "", BEGINNING_US
    for instant_us, more in changes:
        if instant_us > at_us:
            break
        number += more
        if instant_us >= over_us:  # the changes come in order, and the name of a month is dear
            month = format_instant(instant_us)[:7]
            over_us = month_end_us(month) if month <= LAST_MONTH else END_US + 1
        found[month] = number
    return found
