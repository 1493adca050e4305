"""CSV: any delimiter, quoted line breaks, every encoding that is plain from the file or named.

The delimiter is found out by the headings that are wanted, unless it is given; a first line `sep=;`, as spreadsheets write
it, gives it. A byte order mark names the encoding; without one UTF-16 and UTF-32 show by their zeros, and all else is UTF-8 or
the encoding that is named. A row that is wrong is yielded as such, and the next one is read where it is certain that it begins
there: with an even number of quotes so far no cell is open. Where that is not so, the rest cannot be told apart, and is an
error of the file.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Final

from console.importing.reading.rows import COLUMNS_MAX, ROW_CHARACTERS_MAX, BadRow, Export, Row
from ledger.errors import BadInput

DELIMITERS: Final = (",", ";", "\t", "|")
_CHUNK: Final = 65_536
_NO_TEXT: Final = re.compile("[\ud800-\udfff\ufffd]")
"""What stands for bytes that the encoding does not have."""
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ZEROS: Final = (
    (re.compile(rb"[^\0]\0\0\0"), "utf-32-le"),
    (re.compile(rb"\0\0\0[^\0]"), "utf-32-be"),
    (re.compile(rb"[^\0]\0"), "utf-16-le"),
    (re.compile(rb"\0[^\0]"), "utf-16-be"),
)
"""How a text begins whose first character is a letter, a digit or a quote."""
_NAMES: Final = {"\t": "tab"}
Places = Callable[[Sequence[Sequence[str]]], Sequence[int | None]]
"""From the rows of headings to the places of the columns that are wanted. Raises BadInput."""


def open_csv(
    file: str,
    stream: IO[bytes],
    places: Places,
    *,
    wanted: Callable[[Sequence[str]], int],
    delimiters: Sequence[str] = (),
    encoding: str | None = None,
    header_rows: int = 1,
    skip_lines: int = 0,
) -> Export:
    """A file of CSV. `wanted` counts those of the headings of a first row that are asked for. Raises BadInput."""
    found_encoding, text = _decoded(stream, encoding)
    lines = _Lines(file, text)
    for _ in range(skip_lines):
        lines.begin()
        next(lines, None)
    first = _first_record(lines)
    said = re.fullmatch(r"\ufeff?sep=(.)\r?\n?", "".join(first))
    if said is not None:
        delimiters, first = (said[1],), _first_record(lines)
    if not first:
        raise BadInput(f"{file}: found nothing in it, expected {header_rows} row{'s' * (header_rows > 1)} of headings")
    delimiter, heading = _split_as_wanted(file, first, delimiters, wanted)
    records = csv.reader(lines, delimiter=delimiter, strict=True)
    header = [heading]
    for _ in range(header_rows - 1):
        lines.begin()
        try:
            header.append(next(records, []))
        except (csv.Error, _TooLong):
            raise BadInput(
                f"{file}: found a row of headings that cannot be read, expected {header_rows} of them"
            ) from None
    columns = places(header)
    return Export(
        f"CSV in {found_encoding}, delimiter {_NAMES.get(delimiter, delimiter)}",
        "line",
        tuple(tuple(row) for row in header),
        _rows(lines, records, columns, len(heading)),
    )


def _rows(
    lines: _Lines, records: Iterator[list[str]], columns: Sequence[int | None], width: int
) -> Iterator[Row | BadRow]:
    pick = _picker(columns)
    while True:
        place = lines.number + 1
        lines.begin()
        try:
            cells = next(records, None)
        except csv.Error as error:
            if "field larger" in str(error):
                lines.skip_to_end_of_cell()
                yield BadRow(place, "too-long", f"found a cell of more than {csv.field_size_limit():,} characters")
            else:
                yield lines.bad(
                    place, "quotes", "found a quote in the middle of a cell, expected quotes around whole cells"
                )
            continue
        except _TooLong:
            lines.skip_to_end_of_cell()
            yield BadRow(place, "too-long", f"found more than {ROW_CHARACTERS_MAX:,} characters, expected fewer")
            continue
        if cells is None:
            return
        if lines.no_text:
            yield BadRow(
                place,
                "encoding",
                "found what is no text in the file's encoding, or a NUL, expected text; --encoding names it",
            )
        elif len(cells) == width:
            yield Row(place, pick(cells))
        elif not cells:
            yield Row(place, ())
        else:
            yield BadRow(place, "columns", f"found {len(cells):,} cells, expected {width:,} as in the header")


def _picker(columns: Sequence[int | None]) -> Callable[[list[str]], Sequence[str]]:
    def pick(cells: list[str]) -> Sequence[str]:
        return ["" if column is None else cells[column] for column in columns]

    return pick


def _first_record(lines: _Lines) -> list[str]:
    """The lines of the first record, as far as its quotes say."""
    lines.begin()
    found: list[str] = []
    try:
        for line in lines:
            found.append(line)
            if not lines.is_open:
                break
    except _TooLong:
        raise BadInput(f"{lines.file}: found a first row of more than {ROW_CHARACTERS_MAX:,} characters") from None
    return found


def _split_as_wanted(
    file: str, first: list[str], delimiters: Sequence[str], wanted: Callable[[Sequence[str]], int]
) -> tuple[str, list[str]]:
    """The delimiter by which most of what is wanted is found in the first record, and its cells."""
    best: tuple[tuple[int, int], str, list[str]] | None = None
    for delimiter in delimiters or DELIMITERS:
        try:
            cells = next(csv.reader(first, delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        rank = (wanted(cells), len(cells))
        if best is None or rank > best[0]:
            best = rank, delimiter, cells
    if best is None:
        raise BadInput(f"{file}: found a first row with a quote in the middle of a cell, expected headings")
    _, delimiter, cells = best
    if len(cells) > COLUMNS_MAX:
        raise BadInput(f"{file}: found {len(cells):,} columns, expected at most {COLUMNS_MAX:,}")
    return delimiter, cells


def _decoded(stream: IO[bytes], encoding: str | None) -> tuple[str, IO[str]]:
    head = stream.read(64)
    stream.seek(0)
    name = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    if name is None:
        name = next((name for zeros, name in _ZEROS if zeros.match(head)), None)
    found = name or encoding or "utf-8"
    try:
        codec = codecs.lookup(found).name
        if not codecs.lookup(found)._is_text_encoding:
            raise LookupError
    except LookupError:
        raise BadInput(
            f"found encoding {found[:40]!r}, expected one that Python knows, such as utf-8 or cp1252"
        ) from None
    errors = "replace" if codec.startswith(("utf-16", "utf-32")) else "surrogateescape"
    text = io.TextIOWrapper(stream, found, errors, newline="")
    return codec.removesuffix("-sig").upper(), text


class _TooLong(BadInput):
    """A row has more characters than it may have."""

    def __init__(self) -> None:
        super().__init__(f"found a row of more than {ROW_CHARACTERS_MAX:,} characters, expected fewer")


class _Lines:
    """The lines of a text, for csv's reader, with a bound on what one row may take of them."""

    def __init__(self, file: str, text: IO[str]) -> None:
        self.file = file
        self.number = 0
        """The last line that was read, from 1 on."""
        self.no_text = False
        """Whether the row so far has what is no text: bytes that the encoding does not have, or a zero character."""
        self._read = text.readline
        self._left = 0
        self._quotes = 0

    def begin(self) -> None:
        """A row begins here."""
        self._left = ROW_CHARACTERS_MAX
        self._quotes = 0
        self.no_text = False

    @property
    def is_open(self) -> bool:
        """Whether a quoted cell goes on in the next line."""
        return self._quotes % 2 == 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = self._read(ROW_CHARACTERS_MAX + 1)
        except UnicodeError:  # some encodings break off with an error whatever is asked of them
            raise BadInput(
                f"{self.file}: line {self.number + 1}: found what is no text in the file's encoding"
            ) from None
        if not line:
            if self._quotes % 2:
                raise BadInput(f"{self.file}: found the end of the file within quotes, expected them closed")
            raise StopIteration
        self.number += 1
        if '"' in line:
            self._quotes += line.count('"')
        self._left -= len(line)
        if self._left < 0:
            self._finish(line)
            raise _TooLong
        if "\x00" in line or (not line.isascii() and _NO_TEXT.search(line)):
            self.no_text = True
        return line

    def skip_to_end_of_cell(self) -> None:
        """Goes on to the end of a row of which no more is kept. Raises BadInput where it does not end."""
        while self._quotes % 2:
            line = self._read(_CHUNK)
            if not line:
                raise BadInput(f"{self.file}: found the end of the file within quotes, expected them closed")
            self.number += 1
            self._quotes += line.count('"')
            self._finish(line)

    def bad(self, place: int, code: str, sentence: str) -> BadRow:
        """The row that began at a line, as a bad one. Raises BadInput where it may not end here: within quotes."""
        if self._quotes % 2:
            raise BadInput(
                f"{self.file}: line {place}: {sentence}; the quotes do not close where the line ends, so nobody can tell "
                "what follows"
            )
        return BadRow(place, code, sentence)

    def _finish(self, line: str) -> None:
        """Reads on to the end of a line that is longer than a row may be."""
        while line and not line.endswith(("\n", "\r")):
            line = self._read(_CHUNK)
            self._quotes += line.count('"')
