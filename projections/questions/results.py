"""A membership's results: what its customers answered, as published, by month, quarter and over its life (S1).

All figures but the invitations are read from the tables that were published when their periods were closed
(`projections.results`); nothing is tabulated anew here. A figure that is withheld for the sake of the respondents is null,
as is one of which there is nothing: the two cannot be told apart.

A segment of a membership's customers is a customer organisation: of all that the facts hold of a customer it is the one thing
by which a partner can tell its customers apart. It stands within a location, as the rules count it (R2, R11), under the name
that it had when it was published; names that are one organisation count as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from ledger.instants import format_instant
from projections.questions.answer import Count, Instant, Position
from projections.questions.participation import MonthParticipation, participation
from projections.questions.view import View
from projections.results.cells import (
    LIFE,
    MEASURES,
    OF_MEMBERSHIP,
    QUESTIONS,
    RESPONSES,
    Cell,
    CellKey,
    CoreQuestion,
    Measure,
    PublishedTables,
)
from projections.results.periods import first_month_of, months_from, period_before, quarters_from

ResultsBy = Literal["month", "quarter"]


@dataclass(frozen=True, slots=True)
class QuestionResult:
    """What was answered to one of the core questions, 0 to 10."""

    question: CoreQuestion
    """The question."""
    answered: Count | None
    """How many answered it; null where that is withheld or nobody did, and then so is the rest."""
    mean: float | None
    """The mean of the answers, to two decimals."""
    distribution: tuple[Count, ...] | None
    """How many answered 0, 1, … 10, in this order: eleven counts."""
    trend: float | None
    """The mean less that of the period before; null where either is, and over the life of a membership."""


@dataclass(frozen=True, slots=True)
class PeriodResults:
    """The results of a membership in one period that is closed."""

    period: str
    """YYYY-MM or YYYY-Qn."""
    invitations: Count
    """Invitations sent in the period, by when they were; of what is known now."""
    responses: Count | None
    """Responses received in the period that are not void; null where that is withheld or there are none."""
    questions: tuple[QuestionResult, ...]
    """Each of the core questions."""
    published_at: Instant | None
    """When these figures were published; null where there are none."""
    restated: Count
    """How often they were published anew after that: then at least five respondents had changed in each figure."""


@dataclass(frozen=True, slots=True)
class LifeResults:
    """The results of a membership's whole life, up to the last period that is closed."""

    responses: Count | None
    """Responses of closed periods; without the last few, which wait until there are enough of them."""
    questions: tuple[QuestionResult, ...]
    """Each of the core questions; of what is published of it, without the last few answers."""
    published_at: Instant | None
    """When these figures were published; null where there are none."""


@dataclass(frozen=True, slots=True)
class PartResults:
    """The results of a location, or of a customer segment at it; only where they are published."""

    location: str
    """The location."""
    segment: str | None
    """The customer organisation, by the name that was known first of all its names then; null for the location as a whole."""
    period: str
    """YYYY-MM, YYYY-Qn, or `life`."""
    responses: Count | None
    """Responses; over the life those of the published parts of it."""
    questions: tuple[QuestionResult, ...]
    """Each of the core questions."""
    published_at: Instant | None
    """When these figures were published."""


@dataclass(frozen=True, slots=True)
class Results:
    """A membership's results as published."""

    membership: str
    """The membership."""
    by: ResultsBy
    """What the periods are."""
    known_at: Position
    """The position of the ledger up to which the last closed period was tabulated; 0 where none is."""
    closed_through: str | None
    """The last month that is closed, YYYY-MM; null where none is."""
    invitations: Count
    """Invitations sent over the membership's life; of what is known now."""
    invitations_answered: Count
    """Invitations answered by a response that is not void."""
    response_rate: float | None
    """The share of the invitations sent that was answered, over the whole life (I5); null where none was sent."""
    life: LifeResults
    """Over the membership's whole life."""
    periods: tuple[PeriodResults, ...]
    """Each closed period from the first that was closed, or that has figures, the oldest first."""
    parts: tuple[PartResults, ...]
    """By location, then by customer segment within it: what is published, in order of location, segment and period."""


