"""The score at the beginning of each of some months: as it is known now, and as it was known then.

Time alone changes a score from month to month. Where a month differs from what was known at its beginning, the past was
changed: a closed month was restated, or a report, a certificate, a close or an edition came to be known later (C11).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ledger.errors import UnknownDesignation
from ledger.instants import format_instant
from ledger.programmes.capability.calendar import YEAR, month_number, month_start_us
from ledger.programmes.capability.flips import Score, score_at
from projections.capability.score_reader import ScoreReader
from projections.questions.answer import Instant, Position
from projections.questions.changes import Metric
from projections.questions.designations import METRICS

MONTHS: Final = 24
MONTHS_MAX: Final = 120
FIRST_MONTH: Final = YEAR
"""0001-01."""


@dataclass(frozen=True, slots=True)
class KnownScore:
    """A score as known at a position, in hundredths of points."""

    known_at: Position
    """The position up to which something is known."""
    centipoints: int
    """The score."""
    qualified: bool
    """Whether it is enough, with no metric at zero."""
    metrics: Mapping[Metric, int]
    """The points of each metric."""


@dataclass(frozen=True, slots=True)
class ScoreMonth:
    """The score at the beginning of a month."""

    at: Instant
    """The first instant of the month."""
    now: KnownScore
    """As it is known now, or at the position that was asked for."""
    then: KnownScore | None
    """As it was known at that very instant; null where the designation was not known yet."""
    restated: bool
    """Whether what became known since gives a metric other points, or makes it qualified or not."""


@dataclass(frozen=True, slots=True)
class ScoreMonths:
    """The score of a designation over some months."""

    membership: str
    """The membership."""
    area: str
    """The solution area of the designation."""
    at: Instant
    """The instant asked for; the last month is the one in which it lies."""
    known_at: Position
    """The position up to which something is known."""
    months: tuple[ScoreMonth, ...]
    """The months, the earliest first."""


def score_months(
    reader: ScoreReader,
    membership: str,
    area: str,
    position_at: Callable[[int], int],
    at_us: int,
    known_at: int | None = None,
    months: int = MONTHS,
) -> ScoreMonths:
    """The score at the beginning of so many months, up to that of an instant; `position_at` says what was recorded by one.

    Raises UnknownDesignation where the designation was not opened by then.
    """
    known = reader.known_at(known_at)
    last = month_number(format_instant(at_us)[:7])
    instants = [month_start_us(number) for number in range(max(FIRST_MONTH, last - months + 1), last + 1)]
    one = reader.designation(membership, area, instants[0], known)
    found = []
    for instant_us in instants:
        now = _known(known, score_at(one, one.rules.scorebook, instant_us))
        then = _then(reader, membership, area, instant_us, min(known, position_at(instant_us)), now)
        restated = then is not None and (then.metrics, then.qualified) != (now.metrics, now.qualified)
        found.append(ScoreMonth(format_instant(instant_us), now, then, restated))
    return ScoreMonths(membership, area, format_instant(at_us), known, tuple(found))


def _then(
    reader: ScoreReader, membership: str, area: str, instant_us: int, known: int, now: KnownScore
) -> KnownScore | None:
    if known == now.known_at:
        return now
    try:
        return _known(known, reader.score(membership, area, instant_us, known))
    except UnknownDesignation:
        return None


def _known(known: int, score: Score) -> KnownScore:
    return KnownScore(known, score.centipoints, score.qualified, {metric: score.points[metric] for metric in METRICS})
