"""What a workbook says beside its sheets: which there are, its shared texts, and which formats show a number as a date.

By ECMA-376 (Office Open XML), part 1: 18.2 workbook, 18.4 shared strings, 18.8 styles, 9.2 relationships.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from posixpath import dirname, join, normpath
from typing import Final
from zipfile import ZipFile

from console.importing.reading.xlsx_xml import parsed
from ledger.errors import BadInput

TEXTS_MAX: Final = 4_000_000
CELL_CHARACTERS_MAX: Final = 32_767
SHEETS_MAX: Final = 10_000
STYLES_MAX: Final = 100_000
EXACT_BELOW: Final = 10**15
"""A spreadsheet keeps fifteen digits of a number: what is longer was rounded, and is shown as it would show it."""
_DATES: Final = frozenset((*range(14, 18), 22, *range(27, 32), *range(34, 37), *range(50, 59)))
"""The built-in formats that show a date (18.8.30)."""
_NO_FIELD: Final = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^]]*]')
"""What in a format stands for itself, a colour, a condition or an elapsed time."""
_DATE: Final = re.compile(r"[yd]|m{3}", re.IGNORECASE)
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_EPOCHS: Final = {False: datetime(1899, 12, 30), True: datetime(1904, 1, 1)}  # noqa: DTZ001 - a spreadsheet knows no zone
_DAYS_END: Final = 2_958_466
"""The day after 31 December 9999 in the calendar from 1900 on."""


@dataclass(slots=True)
class Book:
    """A workbook."""

    sheets: list[tuple[str, str]]
    """(name, file in the archive), in order."""
    texts: list[str]
    dates: frozenset[int]
    """The styles of cells that show a number as a date."""
    from_1904: bool

    def number(self, text: str, style: int) -> str:
        """A number of a cell as text: a date, a whole number without decimals, or as it is."""
        if style not in self.dates:
            if len(text) <= 15 and text.isascii() and text.isdigit():
                return text
            value = float(text)
            if abs(value) >= EXACT_BELOW:
                return f"{value:E}"
            return str(int(value)) if value.is_integer() else repr(value)
        value = float(text)
        if not 0 <= value < _DAYS_END:
            return repr(value)
        moment = _EPOCHS[self.from_1904] + timedelta(milliseconds=round(value * 86_400_000))
        return moment.isoformat(timespec="milliseconds")


def open_book(archive: ZipFile) -> Book:
    """What a workbook says. Raises BadInput, and what the parser of XML raises."""
    names = set(archive.namelist())
    root = _relations(archive, names, "", "")
    main = next((target for kind, target in root.values() if kind == "officeDocument"), "xl/workbook.xml")
    if main not in names:
        raise BadInput("found a ZIP archive that is no workbook, expected .xlsx")
    relations = _relations(archive, names, dirname(main), main.rpartition("/")[2])
    by_kind = {kind: target for kind, target in relations.values() if target in names}
    sheets: list[tuple[str, str]] = []
    from_1904 = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal from_1904
        if name == "workbookPr":
            from_1904 = attributes.get("date1904", "0") in ("1", "true")
        elif name == "sheet":
            key = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            kind, target = relations.get(key, ("", ""))
            if kind == "worksheet" and target in names and len(sheets) < SHEETS_MAX:
                sheets.append((attributes.get("name", ""), target))

    _each(archive, main, start)
    texts = _texts(archive, by_kind["sharedStrings"]) if "sharedStrings" in by_kind else []
    dates = _date_styles(archive, by_kind["styles"]) if "styles" in by_kind else frozenset()
    return Book(sheets, texts, dates, from_1904)


def unescaped(text: str) -> str:
    """A text with `_x000D_` and the like as the characters that they stand for (22.9.2.19)."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


class TextOf:
    """Gathers the text of an `si` or `is`: of its `t`, but not of phonetic ones; no more than a cell may have, and one over."""

    __slots__ = ("_in_t", "_left", "_parts", "_phonetic")

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """A text begins."""
        self._parts: list[str] = []
        self._left = CELL_CHARACTERS_MAX + 1
        self._in_t = False
        self._phonetic = 0

    def start(self, name: str) -> None:
        """An element inside of it begins."""
        self._phonetic += name == "rPh"
        self._in_t = name == "t" and not self._phonetic

    def end(self, name: str) -> None:
        """An element inside of it ends."""
        self._phonetic -= name == "rPh"
        self._in_t = False

    def add(self, text: str) -> None:
        """Characters."""
        if self._in_t and self._left > 0:
            self._parts.append(text[: self._left])
            self._left -= len(text)

    def whole(self) -> str:
        """The text."""
        return unescaped("".join(self._parts))


def _texts(archive: ZipFile, part: str) -> list[str]:
    texts: list[str] = []
    one = TextOf()

    def start(name: str, _: dict[str, str]) -> None:
        if name == "si":
            one.begin()
        else:
            one.start(name)

    def end(name: str) -> None:
        if name == "si":
            if len(texts) == TEXTS_MAX:
                raise BadInput(f"found more than {TEXTS_MAX:,} shared texts, expected fewer")
            texts.append(one.whole())
        else:
            one.end(name)

    _each(archive, part, start, end, one.add)
    return texts


def _date_styles(archive: ZipFile, part: str) -> frozenset[int]:
    """The styles of cells, by their places in cellXfs, whose format shows a date."""
    codes: dict[str, str] = {}
    formats: list[str] = []
    inside = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal inside
        if name == "numFmt" and len(codes) < STYLES_MAX:
            codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name == "cellXfs":
            inside = True
        elif name == "xf" and inside and len(formats) < STYLES_MAX:
            formats.append(attributes.get("numFmtId", "0"))

    def end(name: str) -> None:
        nonlocal inside
        inside = inside and name != "cellXfs"

    _each(archive, part, start, end)
    return frozenset(place for place, number in enumerate(formats) if _shows_date(number, codes.get(number)))


def _shows_date(number: str, code: str | None) -> bool:
    if code is None:
        return number.isascii() and number.isdigit() and int(number[:9]) in _DATES
    return _DATE.search(_NO_FIELD.sub("", code.partition(";")[0]).replace("General", "")) is not None


def _relations(archive: ZipFile, names: set[str], folder: str, part: str) -> dict[str, tuple[str, str]]:
    """id -> (kind, file in the archive) of what a part refers to."""
    found: dict[str, tuple[str, str]] = {}
    path = join(folder, "_rels", f"{part}.rels")
    if path not in names:
        return found

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External" and len(found) < SHEETS_MAX:
            target = attributes.get("Target", "")
            target = target.lstrip("/") if target.startswith("/") else normpath(join(folder, target))
            found[attributes.get("Id", "")] = attributes.get("Type", "").rpartition("/")[2], target

    _each(archive, path, start)
    return found


def _each(
    archive: ZipFile,
    part: str,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] = lambda _: None,
    text: Callable[[str], None] = lambda _: None,
) -> None:
    with archive.open(part) as stream:
        for _ in parsed(stream, start, end, text):
            pass
