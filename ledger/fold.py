"""One organisation, one spelling (DESIGN 4): the fold under which two spellings are the same name. Pure.

    fold("Brontegard A/S") == fold("BRONTEGARD AS") == "brontegardas"

Compatibility form (NFKC), case folding, compatibility form; then white space and punctuation are dropped, except that
between two digits they become one space ("cust-1-11" is not "cust-11-1"); then compatibility form once more. If nothing
is left, it is the text before dropping. Symbols and # & % count: "C++" is not "C". Letters of other scripts that look
alike are not found.

What is white space, punctuation and a digit, and which characters no name may hold, is that of Unicode 14.0
(`ledger.fold_tables`). For the characters of Unicode 14.0 case folding and compatibility form never change again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple
from unicodedata import category, name, normalize

from ledger.fold_tables import DIGITS, PUNCTUATION, REFUSED, UNICODE, WHITE_SPACE

Range = tuple[int, int]
"""The first and the last code point of some that follow each other."""

_SURROGATES: Final = (0xD800, 0xDFFF)


class RefusedCharacter(NamedTuple):
    """A character that no name may hold; `place` counts the text's characters from 1."""

    character: str
    place: int

    def __str__(self) -> str:
        what = name(self.character, f"of category {category(self.character)}")
        return f"U+{ord(self.character):04X} {what} at character {self.place}"


def fold(text: str) -> str:
    """What is the same for all spellings of a name."""
    whole = normalize("NFKC", normalize("NFKC", text).casefold())
    left = normalize("NFKC", _dropped().sub(_space_between_digits, whole))
    return left or whole


def first_refused(text: str) -> RefusedCharacter | None:
    """The first character that no name may hold: it cannot be seen, or Unicode 14.0 does not assign it."""
    if text.isascii() and text.isprintable():
        return None
    found = _refused().search(text)
    return RefusedCharacter(found[0], found.start() + 1) if found else None


def ranges(table: str) -> list[Range]:
    """The ranges of a table, in order."""
    found = []
    for one in table.split():
        first, _, last = one.partition("-")
        found.append((int(first, 16), int(last or first, 16)))
    return found


def refused_class() -> str:
    """What no name may hold, as it stands between the brackets of a pattern of JSON Schema.

    Beyond U+FFFF the characters stand for themselves: escapes for those are not the same everywhere. Surrogates are
    left out: no JSON text in UTF-8 has them.
    """
    return "".join(
        _escaped(first) + (f"-{_escaped(last)}" if last > first else "")
        for one in ranges(REFUSED)
        for first, last in _without_surrogates(one)
    )


def fold_tables() -> dict[str, Any]:
    """The tables as `schemas/fold.json` has them."""
    return {
        "description": (
            "Two names fold alike if they are the same after: NFKC, case folding, NFKC; every run of white_space and "
            "punctuation dropped, or made one space where it stands between two digits; NFKC. If nothing is left, the "
            "text before dropping. refused: the characters that no name may hold. Ranges of code points, [first, last]."
        ),
        "unicode": UNICODE,
        "white_space": ranges(WHITE_SPACE),
        "punctuation": ranges(PUNCTUATION),
        "digits": ranges(DIGITS),
        "refused": ranges(REFUSED),
    }


def _space_between_digits(run: re.Match[str]) -> str:
    whole, start, end = run.string, run.start(), run.end()
    between = start > 0 and end < len(whole) and _is_digit(whole[start - 1]) and _is_digit(whole[end])
    return " " if between else ""


def _is_digit(character: str) -> bool:
    return character in "0123456789" if character.isascii() else _digit().match(character) is not None


@cache
def _dropped() -> re.Pattern[str]:
    return re.compile(f"[{_class(WHITE_SPACE)}{_class(PUNCTUATION)}]+")


@cache
def _digit() -> re.Pattern[str]:
    return re.compile(f"[{_class(DIGITS)}]")


@cache
def _refused() -> re.Pattern[str]:
    return re.compile(f"[{_class(REFUSED)}]")


def _class(table: str) -> str:
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges(table))


def _escaped(point: int) -> str:
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}" if point < 0x10000 else chr(point)


def _without_surrogates(one: Range) -> Iterator[Range]:
    first, last = one
    if last < _SURROGATES[0] or first > _SURROGATES[1]:
        yield one
        return
    if first < _SURROGATES[0]:
        yield first, _SURROGATES[0] - 1
    if last > _SURROGATES[1]:
        yield _SURROGATES[1] + 1, last
