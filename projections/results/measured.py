"""One measure on its way through the closings: which answers wait, which are released, and the figures that this makes.

A figure of a month or a quarter is told for the first time where all its answers that are not void are in releases of that
month or quarter; of a location, or a segment, where these are of it too. A figure that was told before is the sum of its
releases as they are now.
"""

from __future__ import annotations

from itertools import count
from typing import Final

import polars as pl

from projections.results.cells import LIFE, RESPONSES, SCORES, Measure, Scope
from projections.results.releasing import LABELS, Floor, release
from projections.results.rows import COUNTS, KEY, ReleaseRow, release_rows, releases_frame, respondents_frame

ROW: Final = ["membership", "response", "quarter", "month", "location", "segment", "answer"]
"""The columns of an answer."""
_SCOPES: Final[dict[Scope, tuple[str | None, str | None]]] = {
    "membership": (None, None),
    "location": ("location", None),
    "segment": ("location", "segment"),
}
"""By scope the columns that say which part and which group an answer is of; their labels begin with `in_`."""


class Measured:
    """What stands of one measure between two closings."""

    def __init__(self, measure: Measure, floor: Floor, answers: pl.DataFrame, earlier: list[ReleaseRow]) -> None:
        """`answers`: the columns ROW and `void`; without an answer where there is none, or none any more."""
        self.measure: Measure = measure
        self._floor = floor
        known = answers.join(respondents_frame(earlier), on=["membership", "response"], how="left")
        before = releases_frame(earlier)
        self._none = self._touched = before.clear()
        self._releases: dict[str, pl.DataFrame] = {}
        """By the quarter that they tell."""
        self._of_life = _sums_of_life(self._none)
        """By membership, location and segment."""
        self._add(before)
        self.voided = _without_void(measure, floor, known, earlier)
        """Releases that have lost void ones, and what they have lost, numbered 0; due with the next closing of a quarter."""
        standing = known.filter(~pl.col("void") & pl.col("answer").is_not_null())
        labels = before.select("release", *LABELS)
        self._told: dict[str, pl.DataFrame] = {}
        self._tell(standing.join(labels, on="release").select(*ROW, *LABELS))
        self.unreleased = standing.filter(pl.col("release").is_null()).select(ROW)
        self.respondents = standing.filter(pl.col("release").is_not_null()).select("membership", "response")
        self.waiting = self.unreleased.clear()

    def release(self, month: str, first: int) -> tuple[pl.DataFrame, list[ReleaseRow]]:
        """Releases what is due when a month is closed, numbered from `first`.

        Returns the answers that were released, and the rows to be kept.
        """
        released = release(self.waiting, month, self._floor, scored=self.measure != RESPONSES)
        self._touched = self._none
        if not len(released):
            return released, []
        self._touched, rows = release_rows(released, self.measure, first)
        self._add(self._touched)
        self.waiting = self.waiting.join(released, on=["membership", "response"], how="anti")
        self._tell(released.select(*ROW, *LABELS))
        return released.select(ROW), rows

    def lose_void(self, first: int) -> list[ReleaseRow]:
        """Takes what is void out of the figures that it was in, after `release`; what is lost is numbered from `first`.

        Returns the rows to be kept, also in the place of those with the same number.
        """
        numbers = count(first)
        rows = [row if row.release else row._replace(release=next(numbers)) for row in self.voided]
        self.voided = []
        if rows:
            changed = releases_frame(rows)
            for quarter in changed["in_quarter"].unique():
                before = self._releases[quarter].join(changed, on="release", how="semi")
                self._releases[quarter] = self._releases[quarter].join(changed, on="release", how="anti")
                self._of_life = pl.concat([self._of_life, _sums_of_life(before).with_columns(-pl.col(COUNTS))])
            self._add(changed)
            self._touched = pl.concat([self._touched, changed])
        return rows

    def figures(self, over: bool, late: pl.DataFrame) -> pl.DataFrame:
        """The figures that what was released is in: KEY, COUNTS, and `whole`, whether one may be told for the first time.

        A figure of a month is looked at when something of it is released or lost; one of a quarter too, when a quarter is
        `over`, and then all lives. So one of a quarter that is withheld may also have nothing left to tell. `late` are answers
        of which it is not even told that they were given; nothing is whole with them.
        """
        quarters = self._touched.filter(pl.col("in_quarter") != "")["in_quarter"].unique().to_list()
        among = _standing(pl.concat([self._none, *(self._releases[one] for one in quarters)]))
        answers = self._answers(quarters, late)
        found = []
        for scope in _SCOPES:
            for period in ("quarter", "month") if over else ("month",):
                touched, named = _sums(self._touched, scope, pl.col(f"in_{period}")), pl.col("period") != ""
                sums = _sums(among, scope, pl.col(f"in_{period}")).join(touched.filter(named), on=KEY, how="semi")
                found.append(sums.join(_broken(answers, scope, period), on=KEY, how="left"))
        if over:
            self._of_life = _sums_of_life(self._of_life)
            found += [
                _sums(self._of_life, scope, pl.lit(LIFE)).with_columns(broken=pl.lit(value=False)) for scope in _SCOPES
            ]
        return pl.concat(found, how="diagonal").with_columns(whole=pl.col("broken").fill_null(value=False).not_())

    def _add(self, releases: pl.DataFrame) -> None:
        for (quarter,), frame in releases.partition_by("in_quarter", as_dict=True).items():
            self._releases[str(quarter)] = pl.concat([self._releases.get(str(quarter), self._none), frame])
        self._of_life = pl.concat([self._of_life, _sums_of_life(releases)])

    def _tell(self, released: pl.DataFrame) -> None:
        for (quarter,), frame in released.partition_by("quarter", as_dict=True).items():
            before = self._told.get(str(quarter))
            self._told[str(quarter)] = frame if before is None else pl.concat([before, frame])

    def _answers(self, quarters: list[str], late: pl.DataFrame) -> pl.DataFrame:
        """The answers of some quarters that are not void, with the labels of their releases: empty where they wait."""
        waiting = pl.concat([self.waiting, late.select(ROW)]).filter(pl.col("quarter").is_in(quarters))
        told = [self._told[quarter] for quarter in quarters if quarter in self._told]
        return pl.concat([waiting.with_columns(pl.lit("").alias(label) for label in LABELS), *told])


