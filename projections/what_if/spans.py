"""What holds when, by columns: steps up and down that lead back to nothing, and the spans between them.

A frame of steps has the columns of its keys, `at_us` and a change. Every change is taken back by the end of what is looked
at, so the sums over each key come to nothing, and one running sum over the whole sorted frame is that of each key: nothing
is grouped for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from ledger.instants import DAY_US, add_months

KEY: Final = "key"
"""Column: a number of a membership, a designation or a decision."""
AT: Final = "at_us"
STEPS: Final = {KEY: pl.UInt32(), AT: pl.Int64(), "step": pl.Int64()}
SPANS: Final = {KEY: pl.UInt32(), "from_us": pl.Int64(), "to_us": pl.Int64()}


def after_months(received_us: pl.Series, months: int) -> pl.Series:
    """`add_months` of many instants: a day costs once."""
    days = received_us // DAY_US
    different = days.unique()
    shifted = pl.Series([add_months(day * DAY_US, months) for day in different], dtype=pl.Int64)
    return days.replace_strict(different, shifted, return_dtype=pl.Int64) + (received_us - days * DAY_US)


def clipped(spans: pl.DataFrame, from_us: int, to_us: int) -> pl.DataFrame:
    """The parts of spans within [from_us, to_us); what has none is left out."""
    return spans.with_columns(
        pl.col("from_us").clip(lower_bound=from_us), pl.col("to_us").clip(upper_bound=to_us)
    ).filter(pl.col("from_us") < pl.col("to_us"))


def steps_of(spans: pl.DataFrame, keys: Sequence[str], **changes: pl.Expr) -> pl.DataFrame:
    """A step up where each span begins, and down where it ends; each change is by its expression, taken of the span."""
    begins = spans.select(*keys, pl.col("from_us").alias(AT), *(value.alias(name) for name, value in changes.items()))
    ends = spans.select(*keys, pl.col("to_us").alias(AT), *((-value).alias(name) for name, value in changes.items()))
    return pl.concat([begins, ends])


def running(steps: pl.DataFrame, keys: Sequence[str], changes: Sequence[str]) -> pl.DataFrame:
    """What the changes come to from each instant on, once for each key and instant, in order."""
    ordered = steps.sort(*keys, AT).with_columns(pl.col(name).cum_sum() for name in changes)
    last = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(-1)) for name in (*keys, AT))
    return ordered.filter(last)


def differences(ordered: pl.DataFrame, **values: pl.Expr) -> pl.DataFrame:
    """By how much each expression changes at each row of what is `running`; rows at which nothing does are left out."""
    return ordered.with_columns(
        (value - value.shift(1, fill_value=0)).alias(name) for name, value in values.items()
    ).filter(pl.any_horizontal(pl.col(name) != 0 for name in values))


def holding(steps: pl.DataFrame, holds: pl.Expr, changes: Sequence[str]) -> pl.DataFrame:
    """Steps (STEPS) of what an expression of the running sums says: up where it begins to hold, down where it ceases."""
    found = differences(running(steps, [KEY], changes), step=holds.cast(pl.Int64))
    return found.select(pl.col(name).cast(kind) for name, kind in STEPS.items())


def spans_of(steps: pl.DataFrame) -> pl.DataFrame:
    """From when until before when something holds (SPANS), by key and time; steps at the same instant come to one."""
    ordered = differences(running(steps, [KEY], ["step"]), change=(pl.col("step") > 0).cast(pl.Int64))
    begins, ends = ordered.filter(pl.col("change") > 0), ordered.filter(pl.col("change") < 0)
    return pl.DataFrame([begins[KEY], begins[AT].alias("from_us"), ends[AT].alias("to_us")], schema=SPANS)


def gained_and_lost(actual: pl.DataFrame, other: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """When one holds and the other does not (SPANS): what only `other` has, and what only `actual` has."""
    both = pl.concat([
        actual.select(KEY, AT, pl.col("step").alias("was"), pl.lit(0, pl.Int64).alias("would")),
        other.select(KEY, AT, pl.lit(0, pl.Int64).alias("was"), pl.col("step").alias("would")),
    ])  # fmt: skip
    gained = holding(both, (pl.col("would") > 0) & (pl.col("was") <= 0), ["was", "would"])
    lost = holding(both, (pl.col("was") > 0) & (pl.col("would") <= 0), ["was", "would"])
    return spans_of(gained), spans_of(lost)
