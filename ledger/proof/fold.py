"""Names of organisations and other labels: which spellings are one name, and which characters no label may hold.

Two names fold alike if these are the same, by the tables of Unicode 14.0 in `fold_tables`:

    1. the compatibility form (NFKC), case folded, in compatibility form again
    2. of that, without white space and punctuation; a run of them between two digits becomes one space
    3. in compatibility form once more; or, if nothing is left, what step 1 gave

    "Brontegard A/S", "BRONTEGARD AS"  ->  "brontegardas"          "cust-1-11"  ->  "cust1 11"         "…"  ->  "..."

Every version of Python gives the same: a label holds no character that Unicode 14.0 does not know, and for all others
forms and case folding never change again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from unicodedata import normalize

from ledger.proof.fold_tables import DIGITS, PUNCTUATION, REFUSED, WHITE_SPACE
from ledger.proof.log.errors import RefutedError, Words
from ledger.proof.log.strictjson import text


def ranges(table: str) -> list[tuple[int, int]]:
    """The first and last code points of a table's ranges, in order."""
    pairs = (part.partition("-") for part in table.split())
    return [(int(first, 16), int(last or first, 16)) for first, _, last in pairs]


def _characters(table: str) -> Iterator[str]:
    return (chr(point) for first, last in ranges(table) for point in range(first, last + 1))


LABEL_MAX = 64
"""Characters of a label."""

_DROPPED = frozenset((*_characters(WHITE_SPACE), *_characters(PUNCTUATION)))
_DIGITS = frozenset(_characters(DIGITS))
_REFUSED = ranges(REFUSED)
_REFUSED_FIRST = [first for first, _ in _REFUSED]


@lru_cache(maxsize=100_000)
def fold(name: str) -> str:
    """What is the same for every spelling of a name."""
    folded = normalize("NFKC", normalize("NFKC", name).casefold())
    kept: list[str] = []
    dropped = False
    for character in folded:
        if character in _DROPPED:
            dropped = True
            continue
        if dropped and character in _DIGITS and kept and kept[-1] in _DIGITS:
            kept.append(" ")
        kept.append(character)
        dropped = False
    return normalize("NFKC", "".join(kept)) if kept else folded


def refused_at(label: str) -> int | None:
    """The index of the first character that no label may hold."""
    if label.isascii() and label.isprintable():
        return None
    for index, character in enumerate(label):
        point = ord(character)
        at = bisect_right(_REFUSED_FIRST, point) - 1
        if at >= 0 and point <= _REFUSED[at][1]:
            return index
    return None


@lru_cache(maxsize=100_000)
def is_label(name: str) -> bool:
    """Whether a text is a label: 1 to 64 characters, no @, no space at either end, and none that is refused."""
    return 0 < len(name) <= LABEL_MAX and "@" not in name and name == name.strip(" ") and refused_at(name) is None


def require_label(value: Any, what: str) -> str:
    """A label of an event. Raises MalformedError where it is no string, RefutedError where it is none."""
    if not isinstance(value, str) or not is_label(value):
        require_name(value, what, LABEL_MAX)
        raise RefutedError(what, found=value, expected=Words("a name without @, and without a space at either end"))
    return value


def require_name(value: Any, what: str, longest: int = 200) -> str:
    """The name of a company: as a label, but longer, and with @ and spaces."""
    name = text(value, what)
    if (index := refused_at(name)) is not None:
        expected = f"a name without U+{ord(name[index]):04X}, which stands at character {index + 1}: malformed"
        raise RefutedError(what, found=name, expected=Words(expected))
    if not 0 < len(name) <= longest:
        raise RefutedError(what, found=name, expected=Words(f"1 to {longest} characters"))
    return name
