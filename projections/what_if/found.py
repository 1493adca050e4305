"""What differs under other figures, by columns, and what is told of it.

Nothing here works by columns itself, so that a service needs no more than what was found: another process may have found it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from ledger.errors import UnknownDesignation, UnknownMembership
from ledger.instants import format_instant
from projections.questions.answer import LEFT_OUT
from projections.questions.what_if import (
    FEWEST,
    WhatIf,
    WhatIfDecision,
    WhatIfEdition,
    WhatIfOutcome,
    WhatIfSpan,
    WhatIfStatus,
)
from projections.what_if.figures import Hypothesis

TOLD_MAX: Final = 1_000
"""So many memberships are told at once."""
Differing = tuple[str, str, int, str, str, int]
"""A decision that would have said something else: the attributes of a WhatIfDecision, in their order."""


class Spans(NamedTuple):
    """Spans of memberships, which are named by their places among all; by place and time."""

    places: Sequence[int] = ()
    from_us: Sequence[int] = ()
    to_us: Sequence[int] = ()

    def of(self, place: int) -> tuple[WhatIfSpan, ...]:
        """Those of one membership, the earliest first."""
        within = range(bisect_left(self.places, place), bisect_right(self.places, place))
        return tuple(WhatIfSpan(format_instant(self.from_us[one]), format_instant(self.to_us[one])) for one in within)


class Found(NamedTuple):
    """What differs, all of it. It is made of plain lists and tuples, which a process gives another one in an instant."""

    other: Hypothesis
    known_at: int
    editions: tuple[WhatIfEdition, ...]
    memberships: Sequence[str]
    """All that are known, in order."""
    gained: Spans
    lost: Spans
    decided: int
    """How many decisions stand."""
    differing: Sequence[Differing]
    """By membership and day."""


def told(found: Found, membership: str | None = None, limit: int | None = TOLD_MAX, after: str = "") -> WhatIf:
    """The answer with lists: of one membership, or of all; of `limit` of those that follow one, or of all.

    Raises UnknownMembership, or UnknownDesignation, where the one was not there by then.
    """
    differs = {found.memberships[place] for spans in (found.gained, found.lost) for place in spans.places}
    names = {*differs, *(row[0] for row in found.differing)}
    if membership is not None:
        place = bisect_left(found.memberships, membership)
        if found.memberships[place : place + 1] != [membership]:
            area = found.other.area
            raise UnknownMembership(membership) if area is None else UnknownDesignation(membership, area)
        names &= {membership}
    ordered = sorted(names)
    begin = bisect_right(ordered, after)
    page = ordered[begin:] if limit is None else ordered[begin : begin + limit]
    shown = set(page)
    status = tuple(
        WhatIfStatus(name, found.gained.of(place), found.lost.of(place))
        for name in page
        if name in differs
        for place in (bisect_left(found.memberships, name),)
    )
    decisions = tuple(WhatIfDecision(*row) for row in found.differing if row[0] in shown)
    more = page[-1] if page and begin + len(page) < len(ordered) else None
    return _answer(found, 1, status=status, decisions=decisions, after=more)


def counts(found: Found, fewest: int = FEWEST) -> WhatIf:
    """The answer as counts alone, in steps of `fewest`, rounded down; what comes to nothing is not told.

    So whether there is none or there are few is told by no answer, and by two answers no single one.
    """
    return _answer(found, fewest)


def _answer(
    found: Found,
    fewest: int,
    status: tuple[WhatIfStatus, ...] | None = None,
    decisions: tuple[WhatIfDecision, ...] | None = None,
    after: str | None = None,
) -> WhatIf:
    other = found.other
    outcomes = Counter((outcome, would_be) for *_, outcome, would_be, _ in found.differing)

    def enough(number: int) -> int | None:
        return number - number % fewest or None if fewest > 1 else number

    return WhatIf(
        programme=other.programme,
        area=LEFT_OUT if other.area is None else other.area,
        figures=other.figures,
        from_=format_instant(other.from_us),
        to=format_instant(other.to_us),
        known_at=found.known_at,
        editions=found.editions,
        number=enough(len(found.memberships)),
        gained=enough(len(set(found.gained.places))),
        lost=enough(len(set(found.lost.places))),
        decided=enough(found.decided),
        differing=enough(len(found.differing)),
        outcomes=tuple(
            WhatIfOutcome(*pair, enough(number)) for pair, number in sorted(outcomes.items()) if number >= fewest
        ),
        status=LEFT_OUT if status is None else status,
        decisions=LEFT_OUT if decisions is None else decisions,
        after=after,
    )
