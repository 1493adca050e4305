"""What closing a month reads and makes, row by row, as it is kept; and the frames that it is tabulated in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import polars as pl

from projections.results.cells import RESPONSES, SCORES, Cell, CellKey, Closing, GroupRow, Measure, PlaceRow
from projections.results.releasing import RELEASE

COUNTS: Final = [f"d{score}" for score in range(SCORES)]
"""Columns: how many of a release, or of a cell, answered 0, 1, … 10; for `responses` all stand in the first."""
KEY: Final = list(CellKey._fields)
_TEXT: Final = pl.String()
_CELLS: Final = {**dict.fromkeys(KEY, _TEXT), "version": pl.Int64(), **dict.fromkeys(COUNTS, pl.Int64())}
_RELEASES: Final = {
    "release": pl.Int64(),
    **dict.fromkeys(RELEASE, _TEXT),
    "removed": pl.Boolean(),
    **dict.fromkeys(COUNTS, pl.Int64()),
}


class ReleaseRow(NamedTuple):
    """A release as it is kept: what its respondents have in common, who they are, and the sums that may be told of them."""

    release: int
    measure: Measure
    membership: str
    in_quarter: str
    in_month: str
    in_location: str
    in_segment: str
    removed: bool
    """Whether it left the figures that it was in: all of it is void."""
    counts: tuple[int, ...]
    """How many answered 0, 1, … 10; for `responses` all of them stand first."""
    responses: tuple[str, ...]


class Closed(NamedTuple):
    """What closing a month makes: kept in one transaction, or not at all."""

    closing: Closing
    releases: list[ReleaseRow]
    """New ones, and those that are changed: in the place of the ones with the same number."""
    cells: list[Cell]
    places: list[PlaceRow]
    groups: list[GroupRow]


class Earlier(NamedTuple):
    """What earlier closings have made."""

    closed_through: str = ""
    """The last closed month; empty where none is."""
    releases: Sequence[ReleaseRow] = ()
    cells: Sequence[Cell] = ()
    """The last version of each cell of a membership, its locations and segments."""
    groups: Sequence[GroupRow] = ()
    """The last of each membership."""


def counts_of(measure: Measure, cell: Cell) -> tuple[int, ...]:
    """The counts of a cell as its frame has them."""
    return (cell.respondents, *(0,) * (SCORES - 1)) if measure == RESPONSES else cell.distribution


def cells_frame(cells: Iterable[Cell]) -> pl.DataFrame:
    """The cells of one measure, a row each."""
    rows = [(*cell.key, cell.version, *counts_of(cell.measure, cell)) for cell in cells]
    return pl.DataFrame(rows, schema=_CELLS, orient="row")


def releases_frame(releases: Iterable[ReleaseRow]) -> pl.DataFrame:
    """The releases of one measure, a row each, without their respondents."""
    rows = [(row.release, row.membership, *row[3:7], row.removed, *row.counts) for row in releases]
    return pl.DataFrame(rows, schema=_RELEASES, orient="row")


def respondents_frame(releases: Sequence[ReleaseRow]) -> pl.DataFrame:
    """Who is in which release: membership, response, release, removed."""
    columns = {
        "membership": [row.membership for row in releases for _ in row.responses],
        "response": [response for row in releases for response in row.responses],
        "release": [row.release for row in releases for _ in row.responses],
        "removed": [row.removed for row in releases for _ in row.responses],
    }
    return pl.DataFrame(
        columns, schema={"membership": _TEXT, "response": _TEXT, "release": pl.Int64(), "removed": pl.Boolean()}
    )


def release_rows(released: pl.DataFrame, measure: Measure, first: int) -> tuple[pl.DataFrame, list[ReleaseRow]]:
    """The releases that answers with their labels make, numbered from `first`: a frame of them, and their rows."""
    made = (
        released.group_by(RELEASE)
        .agg(*((pl.col("answer") == score).sum().cast(pl.Int64).alias(COUNTS[score]) for score in range(SCORES)),
             pl.col("response").sort())
        .sort(RELEASE)
        .with_row_index("release", offset=first)
        .with_columns(pl.col("release").cast(pl.Int64), removed=pl.lit(value=False))
    )  # fmt: skip
    named = made.select("release", pl.lit(measure), *RELEASE, "removed", pl.concat_list(COUNTS), "response").iter_rows()
    rows = [ReleaseRow._make((*row[:-2], tuple(row[-2]), tuple(row[-1]))) for row in named]
    return made.select(*_RELEASES), rows
