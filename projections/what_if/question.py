"""The question what would have been under other figures, answered from what either programme's columns say."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
import polars as pl

from ledger.errors import UnknownDesignation, UnknownMembership
from ledger.instants import format_instant
from ledger.programmes.survey.editions import FIGURES
from projections.build_reader import BuildReader
from projections.capability.designations_reader import LastDecision
from projections.questions.answer import LEFT_OUT
from projections.questions.view import View
from projections.questions.what_if import (
    FEWEST,
    WhatIf,
    WhatIfDecision,
    WhatIfEdition,
    WhatIfOutcome,
    WhatIfSpan,
    WhatIfStatus,
)
from projections.remembered import Remembered
from projections.survey.renewals_reader import DecisionRow
from projections.what_if.capability_book import CapabilityBook, in_force
from projections.what_if.figures import Hypothesis, Segment
from projections.what_if.spans import KEY, gained_and_lost
from projections.what_if.survey_book import SurveyBook, actual

TOLD_MAX: Final = 1_000
"""So many memberships are told at once."""


class Found(NamedTuple):
    """What differs, all of it."""

    other: Hypothesis
    known_at: int
    editions: tuple[WhatIfEdition, ...]
    memberships: Sequence[str]
    gained: dict[str, list[WhatIfSpan]]
    lost: dict[str, list[WhatIfSpan]]
    decided: int
    differing: list[WhatIfDecision]


_REMEMBERED: Final = Remembered[Found](4)


def what_if(view: View, other: Hypothesis, known_at: int | None = None) -> Found:
    """What differs under other figures, as known by a position (default: all that is known); what was found is remembered.

    Raises BadInput where the figures are none of an edition, UnknownDesignation where nobody strives in their area.
    """
    known, name = _asked(view, other, known_at)

    def found() -> Found:
        return _survey(view, other, known) if other.area is None else _capability(view, other, other.area, known)

    return found() if name is None else _REMEMBERED.or_made(name, found)


def remembered(view: View, other: Hypothesis, known_at: int | None = None) -> Found | None:
    """The same where it was found before; else None."""
    _, name = _asked(view, other, known_at)
    return None if name is None else _REMEMBERED.get(name)


def _asked(view: View, other: Hypothesis, known_at: int | None) -> tuple[int, Hashable | None]:
    """As known by which position, and under which name it is remembered; None where it is not."""
    readers: tuple[BuildReader, BuildReader]
    if other.area is None:
        readers = view.eligibility(), view.renewals()
    else:
        readers = view.scores(), view.designations()
    known = min(reader.known_at(known_at) for reader in readers)
    identities = [reader.identity for reader in readers]
    if None in identities:
        return known, None
    asked = orjson.dumps([other.programme, other.area, other.figures], option=orjson.OPT_SORT_KEYS)
    return known, (*identities, known, asked, other.from_us, other.to_us)


def told(found: Found, membership: str | None = None, limit: int | None = TOLD_MAX, after: str = "") -> WhatIf:
    """The answer with lists: of one membership, or of all; of `limit` of those that follow one, or of all.

    Raises UnknownMembership, or UnknownDesignation, where the one was not there by then.
    """
    names = {*found.gained, *found.lost, *(one.membership for one in found.differing)}
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
        WhatIfStatus(name, tuple(found.gained.get(name, ())), tuple(found.lost.get(name, ())))
        for name in page
        if name in found.gained or name in found.lost
    )
    decisions = tuple(one for one in found.differing if one.membership in shown)
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
    outcomes = Counter((one.outcome, one.would_be) for one in found.differing)

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
        gained=enough(len(found.gained)),
        lost=enough(len(found.lost)),
        decided=enough(found.decided),
        differing=enough(len(found.differing)),
        outcomes=tuple(
            WhatIfOutcome(*pair, enough(number)) for pair, number in sorted(outcomes.items()) if number >= fewest
        ),
        status=LEFT_OUT if status is None else status,
        decisions=LEFT_OUT if decisions is None else decisions,
        after=after,
    )


def _survey(view: View, other: Hypothesis, known: int) -> Found:
    book = SurveyBook(view, known)
    now = actual(book.rulebook, other)
    editions = tuple(
        _edition(one.edition.edition, one, {name: getattr(one.edition, name) for name in FIGURES})
        for one in now
        if one.edition is not None
    )
    would = other.rulebook(book.rulebook)
    evidence = book.evidence() if other.figures else None
    spans = gained_and_lost(evidence.satisfied(now), evidence.satisfied(would)) if evidence else None
    decided = book.decisions(other)
    differing = _differing((one.row, one.row.renewal_date, one.would_be) for one in decided)
    return _found(other, known, editions, book.memberships, spans, len(decided), differing)


def _capability(view: View, other: Hypothesis, area: str, known: int) -> Found:
    book = CapabilityBook(view, area, known)
    now = in_force(book.scorebook, other.from_us, other.to_us)
    editions = tuple(
        _edition(
            one.edition.edition,
            one,
            {name: value for name, value in one.edition.figures.items() if name not in ("edition", "effective_from")},
        )
        for one in now
        if one.edition is not None
    )
    would = in_force(other.scorebook(book.scorebook), other.from_us, other.to_us)
    spans = None
    if other.figures:
        scored, looked_at = book.scored(), book.looked_at(other.from_us, other.to_us)
        spans = gained_and_lost(*(scored.qualified(looked_at, one) for one in (now, would)))
    decided = book.decisions(other)
    differing = _differing((one.row, one.row.anniversary, one.would_be) for one in decided)
    return _found(other, known, editions, book.memberships, spans, len(decided), differing)


def _differing(decided: Iterable[tuple[DecisionRow | LastDecision, str, str]]) -> list[WhatIfDecision]:
    """Those decisions, each with its day and what it would be, that would have said something else."""
    return [
        WhatIfDecision(row.membership, day, row.revision, row.outcome, would_be, row.position)
        for row, day, would_be in decided
        if would_be != row.outcome
    ]


def _edition(name: str, segment: Segment[Any], figures: Mapping[str, Any]) -> WhatIfEdition:
    return WhatIfEdition(name, format_instant(segment.from_us), format_instant(segment.to_us), figures)


def _found(
    other: Hypothesis,
    known: int,
    editions: tuple[WhatIfEdition, ...],
    memberships: Sequence[str],
    spans: tuple[pl.DataFrame, pl.DataFrame] | None,
    decided: int,
    differing: list[WhatIfDecision],
) -> Found:
    differing.sort(key=lambda one: (one.membership, one.day))
    gained, lost = ({}, {}) if spans is None else (_by_membership(one, memberships) for one in spans)
    return Found(other, known, editions, memberships, gained, lost, decided, differing)


def _by_membership(spans: pl.DataFrame, memberships: Sequence[str]) -> dict[str, list[WhatIfSpan]]:
    found: defaultdict[str, list[WhatIfSpan]] = defaultdict(list)
    for key, from_us, to_us in spans.select(KEY, "from_us", "to_us").iter_rows():
        found[memberships[key]].append(WhatIfSpan(format_instant(from_us), format_instant(to_us)))
    return dict(found)
