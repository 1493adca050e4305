"""The score of a designation at an instant, as it was known at a position: what `csat-ledger score` answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, cast

from ledger.errors import UnknownDesignation
from ledger.instants import format_instant
from ledger.programmes.capability.answers import metrics_of
from ledger.programmes.capability.calendar import YEAR, month_text
from ledger.programmes.capability.editions import Edition
from ledger.programmes.capability.events import Association, Metrics, Track
from ledger.programmes.capability.flips import score_at
from ledger.programmes.capability.months import ASSOCIATIONS, WHATS
from projections.capability.month_reader import LeftOut
from projections.capability.score_reader import ScoreReader
from projections.questions.answer import Count, Instant, Position

LISTED_MAX: Final = 100
"""So many of the reports that do not count are named."""

What = Literal["revenue", "usage"]
Reason = Literal["association", "no-rate", "smaller"]


@dataclass(frozen=True, slots=True)
class LeftOutReport:
    """A report above zero that does not count (C13), and why."""

    what: What
    """What it is about."""
    customer: str
    """The customer's reference."""
    workload: str
    """The workload."""
    month: str
    """The month, YYYY-MM."""
    association: Association
    """Under which association it was reported."""
    reason: Reason
    """The association does not count, the workload has no rate, or a larger report of the same pair counts."""


@dataclass(frozen=True, slots=True)
class LeftOutReports:
    """How many reports of the two compared months do not count, and the first LISTED_MAX of them by their keys."""

    total: Count
    """How many there are."""
    reports: tuple[LeftOutReport, ...]
    """The first of them, sorted by their fields."""


@dataclass(frozen=True, slots=True)
class NextChange:
    """When `qualified` becomes otherwise if nothing more arrives, and what it is then."""

    at: Instant
    """The exact instant."""
    qualified: bool
    """Whether it is qualified from then on."""


@dataclass(frozen=True, slots=True)
class ScoreAnswer:
    """The score of a designation at an instant."""

    membership: str
    """The membership."""
    area: str
    """The solution area of the designation."""
    at: Instant
    """The instant asked for."""
    known_at: Position
    """The position up to which something is known."""
    edition: str | None
    """The scorebook edition in force then; null before the first."""
    track: Track
    """Whose thresholds apply."""
    month: str | None
    """The last month closed by then, YYYY-MM; null where none was, and before the first edition."""
    compared_with: str | None
    """The same month a year before; null where there is none to compare."""
    centipoints: int
    """The score, in hundredths of points."""
    qualified: bool
    """Whether it is enough, with no metric at zero."""
    metrics: Metrics
    """The five metrics, and what they are made of."""
    left_out: LeftOutReports
    """Reports of the two months that do not count."""
    next_change: NextChange | None
    """The next instant at which `qualified` becomes otherwise if nothing more arrives; null where there is none."""


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
        track=cast(Track, found.track),
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
    what: What = WHATS[one.what]
    association: Association = ASSOCIATIONS[one.association]
    return LeftOutReport(
        what, one.customer, one.workload, month_text(one.month), association, _reason(what, one, association, edition)
    )


def _reason(what: str, one: LeftOut, association: str, edition: Edition) -> Reason:
    if what == "revenue":
        return "smaller" if edition.counts_revenue(association) else "association"
    if edition.rate_milli(one.workload) is None:
        return "no-rate"
    return "smaller" if edition.counts_usage(one.workload, association) else "association"
