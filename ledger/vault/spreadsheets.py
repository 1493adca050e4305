"""Cells that a spreadsheet runs as a formula: never taken in, and never handed out as they are."""

from __future__ import annotations

from typing import Final

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is run by spreadsheets."""


def neutralised(cell: str) -> str:
    """A cell that spreadsheets take for text: behind an apostrophe, where it would be run."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
