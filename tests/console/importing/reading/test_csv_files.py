"""CSV of every dialect and encoding reads as it was written; what is ugly is refused row by row, or as a file, in bounds."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.importing.columns import ColumnRef
from console.importing.mapping import Layout
from console.importing.reading.csv_files import ROW_CHARACTERS_MAX
from console.importing.reading.opening import open_export
from console.importing.reading.rows import BadRow, Export, Row
from ledger.errors import BadInput

CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\ufffd"), max_size=12)
PLAIN = Layout()
COLUMNS = [ColumnRef("id"), ColumnRef("Remarks", optional=True)]


def opened(content: bytes, *names: str, layout: Layout = PLAIN, **options: str) -> Export:
    columns = [ColumnRef(name) for name in names] or COLUMNS
    return open_export("export.csv", io.BytesIO(content), layout, columns, **options)  # type: ignore[arg-type]


def read(content: bytes, *names: str, layout: Layout = PLAIN, **options: str) -> list[Row | BadRow]:
    return list(opened(content, *names, layout=layout, **options).rows)


def bad(rows: list[Row | BadRow]) -> list[tuple[int, str]]:
    return [(row.place, row.code) for row in rows if isinstance(row, BadRow)]


@given(
    rows=st.lists(st.tuples(CELL, CELL), max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]),
    ending=st.sampled_from(["\r\n", "\n"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_what_was_written_is_read(
    rows: list[tuple[str, str]], delimiter: str, encoding: str, ending: str, quoting: int
) -> None:
    if quoting == csv.QUOTE_MINIMAL:  # the writer of some versions leaves such a cell without quotes
        rows = [(one.replace("\r", "\n"), other.replace("\r", "\n")) for one, other in rows]
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=ending, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(["id", "Remarks"])
    writer.writerows(rows)
    content = text.getvalue().encode(encoding)
    if encoding in ("utf-16-le", "utf-16-be"):
        assert content[:2] not in (b"\xff\xfe", b"\xfe\xff")
    found = [row for row in read(content) if row.cells]  # type: ignore[union-attr]
    assert [tuple(row.cells) for row in found if isinstance(row, Row)] == rows
    assert not bad(found)


@given(
    rows=st.lists(st.tuples(CELL, CELL), max_size=6),
    delimiter=st.sampled_from("~^:*#"),
)
def test_any_delimiter_that_is_given(rows: list[tuple[str, str]], delimiter: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("id", "Remarks"), *rows])
    found = read(text.getvalue().encode(), delimiter=delimiter)
    assert [tuple(row.cells) for row in found if isinstance(row, Row)] == rows


@given(content=st.binary(max_size=400))
def test_any_bytes_are_rows_or_an_error(content: bytes) -> None:
    try:
        rows = read(b"id,Remarks\n" + content)
    except BadInput:
        return
    places = [row.place for row in rows]
    assert places == sorted(set(places))


@given(cut=st.integers(0, 300), encoding=st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-32"]))
def test_a_file_that_breaks_off_is_read_so_far(cut: int, encoding: str) -> None:
    whole = 'id;Remarks\r\n1;"fine;\r\nreally"\r\n2;straße 😀\r\n3;x\r\n'.encode(encoding)
    try:
        rows = read(whole[:cut])
    except BadInput:
        return
    assert [row.cells[0] for row in rows if isinstance(row, Row) and row.cells] == ["1", "2", "3"][: len(rows)] or bad(
        rows
    )


def test_spreadsheets_name_the_delimiter_in_a_line_of_its_own() -> None:
    assert read(b"sep=:\r\nid:Remarks\r\n1:a\r\n") == [Row(3, ["1", "a"])]


def test_a_zero_character_or_bytes_of_another_encoding_refuse_their_row_alone() -> None:
    assert bad(read(b"id,Remarks\n1,a\n2,b\x00\n3,c\n")) == [(3, "encoding")]
    assert bad(read("id,Remarks\n1,a\n2,straße\n3,c\n".encode("cp1252"))) == [(3, "encoding")]
    assert read("id,Remarks\n2,straße\n".encode("cp1252"), encoding="cp1252") == [Row(2, ["2", "straße"])]


@pytest.mark.parametrize("name", ["nonsense", "zip", "base64", "rot13", "x" * 500])
def test_an_encoding_that_is_none_is_an_error(name: str) -> None:
    with pytest.raises(BadInput, match="encoding"):
        read(b"id,Remarks\n1,a\n", encoding=name)


def test_rows_of_another_length_are_refused_and_blank_ones_are_blank() -> None:
    rows = read(b"id,Remarks\n1\n\n2,b,c\n3,d\n")
    assert bad(rows) == [(2, "columns"), (4, "columns")]
    assert [row for row in rows if isinstance(row, Row)] == [Row(3, ()), Row(5, ["3", "d"])]


def test_a_quote_in_the_middle_is_refused_where_the_row_ends_for_certain() -> None:
    assert bad(read(b'id,Remarks\n1,"a" b "c"\n2,b\n')) == [(2, "quotes")]
    with pytest.raises(BadInput, match="nobody can tell"):
        read(b'id,Remarks\n1,"a" b"\n2,b\n')
    with pytest.raises(BadInput, match="within quotes"):
        read(b'id,Remarks\n1,"a\n2,b\n')


def test_cells_and_rows_that_are_too_long_are_refused_and_the_next_is_read() -> None:
    long, longer = b"x" * 200_000, b"y" * (ROW_CHARACTERS_MAX + 5)
    assert bad(read(b"id,Remarks\n1," + long + b"\n2,b\n")) == [(2, "too-long")]
    assert bad(read(b'id,Remarks\n1,"' + long + b'\nmore"\n2,b\n')) == [(2, "too-long")]
    rows = read(b'id,Remarks\n1,"' + longer + b'\nmore"\n2,b\n')
    assert bad(rows) == [(2, "too-long")]
    assert rows[-1].cells == ["2", "b"]  # type: ignore[union-attr]
    assert bad(read(b"id,Remarks\n1," + longer + b"\n2,b\n")) == [(2, "too-long")]


class Endless(io.RawIOBase):
    """A cell that goes on and on: as many bytes as are read, and no more are held."""

    def __init__(self, head: bytes, count: int, tail: bytes) -> None:
        self._head, self._left, self._tail = head, count, tail
        self.read_so_far = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = 0) -> int:
        assert (place, whence) == (0, 0)
        self._left += self.read_so_far
        self.read_so_far = 0
        return 0

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        place = self.read_so_far
        if place < len(self._head):
            data = self._head[place : place + len(buffer)]
        elif self._left > len(self._tail) + len(buffer):
            data = b"x" * len(buffer)
        else:
            data, self._tail = self._tail[: len(buffer)], self._tail[len(buffer) :]
        buffer[: len(data)] = data
        self.read_so_far += len(data)
        self._left -= len(data)
        return len(data)


def test_a_cell_of_a_gibibyte_is_never_held() -> None:
    import tracemalloc

    stream = Endless(b'id,Remarks\n1,a\n2,"', 1 << 30, b'"\n3,c\n')
    tracemalloc.start()
    try:
        rows = list(open_export("export.csv", stream, Layout(), COLUMNS).rows)  # type: ignore[arg-type]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert bad(rows) == [(3, "too-long")]
    assert [row.cells[0] for row in rows if isinstance(row, Row)] == ["1", "3"]
    assert peak < 64 << 20


def test_a_million_columns_are_an_error() -> None:
    with pytest.raises(BadInput, match=r"columns|characters"):
        read(b"id," + b"c," * 1_000_000 + b"Remarks\n")
    with pytest.raises(BadInput, match="16,384"):
        read(b"id," + b"c," * 20_000 + b"Remarks\n")
    assert bad(read(b"id,Remarks\n" + b"," * 500_000 + b"\n")) == [(2, "columns")]


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\n"])
def test_an_empty_file_is_an_error(content: bytes) -> None:
    with pytest.raises(BadInput):
        read(content)


@pytest.mark.parametrize(
    "content",
    [
        b"\x1f\x8b\x08\x00",
        b"SQLite format 3\x00x",
        b"%PDF-1.7",
        b"<html><table>",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"BZh9",
    ],
)
def test_what_is_another_kind_of_file_is_named(content: bytes) -> None:
    with pytest.raises(BadInput, match="expected CSV, XLSX or JSON"):
        read(content)


def test_columns_by_name_by_what_is_below_by_number_and_by_place() -> None:
    layout = Layout(header_rows=2, names_from=(1, 2))
    content = b'Id,How  was\nit?,,Other,\n,"Time","Price",Response,\n1,2,3,4,5\n'.replace(
        b"How  was\nit?", b'"How  was\nit?"'
    )
    columns = [
        ColumnRef("How was it?", under="Price"), ColumnRef("how WAS it?", under="time"), ColumnRef("Other"),
        ColumnRef(position=5), ColumnRef("How was it?", nth=2), ColumnRef("not there", optional=True),
        ColumnRef(position=9, optional=True),
    ]  # fmt: skip
    export = open_export("export.csv", io.BytesIO(content), layout, columns)
    assert [row.cells for row in export.rows] == [["3", "2", "4", "5", "3", "", ""]]


def test_a_column_that_is_missing_or_there_twice_is_an_error_that_names_no_heading_of_the_file() -> None:
    with pytest.raises(BadInput, match="2 times") as twice:
        read(b"id,id,Anna Moeller\n1,2,3\n", "id")
    with pytest.raises(BadInput, match="found no column 'id' among 2") as missing:
        read(b"17,Anna Moeller\n18,Bert\n", "id")
    assert "Anna" not in f"{twice.value}{missing.value}"


def test_lines_before_the_headings_are_passed_over() -> None:
    assert read(b"Report\nof May\nid,Remarks\n1,a\n", layout=Layout(skip_rows=2)) == [Row(4, ["1", "a"])]


def test_samples_are_read(tmp_path: Path) -> None:
    assert opened("id;Remarks\n".encode("utf-16")).found == "CSV in UTF-16, delimiter ;"
