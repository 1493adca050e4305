"""The benchmark: peers with the same solution area and business model, who are never named (S2), and a partner's place.

All figures are read from the tables that were published when their quarter was closed (`projections.results`). A peer group
counts each membership once, in the solution area that it named first. Withheld and empty look the same: null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from projections.questions.answer import Count, Instant
from projections.questions.results import Cells, ResultsBy, published_at, trend
from projections.results.cells import OF_PEERS, QUESTIONS, RESPONSES, CellKey, CoreQuestion, GroupRow, PublishedTables
from projections.results.periods import quarter_of

Place = Literal["upper-quarter", "upper-middle", "lower-middle", "lower-quarter"]
GroupOf = Literal["peer-group", "business-model", "programme"]


@dataclass(frozen=True, slots=True)
class PeerQuestion:
    """What the customers of a group of partners answered to one of the core questions; and of one partner among them."""

    question: CoreQuestion
    """The question."""
    partners: Count | None
    """Partners whose answers are counted; null where the figures are withheld or there are none, and then so is the rest."""
    answered: Count | None
    """How many answered it."""
    mean: float | None
    """The mean of the answers, to two decimals."""
    distribution: tuple[Count, ...] | None
    """How many answered 0, 1, … 10, in this order: eleven counts."""
    trend: float | None
    """The mean less that of the period before; null where either is."""
    own_mean: float | None
    """The partner's own mean in the same period; null where it is withheld, or no partner was named."""
    place: Place | None
    """The quarter of its peers in which the partner's mean lies; null where either mean is withheld, or none was named."""


@dataclass(frozen=True, slots=True)
class BenchmarkLine:
    """A group of partners in one period. It names none of them."""

    of: GroupOf
    """`peer-group`: same solution area and business model; `business-model`: all of one; `programme`: all."""
    solution_area: str | None
    """The solution area of a peer group; null for the others."""
    business_model: str | None
    """The business model; null for the whole programme."""
    period: str
    """YYYY-MM or YYYY-Qn."""
    partners: Count | None
    """Partners whose responses are counted; null where that is withheld or there are none."""
    responses: Count | None
    """Their responses."""
    questions: tuple[PeerQuestion, ...]
    """Each of the core questions."""
    published_at: Instant | None
    """When these figures were published; null where there are none."""


@dataclass(frozen=True, slots=True)
class PartnerPlace:
    """Where a partner sits in the benchmark (S3): for the programme's owner. It says none of the partner's figures."""

    membership: str
    """The partner's membership."""
    solution_area: str
    """The solution area of its peer group."""
    business_model: str
    """The business model of its peer group."""
    period: str
    """YYYY-Qn."""
    question: CoreQuestion
    """The question by which it is placed."""
    place: Place
    """The quarter of the group in which its mean lies."""


def benchmark(
    published: PublishedTables, membership: str | None = None, by: ResultsBy = "quarter", known_at: int | None = None
) -> list[BenchmarkLine]:
    """The benchmark by month or quarter, as published by a position of the ledger (None: whatever is published).

    Of one membership: its own peer group in each period of which something is published, its own beside each figure. Of none:
    every group of which something is published, totals included, as the programme's owner sees them.
    """
    cells = {(one.key, one.measure): one for one in published.cells(OF_PEERS, None, known_at)}
    own: Cells = {}
    places: dict[tuple[str, str], Place] = {}
    keys = {key for key, _ in cells if ("Q" in key.period) == (by == "quarter")}
    if membership is not None:
        own = {(one.key, one.measure): one for one in published.cells(("membership",), membership, known_at)}
        rows = published.places(membership, known_at)
        places = {(row.period, row.question): cast(Place, row.place) for row in rows}
        groups = published.groups(membership)
        keys = {
            key
            for key in keys
            if key.scope == "peer-group" and (key.part, key.group) == _group_in(groups, _quarter(key.period))
        }
    ordered = sorted(keys, key=lambda key: (key.period, OF_PEERS.index(key.scope), key.part, key.group))
    return [_line(cells, own, places, key, membership) for key in ordered]


def partner_places(published: PublishedTables, known_at: int | None = None) -> list[PartnerPlace]:
    """Where each partner sits in the benchmark (S3), in order of period, question and membership."""
    return [
        PartnerPlace(
            row.membership, row.solution_area, row.business_model, row.period, row.question, cast(Place, row.place)
        )
        for row in published.places(None, known_at)
    ]


def _group_in(groups: Sequence[GroupRow], quarter: str) -> tuple[str, str] | None:
    """The peer group that a membership had in a quarter."""
    found = [row for row in groups if row.since <= quarter]
    return (found[-1].solution_area, found[-1].business_model) if found else None


def _quarter(period: str) -> str:
    return period if "Q" in period else quarter_of(period)


def _line(
    cells: Cells, own: Cells, places: Mapping[tuple[str, str], Place], key: CellKey, membership: str | None
) -> BenchmarkLine:
    counted = cells.get((key, RESPONSES))
    questions = []
    for question in QUESTIONS:
        cell = cells.get((key, question))
        mine = own.get((CellKey("membership", membership or "", "", "", key.period), question))
        questions.append(
            PeerQuestion(
                question,
                None if cell is None else cell.partners,
                None if cell is None else cell.respondents,
                None if cell is None else cell.mean,
                None if cell is None else cell.distribution,
                None if cell is None else trend(cells, cell),
                None if mine is None else mine.mean,
                places.get((key.period, question)),
            )
        )
    return BenchmarkLine(
        cast(GroupOf, key.scope),
        key.part or None,
        key.group or None,
        key.period,
        None if counted is None else counted.partners,
        None if counted is None else counted.respondents,
        tuple(questions),
        published_at(cells, key)[0],
    )
