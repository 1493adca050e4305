"""One cell, or several joined, to one value of a fact. No problem that is found repeats a cell.

occurred_at, closed_at          an instant, by the map's forms of times
renewal_date, valid_from …      a date, yyyy-MM-dd or by the map's forms
month                           yyyy-MM, or the month of a date
units, amount_cents             a whole number; an amount with decimals, in cents
anonymous                       true, false, yes, no, y, n, 1, 0, or what `values` says
answers.overall …               0 to 10; answers.own.…: 0 to 10, or a text
response, customer, person …    a reference, as it is
locations, competencies …       names between semicolons
all others                      a text
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Any, Final
from unicodedata import normalize

from console.importing.fact_fields import ANSWERS, COMMENT, OWN
from console.importing.mapping import FieldRule, Times
from console.importing.time_forms import TimeForm, read_time, shape, time_form
from console.importing.zones import instant_of
from ledger.errors import BadInput
from ledger.instants import format_instant
from ledger.personal_data import looks_personal

COMMENT_CHARACTERS_MAX: Final = 10_000
OWN_CHARACTERS_MAX: Final = 2_000
SCORE_MAX: Final = 10
NUMBER_CHARACTERS_MAX: Final = 24
_WHITE: Final = " \t\r\n\u00a0\u202f\ufeff"
TIMED: Final = frozenset(("occurred_at", "closed_at", "effective_from"))
_DATES: Final = frozenset(("renewal_date", "anniversary", "valid_from", "valid_until", "on"))
_REFERENCES: Final = frozenset(
    ("response", "invitation", "evaluation", "subject", "customer", "person", "certificate", "code")
)
_LISTS: Final = frozenset(("competencies", "solution_areas", "locations"))
_TRUTHS: Final = {"true": True, "yes": True, "y": True, "1": True, "false": False, "no": False, "n": False, "0": False}
_ROUNDED: Final = re.compile("[0-9]+(?:[.,][0-9]*)?[Ee][+][0-9]{1,3}", re.ASCII)
_WHOLE: Final = re.compile("[0-9]{1,13}", re.ASCII)
_DAY: Final = time_form("yyyy-MM-dd")
_DAY_IN_SHEET: Final = time_form("yyyy-MM-dd'T'HH:mm:ss[.S]")
_MONTH: Final = re.compile("([0-9]{4})-([0-9]{2})", re.ASCII)

Convert = Callable[[str], Any]


class Problem(Exception):
    """Why a row makes no facts: a stable code, the field, and a sentence that repeats no cell."""

    def __init__(self, code: str, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.field = field
        self.sentence = sentence


class Clock:
    """Reads times of one export: the forms, the zone, and how many local times were twice."""

    def __init__(self, times: Times, zone: tzinfo | None) -> None:
        self._forms = (*times.forms, *((_DAY_IN_SHEET,) if _DAY_IN_SHEET not in times.forms else ()))
        self._languages = times.languages
        self._zone = zone
        self.twice = 0

    def instant_us(self, text: str) -> int:
        """The instant that a cell states. Raises BadInput."""
        wall, beside = read_time(text, self._forms, self._languages)
        at_us, twice = instant_of(wall, beside, self._zone)
        self.twice += twice
        return at_us

    def date(self, text: str) -> str:
        """The date that a cell states, as the calendar beside the clock has it. Raises BadInput."""
        forms: list[TimeForm] = [_DAY, *self._forms]
        return read_time(text, forms, self._languages).wall.date().isoformat()


def trimmed(text: str) -> str:
    """A cell as it is looked at: composed, without white space at its ends."""
    return text.strip(_WHITE) if text.isascii() else normalize("NFC", text).strip(_WHITE)


def converter(field: str, rule: FieldRule, clock: Clock) -> Convert:
    """What makes a value of a cell's text, trimmed and not empty. Raises Problem when it is called."""
    convert = _plain_converter(field, rule, clock)
    if rule.strip:
        inner = convert
        marks = rule.strip

        def convert(text: str) -> Any:
            for mark in marks:
                text = text.removeprefix(mark).removesuffix(mark).strip(_WHITE)
            return inner(text)

    if not rule.values:
        return convert
    values: Mapping[str, Any] = rule.values
    plain = convert

    def valued(text: str) -> Any:
        found = values.get(text.casefold())
        if found is None:
            return plain(text)
        return plain(found) if isinstance(found, str) else checked_constant(field, found)

    return valued


