"""The benchmark of a quarter: groups of peers, out of the figures that their partners have been told (S2, S3).

A membership is in one peer group: of the business model, and of the solution area that it named first, that it had in the last
microsecond of the quarter. So no two groups overlap. What is told of them falls into *piles* that no figure tells apart:

    each peer group that is enough
    of each business model what is in none of these, if it is nothing or enough: else there is no total of the model
    what is in none of all these, if it is nothing or enough: else there is no total of the programme

A pile is enough where at least `Floor.partners` are in it and, whichever partner of it is left out, none has more than half of
the respondents of the others: each partner knows its own answers, and what is left when it takes them away is no other's. A
month of the quarter counts the partners of which both are told; it divides each pile further, by the same rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, NamedTuple

import polars as pl

from projections.results.cells import RESPONSES, SCORES, Cell, CellKey, Closing, CoreQuestion, Measure, PlaceRow, Scope
from projections.results.releasing import Floor
from projections.results.rows import COUNTS

NONE: Final = ""
"""No solution area, no business model."""
PROFILE: Final = {
    "membership": pl.String(), "since_us": pl.Int64(), "position": pl.Int64(), "solution_area": pl.String(),
    "business_model": pl.String(),
}  # fmt: skip
"""The columns of what was said of a membership: null where nothing was said, NONE where it has none from then on."""
Counts = tuple[int, ...]
GroupKey = tuple[Scope, str, str]
"""Scope, solution area, business model."""


class Peers(NamedTuple):
    """What is published of peers when a quarter is closed."""

    cells: list[Cell]
    places: list[PlaceRow]


@dataclass(slots=True)
class Pile:
    """Partners whose figures are told together only: how many of each answered what."""

    of: dict[str, Counts] = field(default_factory=dict)

    def enough(self, floor: Floor) -> bool:
        """Whether it may be told."""
        sizes = sorted((sum(counts) for counts in self.of.values()), reverse=True)
        # The hardest case: the second largest takes its own away, and the largest is not to have more than half of the rest.
        return len(sizes) >= floor.partners and 2 * sizes[0] <= sum(sizes) - sizes[1]

    def add(self, other: Pile) -> None:
        """Takes the answers of another pile in."""
        for membership, counts in other.of.items():
            before = self.of.get(membership)
            self.of[membership] = counts if before is None else total([before, counts])

    def __bool__(self) -> bool:
        return bool(self.of)


@dataclass(slots=True)
class _Told:
    """A group that is told, and the piles that it is the sum of."""

    key: GroupKey
    piles: list[Pile]


def groups_at(profiles: pl.DataFrame, end_us: int) -> pl.DataFrame:
    """membership, solution_area, business_model: what each had just before an instant, as far as it is known."""
    said = profiles.filter(pl.col("since_us") < end_us).sort("since_us", "position")
    last = [pl.col(column).drop_nulls().last().fill_null(NONE) for column in ("solution_area", "business_model")]
    return said.group_by("membership").agg(last)


def tabulate_peers(
    told: Mapping[Measure, pl.DataFrame], groups: pl.DataFrame, quarter: str, floor: Floor, closing: Closing
) -> Peers:
    """The benchmark of a quarter and its months, of which `told` has by measure: membership, period, COUNTS."""
    cells: list[Cell] = []
    places: list[PlaceRow] = []
    counted: set[CellKey] = set()
    for measure, frame in told.items():
        by_period = _by_period(frame)
        piles = _piles(by_period.pop(quarter, {}), groups)
        groups_told = _told(piles, floor)
        found = [(one.key, quarter, _sum(one.piles)) for one in groups_told]
        found += _months(groups_told, by_period, floor)
        for (scope, area, model), period, pile in sorted(found, key=lambda one: (one[0], one[1])):
            key = CellKey(scope, NONE, area, model, period)
            if measure == RESPONSES:
                counted.add(key)
            elif key not in counted:
                continue
            counts = total(pile.of.values())
            distribution = () if measure == RESPONSES else counts
            cells.append(
                Cell(key, measure, 1, closing.position, closing.closed_us, sum(counts), distribution, len(pile.of))
            )
            if measure != RESPONSES and scope == "peer-group" and period == quarter:
                places += _places(pile, key, measure, closing)
    return Peers(cells, places)


def total(counts: Iterable[Counts]) -> Counts:
    """The sums, score by score."""
    return tuple(map(sum, zip(*counts, strict=True))) or (0,) * SCORES


def _by_period(frame: pl.DataFrame) -> dict[str, dict[str, Counts]]:
    found: dict[str, dict[str, Counts]] = {}
    for membership, period, counts in frame.select("membership", "period", pl.concat_list(COUNTS)).iter_rows():
        if any(counts):
            found.setdefault(period, {})[membership] = tuple(counts)
    return found


def _piles(of_quarter: Mapping[str, Counts], groups: pl.DataFrame) -> dict[tuple[str, str], Pile]:
    """By business model and solution area, either of them NONE where it is not known."""
    among = groups.filter(pl.col("membership").is_in(list(of_quarter)))
    known = {membership: (model, area) for membership, area, model in among.iter_rows()}
    piles: dict[tuple[str, str], Pile] = {}
    for membership in sorted(of_quarter):
        key = known.get(membership, (NONE, NONE))
        piles.setdefault(key, Pile()).of[membership] = of_quarter[membership]
    return piles


def _told(piles: Mapping[tuple[str, str], Pile], floor: Floor) -> list[_Told]:
    """The groups that are told, totals last."""
    told: list[_Told] = []
    by_model: dict[str, list[_Told]] = {}
    left: dict[str, Pile] = {}
    for (model, area), pile in sorted(piles.items()):
        if NONE not in (model, area) and pile.enough(floor):
            by_model.setdefault(model, []).append(_Told(("peer-group", area, model), [pile]))
        else:
            left.setdefault(model, Pile()).add(pile)
    everything = [one for groups in by_model.values() for one in groups]
    pool = left.pop(NONE, Pile())
    apart = [pile for one in everything for pile in one.piles]
    for model in sorted(by_model.keys() | left.keys()):
        rest = left.get(model, Pile())
        if rest and not rest.enough(floor):
            pool.add(rest)
            continue
        own = [pile for one in by_model.get(model, ()) for pile in one.piles]
        told.append(_Told(("business-model", NONE, model), [*own, rest] if rest else own))
        apart += [rest] if rest else []
    if pool.enough(floor) if pool else apart:
        told.append(_Told(("programme", NONE, NONE), [*apart, pool] if pool else apart))
    return everything + told


def _months(
    told: Sequence[_Told], by_month: Mapping[str, Mapping[str, Counts]], floor: Floor
) -> list[tuple[GroupKey, str, Pile]]:
    """The groups of which a month is told as well."""
    divided = {id(pile): _divided(pile, by_month, floor) for one in told for pile in one.piles}
    found = []
    for one in told:
        for month in sorted(by_month):
            parts = [divided[id(pile)].get(month) for pile in one.piles]
            there = [part for part in parts if part]
            if there and None not in parts:
                found.append((one.key, month, _sum(there)))
    return found


def _divided(pile: Pile, by_month: Mapping[str, Mapping[str, Counts]], floor: Floor) -> dict[str, Pile | None]:
    """A pile by month; empty where none of it is of the month, None where the month is not told of it."""
    parts = {
        month: Pile({membership: of_month[membership] for membership in pile.of if membership in of_month})
        for month, of_month in by_month.items()
    }
    enough = {month: part for month, part in parts.items() if part and part.enough(floor)}
    while enough:
        rest = _less(pile, enough.values())
        if not rest or rest.enough(floor):
            break
        del enough[min(enough, key=lambda month: (sum(total(enough[month].of.values())), month))]
    return {month: part if not part or month in enough else None for month, part in parts.items()}


def _less(pile: Pile, parts: Iterable[Pile]) -> Pile:
    """What of a pile is in none of its parts."""
    taken = _sum(parts)
    rest = {
        membership: tuple(
            all_ - told for all_, told in zip(counts, taken.of.get(membership, (0,) * SCORES), strict=True)
        )
        for membership, counts in pile.of.items()
    }
    return Pile({membership: counts for membership, counts in rest.items() if any(counts)})


def _sum(piles: Iterable[Pile]) -> Pile:
    whole = Pile()
    for pile in piles:
        whole.add(pile)
    return whole


def _places(pile: Pile, key: CellKey, question: CoreQuestion, closing: Closing) -> list[PlaceRow]:
    """In which quarter of its peer group the mean of each partner lies; the same means share the middle of their places."""
    means = {
        membership: Fraction(sum(score * count for score, count in enumerate(counts)), sum(counts))
        for membership, counts in pile.of.items()
    }
    by_mean: dict[Fraction, list[str]] = {}
    for membership, mean in means.items():
        by_mean.setdefault(mean, []).append(membership)
    found, below = [], 0
    for mean in sorted(by_mean):
        equal = by_mean[mean]
        # of all others, how many are below: none to all of them
        share = Fraction(2 * below + len(equal) - 1, 2 * (len(means) - 1))
        place = _QUARTERS[min(3, int(4 * share))]
        found += [
            PlaceRow(membership, key.part, key.group, key.period, question, place, closing.position, closing.closed_us)
            for membership in equal
        ]
        below += len(equal)
    return sorted(found)


_QUARTERS: Final = ("lower-quarter", "lower-middle", "upper-middle", "upper-quarter")
