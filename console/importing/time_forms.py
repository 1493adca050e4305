"""Times as survey tools write them, by a form of letters.

    yyyy-MM-dd HH:mm:ss           2024-03-09 14:05:00
    M/d/yy H:mm[:ss]              3/9/24 14:05
    yyyy/MM/dd h:mm:ss a z        2024/03/09 2:05:00 PM GMT+1
    d. MMMM yyyy HH:mm            9. März 2024 14:05

The letters are those of Unicode's date patterns (UTS 35): yyyy or yy (2000 to 2099), M or MM (number), MMM or MMMM (name,
in one of the LANGUAGES), d or dd, H or HH (0 to 23), h or hh (1 to 12, with `a`), mm, ss, S… (decimals of a second; those
beyond a microsecond are dropped), a (AM and PM, also as other languages write them), z (a zone, see `zones`). One letter
or two of a number take one digit or two. What stands in [ ] may be missing, what stands between apostrophes stands for
itself, as all but letters does. A space takes any white space, the narrow and the unbreakable ones of newer tools too. A
form without hours means the beginning of the day.

Which of day and month comes first is never guessed: a text that several forms read as different times is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

from console.importing.month_names import LANGUAGES, month_of
from ledger.errors import BadInput

FORM_CHARACTERS_MAX: Final = 100
TEXT_CHARACTERS_MAX: Final = 100
_WHITE: Final = r"[ \t\u00a0\u2007\u2009\u202f]+"
_FIELDS: Final = {
    "yyyy": ("year", "[0-9]{4}"),
    "yy": ("year", "[0-9]{2}"),
    "M": ("month", "[0-9]{1,2}"),
    "MM": ("month", "[0-9]{1,2}"),
    "MMM": ("name", r"[^\W\d_]+\.?"),
    "MMMM": ("name", r"[^\W\d_]+\.?"),
    "d": ("day", "[0-9]{1,2}"),
    "dd": ("day", "[0-9]{1,2}"),
    "H": ("hour", "[0-9]{1,2}"),
    "HH": ("hour", "[0-9]{1,2}"),
    "h": ("half", "[0-9]{1,2}"),
    "hh": ("half", "[0-9]{1,2}"),
    "m": ("minute", "[0-9]{1,2}"),
    "mm": ("minute", "[0-9]{1,2}"),
    "s": ("second", "[0-9]{1,2}"),
    "ss": ("second", "[0-9]{1,2}"),
    "a": ("noon", rf"(?:[AaPp]\.?(?:{_WHITE})?[Mm]\.?|上午|下午|午前|午後|오전|오후)"),
    "z": ("zone", r"[A-Za-z]{0,5}(?:[+-][0-9]{1,2}(?::?[0-9]{2})?)?"),
}
_AFTERNOON: Final = frozenset(("pm", "下午", "午後", "오후"))
_NUMBERS: Final = ("year", "month", "day", "hour", "minute", "second")
_PIECE: Final = re.compile(r"'([^']*)'|([A-Za-z])\2*|[\[\]]|\s+|.", re.DOTALL)


class Read(NamedTuple):
    """A time as it was written: on a clock of a wall, and the zone where one stands beside it."""

    wall: datetime
    zone: str | None


class TimeForm(NamedTuple):
    """A form, ready to read texts."""

    text: str
    pattern: re.Pattern[str]
    has_zone: bool
    numbers: bool
    """Whether it has year, month, day, hour, minute and second as numbers, and at most a zone beside them."""


@lru_cache(maxsize=256)
def time_form(text: str) -> TimeForm:
    """A form by its letters. Raises BadInput."""
    if not 0 < len(text) <= FORM_CHARACTERS_MAX:
        raise BadInput(f"found a form of {len(text)} characters, expected 1 to {FORM_CHARACTERS_MAX}")
    found: list[str] = []
    names: list[str] = []
    depth = 0
    for piece in _PIECE.finditer(text):
        whole, letters = piece[0], piece[2]
        if piece[1] is not None:
            found.append(re.escape(piece[1] or "'"))
        elif letters is not None:
            name, pattern = _field(text, whole)
            names.append(name)
            found.append(f"(?P<{name}>{pattern})")
        elif whole == "[":
            depth += 1
            found.append("(?:")
        elif whole == "]":
            depth -= 1
            found.append(")?")
        else:
            found.append(_WHITE if whole.isspace() else re.escape(whole))
        if depth not in (0, 1):
            raise BadInput(f"form {text!r}: found brackets that do not close one after the other, expected [ ]")
    if depth or len(set(names)) < len(names):
        raise BadInput(f"form {text!r}: found a bracket that stays open or a field twice, expected each once")
    _check_whole(text, set(names))
    found_names = set(names)
    return TimeForm(
        text=text,
        pattern=re.compile("".join(found)),
        has_zone="zone" in found_names,
        numbers=found_names - {"zone"} == set(_NUMBERS),
    )


def _field(text: str, letters: str) -> tuple[str, str]:
    if set(letters) == {"S"}:
        return "fraction", "[0-9]{1,9}"
    if letters not in _FIELDS:
        raise BadInput(
            f"form {text!r}: found {letters!r}, expected one of {', '.join(_FIELDS)}, S; text in apostrophes"
        )
    return _FIELDS[letters]


def _check_whole(text: str, names: set[str]) -> None:
    day = {"year", "day"} <= names and len({"month", "name"} & names) == 1
    clock = not names & {"hour", "half", "minute", "second", "noon"} or (
        "minute" in names
        and ("hour" in names) != ({"half", "noon"} <= names)
        and ("half" in names) == ("noon" in names)
    )
    if not day or not clock:
        raise BadInput(
            f"form {text!r}: found a part of a time, expected year, month and day, and hour and minute or neither; h with a"
        )


def read_time(text: str, forms: Sequence[TimeForm], languages: Sequence[str] = ("en",)) -> Read:
    """The time that a text states. Raises BadInput, which tells the shape of the text and never the text itself."""
    text = text.strip()
    if len(text) <= TEXT_CHARACTERS_MAX:
        found: Read | None = None
        for form in forms:
            matched = form.pattern.fullmatch(text)
            read = None if matched is None else _numbered(matched, form) if form.numbers else _made(matched, languages)
            if read is not None and found is not None and read != found:
                raise BadInput(f"found {shape(text)}, which {form.text!r} and a form before it read as different times")
            found = found or read
        if found is not None:
            return found
    raise BadInput(f"found {shape(text)}, expected a time of the form {' or '.join(repr(form.text) for form in forms)}")


def _numbered(matched: re.Match[str], form: TimeForm) -> Read | None:
    """As `_made`, of a form of numbers alone."""
    year, month, day, hour, minute, second = matched.group(*_NUMBERS)
    century = 2000 if len(year) == 2 else 0
    try:
        wall = datetime(century + int(year), int(month), int(day), int(hour), int(minute), int(second or 0))  # noqa: DTZ001
    except ValueError:
        return None
    return Read(wall, matched["zone"] or None if form.has_zone else None)


def _made(matched: re.Match[str], languages: Sequence[str]) -> Read | None:
    """The time of a match; None where the calendar has it not."""
    found = matched.groupdict()
    get = found.get
    year = found["year"]
    name = get("name")
    month = month_of(name, languages) if name is not None else int(found["month"])
    if month is None:
        return None
    hour = int(get("hour") or 0)
    if (half := get("half")) is not None:
        hour = int(half)
        if not 1 <= hour <= 12:
            return None
        noon = re.sub(r"[\s.\u00a0\u202f]", "", found["noon"]).lower()
        hour = hour % 12 + (12 if noon in _AFTERNOON else 0)
    fraction = get("fraction") or ""
    try:
        wall = datetime(  # noqa: DTZ001 - a wall clock's; the zone comes to it in `zones`
            int(year) + (2000 if len(year) == 2 else 0),
            month,
            int(found["day"]),
            hour,
            int(get("minute") or 0),
            int(get("second") or 0),
            int(fraction[:6].ljust(6, "0") or 0),
        )
    except ValueError:
        return None
    return Read(wall, get("zone") or None)


def shape(text: str) -> str:
    """What a text looks like, without what it says: digits are 9, letters a."""
    short = re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", text[:40]))
    return repr(short) + ("…" if len(text) > 40 else "")


def check_languages(languages: Sequence[str]) -> None:
    """Raises BadInput where the names of months of a language are not known here."""
    for language in languages:
        if language not in LANGUAGES:
            raise BadInput(f"found language {language!r}, expected of {', '.join(LANGUAGES)}")
