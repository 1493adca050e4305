"""Cells that a spreadsheet runs as a formula: never taken in, and never handed out as they are.

What begins a formula is as OWASP lists it (CSV injection), also in full width, which some locales take for the same. A
spreadsheet that takes another separator than the comma, as most of Europe's do, begins a new cell in the middle of a text:
after a semicolon or a tab, and after a line break, since to it the quotes around the text are none.
"""

from __future__ import annotations

import re
from typing import Final

_SIGNS: Final = "=+@＝＋－＠-"
FORMULA_STARTS: Final = (*_SIGNS, "\t", "\r", "\n")
"""A cell that begins so is run by spreadsheets."""
_WITHIN: Final = re.compile(rf"(?<=[;\t\r\n])(?=[\"' ]{{0,100}}[{_SIGNS}])")


def neutralised(cell: str) -> str:
    """A cell that spreadsheets take for text: with an apostrophe before what would be run."""
    within = _WITHIN.sub("'", cell)
    return f"'{within}" if cell.startswith(FORMULA_STARTS) else within
