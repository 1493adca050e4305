"""XLSX, read row by row with openpyxl, after a look at the archive that bounds what it can become.

A workbook is a ZIP archive of XML. Before any of it is unpacked: how many files it has, what each and all together become
(the standard library unpacks no more of a file than the archive says), and by how much they are packed. Each XML file has
to begin with its root: no document type, so no entities, neither ones that grow nor ones that lead to other files.

Cells are texts here: whole numbers without decimals, times as `yyyy-MM-ddTHH:mm:ss.SSS` without a zone (a spreadsheet knows
none), TRUE and FALSE; a number that was rounded as 1.234568E+17; of a formula its last value.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from typing import IO, Any, Final
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile

from console.importing.reading.csv_files import Places
from console.importing.reading.rows import COLUMNS_MAX, BadRow, Export, Row
from ledger.errors import BadInput, ExtraMissing

FILES_MAX: Final = 4_096
FILE_BYTES_MAX: Final = 1 << 30
TEXTS_BYTES_MAX: Final = 1 << 28
"""Of the shared texts, which are held in memory."""
ALL_BYTES_MAX: Final = 1 << 31
RATIO_MAX: Final = 250
"""A real sheet is packed by ten to fifty; what is packed by much more is made to grow."""
RATIO_FROM_BYTES: Final = 1 << 20
PROLOG_BYTES: Final = 1_024
CELL_CHARACTERS_MAX: Final = 32_767
TIME_FORM: Final = "yyyy-MM-dd'T'HH:mm:ss[.S]"
EXACT_BELOW: Final = 10**15
"""A spreadsheet keeps fifteen digits of a number: what is longer was rounded, and is shown as it would show it."""
_ROOT: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}\?>)?\s*<[A-Za-z_]")
_DAMAGED: Final = (
    BadZipFile, ParseError, KeyError, ValueError, TypeError, IndexError, AttributeError, EOFError, zlib.error,
    NotImplementedError, OverflowError, RuntimeError,
)  # fmt: skip
"""What openpyxl and the standard library raise over a workbook that is none."""


def open_xlsx(
    file: str, stream: IO[bytes], places: Places, *, sheet: str | None, header_rows: int, skip_rows: int
) -> Export:
    """A workbook. Raises BadInput, ExtraMissing."""
    try:
        from openpyxl import load_workbook
    except ModuleNotFoundError as error:
        raise ExtraMissing(error.name, "xlsx") from None
    check_archive(file, stream)
    stream.seek(0)
    try:
        workbook = load_workbook(stream, read_only=True, data_only=True, keep_links=False)
        names = workbook.sheetnames
        if sheet is not None and sheet not in names:
            raise BadInput(f"{file}: found {len(names)} sheets, none called {sheet[:40]!r}, expected that one")
        table: Any = workbook[sheet] if sheet is not None else workbook.worksheets[0]
        table.reset_dimensions()  # which the file may state wrongly
        rows: Iterator[tuple[Any, ...]] = table.iter_rows(values_only=True)
        number = 0
        header: list[list[str]] = []
        for values in rows:
            number += 1
            if number > skip_rows:
                if len(values) > COLUMNS_MAX:
                    raise BadInput(f"{file}: found {len(values):,} columns, expected at most {COLUMNS_MAX:,}")
                header.append([_text(value) for value in values])
            if len(header) == header_rows:
                break
    except BadInput:
        raise
    except _DAMAGED as error:
        raise damaged(file, error) from None
    if len(header) < header_rows:
        raise BadInput(f"{file}: found {number} rows, expected {header_rows} of headings")
    columns = places(header)
    return Export(
        f"a workbook, {len(names)} sheet{'s' * (len(names) > 1)}",
        "row",
        tuple(tuple(row) for row in header),
        _rows(file, rows, columns, number),
    )


def _rows(
    file: str, rows: Iterator[tuple[Any, ...]], columns: Sequence[int | None], number: int
) -> Iterator[Row | BadRow]:
    pick = _picker(columns)
    try:
        for values in rows:
            number += 1
            if not any(value is not None for value in values):
                yield Row(number, ())
                continue
            cells = pick(values)
            if any(len(cell) > CELL_CHARACTERS_MAX for cell in cells):
                yield BadRow(number, "too-long", f"found a cell of more than {CELL_CHARACTERS_MAX:,} characters")
            else:
                yield Row(number, cells)
    except _DAMAGED as error:
        raise damaged(file, error) from None


def _picker(columns: Sequence[int | None]) -> Callable[[tuple[Any, ...]], list[str]]:
    def pick(values: tuple[Any, ...]) -> list[str]:
        width = len(values)
        return ["" if at is None or at >= width else _text(values[at]) for at in columns]

    return pick


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float) and abs(value) >= EXACT_BELOW:
        return f"{value:E}"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def check_archive(file: str, stream: IO[bytes]) -> None:
    """Raises BadInput where an archive is no workbook, or could become too much."""
    try:
        with ZipFile(stream) as archive:
            found = archive.infolist()
            if len(found) > FILES_MAX:
                raise BadInput(f"{file}: found an archive of {len(found):,} files, expected at most {FILES_MAX:,}")
            total = 0
            for one in found:
                total += one.file_size
                limit = TEXTS_BYTES_MAX if "sharedstrings" in one.filename.lower() else FILE_BYTES_MAX
                packed = one.file_size > RATIO_FROM_BYTES and one.file_size > RATIO_MAX * max(one.compress_size, 1)
                if one.file_size > limit or total > ALL_BYTES_MAX or packed:
                    raise BadInput(
                        f"{file}: found an archive that becomes {one.file_size:,} bytes out of {one.compress_size:,} in one "
                        f"file, expected at most {limit:,}, {ALL_BYTES_MAX:,} in all, and {RATIO_MAX} times what is packed"
                    )
                if one.flag_bits & 1:
                    raise BadInput(f"{file}: found a workbook with a password, expected one without")
            names = {one.filename for one in found}
            if len(names) < len(found) or not {"[Content_Types].xml"} <= names:
                raise BadInput(f"{file}: found a ZIP archive that is no workbook, expected .xlsx")
            for one in found:
                if one.filename.lower().endswith((".xml", ".rels")):
                    with archive.open(one) as part:
                        if not _ROOT.match(part.read(PROLOG_BYTES)):
                            raise BadInput(
                                f"{file}: found XML that begins with something before its root (a document type, a comment), "
                                "expected none in a workbook"
                            )
    except BadInput:
        raise
    except (*_DAMAGED, OSError) as error:
        raise damaged(file, error) from None


def damaged(file: str, error: Exception) -> BadInput:
    """What is said of a workbook that cannot be read; the kind of error, not its words, which may quote a cell."""
    kind = type(error).__name__
    return BadInput(f"{file}: found a workbook that is damaged ({kind}), expected .xlsx as a spreadsheet writes it")
