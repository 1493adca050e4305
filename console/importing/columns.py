"""Columns as a map names them, found in the header of an export, or in its records.

A name is compared without regard to white space at its ends and to how much of it stands between words, line breaks too;
where no heading is written so, one that differs in case alone is taken. A column is named

    by its heading                 "End Date"
    by heading and the one below   {column = "How satisfied are you?", under = "Response"}, where there are two rows of them
    by heading and number          {column = "Response", nth = 2}, the second of those called so
    by its place                   {position = 3}, for headings that are missing
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from unicodedata import normalize

from ledger.errors import BadInput

_WHITE: Final = re.compile(r"[\s\u00a0]+")


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """A column that a map names."""

    name: str | None = None
    under: str | None = None
    nth: int | None = None
    position: int | None = None
    optional: bool = False
    """Whether it may be missing, and is then empty in each row."""

    def __str__(self) -> str:
        if self.position is not None:
            return f"column {self.position}"
        below = "" if self.under is None else f" above {self.under!r}"
        return f"column {self.name!r}{below}" + ("" if self.nth is None else f" number {self.nth}")


def plain(heading: str) -> str:
    """A heading as it is compared."""
    return _WHITE.sub(" ", normalize("NFC", heading)).strip()


def place_in(header: Sequence[Sequence[str]], ref: ColumnRef) -> int | None:
    """The place of a column from 0 on; None for an optional one that is missing. Raises BadInput, naming no heading found.

    Of two rows of headings the upper ones reach over the empty ones to their right.
    """
    upper = [plain(cell) for cell in header[0]] if header else []
    count = len(upper)
    if ref.position is not None:
        if ref.position > count:
            if ref.optional:
                return None
            raise BadInput(f"found {count} columns, expected {ref}")
        return ref.position - 1
    lower = [plain(cell) for cell in header[1]] if len(header) > 1 else [""] * count
    lower += [""] * (count - len(lower))
    if len(header) > 1:
        for number in range(1, count):
            if not upper[number] and lower[number]:
                upper[number] = upper[number - 1]
    wanted, below = plain(ref.name or ""), None if ref.under is None else plain(ref.under)
    found = [number for number in range(count) if upper[number] == wanted and below in (None, lower[number])]
    if not found:
        found = [
            number
            for number in range(count)
            if upper[number].casefold() == wanted.casefold()
            and (below is None or below.casefold() == lower[number].casefold())
        ]
    if ref.nth is not None:
        found = found[ref.nth - 1 : ref.nth]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInput(f"found {ref} {len(found)} times, expected it once: nth or under in the map says which is meant")
    if ref.optional:
        return None
    raise BadInput(f"found no {ref} among {count}, expected it")
