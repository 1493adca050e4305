"""Which answers are released together: the rule that everything published stands on (see `projections.results`).

A frame of answers has a row for each respondent, with the columns

    membership, response, quarter, month, location, segment    text; quarter YYYY-Qn, month YYYY-MM
    answer                                                     0 to 10; for the measure `responses` 0 throughout

and a row that is released gets `in_quarter`, `in_month`, `in_location`, `in_segment` beside them: what all respondents of its
release have in common, as far as the release tells; empty where they are told apart no further. These four and the membership
name a release among those of one closing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import polars as pl

from ledger.errors import BadInput
from projections.results.periods import ends_quarter, quarter_of

FLOOR_MIN: Final = 3
LABELS: Final = ("in_quarter", "in_month", "in_location", "in_segment")
RELEASE: Final = ("membership", *LABELS)
"""What names a release within a closing."""


class Floor(NamedTuple):
    """The smallest that is told. Neither may be below FLOOR_MIN."""

    respondents: int = 5
    """Of one membership, who are released together."""
    partners: int = 5
    """In a group of peers."""

    def checked(self) -> Floor:
        """The same. Raises BadInput for one that is too low."""
        for name, found in self._asdict().items():
            if found < FLOOR_MIN:
                raise BadInput(
                    f"found a floor of {found} {name}, expected at least {FLOOR_MIN}: fewer can be singled out"
                )
        return self


def release(waiting: pl.DataFrame, month: str, floor: Floor, *, scored: bool) -> pl.DataFrame:
    """Those of the answers that wait which are released when a month is closed, with the labels of their releases.

    `waiting` has no answer of a later month. `scored`: the answers of a release must not all be the same. In the middle of a
    quarter its months are released, each by itself. At its end what waits of each quarter is released together, told apart by
    month; and what then still waits for the membership's life.
    """
    if ends_quarter(month):
        of_quarter = _enough(waiting, ("membership", "quarter"), floor, scored=scored)
        whole = waiting.filter(of_quarter)
        rest = waiting.filter(~of_quarter)
        rest = _without_one_too_many(rest, floor)
        rest = rest.filter(_enough(rest, ("membership",), floor, scored=scored))
        of_quarters = _split(
            whole.with_columns(in_quarter="quarter", in_month=pl.lit("")), "month", floor, scored=scored
        )
        for_life = rest.with_columns(in_quarter=pl.lit(""), in_month=pl.lit(""))
        released = pl.concat([of_quarters, for_life], how="diagonal")
    else:
        among = waiting.filter(pl.col("quarter") == quarter_of(month))
        of_months = among.filter(_enough(among, ("membership", "month"), floor, scored=scored))
        released = of_months.with_columns(in_quarter="quarter", in_month="month")
    for column in ("location", "segment"):
        released = _split(released, column, floor, scored=scored)
    return released


def _without_one_too_many(rest: pl.DataFrame, floor: Floor) -> pl.DataFrame:
    """Leaves the last answer of a membership waiting where each quarter has one less than the floor.

    As many as can wait would tell how many each quarter has.
    """
    size = pl.len().over("membership", "quarter")
    full = (size == floor.respondents - 1).all().over("membership")
    last = pl.struct("month", "response").rank("ordinal").over("membership") == pl.len().over("membership")
    return rest.filter(~(full & last))


def _enough(frame: pl.DataFrame, keys: Sequence[str], floor: Floor, *, scored: bool) -> pl.Series:
    """For each row, whether those that have the same keys are enough to be released together."""
    return frame.select(_valid(keys, floor, scored=scored)).to_series()


def _valid(keys: Sequence[str], floor: Floor, *, scored: bool) -> pl.Expr:
    valid = pl.len().over(*keys) >= floor.respondents
    if scored:
        valid &= pl.col("answer").min().over(*keys) < pl.col("answer").max().over(*keys)
    return valid


def _split(released: pl.DataFrame, column: str, floor: Floor, *, scored: bool) -> pl.DataFrame:
    """Tells the releases apart by a column, where each part that is, and the rest, is enough.

    Where the rest alone is not, the smallest part (the first of those by name) goes into it: then it is. Nor is a rest whose
    parts each have one less than the floor: the sum would tell how many. A segment is told only within a location.
    """
    label, keys = f"in_{column}", [name for name in RELEASE if name in released.columns]
    within = pl.col("in_location") != "" if column == "segment" else pl.lit(value=True)
    frame = released.with_columns(
        _size=pl.len().over(*keys, column), _part=_valid([*keys, column], floor, scored=scored) & within
    )
    left = pl.col("_part").not_()
    lowest = pl.col("answer").filter(left).min().over(*keys)
    highest = pl.col("answer").filter(left).max().over(*keys)
    rest = left.sum().over(*keys)
    told_by_sum = (left.not_() | (pl.col("_size") == floor.respondents - 1)).all().over(*keys)
    too_few = (rest > 0) & (
        (rest < floor.respondents) | told_by_sum | (lowest == highest if scored else pl.lit(value=False))
    )
    frame = frame.with_columns(_given_up=too_few)
    smallest = pl.col("_size").filter(pl.col("_part")).min().over(*keys)
    frame = frame.with_columns(_smallest=pl.col("_part") & (pl.col("_size") == smallest))
    first = pl.col(column).filter(pl.col("_smallest")).min().over(*keys)
    told = pl.col("_part") & ~(pl.col("_given_up") & pl.col("_smallest") & (pl.col(column) == first))
    frame = frame.with_columns(pl.when(told).then(pl.col(column)).otherwise(pl.lit("")).alias(label))
    return frame.drop("_size", "_part", "_given_up", "_smallest")
