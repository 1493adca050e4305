"""JSON: a list of records, by itself or as a member of an object, or one record a line; in bounded memory.

A column is a member of a record, or the way to one inside of it, such as `answers.4a1b.textAnswers.answers.0.value`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, Final

import orjson

from console.cli.fact_files.byte_streams import joined
from console.cli.fact_files.lines import Line, Torn, read_lines
from console.cli.fact_files.values import Values
from console.importing.columns import ColumnRef
from console.importing.reading.rows import BadRow, Export, Row
from ledger.errors import BadInput
from ledger.fact import LINE_BYTES_MAX

HEAD_BYTES: Final = 1 << 20
"""Where the list is a member, it begins in these."""
_MEMBER: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:\s*\[|"(?:[^"\\]|\\.)*"|[{}\[\]]')
_MISSING: Final = object()


def open_json(file: str, stream: IO[bytes], columns: Sequence[ColumnRef], records: str | None) -> Export:
    """A file of JSON; `records` is the member that holds the list. Raises BadInput."""
    head = stream.read(HEAD_BYTES).removeprefix(b"\xef\xbb\xbf")
    start = head.lstrip()
    if start.startswith(b"["):
        lines, what = Values(file, joined(start, stream), spread=False).lines(), "a JSON list"
    elif records is not None and (place := _list_place(start, records)) is not None:
        lines, what = Values(file, joined(start[place:], stream), spread=False).lines(), f"JSON, the list {records!r}"
    elif start.startswith(b"{"):
        lines, what = read_lines(file, joined(head, stream)), "JSON lines"
    else:
        raise BadInput(f"{file}: found no JSON, expected a list of records, or one a line")
    in_list = what != "JSON lines"
    return Export(what, "record", (), _rows(lines, columns, in_list))


def _rows(lines: Iterator[Line], columns: Sequence[ColumnRef], in_list: bool) -> Iterator[Row | BadRow]:
    getters = [_getter(column) for column in columns]
    number = 0
    try:
        for line in lines:
            if in_list and not line.element:
                return  # the end of the list: what follows belongs to the object around it
            number += 1
            yield _row(number, line, getters)
    except Torn as error:
        raise BadInput(f"{error.message}") from None


def _row(number: int, line: Line, getters: Sequence[Callable[[dict[str, Any]], Any]]) -> Row | BadRow:
    if line.cut_from:
        return BadRow(number, "too-long", f"found {line.cut_from:,} bytes, expected at most {LINE_BYTES_MAX:,}")
    try:
        record = orjson.loads(line.content)
    except orjson.JSONDecodeError:
        return BadRow(number, "no-json", "found what is no JSON, expected an object")
    if not isinstance(record, dict):
        return BadRow(number, "no-record", "found what is no object, expected one")
    cells: list[str] = []
    for place, get in enumerate(getters, 1):
        text = _text(get(record))
        if text is None:
            return BadRow(
                number, "no-value", f"found a list or an object for wanted column {place}, expected text or a number"
            )
        cells.append(text)
    if not any(cells) and _says_something(record):
        return BadRow(
            number, "columns", "found an object with a value in none of the map's columns, expected one in some"
        )
    return Row(number, cells)


def _says_something(record: dict[str, Any]) -> bool:
    """Whether there is a text or a number in a record, however deep: one that says nothing anywhere is blank."""
    left: list[Any] = [record]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
        elif value is not None and value != "":
            return True
    return False


def _getter(column: ColumnRef) -> Callable[[dict[str, Any]], Any]:
    name = column.name
    if name is None or column.under is not None or column.nth is not None:
        raise BadInput(f"found {column} in a map for JSON, expected the name of a member, or the way to one")
    steps = name.split(".")

    def get(record: dict[str, Any]) -> Any:
        found: Any = record.get(name, _MISSING)
        if found is not _MISSING or len(steps) == 1:
            return None if found is _MISSING else found
        found = record
        for step in steps:
            if isinstance(found, dict):
                found = found.get(step)
            elif isinstance(found, list) and step.isascii() and step.isdigit() and int(step[:9]) < len(found):
                found = found[int(step[:9])]
            else:
                return None
        return found

    return get


def _text(value: Any) -> str | None:
    """A value as a cell; None for one that is none."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return None


def _list_place(head: bytes, member: str) -> int | None:
    """Where the list begins that is a member of the object at the beginning; None where there is none in the head."""
    depth = 0
    for found in _MEMBER.finditer(head):
        piece = found[0]
        if piece == b"{":
            depth += 1
        elif piece in (b"}", b"]"):
            depth -= 1
        elif piece == b"[":
            depth += 1
        elif piece.endswith(b"["):
            if depth == 1 and found[1] == member.encode():
                return found.end() - 1
            depth += 1
    return None
