"""Workbooks are read row by row; what could become too much, or leads elsewhere, is refused before it is unpacked."""

from __future__ import annotations

import io
import random
import zipfile
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from console.importing.columns import ColumnRef
from console.importing.mapping import Layout
from console.importing.reading import xlsx_files
from console.importing.reading.opening import open_export
from console.importing.reading.rows import BadRow, Row
from ledger.errors import BadInput

PLAIN = Layout()
COLUMNS = [ColumnRef("id"), ColumnRef("Remarks", optional=True)]
BOMB = b"<?xml version='1.0'?>\n<!DOCTYPE x [<!ENTITY a '" + b"a" * 64 + b"'><!ENTITY b '&a;&a;&a;&a;'>]>\n"
NOISE = random.Random(17).randbytes(1 << 20).hex().encode()
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
        (2, ["17", "2.5"]), (3, ["1.234568E+16", "1.000000E+15"]), (4, ["TRUE", "2011-03-02T09:14:05.000"]),
        (6, ["x", ""]), (7, []), (8, ["y", "z"]),
    ]  # fmt: skip


def test_a_sheet_is_named_and_rows_before_the_headings_are_passed_over() -> None:
    content = workbook([["Report"], ["id", "Remarks"], [1, "a"]], "March")
    assert read(content, Layout(skip_rows=1, sheet="March")) == [Row(3, ["1", "a"])]
    with pytest.raises(BadInput, match="none called"):
        read(content, Layout(), "April")
    with pytest.raises(BadInput, match="headings"):
        read(content, Layout(), "Notes")


@pytest.mark.parametrize("prolog", [BOMB, OUTSIDE], ids=["a bomb", "outside"])
@pytest.mark.parametrize(
    "name",
    ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "_rels/.rels", "xl/styles.xml"],
)
def test_xml_with_a_document_type_is_refused(prolog: bytes, name: str) -> None:
    whole = workbook([["id", "Remarks"], [1, "a"]])
    for encoding in ("utf-8", "utf-16"):
        content = changed(whole, name, lambda old, to=encoding: (prolog + old.partition(b"?>")[2]).decode().encode(to))
        with pytest.raises(BadInput, match="document type"):
            read(content)
    assert read(changed(whole, name, lambda old: old.partition(b"?>")[2] or old)) == [Row(2, ["1", "a"])]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'<row r="2"', b"<row>" * 100 + b'<row r="2"', "64 elements"),
        (b'<row r="2"', b"<row x='" + NOISE + b'\' r="2"', "tag of more"),
        (b'<row r="2"', b"<!--" + NOISE + b'--><row r="2"', "tag of more"),
        (b'r="B2"', b'r="XFE2"', "column 16,384"),
        (b'r="B2"', b'r="AAAA2"', "place"),
        (b'r="B2"', b'r="2"', "place"),
        (b'r="B2"', b'r="B2" s="x"', "damaged"),
        (b'r="B2" t="inlineStr"', b'r="B2" t="s"><v>7</v></c><c', "damaged"),
    ],
)
def test_xml_that_no_spreadsheet_writes_is_an_error(old: bytes, new: bytes, said: str) -> None:
    content = changed(
        workbook([["id", "Remarks"], [1, "a"]]), "xl/worksheets/sheet1.xml", lambda xml: replaced(xml, old, new)
    )
    with pytest.raises(BadInput, match=said) as error:
        read(content)
    assert len(str(error.value)) < 200


def replaced(xml: bytes, old: bytes, new: bytes) -> bytes:
    assert old in xml, xml
    return xml.replace(old, new, 1)


