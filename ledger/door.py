"""The door: what a fact must not bring along (DESIGN 13). A fact of whatever programme, by whatever way in, passes it once.

    {"type":"record-consent", …, "subject":"someone@example.org", …}
        ->  Refused("personal-data", "subject: found what looks like a mail address, expected …", "subject")

No text of a fact may look like a mail address, a phone number or an IP number (`ledger.personal_data`), and a reference
may not be free text. It is part of a fact's form, and it is said of the field, never of the value; a fact that is malformed
besides has this code. What stands in a member that its type does not have is not looked at: it is kept and told nowhere.
Facts of the program's own are not asked, since what they name stands in the book already. Nor does anything ask that reads
events: a book from before this rule reads as it did, and no verifier refutes by it.

Most facts are found to have nothing of the kind by a look at the line as a whole (`may_hold_any`): a text that is found by
`kind_in` has one of a few signs, or nine digits with nothing but the separators of a phone number between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import orjson

from ledger.errors import Refused
from ledger.personal_data import BETWEEN, DIGITS, is_free_text, kind_in

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from ledger.fact import Fact

CODE: Final = "personal-data"
FREE_TEXT: Final = "free text"
EXPECTED: Final = (
    "expected none: no person's details and nothing that somebody wrote belong in a fact; a person is an opaque "
    "reference, and a number that only looks so has letters before it, such as n-0123"
)
REFERENCE_WORDS: Final = 2
ID_WORDS: Final = 3
"""So many words in a row are free text: an id may have spaces, a reference has none (DESIGN 4)."""
LOOKED_AT_MAX: Final = 4_096
"""So many characters of a text whose form is wrong are looked at: of what is longer nothing is told in any case."""
FAULTS_MAX: Final = 100
"""So many faults of a fact's form are looked at."""

_NINE: Final = "0" * 9
_DOTS_OF_IP4: Final = 3
_COLONS_OF_AN_INSTANT: Final = 2
_COLONS_OF_IP6: Final = re.compile(r"::|:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:")
_COUNTRY: Final = re.compile(r"\+ ?\(?[1-9](?![0-9]:[0-9]{2}\")")
"""What a phone number of the world begins with, and the offset of an instant does not."""


def check(fact: Fact, line: bytes | str) -> None:
    """Lets a fact in that was parsed from a line. Raises Refused("personal-data") with the field."""
    if " " not in fact.id and not may_hold_any(line, len(fact.model_fields_set)):
        return
    for where, text in _texts(fact):
        found = _found_in(text, ID_WORDS if where == "id" else None)
        if found is not None:
            raise Refused(CODE, f"{where}: {said_of(found)}", where)


def kind_of_fault(fault: ErrorDetails, words: int | None) -> str | None:
    """What a text whose form is wrong is besides; None where it is no more than malformed.

    `fault` has the input; `words` is how many in a row are free text there, None where no reference belongs.
    """
    text = fault["input"]
    return _found_in(text[:LOOKED_AT_MAX], words) if isinstance(text, str) else None


def found_beside(line: bytes | str, known: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(where, what) of the texts in a fact whose form is wrong elsewhere, of the members that its type knows."""
    try:
        content = orjson.loads(line)
    except orjson.JSONDecodeError:  # pydantic's reader takes NaN
        return
    for name in known if isinstance(content, dict) else ():
        for where, text in _inner(name, content.get(name)):
            found = _found_in(text[:LOOKED_AT_MAX], ID_WORDS if name == "id" else None)
            if found is not None:
                yield where, found


def said_of(found: str) -> str:
    """The end of a sentence on what was found: a kind of personal data, or FREE_TEXT."""
    return f"found {found if found == FREE_TEXT else f'what looks like {found}'}, {EXPECTED}"


def can_be_told(text: str) -> bool:
    """Whether an id that came with a refused fact may be told back, and on."""
    return _found_in(text, ID_WORDS) is None


def may_hold_any(line: bytes | str, fields: int) -> bool:
    """Whether a JSON line of so many fields may hold a text in which `kind_in` finds something. It errs on that side alone.

    One sign after the other: a loop over them takes as long as all else together.
    """
    text, encoded = (line, line.encode()) if isinstance(line, str) else (line.decode("utf-8", "replace"), line)
    if not text.isascii() or "@" in text or "%" in text or "&" in text or "\\" in text:
        return True
    if "(" in text or "[" in text or "<" in text or text.count(".") >= _DOTS_OF_IP4 or " dot " in text:
        return True
    if text.count(":") > fields + _COLONS_OF_AN_INSTANT and (_COLONS_OF_IP6.search(text) is not None):
        return True
    if "+" in text and _COUNTRY.search(text) is not None:
        return True
    return _NINE in encoded.translate(DIGITS, BETWEEN).decode("ascii", "replace")


def _found_in(text: str, words: int | None) -> str | None:
    return kind_in(text) or (FREE_TEXT if words is not None and is_free_text(text, words) else None)


def _texts(fact: Fact) -> Iterator[tuple[str, str]]:
    """(where, text) of all that a fact says in text, but for its type and its instant."""
    names = type(fact).model_fields
    for name, value in fact.__dict__.items():
        if name in names and name not in ("type", "occurred_at"):
            yield from _inner(names[name].alias or name, value)


def _inner(where: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from _inner(f"{where}.{place}", one)
    elif isinstance(value, dict):
        for place, (name, one) in enumerate(value.items(), 1):
            yield from _inner(f"{where}.member {place}", name)
            yield from _inner(f"{where}.member {place}", one)
