"""The monthly report of a membership (S1): its results as published, its place among peers, and how its requirement stands.

Everything in it is what `results`, `benchmark` and `status` answer; nothing is computed here but which of it is due. A month
that is not closed has no report: its figures are not published yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.errors import BadInput
from projections.questions.answer import Count, Day, Instant, Position
from projections.questions.benchmark import BenchmarkLine, benchmark
from projections.questions.results import LifeResults, PartResults, PeriodResults, Results, results
from projections.questions.status import Status, status
from projections.questions.view import View
from projections.results.cells import LIFE, PublishedTables
from projections.results.periods import ends_quarter, month_end_us, parse_month, quarter_of

MONTHS_SHOWN = 12
"""So many months a report goes back: as long as a response is valid (R5)."""
QUARTERS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class ReportStanding:
    """How the requirement stood when the month was over, of what is known now."""

    at: Instant
    """The last instant of the month."""
    required: bool
    """Whether the requirement binds."""
    satisfied: bool
    """Whether it is met."""
    counted: Count
    """Responses that count, capped by organisation (R1, R2)."""
    organisations: Count
    """Organisations that they are of (R3)."""
    edition: str | None
    """The edition of the rules in force."""
    next_renewal: Day | None
    """The renewal that comes next; null where none is known."""


@dataclass(frozen=True, slots=True)
class MonthlyReport:
    """A membership's report of a month that is closed."""

    membership: str
    """The membership."""
    name: str
    """The partner's company."""
    month: str
    """YYYY-MM."""
    known_at: Position
    """The position of the ledger up to which its last period was tabulated."""
    standing: ReportStanding
    """How the requirement stood."""
    invitations: Count
    """Invitations sent over the membership's life."""
    invitations_answered: Count
    """Those answered by a response that is not void."""
    response_rate: float | None
    """The share of them, over the whole life (I5); null where none was sent."""
    of_month: PeriodResults
    """The month's own results."""
    months: tuple[PeriodResults, ...]
    """The last twelve months through this one, the oldest first."""
    quarters: tuple[PeriodResults, ...]
    """The last eight quarters that ended by then, the oldest first."""
    life: LifeResults
    """Over the membership's whole life."""
    parts: tuple[PartResults, ...]
    """Locations and customer segments: of the month, of the last quarter that ended by then, and over the whole life."""
    peers: tuple[BenchmarkLine, ...]
    """Its peer group in the last quarter that ended by then, where one is published; at most one line."""


def report(
    view: View, published: PublishedTables, membership: str, month: str, known_at: int | None = None
) -> MonthlyReport:
    """A membership's report of a month, as published by a position of the ledger (None: whatever is published).

    Raises UnknownMembership, and BadInput for what is no month or one that is not closed.
    """
    parse_month(month)
    by_month = results(view, published, membership, "month", known_at)
    if by_month.closed_through is None or month > by_month.closed_through:
        through = by_month.closed_through
        raise BadInput(
            f"found {month}, expected a month that is closed: "
            + ("none is yet" if through is None else f"the last is {through}")
            + "; `csat-ledger publish-results` closes those that are over"
        )
    by_quarter = results(view, published, membership, "quarter", known_at)
    months = [one for one in by_month.periods if one.period <= month]
    if not months:
        raise BadInput(
            f"found {month}, expected {by_month.periods[0].period}, the first month that is closed, or a later one"
        )
    last = quarter_of(month)
    quarters = [one for one in by_quarter.periods if one.period < last or (one.period == last and ends_quarter(month))]
    last_quarter = quarters[-1].period if quarters else None
    lines = benchmark(published, membership, "quarter", known_at)
    return MonthlyReport(
        membership=membership,
        name=view.eligibility().name(membership),
        month=month,
        known_at=by_month.known_at,
        standing=_standing(status(view, membership, month_end_us(month) - 1)),
        invitations=by_month.invitations,
        invitations_answered=by_month.invitations_answered,
        response_rate=by_month.response_rate,
        of_month=months[-1],
        months=tuple(months[-MONTHS_SHOWN:]),
        quarters=tuple(quarters[-QUARTERS_SHOWN:]),
        life=by_month.life,
        parts=tuple(_parts((by_month, by_quarter), (month, last_quarter))),
        peers=tuple(line for line in lines if line.period == last_quarter),
    )


def _standing(found: Status) -> ReportStanding:
    return ReportStanding(
        found.at,
        found.required,
        found.satisfied,
        found.counted,
        found.organisations,
        found.edition,
        found.next_renewal,
    )


def _parts(found: Sequence[Results], periods: Sequence[str | None]) -> list[PartResults]:
    parts = [part for one in found for part in one.parts if part.period in periods]
    parts += [part for part in found[0].parts if part.period == LIFE]
    return sorted(parts, key=lambda part: (part.location, part.segment is not None, part.segment or "", part.period))