def _standing(releases: pl.DataFrame) -> pl.DataFrame:
    """The releases, with nothing in those that left their figures: a figure of nothing but these is still looked at."""
    return releases.with_columns(pl.when(pl.col("removed")).then(0).otherwise(pl.col(COUNTS)).name.keep())


def _sums_of_life(releases: pl.DataFrame) -> pl.DataFrame:
    """The sums by membership, location and segment."""
    standing = _standing(releases) if "removed" in releases.columns else releases
    return standing.group_by("membership", "in_location", "in_segment").agg(pl.col(COUNTS).sum())


def _sums(releases: pl.DataFrame, scope: Scope, period: pl.Expr) -> pl.DataFrame:
    """The figures of a scope as sums over releases."""
    labels = [f"in_{column}" for column in _SCOPES[scope] if column is not None]
    key = _key(scope, "in_", period)
    named = [pl.lit(value=True), *(pl.col(label) != "" for label in labels)]
    return releases.filter(named).group_by(key).agg(pl.col(COUNTS).sum())


def _broken(answers: pl.DataFrame, scope: Scope, period: str) -> pl.DataFrame:
    """The figures of a scope that some answer of them stands in the way of: it waits, or is released with others."""
    columns = [column for column in (period, *_SCOPES[scope]) if column is not None]
    apart = pl.any_horizontal(pl.col(column) != pl.col(f"in_{column}") for column in columns)
    return answers.filter(apart).group_by(_key(scope, "", pl.col(period))).agg(broken=pl.lit(value=True))


def _key(scope: Scope, prefix: str, period: pl.Expr) -> list[pl.Expr]:
    part, group = (pl.lit("") if column is None else pl.col(f"{prefix}{column}") for column in _SCOPES[scope])
    return [
        pl.lit(scope).alias("scope"), pl.col("membership"), part.alias("part"), group.alias("group"), period.alias("period")
    ]  # fmt: skip


def _without_void(measure: Measure, floor: Floor, known: pl.DataFrame, earlier: list[ReleaseRow]) -> list[ReleaseRow]:
    """The releases of which enough are void, and enough are not, in two; or all of it is void.

    An answer that is erased cannot be taken out again: then the release stays as it is.
    """
    void = known.filter(pl.col("void") & pl.col("release").is_not_null() & ~pl.col("removed").fill_null(value=True))
    enough = void.group_by("release").agg(pl.col("response"), pl.col("answer")).filter(
        pl.col("response").list.len() >= floor.respondents
    )  # fmt: skip
    by_number = {row.release: row for row in earlier}
    split: list[ReleaseRow] = []
    for number, responses, answers in enough.sort("release").iter_rows():
        row, lost = by_number[number], set(responses)
        gone = tuple(sum(answer == score for answer in answers) for score in range(SCORES))
        if len(lost) == len(row.responses):
            split.append(row._replace(removed=True))
            continue
        left = tuple(before - now for before, now in zip(row.counts, gone, strict=True))
        if sum(gone) < len(lost) or not all(_may_be_told(counts, measure, floor) for counts in (gone, left)):
            continue
        split.append(row._replace(counts=left, responses=tuple(one for one in row.responses if one not in lost)))
        split.append(row._replace(release=0, removed=True, counts=gone, responses=tuple(sorted(lost))))
    return split


def _may_be_told(counts: tuple[int, ...], measure: Measure, floor: Floor) -> bool:
    several = measure == RESPONSES or sum(count > 0 for count in counts) > 1
    return sum(counts) >= floor.respondents and several
