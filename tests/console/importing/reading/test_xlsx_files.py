"""Workbooks are read row by row; what could become too much, or leads elsewhere, is refused before it is unpacked."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from console.importing.columns import ColumnRef
from console.importing.mapping import Layout
from console.importing.reading import xlsx_files
from console.importing.reading.opening import open_export
from console.importing.reading.rows import BadRow, Row
from ledger.errors import BadInput

PLAIN = Layout()
COLUMNS = [ColumnRef("id"), ColumnRef("Remarks", optional=True)]
BOMB = b"<?xml version='1.0'?>\n<!DOCTYPE x [<!ENTITY a '" + b"a" * 64 + b"'><!ENTITY b '&a;&a;&a;&a;'>]>\n"
OUTSIDE = b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"
LETTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")


def workbook(rows: list[list[Any]], sheet: str = "Answers") -> bytes:
    book = Workbook()
    table = book.active
    assert table is not None
    table.title = sheet
    for row in rows:
        table.append(row)
    book.create_sheet("Notes")
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def changed(content: bytes, name: str, change: Any) -> bytes:
    """A workbook with one of its files changed; a file that it has not is added."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        names = old.namelist()
        for one in [*names, *([name] if name not in names else [])]:
            data = old.read(one) if one in names else b""
            new.writestr(one, change(data) if one == name else data)
    return out.getvalue()


def read(content: bytes, layout: Layout = PLAIN, sheet: str | None = None) -> list[Row | BadRow]:
    return list(open_export("export.xlsx", io.BytesIO(content), layout, COLUMNS, sheet=sheet).rows)


@given(st.lists(st.tuples(st.integers(1 - 10**15, 10**15 - 1), st.text(LETTERS, min_size=1, max_size=20)), max_size=5))
def test_what_was_written_is_read(rows: list[tuple[int, str]]) -> None:
    plain = [(number, "'" + text) for number, text in rows]  # not a formula
    found = read(workbook([["id", "Remarks"], *map(list, plain)]))
    assert [tuple(row.cells) for row in found if isinstance(row, Row)] == [
        (str(number), text) for number, text in plain
    ]


def test_numbers_times_and_truth_are_texts_and_missing_cells_are_empty() -> None:
    rows = read(
        workbook(
            [
                ["id", "Remarks"],
                [17.0, 2.5],
                [12345678901234567, 1e15],
                [True, datetime(2011, 3, 2, 9, 14, 5)],
                [],
                ["x"],
                [None, None],
                ["y", "z", "more"],
            ]
        )
    )
    assert [(row.place, list(row.cells)) for row in rows if isinstance(row, Row)] == [
        (2, ["17", "2.5"]), (3, ["1.234568E+16", "1.000000E+15"]), (4, ["TRUE", "2011-03-02T09:14:05.000"]), (5, []),
        (6, ["x", ""]), (7, []), (8, ["y", "z"]),
    ]  # fmt: skip


def test_a_sheet_is_named_and_rows_before_the_headings_are_passed_over() -> None:
    content = workbook([["Report"], ["id", "Remarks"], [1, "a"]], "March")
    assert read(content, Layout(skip_rows=1, sheet="March")) == [Row(3, ["1", "a"])]
    with pytest.raises(BadInput, match="none called"):
        read(content, Layout(), "April")
    with pytest.raises(BadInput, match="headings"):
        read(content, Layout(), "Notes")


@pytest.mark.parametrize("prolog", [BOMB, OUTSIDE, b"<!-- x -->", b"\xff\xfe<\x00?\x00"])
@pytest.mark.parametrize(
    "name", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml", "_rels/.rels", "xl/styles.xml"]
)
def test_xml_with_a_document_type_is_refused_unread(prolog: bytes, name: str) -> None:
    content = changed(workbook([["id", "Remarks"], [1, "a"]]), name, lambda old: prolog + old.partition(b"?>")[2])
    with pytest.raises(BadInput, match="before its root"):
        read(content)


def test_a_file_that_is_packed_too_well_is_refused_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = changed(workbook([["id"]]), "xl/media/image1.bin", lambda _: b"\x00" * (64 << 20))
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(BadInput, match="becomes 67,108,864 bytes"):
        read(bomb)


def test_an_archive_that_says_less_than_it_has_gives_no_more_than_it_says() -> None:
    content = workbook([["id", "Remarks"], *[[number, "a" * 50] for number in range(2_000)]])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        info = archive.getinfo("xl/worksheets/sheet1.xml")
    size = info.file_size.to_bytes(4, "little")
    with pytest.raises(BadInput, match="damaged"):
        read(content.replace(size, (200).to_bytes(4, "little")))


@pytest.mark.parametrize(
    ("name", "limit"), [("FILES_MAX", 3), ("FILE_BYTES_MAX", 100), ("TEXTS_BYTES_MAX", 100), ("ALL_BYTES_MAX", 1_000)]
)
def test_each_bound_of_the_archive_holds(name: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = b"<?xml version='1.0'?><sst>" + b"<si><t>a</t></si>" * 9 + b"</sst>"
    content = changed(workbook([["id", "Remarks"], [1, "a"]]), "xl/sharedStrings.xml", lambda _: texts)
    assert len(read(content)) == 1
    monkeypatch.setattr(xlsx_files, name, limit)
    with pytest.raises(BadInput, match="found an archive"):
        read(content)


def test_a_zip_that_is_no_workbook_and_one_with_a_file_twice_are_errors() -> None:
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(BadInput, match="no workbook"):
        read(other.getvalue())
    twice = io.BytesIO(workbook([["id"]]))
    with zipfile.ZipFile(twice, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("xl/workbook.xml", "<x/>")
    with pytest.raises(BadInput, match="no workbook"):
        read(twice.getvalue())


@given(data=st.data())
def test_a_workbook_that_is_damaged_anywhere_is_rows_or_an_error(data: st.DataObject) -> None:
    content = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    for damaged in (bytes(content), SMALL[:cut]):
        try:
            rows = read(b"PK\x03\x04" + damaged[4:])
        except BadInput as error:
            assert "secret" not in str(error)  # noqa: PT017 - of an error that may come
        else:
            assert len(rows) < 100


def test_a_cell_that_no_spreadsheet_has_is_refused() -> None:
    long = changed(
        workbook([["id", "Remarks"], ["1", "secret"], ["2", "b"]]),
        "xl/worksheets/sheet1.xml",
        lambda old: old.replace(b"secret", b"s" * 40_000),
    )
    assert [(row.place, row.code) for row in read(long) if isinstance(row, BadRow)] == [(2, "too-long")]


SMALL = workbook([["id", "Remarks"], [1, "secret"], [2, "b"]])
