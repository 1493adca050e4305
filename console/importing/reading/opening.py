"""Finding out what kind of file an export is, and opening it so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Final

from console.importing.columns import ColumnRef, place_in, plain
from console.importing.mapping import Layout
from console.importing.reading.csv_files import DELIMITERS, open_csv
from console.importing.reading.json_files import open_json
from console.importing.reading.rows import Export
from console.importing.reading.xlsx_files import open_xlsx
from ledger.errors import BadInput

_FOREIGN: Final = (
    (b"\x1f\x8b", "a file compressed by gzip: unpack it"),
    (b"BZh", "a file compressed by bzip2: unpack it"),
    (b"\xfd7zXZ\x00", "a file compressed by xz: unpack it"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet (.xls), or one with a password: save it as .xlsx without"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"%PDF", "a PDF"),
)
_ZIP: Final = b"PK\x03\x04"


def kind_of(file: str, head: bytes) -> str:
    """csv, json or xlsx by the beginning of a file. Raises BadInput for what is known as none of them."""
    for mark, what in _FOREIGN:
        if head.startswith(mark):
            raise BadInput(f"{file}: found {what}, expected CSV, XLSX or JSON")
    if head.startswith(_ZIP):
        return "xlsx"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"{", b"[")) and start[1:2] != b"\x00":
        return "json"
    if head.startswith(
        (b"{\0", b"[\0", b"\0{", b"\0[", b"\xff\xfe{\0", b"\xff\xfe[\0", b"\xfe\xff\0{", b"\xfe\xff\0[")
    ):
        raise BadInput(f"{file}: found JSON in UTF-16, expected UTF-8")
    if start[:1] == b"<":
        raise BadInput(f"{file}: found XML or HTML, expected CSV, XLSX or JSON")
    return "csv"


def open_export(
    file: str,
    stream: IO[bytes],
    layout: Layout,
    columns: Sequence[ColumnRef],
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
) -> Export:
    """An export whose rows have the cells of some columns, in their order. Raises BadInput."""
    head = stream.read(4_096)
    stream.seek(0)
    kind = kind_of(file, head)
    if kind not in layout.kinds:
        raise BadInput(
            f"{file}: found {kind.upper()}, expected {' or '.join(kind.upper() for kind in layout.kinds)}, which the map is for"
        )
    if kind == "json":
        return open_json(file, stream, columns, layout.records)

    def places(header: Sequence[Sequence[str]]) -> list[int | None]:
        names = [header[number - 1] for number in layout.names_from]
        try:
            return [place_in(names, column) for column in columns]
        except BadInput as error:
            raise BadInput(f"{file}: {error}") from None

    if kind == "xlsx":
        return open_xlsx(
            file,
            stream,
            places,
            sheet=sheet or layout.sheet,
            header_rows=layout.header_rows,
            skip_rows=layout.skip_rows,
        )
    asked = {plain(column.name).casefold() for column in columns if column.name is not None}
    if delimiter is not None:
        tried: Sequence[str] = (delimiter,)
    else:
        own = () if layout.delimiter is None else (layout.delimiter,)
        tried = (*own, *(one for one in DELIMITERS if one not in own))
    return open_csv(
        file,
        stream,
        places,
        wanted=lambda cells: len({plain(cell).casefold() for cell in cells} & asked),
        delimiters=tried,
        encoding=encoding or layout.encoding,
        header_rows=layout.header_rows,
        skip_lines=layout.skip_rows,
    )
