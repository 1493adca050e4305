"""The question what would have been under other figures, answered from what either programme's columns say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from ledger.instants import format_instant
from ledger.programmes.survey.editions import FIGURES
from projections.capability.designations_reader import LastDecision
from projections.questions.view import View
from projections.questions.what_if import WhatIfEdition
from projections.survey.renewals_reader import DecisionRow
from projections.what_if.asked import asked_of
from projections.what_if.capability_book import CapabilityBook, in_force
from projections.what_if.figures import Hypothesis, Segment
from projections.what_if.found import Differing, Found, Spans
from projections.what_if.spans import SPANS, gained_and_lost
from projections.what_if.survey_book import SurveyBook, actual


def what_if(view: View, other: Hypothesis, known_at: int | None = None) -> Found:
    """What differs under other figures, as known by a position (default: all that is known).

    Raises BadInput where the figures are none of an edition, UnknownDesignation where nobody strives in their area.
    """
    known, _ = asked_of(view, other, known_at)
    return _survey(view, other, known) if other.area is None else _capability(view, other, other.area, known)


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


def _differing(decided: Iterable[tuple[DecisionRow | LastDecision, str, str]]) -> list[Differing]:
    """Those decisions, each with its day and what it would be, that would have said something else."""
    return sorted(
        (row.membership, day, row.revision, row.outcome, would_be, row.position)
        for row, day, would_be in decided
        if would_be != row.outcome
    )


def _edition(name: str, segment: Segment[Any], figures: Mapping[str, Any]) -> WhatIfEdition:
    return WhatIfEdition(name, format_instant(segment.from_us), format_instant(segment.to_us), figures)


def _found(
    other: Hypothesis,
    known: int,
    editions: tuple[WhatIfEdition, ...],
    memberships: Sequence[str],
    spans: tuple[pl.DataFrame, pl.DataFrame] | None,
    decided: int,
    differing: list[Differing],
) -> Found:
    gained, lost = (Spans(), Spans()) if spans is None else map(_as_lists, spans)
    return Found(other, known, editions, memberships, gained, lost, decided, differing)


def _as_lists(spans: pl.DataFrame) -> Spans:
    return Spans(*(spans[name].to_list() for name in SPANS))
