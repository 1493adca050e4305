"""XLSX, read row by row with the standard library, after a look at the archive that bounds what it can become.

A workbook is a ZIP archive of XML. Before any of it is unpacked: how many files it has, what each and all together become
(the standard library unpacks no more of a file than the archive says), and by how much they are packed. `xlsx_xml` bounds
what its XML can do; a row has no more columns than a spreadsheet, a cell no more characters.

Cells are texts here: whole numbers without decimals, times as `yyyy-MM-ddTHH:mm:ss.SSS` without a zone (a spreadsheet knows
none), TRUE and FALSE; a number that was rounded as 1.234568E+17; of a formula its last value.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import IO, Final
from xml.parsers.expat import ExpatError
from zipfile import BadZipFile, ZipFile

from console.importing.reading.csv_files import Places
from console.importing.reading.rows import COLUMNS_MAX, BadRow, Export, Row
from console.importing.reading.xlsx_book import CELL_CHARACTERS_MAX, Book, TextOf, open_book, unescaped
from console.importing.reading.xlsx_xml import parsed
from ledger.errors import BadInput

FILES_MAX: Final = 4_096
SHEET_BYTES_MAX: Final = 1 << 30
TEXTS_BYTES_MAX: Final = 1 << 28
"""Of the shared texts, which are held in memory."""
PART_BYTES_MAX: Final = 1 << 24
"""Of every other file that is read."""
ALL_BYTES_MAX: Final = 1 << 31
RATIO_MAX: Final = 250
"""A real sheet is packed by ten to fifty; what is packed by much more is made to grow."""
RATIO_FROM_BYTES: Final = 1 << 20
ROW_DIGITS_MAX: Final = 7
_TRUTHS: Final = {"1": "TRUE", "0": "FALSE"}
_DAMAGED: Final = (
    BadZipFile, ExpatError, KeyError, ValueError, IndexError, EOFError, zlib.error, NotImplementedError, OverflowError,
    RuntimeError, OSError,
)  # fmt: skip
"""What the standard library raises over an archive or XML that is none."""

Cells = dict[int, str]
"""The texts of a row by column, from 0 on."""


def open_xlsx(
    file: str, stream: IO[bytes], places: Places, *, sheet: str | None, header_rows: int, skip_rows: int
) -> Export:
    """A workbook. Raises BadInput."""
    try:
        archive = ZipFile(stream)
        check_archive(file, archive)
        book = open_book(archive)
        names = [name for name, _ in book.sheets]
        if not names:
            raise BadInput(f"{file}: found a workbook without a sheet, expected one")
        if sheet is not None and sheet not in names:
            raise BadInput(f"{file}: found {len(names)} sheets, none called {sheet[:40]!r}, expected that one")
        part = book.sheets[names.index(sheet) if sheet is not None else 0][1]
        rows = sheet_rows(archive.open(part), book)
        header: list[list[str]] = []
        for number, cells in rows:
            if number > skip_rows:
                header.append(_listed(cells))
            if len(header) == header_rows:
                break
    except BadInput as error:
        raise BadInput(_told(file, error)) from None
    except _DAMAGED as error:
        raise damaged(file, error) from None
    if len(header) < header_rows:
        raise BadInput(f"{file}: found {len(header)} rows, expected {header_rows} of headings")
    columns = places(header)
    return Export(
        f"a workbook, {len(names)} sheet{'s' * (len(names) > 1)}",
        "row",
        tuple(tuple(row) for row in header),
        _rows(file, rows, columns),
    )


def _rows(file: str, rows: Iterator[tuple[int, Cells]], columns: Sequence[int | None]) -> Iterator[Row | BadRow]:
    wanted = [-1 if column is None else column for column in columns]
    try:
        for number, cells in rows:
            get = cells.get
            texts = [get(column, "") for column in wanted]
            if max(map(len, texts), default=0) > CELL_CHARACTERS_MAX:
                yield BadRow(number, "too-long", f"found a cell of more than {CELL_CHARACTERS_MAX:,} characters")
            else:
                yield Row(number, texts if cells else ())
    except BadInput as error:
        raise BadInput(_told(file, error)) from None
    except _DAMAGED as error:
        raise damaged(file, error) from None


def _listed(cells: Cells) -> list[str]:
    return [cells.get(column, "") for column in range(max(cells, default=-1) + 1)]


def sheet_rows(stream: IO[bytes], book: Book) -> Iterator[tuple[int, Cells]]:
    """(number, cells) of each row that the file has, as it comes."""
    reader = _Sheet(book)
    for _ in parsed(stream, reader.start, reader.end, reader.text):
        yield from reader.rows
        reader.rows.clear()


class _Sheet:
    """The elements of a sheet: row, c, v, is, t (18.3.1)."""

    def __init__(self, book: Book) -> None:
        self.rows: list[tuple[int, Cells]] = []
        self._book = book
        self._number = 0
        self._cells: Cells = {}
        self._column = -1
        self._columns: dict[str, int] = {}
        self._kind = "n"
        self._style = 0
        self._value: list[str] | None = None
        self._left = 0
        self._inline: TextOf | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if name == "c":
            self._column = self._place(attributes.get("r"))
            self._kind = attributes.get("t", "n")
            self._style = int(attributes.get("s", "0")[:9])
        elif name == "v":
            self._value, self._left = [], CELL_CHARACTERS_MAX + 1
        elif name == "row":
            stated = attributes.get("r", "")
            next_one = self._number + 1
            known = stated.isascii() and stated.isdigit() and len(stated) <= ROW_DIGITS_MAX
            self._number = max(int(stated), next_one) if known else next_one
            self._cells, self._column = {}, -1
        elif name == "is":
            self._inline = TextOf()
        elif self._inline is not None:
            self._inline.start(name)

    def text(self, text: str) -> None:
        """Characters inside of an element."""
        if self._value is not None:
            if self._left > 0:
                self._value.append(text[: self._left])
                self._left -= len(text)
        elif self._inline is not None:
            self._inline.add(text)

    def end(self, name: str) -> None:
        """An element ends."""
        if name == "v" and self._value is not None:
            value, self._value = "".join(self._value), None
            if value:
                self._cells[self._column] = self._text_of(value)
        elif name == "row":
            self.rows.append((self._number, self._cells))
        elif name == "is" and self._inline is not None:
            self._cells[self._column] = self._inline.whole()
            self._inline = None
        elif self._inline is not None:
            self._inline.end(name)

    def _text_of(self, value: str) -> str:
        kind = self._kind
        if kind == "s":
            return self._book.texts[int(value[:9])]
        if kind == "n":
            return self._book.number(value, self._style)
        if kind == "b":
            return _TRUTHS.get(value, value)
        return unescaped(value) if kind == "str" else value

    def _place(self, reference: str | None) -> int:
        """The column of a cell, from 0 on: the one that it names, else the next one."""
        if reference is None:
            column = self._column + 1
        else:
            letters = reference.rstrip("0123456789")
            found = self._columns.get(letters)
            column = self._learn(letters) if found is None else found
        if not 0 <= column < COLUMNS_MAX:
            raise BadInput(f"found a cell beyond column {COLUMNS_MAX:,}, expected none")
        return column

    def _learn(self, letters: str) -> int:
        if not (0 < len(letters) <= 3 and letters.isascii() and letters.isalpha()):
            raise BadInput("found a cell without a place, expected one such as B7")
        number = 0
        for letter in letters.upper():
            number = number * 26 + ord(letter) - ord("A") + 1
        self._columns[letters] = number - 1
        return number - 1


def check_archive(file: str, archive: ZipFile) -> None:
    """Raises BadInput where an archive is no workbook, or could become too much."""
    found = archive.infolist()
    if len(found) > FILES_MAX:
        raise BadInput(f"{file}: found an archive of {len(found):,} files, expected at most {FILES_MAX:,}")
    total = 0
    for one in found:
        total += one.file_size
        limit = _limit(one.filename.lower())
        packed = one.file_size > RATIO_FROM_BYTES and one.file_size > RATIO_MAX * max(one.compress_size, 1)
        if one.file_size > limit or total > ALL_BYTES_MAX or packed:
            raise BadInput(
                f"{file}: found an archive that becomes {one.file_size:,} bytes out of {one.compress_size:,} in one file, "
                f"expected at most {limit:,}, {ALL_BYTES_MAX:,} in all, and {RATIO_MAX} times what is packed"
            )
        if one.flag_bits & 1:
            raise BadInput(f"{file}: found a workbook with a password, expected one without")
    names = {one.filename for one in found}
    if len(names) < len(found) or "[Content_Types].xml" not in names:
        raise BadInput(f"{file}: found a ZIP archive that is no workbook, expected .xlsx")


def _limit(name: str) -> int:
    if "sharedstrings" in name:
        return TEXTS_BYTES_MAX
    return PART_BYTES_MAX if name.endswith((".xml", ".rels")) and "sheet" not in name else SHEET_BYTES_MAX


def _told(file: str, error: BadInput) -> str:
    return f"{error}" if str(error).startswith(file) else f"{file}: {error}"


def damaged(file: str, error: Exception) -> BadInput:
    """What is said of a workbook that cannot be read; the kind of error, not its words, which may quote a cell."""
    kind = type(error).__name__
    return BadInput(f"{file}: found a workbook that is damaged ({kind}), expected .xlsx as a spreadsheet writes it")