def _plain_converter(field: str, rule: FieldRule, clock: Clock) -> Convert:
    if field in TIMED:
        return lambda text: format_instant(_timed(field, clock.instant_us, text))
    if field in _DATES:
        return lambda text: _timed(field, clock.date, text)
    if field == "month":
        return lambda text: _month(text, clock)
    if field == "anonymous":
        return _truth
    if field == "units":
        return lambda text: _whole(field, text, rule.grouping)
    if field == "amount_cents":
        return lambda text: _cents(text, rule)
    if field.startswith(OWN):
        return _text_of(field, OWN_CHARACTERS_MAX) if rule.text else lambda text: _own(field, text)
    if field.startswith(ANSWERS):
        return lambda text: _score(field, text)
    if field == COMMENT:
        return _text_of(field, COMMENT_CHARACTERS_MAX)
    if field in _LISTS:
        return lambda text: [part for one in text.split(";") if (part := one.strip(_WHITE))]
    if field in _REFERENCES:
        return lambda text: unrounded(field, text)
    return lambda text: _label(field, text)


def unrounded(field: str, text: str) -> str:
    """An id or a reference as it is. Raises Problem for a number that a spreadsheet has rounded: it names several."""
    if _ROUNDED.fullmatch(text):
        sentence = "found a long number that a spreadsheet has rounded, expected it as text: export it anew, and do not save it"
        raise Problem("rounded", field, sentence)
    return text


def checked_constant(field: str, value: str | bool | int) -> Any:
    """A constant of a map for a field. Raises Problem."""
    wanted: tuple[type, ...] = (str,)
    if field == "anonymous":
        wanted = (bool,)
    elif field in ("units", "amount_cents") or (field.startswith(ANSWERS) and not field.startswith(OWN)):
        wanted = (int,)
    elif field.startswith(OWN):
        wanted = (int, str)
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        kinds = " or ".join({str: "text", bool: "true or false", int: "a whole number"}[kind] for kind in wanted)
        raise Problem("value", field, f"found something else in the map, expected {kinds}")
    if field.startswith(ANSWERS) and isinstance(value, int) and not 0 <= value <= SCORE_MAX:
        raise Problem("value", field, f"found {value} in the map, expected 0 to {SCORE_MAX}")
    return value


def _timed(field: str, read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except BadInput as error:
        raise Problem("time" if field in TIMED else "date", field, str(error)) from None


def _month(text: str, clock: Clock) -> str:
    if (matched := _MONTH.fullmatch(text)) and 1 <= int(matched[2]) <= 12:
        return text
    found: str = _timed("month", clock.date, text)
    return found[:7]


def _truth(text: str) -> bool:
    found = _TRUTHS.get(text.casefold())
    if found is None:
        raise Problem(
            "truth", "anonymous", f"found {shape(text)}, expected true or false, or what values in the map says"
        )
    return found


def _whole(field: str, text: str, grouping: str) -> int:
    digits = text.replace(grouping, "") if grouping else text
    if not _WHOLE.fullmatch(digits):
        raise Problem("number", field, f"found {shape(text)}, expected a whole number of 13 digits at most")
    return int(digits)


def _cents(text: str, rule: FieldRule) -> int:
    """An amount of money, such as 1,234.50, in its hundredths."""
    plain = text.replace(rule.grouping, "") if rule.grouping else text
    whole, mark, decimals = plain.partition(rule.decimal)
    decimals = decimals.rstrip("0")
    if (
        len(text) > NUMBER_CHARACTERS_MAX
        or not _WHOLE.fullmatch(whole)
        or (mark and not re.fullmatch("[0-9]{0,2}", decimals))
    ):
        raise Problem(
            "amount",
            "amount_cents",
            f"found {shape(text)}, expected an amount with two decimals at most, {rule.decimal!r} before them",
        )
    return int(whole) * 100 + int(decimals.ljust(2, "0"))


def _score(field: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 2 and int(text) <= SCORE_MAX):
        raise Problem("score", field, f"found another answer, expected 0 to {SCORE_MAX}, or values in the map for it")
    return int(text)


def _own(field: str, text: str) -> int | str:
    if text.isascii() and text.isdigit() and len(text) <= 2 and int(text) <= SCORE_MAX:
        return int(text)
    found: str = _text_of(field, OWN_CHARACTERS_MAX)(text)
    return found


def _text_of(field: str, characters_max: int) -> Convert:
    def text_of(text: str) -> str:
        if len(text) > characters_max:
            raise Problem("too-long", field, f"found {len(text):,} characters, expected at most {characters_max:,}")
        return text

    return text_of


def _label(field: str, text: str) -> str:
    if "@" in text or looks_personal(text):
        raise Problem(
            "personal-data",
            field,
            "found what looks like a mail address, a phone or an IP number, expected none: the book names no person",
        )
    return text