def test_a_row_of_millions_of_cells_is_never_held() -> None:
    import tracemalloc

    noise = random.Random(17)
    cells = b"".join(b"<c><v>%d</v></c>" % noise.randrange(10**9) for _ in range(1_000_000))
    content = changed(workbook([["id", "Remarks"], [1, "a"]]), "xl/worksheets/sheet1.xml",
                      lambda xml: replaced(xml, b"<row r=\"2\"", b"<row>" + cells + b"</row><row r=\"3\""))  # fmt: skip
    stream = io.BytesIO(content)
    tracemalloc.start()
    try:
        with pytest.raises(BadInput, match="column 16,384"):
            list(open_export("export.xlsx", stream, PLAIN, COLUMNS).rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 32 << 20


PACKAGE = "http://schemas.openxmlformats.org/package/2006"
NAMES = "xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main' xmlns:x='http://schemas.openxmlformats.org/spreadsheetml/2006/main'"
SHARED = f"""<?xml version="1.0"?><!-- shared --><sst {NAMES}>
<si><t>id</t></si><si><r><t>Rem</t></r><r><t>arks</t></r><rPh sb="0" eb="1"><t>phonetic</t></rPh></si>
<si><t xml:space="preserve"> line_x000D_
two &amp; _x0041_</t></si><si/></sst>"""
STYLES = f"""<styleSheet {NAMES}><numFmts><numFmt numFmtId="164" formatCode="[$-407]d\\.\\ mmmm\\ yyyy;@"/>
<numFmt numFmtId="165" formatCode="&quot;days &quot;0"/><numFmt numFmtId="166" formatCode="[h]:mm"/></numFmts>
<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>
<cellXfs><xf numFmtId="0"/><xf numFmtId="22"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/></cellXfs>
</styleSheet>"""
SHEET = f"""<x:worksheet {NAMES}><x:sheetData><x:row>
<x:c t="s"><x:v>0</x:v></x:c><x:c t="s"><x:v>1</x:v></x:c></x:row>
<x:row r="3"><x:c r="B3" t="s"><x:v>2</x:v></x:c><x:c r="A3" s="1"><x:v>40604.384780092594</x:v></x:c></x:row>
<x:row r="4"><x:c r="A4" s="2"><x:v>40604</x:v></x:c><x:c r="B4" t="str"><x:f>A1&amp;"x"</x:f><x:v>ix</x:v></x:c></x:row>
<x:row r="5"><x:c r="A5" s="3"><x:v>7</x:v></x:c><x:c r="B5" t="b"><x:v>1</x:v></x:c></x:row>
<x:row r="2"><x:c r="A2" s="4"><x:v>1.5</x:v></x:c><x:c r="B2" t="e"><x:v>#N/A</x:v></x:c></x:row>
<x:row><x:c t="s"><x:v>3</x:v></x:c><x:c t="inlineStr"><x:is><x:t>in</x:t></x:is></x:c></x:row>
</x:sheetData></x:worksheet>"""


def as_spreadsheets_write_it(from_1904: bool = False, charts: bool = True) -> bytes:
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    named = {
        "book": "sheet.main",
        "worksheets/sheet7": "worksheet",
        "sharedStrings": "sharedStrings",
        "styles": "styles",
    }
    overrides = "".join(
        f'<Override PartName="/xl/{part}.xml" '
        f'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.{what}+xml"/>'
        for part, what in named.items()
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">{overrides}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" '
        f'Type="{kind}/officeDocument" Target="/xl/book.xml"/></Relationships>',
        "xl/book.xml": f'<workbook {NAMES} xmlns:q="{kind}"><workbookPr date1904="{int(from_1904)}"/><sheets>'
        + '<sheet name="Charts" sheetId="1" q:id="r9"/>' * charts
        + '<sheet name="Answers" sheetId="2" q:id="r1"/></sheets></workbook>',
        "xl/_rels/book.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        + "".join(
            f'<Relationship Id="{number}" Type="{kind}/{what}" Target="{target}"/>'
            for number, what, target in (
                ("r1", "worksheet", "../xl/worksheets/sheet7.xml"), ("r2", "sharedStrings", "sharedStrings.xml"),
                ("r3", "styles", "styles.xml"), *([("r9", "chartsheet", "chart.xml")] * charts),
            )
        )
        + "</Relationships>",
        "xl/worksheets/sheet7.xml": SHEET,
        "xl/sharedStrings.xml": SHARED,
        "xl/styles.xml": STYLES,
    }  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return out.getvalue()


@pytest.mark.filterwarnings("ignore:Workbook contains no default style")
def test_what_spreadsheets_write_is_read_as_they_mean_it() -> None:
    content = as_spreadsheets_write_it()
    assert [(row.place, list(row.cells)) for row in read(content) if isinstance(row, Row)] == [
        (3, ["2011-03-02T09:14:05.000", " line\r\ntwo & A"]),
        (4, ["2011-03-02T00:00:00.000", "ix"]),
        (5, ["7", "TRUE"]),
        (6, ["1.5", "#N/A"]),
        (7, ["", "in"]),
    ]
    book = load_workbook(io.BytesIO(as_spreadsheets_write_it(charts=False)), data_only=True)
    assert book["Answers"]["A4"].value == datetime(2011, 3, 2)
    (first, *_) = read(as_spreadsheets_write_it(from_1904=True))
    assert isinstance(first, Row)
    assert first.cells[0] == "2015-03-03T09:14:05.000"


@given(st.datetimes(min_value=datetime(1905, 1, 1), max_value=datetime(2150, 1, 1)))
def test_times_are_those_that_were_written(moment: datetime) -> None:
    (row,) = read(workbook([["id"], [moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)]]))
    assert isinstance(row, Row)
    assert row.cells[0] == moment.isoformat(timespec="milliseconds")


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
    ("name", "limit"),
    [
        ("FILES_MAX", 3),
        ("SHEET_BYTES_MAX", 100),
        ("PART_BYTES_MAX", 50),
        ("TEXTS_BYTES_MAX", 100),
        ("ALL_BYTES_MAX", 1_000),
    ],
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
