"""When two spellings of a name are one, and which characters no name may hold, read from the text by plain loops.

Where the `unicodedata` of Python is that of Unicode 14.0 the oracle asks that, and so is a check on the tables that
the ledger has frozen. On later Pythons it takes characters that were assigned since from the published tables.

Readings of the text:
- A digit is a character of category Nd, as it stands after the first NFKC (so a superscript two is one, too).
- White space is the property White_Space. What is dropped or becomes a space is a run of white space and punctuation;
  the run lies between two digits where the characters right before and right after it are digits.
- #, % and & are kept wherever they stand, so they also end a run.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

IS_UNICODE_14 = unicodedata.unidata_version == "14.0.0"
PUNCTUATION_KEPT = "#&%"
UNSEEN_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs")
BRAILLE_BLANK = 0x2800
WHITE_SPACE = (
    *((0x0009, 0x000D), (0x0020, 0x0020), (0x0085, 0x0085), (0x00A0, 0x00A0), (0x1680, 0x1680)),
    *((0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)),
)
DEFAULT_IGNORABLE = (
    *((0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)),
    *((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
    *((0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
)


def _stands_in(character: str, ranges: Iterable[Sequence[int]]) -> bool:
    return any(first <= ord(character) <= last for first, last in ranges)


@cache
def published() -> dict[str, list[list[int]]]:
    """The tables of characters in the contract, as ranges of code points."""
    tables: dict[str, list[list[int]]] = json.loads((Path(__file__).parents[3] / "schemas/fold.json").read_bytes())
    return tables


def is_refused(character: str) -> bool:
    """Whether no label, no partner's name and no actor may hold the character."""
    if character == " ":
        return False
    if not IS_UNICODE_14:
        return _stands_in(character, published()["refused"])
    return (
        unicodedata.category(character) in UNSEEN_CATEGORIES
        or _stands_in(character, DEFAULT_IGNORABLE)
        or ord(character) == BRAILLE_BLANK
    )


def can_be_seen(text: str) -> bool:
    return not any(is_refused(character) for character in text)


def _is_dropped(character: str) -> bool:
    if character in PUNCTUATION_KEPT:
        return False
    return _stands_in(character, WHITE_SPACE) or unicodedata.category(character).startswith("P")


def _is_digit(text: str, place: int) -> bool:
    return 0 <= place < len(text) and unicodedata.category(text[place]) == "Nd"


def _without_white_space_and_punctuation(text: str) -> str:
    kept = ""
    place = 0
    while place < len(text):
        if not _is_dropped(text[place]):
            kept += text[place]
            place += 1
            continue
        first = place
        while place < len(text) and _is_dropped(text[place]):
            place += 1
        if _is_digit(text, first - 1) and _is_digit(text, place):
            kept += " "
    return kept


@cache
def fold(name: str) -> str:
    """What is left of a name when its spelling is taken away. Two names that fold alike are spellings of one."""
    text = unicodedata.normalize("NFKC", name)
    text = unicodedata.normalize("NFKC", text.casefold())
    kept = unicodedata.normalize("NFKC", _without_white_space_and_punctuation(text))
    return kept or text
