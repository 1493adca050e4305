"""JSON of every shape an export has: a list, a list in an object, records by lines; ugly ones are refused one by one."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.importing.columns import ColumnRef
from console.importing.mapping import Layout
from console.importing.reading.opening import open_export
from console.importing.reading.rows import BadRow, Row
from ledger.errors import BadInput

COLUMNS = [ColumnRef("id"), ColumnRef("a.b.0.value")]
LAYOUT = Layout(records="responses")
RECORDS: list[Any] = [
    {"id": 17, "a": {"b": [{"value": "x"}]}}, {"id": "18"}, {"id": None, "a": {"b": []}}, {"id": 2.5, "a.b.0.value": True},
    {"id": 3.0, "a": [1]},
]  # fmt: skip
READ = [["17", "x"], ["18", ""], ["", ""], ["2.5", "true"], ["3", ""]]


def read(content: bytes) -> list[Row | BadRow]:
    return list(open_export("export.json", io.BytesIO(content), LAYOUT, COLUMNS).rows)


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(RECORDS),
        json.dumps(RECORDS, indent=2),
        json.dumps({"formId": "[{\"responses\": [", "nested": {"responses": [1, [2]]}, "responses": RECORDS, "next": "["}),
        json.dumps({"responses": RECORDS, "more": [1, 2]}, indent=1),
        "\n".join(map(json.dumps, RECORDS)),
        "\ufeff" + "\n\n".join(map(json.dumps, RECORDS)) + "\n",
    ],
    ids=["list", "indented", "member", "member first", "lines", "lines with a mark"],
)  # fmt: skip
def test_records_are_read_in_every_shape(content: str) -> None:
    assert [row.cells for row in read(content.encode()) if isinstance(row, Row)] == READ


def test_a_record_that_is_wrong_is_refused_by_itself() -> None:
    content = '{"id":1}\n{"id":[1]}\nnonsense\n[2]\n{"id":2,"x":"' + "y" * 70_000 + '"}\n{"id":3}\n'
    rows = read(content.encode())
    assert [(row.place, row.code) for row in rows if isinstance(row, BadRow)] == [
        (2, "no-value"), (3, "no-json"), (4, "no-record"), (5, "too-long"),
    ]  # fmt: skip
    assert [row.cells[0] for row in rows if isinstance(row, Row)] == ["1", "3"]


def test_a_record_that_says_something_in_no_column_of_the_map_is_refused_and_not_blank() -> None:
    """As where a tool writes each record as a member of its own, or calls its members otherwise than the map does."""
    rows = read(
        b'{"Id":1}\n{"17":{"id":1}}\n{"id":null,"x":[[{"y":0}]]}\n{"id":"","x":[null,{"y":""}]}\n{}\n{"id":0}\n'
    )
    wrong = [(row.place, row.code) for row in rows if isinstance(row, BadRow)]
    assert wrong == [(1, "columns"), (2, "columns"), (3, "columns")]
    assert [row.cells for row in rows if isinstance(row, Row)] == [["", ""], ["", ""], ["0", ""]]


@pytest.mark.parametrize("content", ['{"responses": [{"id":1}, ', '[{"id":1}', '{"responses": [{"id":1} {"id":2}]}'])
def test_a_list_that_breaks_off_is_an_error_after_what_was_whole(content: str) -> None:
    rows = open_export("export.json", io.BytesIO(content.encode()), LAYOUT, COLUMNS).rows
    assert next(rows) == Row(1, ["1", ""])
    with pytest.raises(BadInput):
        next(rows)


@given(st.binary(max_size=200))
def test_any_bytes_are_records_or_an_error(content: bytes) -> None:
    for head in (b"[", b"{", b'{"responses": ['):
        try:
            read(head + content)
        except BadInput:
            continue


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_json_in_utf_16_is_named(encoding: str) -> None:
    with pytest.raises(BadInput, match="UTF-16"):
        read(json.dumps(RECORDS).encode(encoding))


def test_a_map_of_places_is_none_for_json() -> None:
    with pytest.raises(BadInput, match="for JSON"):
        list(open_export("x", io.BytesIO(b"[]"), LAYOUT, [ColumnRef(position=3)]).rows)
