"""What a reader yields of an export: a header where there is one, and rows, each with the place where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

ROWS_MAX: Final = 2_000_000
"""Rows of an export: the digest of each row's id is kept in memory, to find one that stands there twice."""
ROW_CHARACTERS_MAX: Final = 1 << 20
CELL_CHARACTERS_MAX: Final = 131_072
"""What the standard library's reader of CSV takes; a spreadsheet has 32,767."""
COLUMNS_MAX: Final = 16_384
"""As many as a spreadsheet has."""


class Row(NamedTuple):
    """A row as it was read."""

    place: int
    """The line where it begins, the row of a sheet, or the element of a list of records; from 1 on."""
    cells: Sequence[str]
    """In the order of the columns that were asked for; empty texts for those that are not there."""


class BadRow(NamedTuple):
    """A row that cannot be read: a stable code, and a sentence that repeats nothing of it."""

    place: int
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Export:
    """An export that is open."""

    found: str
    """What the file was found to be."""
    unit: str
    """What a place counts: line, row or record."""
    header: tuple[tuple[str, ...], ...]
    """The rows of headings; none for records, which name their members themselves."""
    rows: Iterator[Row | BadRow]
    """All others; blank ones have no text in any cell. Raises BadInput where the rest cannot be read."""
