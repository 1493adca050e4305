"""Closing months one after the other: what is released then, and which cells that makes or changes.

    publication = Publication(responses, profiles, earlier, Floor())
    closed = publication.close("2010-03", position, now_us)      ->  what is to be kept, all of it or nothing

`responses` is a frame of all that is known, also of what is void, a row a response:

    membership, response, month, location, segment    text
    void                                              whether it is
    overall, continue, re_engage, recommend           0 to 10, or null where it was not answered or is erased

and `profiles` one of what was said of each membership (`projections.results.grouping`). Nothing is read or kept here. What one
closing has made, the next one goes on from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl

from projections.results.cells import MEASURES, QUESTIONS, RESPONSES, Cell, CellKey, Closing, GroupRow, Measure
from projections.results.grouping import groups_at, tabulate_peers
from projections.results.measured import ROW, Measured
from projections.results.periods import ends_quarter, month_end_us, quarter_of
from projections.results.releasing import Floor
from projections.results.rows import COUNTS, KEY, Closed, Earlier, ReleaseRow, cells_frame


class Publication:
    """The published tables, and what waits, between one closing and the next."""

    def __init__(self, responses: pl.DataFrame, profiles: pl.DataFrame, earlier: Earlier, floor: Floor) -> None:
        """Raises BadInput for a floor that is too low."""
        self._floor, self._profiles = floor.checked(), profiles
        self._groups = {row.membership: (row.solution_area, row.business_model) for row in earlier.groups}
        self._next = max((row.release for row in earlier.releases), default=0) + 1
        number = (pl.col("month").str.tail(2).cast(pl.Int32) + 2) // 3
        rows = responses.with_columns(
            pl.format("{}-Q{}", pl.col("month").str.head(4), number).alias("quarter"),
            pl.lit(0, pl.Int8).alias(RESPONSES),
        )
        self._scores = rows.select(*ROW[:-1], *QUESTIONS)
        self._measured: dict[Measure, Measured] = {}
        self._cells: dict[Measure, dict[str, pl.DataFrame]] = {}
        """Of each measure by period."""
        for measure in MEASURES:
            answers = rows.select(*ROW[:-1], pl.col(measure).alias("answer"), "void")
            before = [row for row in earlier.releases if row.measure == measure]
            self._measured[measure] = Measured(measure, self._floor, answers, before)
            told = cells_frame(cell for cell in earlier.cells if cell.measure == measure)
            self._none = told.clear()
            self._cells[measure] = {str(period): frame for (period,), frame in _by(told, "period")}
        counted = self._measured[RESPONSES]
        closed = pl.col("month") <= earlier.closed_through
        counted.waiting = counted.unreleased.filter(closed)
        to_come = _by(counted.unreleased.filter(~closed), "month")
        self._to_come = {str(month): frame for (month,), frame in to_come}
        for question in QUESTIONS:
            asked = self._measured[question]
            asked.waiting = asked.unreleased.join(counted.respondents, on=["membership", "response"], how="semi")

    def first_month(self) -> str | None:
        """The first month in which something was received that no closing has seen; None where there is nothing."""
        return min(self._to_come, default=None)

    def close(self, month: str, position: int, now_us: int) -> Closed:
        """Closes a month, the one after the last that was closed.

        A question is released only of respondents that are: so no more answers are told than responses.
        """
        quarter = quarter_of(month) if ends_quarter(month) else None
        counted = self._measured[RESPONSES]
        come = self._to_come.pop(month, counted.waiting.clear())
        kept: list[ReleaseRow] = []
        cells: list[Cell] = []
        for measure in MEASURES:
            measured = self._measured[measure]
            measured.waiting = pl.concat(
                [measured.waiting, come if measure == RESPONSES else self._scored(come, measure)]
            )
            released, rows = measured.release(month, self._next)
            kept += rows
            self._next += len(rows)
            if quarter is not None:
                rows = measured.lose_void(self._next)
                kept += rows
                self._next += len(rows)
            late = counted.waiting if measure != RESPONSES else counted.waiting.clear()
            figures = measured.figures(
                quarter is not None, late if measure == RESPONSES else self._scored(late, measure)
            )
            cells += self._tell(measure, figures, position, now_us)
            if measure == RESPONSES:
                come = released
        closing = Closing(month, position, now_us)
        if quarter is None:
            return Closed(closing, kept, cells, [], [])
        groups = groups_at(self._profiles, month_end_us(month))
        peers = tabulate_peers(self._of_quarter(quarter), groups, quarter, self._floor, closing)
        return Closed(closing, kept, cells + peers.cells, peers.places, self._new_groups(groups, quarter))

    def _scored(self, rows: pl.DataFrame, question: Measure) -> pl.DataFrame:
        """Those of the responses that answer a question, with their answers to it."""
        known = self._scores.select("membership", "response", pl.col(question).alias("answer"))
        joined = rows.drop("answer").join(known, on=["membership", "response"])
        return joined.filter(pl.col("answer").is_not_null()).select(ROW)

    def _tell(self, measure: Measure, figures: pl.DataFrame, position: int, now_us: int) -> Iterator[Cell]:
        """The cells that are new, or other than they were told."""
        periods = figures["period"].unique().to_list()
        before = self._before(measure, periods)
        joined = figures.join(before, on=KEY, how="left", suffix="_before")
        told = pl.col("version").is_not_null()
        first = ~told & pl.col("whole") & (pl.sum_horizontal(COUNTS) > 0)
        if measure != RESPONSES:
            joined = joined.join(self._before(RESPONSES, periods).select(*KEY, counted="version"), on=KEY, how="left")
            first &= pl.col("counted").is_not_null()
        other = pl.any_horizontal(pl.col(column) != pl.col(f"{column}_before") for column in COUNTS)
        new = joined.filter(first | (told & other)).with_columns(pl.col("version").fill_null(0) + 1).sort(KEY)
        now = pl.concat([before.join(new, on=KEY, how="anti"), new.select(before.columns)])
        self._cells[measure] |= {str(period): frame for (period,), frame in _by(now, "period")}
        for *key, version, counts in new.select(*KEY, "version", pl.concat_list(COUNTS)).iter_rows():
            distribution = () if measure == RESPONSES else tuple(counts)
            yield Cell(CellKey(*key), measure, version, position, now_us, sum(counts), distribution, 0)

    def _before(self, measure: Measure, periods: list[str]) -> pl.DataFrame:
        """The cells of a measure as they were told last, of some periods."""
        told = self._cells[measure]
        return pl.concat([self._none, *(told[period] for period in periods if period in told)])

    def _of_quarter(self, quarter: str) -> dict[Measure, pl.DataFrame]:
        """What memberships have been told of a quarter and its months, by measure."""
        months = [f"{quarter[:4]}-{3 * int(quarter[6:]) - less:02}" for less in (2, 1, 0)]
        return {
            measure: self._before(measure, [quarter, *months])
            .filter(pl.col("scope") == "membership")
            .select("membership", "period", *COUNTS)
            for measure in MEASURES
        }

    def _new_groups(self, groups: pl.DataFrame, quarter: str) -> list[GroupRow]:
        """The peer groups of memberships where they are other than they were."""
        found = [
            GroupRow(membership, quarter, area, model)
            for membership, area, model in groups.sort("membership").iter_rows()
            if self._groups.get(membership, ("", "")) != (area, model)
        ]
        self._groups |= {row.membership: (row.solution_area, row.business_model) for row in found}
        return found


def _by(frame: pl.DataFrame, column: str) -> Iterable[tuple[tuple[object, ...], pl.DataFrame]]:
    return frame.partition_by(column, as_dict=True).items()
