"""The score of a designation at an instant, as it was known at a position: what `csat-ledger score` answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from ledger.errors import UnknownDesignation
from ledger.instants import format_instant
from ledger.programmes.capability.answers import metrics_of
from ledger.programmes.capability.calendar import YEAR, month_text
from ledger.programmes.capability.editions import Edition
from ledger.programmes.capability.events import Metrics
from ledger.programmes.capability.flips import score_at
from ledger.programmes.capability.months import ASSOCIATIONS, WHATS
from projections.capability.month_reader import LeftOut
from projections.capability.score_reader import ScoreReader

LISTED_MAX: Final = 100
"""So many of the reports that do not count are named."""

Reason = Literal["association", "no-rate", "smaller"]


@dataclass(frozen=True, slots=True)
class LeftOutReport:
    """A report above zero that does not count (C13), and why."""

    what: str
    customer: str
    workload: str
    month: str
    association: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class LeftOutReports:
    """How many reports of the two compared months do not count, and the first LISTED_MAX of them by their keys."""

    total: int
    reports: tuple[LeftOutReport, ...]


@dataclass(frozen=True, slots=True)
class NextChange:
    """When `qualified` becomes otherwise if nothing more arrives, and what it is then."""

    at: str
    qualified: bool


@dataclass(frozen=True, slots=True)
class ScoreAnswer:
    """A score, in hundredths of points; `edition` and `month` are None before the first edition, `month` before a close."""

    membership: str
    area: str
    at: str
    known_at: int
    edition: str | None
    track: str
    month: str | None
    compared_with: str | None
    centipoints: int
    qualified: bool
    metrics: Metrics
    left_out: LeftOutReports
    next_change: NextChange | None


class ScoreQuestion(NamedTuple):
    """Whose score, at which instant (microseconds since 1970), as known at which position (None: the latest)."""

    membership: str
    area: str
    at_us: int
    known_at: int | None = None


def score(reader: ScoreReader, membership: str, area: str, at_us: int, known_at: int | None = None) -> ScoreAnswer:
    """The score at an instant. Raises UnknownDesignation where the designation was not opened by then."""
    known = reader.known_at(known_at)
    designation = reader.designation(membership, area, at_us, known)
    found = score_at(designation, designation.rules.scorebook, at_us)
    total, reports = reader.left_out(designation, at_us, LISTED_MAX)
    change_us = reader.next_change(designation, at_us, found.qualified)
    return ScoreAnswer(
        membership=membership,
        area=area,
        at=format_instant(at_us),
        known_at=known,
        edition=None if found.edition is None else found.edition.edition,
        track=found.track,
        month=None if found.month is None else month_text(found.month),
        compared_with=None if found.month is None else month_text(found.month - YEAR),
        centipoints=found.centipoints,
        qualified=found.qualified,
        metrics=metrics_of(found),
        left_out=LeftOutReports(total, tuple(_left_out(one, found.edition) for one in reports if found.edition)),
        next_change=None if change_us is None else NextChange(format_instant(change_us), not found.qualified),
    )


def score_batch(reader: ScoreReader, questions: Iterable[ScoreQuestion]) -> Iterator[ScoreAnswer | UnknownDesignation]:
    """The answer to each question, in order; for a designation that is not known the error in its place."""
    for question in questions:
        try:
            yield score(reader, *question)
        except UnknownDesignation as error:
            yield error


def _left_out(one: LeftOut, edition: Edition) -> LeftOutReport:
    what, association = WHATS[one.what], ASSOCIATIONS[one.association]
    return LeftOutReport(
        what, one.customer, one.workload, month_text(one.month), association, _reason(what, one, association, edition)
    )


def _reason(what: str, one: LeftOut, association: str, edition: Edition) -> Reason:
    if what == "revenue":
        return "smaller" if edition.counts_revenue(association) else "association"
    if edition.rate_milli(one.workload) is None:
        return "no-rate"
    return "smaller" if edition.counts_usage(one.workload, association) else "association"