def results(
    view: View, published: PublishedTables, membership: str, by: ResultsBy, known_at: int | None = None
) -> Results:
    """A membership's results by month or quarter, as published by a position of the ledger (None: whatever is published).

    Raises UnknownMembership for one that is not enrolled.
    """
    view.eligibility().require(membership)
    closings = [one for one in published.closings() if known_at is None or one.position <= known_at]
    cells = {(one.key, one.measure): one for one in published.cells(OF_MEMBERSHIP, membership, known_at)}
    sent = _invitations(view, membership, by)
    rate = next(iter(participation(view, membership, "membership")), None)
    through = closings[-1].month if closings else None
    periods = months_from if by == "month" else quarters_from
    return Results(
        membership=membership,
        by=by,
        known_at=closings[-1].position if closings else 0,
        closed_through=through,
        invitations=0 if rate is None else rate.invitations,
        invitations_answered=getattr(rate, "invitations_answered", 0),
        response_rate=getattr(rate, "response_rate", None),
        life=_life(cells, CellKey("membership", membership, "", "", LIFE)),
        periods=tuple(
            _period(cells, CellKey("membership", membership, "", "", period), sent.get(period, 0))
            for period in (periods(_first_month(closings[0].month, cells), through) if through is not None else ())
        ),
        parts=tuple(_parts(cells, by)),
    )


Cells = Mapping[tuple[CellKey, Measure], Cell]


def question_result(cells: Cells, key: CellKey, question: CoreQuestion) -> QuestionResult:
    """What a cell says of a question, and the trend of it."""
    cell = cells.get((key, question))
    if cell is None or not cell.respondents:
        return QuestionResult(question, None, None, None, None)
    return QuestionResult(question, cell.respondents, cell.mean, cell.distribution, trend(cells, cell))


def trend(cells: Cells, cell: Cell) -> float | None:
    """The mean of a cell less that of the period before, both as they were published."""
    if cell.key.period == LIFE:
        return None
    before = cells.get((cell.key._replace(period=period_before(cell.key.period)), cell.measure))
    if before is None or before.mean is None or cell.mean is None:
        return None
    return round(cell.mean - before.mean, 2)


def published_at(cells: Cells, key: CellKey) -> tuple[Instant | None, int]:
    """When the figures of a cell were first published, and how often they were restated."""
    found = [cells[key, measure] for measure in MEASURES if (key, measure) in cells]
    if not found:
        return None, 0
    return format_instant(max(one.published_us for one in found)), max(one.version for one in found) - 1


def _responses(cells: Cells, key: CellKey) -> int | None:
    cell = cells.get((key, RESPONSES))
    return (cell.respondents or None) if cell is not None else None


def _questions(cells: Cells, key: CellKey) -> tuple[QuestionResult, ...]:
    return tuple(question_result(cells, key, question) for question in QUESTIONS)


def _life(cells: Cells, key: CellKey) -> LifeResults:
    return LifeResults(_responses(cells, key), _questions(cells, key), published_at(cells, key)[0])


def _period(cells: Cells, key: CellKey, invitations: int) -> PeriodResults:
    at, restated = published_at(cells, key)
    return PeriodResults(key.period, invitations, _responses(cells, key), _questions(cells, key), at, restated)


def _parts(cells: Cells, by: ResultsBy) -> Iterator[PartResults]:
    """Locations and segments of which something is published, the periods that were asked for and the whole life."""
    keys = {key for key, _ in cells if key.scope != "membership"}
    wanted = [key for key in keys if key.period == LIFE or ("Q" in key.period) == (by == "quarter")]
    for key in sorted(wanted, key=lambda key: (key.part, key.group, key.period)):
        yield PartResults(
            key.part,
            key.group if key.scope == "segment" else None,
            key.period,
            _responses(cells, key),
            _questions(cells, key),
            published_at(cells, key)[0],
        )


def _first_month(closed: str, cells: Cells) -> str:
    """The first month that was closed; an earlier one where something became known of it later, and was published."""
    known = (key.period for key, _ in cells if key.period != LIFE)
    return min([closed, *(first_month_of(period) for period in known)])


def _invitations(view: View, membership: str, by: ResultsBy) -> dict[str, int]:
    """Invitations sent by month or quarter."""
    sent: dict[str, int] = {}
    for line in participation(view, membership, by):
        period = line.month if isinstance(line, MonthParticipation) else getattr(line, "quarter", "")
        sent[period] = line.invitations
    return sent
