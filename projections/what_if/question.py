"""The question what would have been under other figures, answered from what either programme's columns say."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeVar

import polars as pl

from ledger.instants import format_instant
from projections.questions.answer import LEFT_OUT
from projections.questions.view import View
from projections.questions.what_if import (
    FEWEST,
    WhatIf,
    WhatIfDecision,
    WhatIfOutcome,
    WhatIfSpan,
    WhatIfStatus,
)
from projections.what_if.capability_book import CapabilityBook, in_force
from projections.what_if.figures import Hypothesis
from projections.what_if.spans import KEY, gained_and_lost
from projections.what_if.survey_book import SurveyBook, actual

TOLD_MAX: Final = 1_000
"""So many memberships are told at once."""

Told = TypeVar("Told")


class Found(NamedTuple):
    """What differs, all of it."""

    other: Hypothesis
    known_at: int
    number: int
    gained: dict[str, list[WhatIfSpan]]
    lost: dict[str, list[WhatIfSpan]]
    decided: int
    differing: list[WhatIfDecision]


def what_if(view: View, other: Hypothesis, known_at: int | None = None) -> Found:
    """What differs under other figures, as known by a position (default: all that is known).

    Raises BadInput where the figures are none of an edition, UnknownDesignation where nobody strives in their area.
    """
    if other.area is None:
        return _survey(view, other, min(view.eligibility().known_at(known_at), view.renewals().known_at(known_at)))
    known = min(view.scores().known_at(known_at), view.designations().known_at(known_at))
    return _capability(view, other, other.area, known)


def told(
    found: Found, memberships: Iterable[str] | None = None, limit: int | None = TOLD_MAX, after: str = ""
) -> WhatIf:
    """The answer with lists: of some memberships, or of all; of `limit` of those that follow one, or of all."""
    names = {*found.gained, *found.lost, *(one.membership for one in found.differing)}
    if memberships is not None:
        names &= set(memberships)
    ordered = sorted(names)
    begin = bisect_right(ordered, after)
    page = ordered[begin:] if limit is None else ordered[begin : begin + limit]
    shown = set(page)
    status = tuple(
        WhatIfStatus(name, tuple(found.gained.get(name, ())), tuple(found.lost.get(name, ())))
        for name in page
        if name in found.gained or name in found.lost
    )
    decisions = tuple(one for one in found.differing if one.membership in shown)
    more = page[-1] if page and begin + len(page) < len(ordered) else None
    return _answer(found, 0, status=status, decisions=decisions, after=more)


def counts(found: Found, fewest: int = FEWEST) -> WhatIf:
    """The answer as counts alone, none of which is below `fewest` but nothing."""
    return _answer(found, fewest)


def _answer(
    found: Found,
    fewest: int,
    status: tuple[WhatIfStatus, ...] | None = None,
    decisions: tuple[WhatIfDecision, ...] | None = None,
    after: str | None = None,
) -> WhatIf:
    other = found.other
    outcomes = Counter((one.outcome, one.would_be) for one in found.differing)

    def enough(number: int) -> int | None:
        return None if 0 < number < fewest else number

    return WhatIf(
        programme=other.programme,
        area=LEFT_OUT if other.area is None else other.area,
        figures=other.figures,
        from_=format_instant(other.from_us),
        to=format_instant(other.to_us),
        known_at=found.known_at,
        number=found.number,
        gained=enough(len(found.gained)),
        lost=enough(len(found.lost)),
        decided=enough(found.decided),
        outcomes=tuple(WhatIfOutcome(*pair, enough(number)) for pair, number in sorted(outcomes.items())),
        status=LEFT_OUT if status is None else status,
        decisions=LEFT_OUT if decisions is None else decisions,
        after=after,
    )


def _survey(view: View, other: Hypothesis, known: int) -> Found:
    book = SurveyBook(view, known)
    evidence = book.evidence()
    gained, lost = gained_and_lost(
        evidence.satisfied(actual(book.rulebook, other)), evidence.satisfied(other.rulebook(book.rulebook))
    )
    decided = book.decisions(other)
    differing = [
        WhatIfDecision(
            one.row.membership, one.row.renewal_date, one.row.revision, one.row.outcome, one.would_be, one.row.position
        )
        for one in decided
        if one.would_be != one.row.outcome
    ]
    return _found(other, known, book.memberships, gained, lost, len(decided), differing)


def _capability(view: View, other: Hypothesis, area: str, known: int) -> Found:
    book = CapabilityBook(view, area, known)
    scored, looked_at = book.scored(), book.looked_at(other.from_us, other.to_us)
    gained, lost = gained_and_lost(*(
        scored.qualified(looked_at, in_force(one, other.from_us, other.to_us))
        for one in (book.scorebook, other.scorebook(book.scorebook))
    ))  # fmt: skip
    decided = book.decisions(other)
    differing = [
        WhatIfDecision(
            one.row.membership, one.row.anniversary, one.row.revision, one.row.outcome, one.would_be, one.row.position
        )
        for one in decided
        if one.would_be != one.row.outcome
    ]
    return _found(other, known, book.memberships, gained, lost, len(decided), differing)


def _found(
    other: Hypothesis,
    known: int,
    memberships: Sequence[str],
    gained: pl.DataFrame,
    lost: pl.DataFrame,
    decided: int,
    differing: list[WhatIfDecision],
) -> Found:
    differing.sort(key=lambda one: (one.membership, one.day))
    return Found(
        other, known, len(memberships), _by_membership(gained, memberships), _by_membership(lost, memberships), decided,
        differing,
    )  # fmt: skip


def _by_membership(spans: pl.DataFrame, memberships: Sequence[str]) -> dict[str, list[WhatIfSpan]]:
    found: defaultdict[str, list[WhatIfSpan]] = defaultdict(list)
    for key, from_us, to_us in spans.select(KEY, "from_us", "to_us").iter_rows():
        found[memberships[key]].append(WhatIfSpan(format_instant(from_us), format_instant(to_us)))
    return dict(found)
