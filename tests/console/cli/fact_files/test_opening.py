"""A file of facts is found out for what it is, and read as lines, in bounded memory and wherever its bytes are cut."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pytest

from console.cli.exits import Failure
from console.cli.fact_files.lines import KEPT_BYTES, Line, Torn
from console.cli.fact_files.opening import Facts, open_facts

FACTS = [
    {"id": f"f-{number}", "name": 'Müller "& [Söhne]" {\\', "list": [1, {"a": None}], "€": "𝄞"} for number in range(5)
]


class Dripping(io.BytesIO):
    """A pipe that gives a few bytes at a time."""

    def __init__(self, content: bytes, step: int) -> None:
        super().__init__(content)
        self._step = step

    def read1(self, size: int | None = -1, /) -> bytes:
        return super().read1(min(self._step, size) if size and size > 0 else self._step)


def opened(content: bytes, step: int = 1 << 20) -> Facts:
    return open_facts("facts", Dripping(content, step))


def values(content: bytes, step: int = 1 << 20) -> list[Any]:
    return [json.loads(line.content) for line in opened(content, step).lines]


AS_LINES = "\n".join(map(json.dumps, FACTS))
FORMS = {
    "JSON lines": AS_LINES,
    "JSON lines, not escaped": "\n".join(json.dumps(fact, ensure_ascii=False) for fact in FACTS),
    "an array in a line": json.dumps(FACTS),
    "an array, spread": json.dumps(FACTS, indent=2, ensure_ascii=False),
    "an array, a line each": "[\n" + ",\n".join(map(json.dumps, FACTS)) + "\n]\n",
    "two arrays": json.dumps(FACTS[:2]) + "\n" + json.dumps(FACTS[2:], indent=1),
    "an array, then lines": json.dumps(FACTS[:2]) + "\n" + "\n".join(map(json.dumps, FACTS[2:])),
    "objects, spread": "\n".join(json.dumps(fact, indent=4) for fact in FACTS),
    "objects, spread, with Windows' ends of lines": "\r\n".join(
        json.dumps(fact, indent=4).replace("\n", "\r\n") for fact in FACTS
    ),
    "blank lines before": "\n\n  \n" + json.dumps(FACTS),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_every_form_in_every_encoding_packed_or_not_gives_the_same_facts(form: str, encoding: str) -> None:
    content = FORMS[form].encode(encoding)
    if encoding == "utf-16-be":
        content = b"\xfe\xff" + content
    for written in (content, gzip.compress(content)):
        assert values(written) == FACTS
        assert values(written, 7) == FACTS


def test_what_was_found_is_said() -> None:
    text = json.dumps(FACTS).encode()
    assert opened(AS_LINES.encode()).found is None
    assert opened(AS_LINES.encode("utf-8-sig")).found is None
    assert opened(text).found == "a JSON array"
    assert opened(json.dumps(FACTS[0], indent=1).encode()).found == "pretty-printed JSON"
    assert opened(gzip.compress(AS_LINES.encode("utf-16"))).found == "compressed by gzip, in UTF-16-LE"
    assert opened("[1]".encode("utf-16-be")).found == "a JSON array, in UTF-16-BE"


def test_an_element_of_an_array_knows_its_line_and_its_number() -> None:
    lines = list(opened(b'[\n {"a":\n1},\n\n{"b": 2}, 3, "x,]",\n[4]\n]').lines)
    assert lines == [
        Line("facts", 2, b'{"a":\n1}', 1),
        Line("facts", 5, b'{"b": 2}', 2),
        Line("facts", 5, b"3", 3),
        Line("facts", 5, b'"x,]"', 4),
        Line("facts", 6, b"[4]", 5),
    ]
    assert lines[1].place == "facts:5 (element 2)"


@pytest.mark.parametrize(
    "text",
    [
        b'[{"a":1}',
        b'[{"a":1},',
        b'[{"a":1},]',
        b'[{"a":1} {"b":2}]',
        b'[,{"a":1}]',
        b'[{"a":1},{"b":"x]',
        b'[{"a":1}}',
    ],
)
def test_an_array_that_is_none_ends_with_where_and_keeps_what_came_before(text: bytes) -> None:
    found: list[Line] = []
    with pytest.raises(Torn, match="facts:"):
        found.extend(opened(text).lines)
    assert [line.content for line in found] == [b'{"a":1}'][: 0 if text.startswith(b"[,") else 1]


def test_gzip_that_breaks_off_is_torn_and_what_came_before_is_kept() -> None:
    packed = gzip.compress("".join(f'{{"n":{number}}}\n' for number in range(100_000)).encode())
    found: list[Line] = []
    with pytest.raises(Torn, match="gzip data that break off"):
        found.extend(opened(packed[: len(packed) // 2]).lines)
    assert len(found) > 1_000


def test_text_in_utf_16_that_is_none_is_refused_with_its_line_alone() -> None:
    content = b"\xff\xfe" + '{"a":1}\n{"b":"X"}\n{"c":3}'.encode("utf-16-le").replace(b"X\x00", b"\x00\xd8") + b"\x00"
    first, second, third = [line.content for line in opened(content).lines]
    assert first == b'{"a":1}\n'
    for broken in (second, third):
        with pytest.raises(UnicodeDecodeError):
            broken.decode()


def test_what_is_no_text_in_utf_32_costs_its_line_alone() -> None:
    lines = [f'{{"n":{number}}}\n'.encode("utf-32-le") for number in range(5)]
    lines[2] = lines[2][:8] + b"\xff\xff\xff\x7f" + lines[2][8:]
    found = [line.content for line in opened(b"\xff\xfe\x00\x00" + b"".join(lines) + b"{\x00").lines]
    assert [found[number] for number in (0, 1, 3, 4)] == [b'{"n":%d}\n' % number for number in (0, 1, 3, 4)]
    for broken in (found[2], found[5]):
        with pytest.raises(UnicodeDecodeError):
            broken.decode()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_files_put_together_may_each_begin_with_a_byte_order_mark(encoding: str) -> None:
    content = b"".join((json.dumps(fact) + "\n").encode(encoding) for fact in FACTS)
    for written in (content, gzip.compress(content)):
        assert values(written) == FACTS
        assert values(written, 7) == FACTS


def test_a_value_longer_than_a_fact_is_cut_and_the_next_is_whole() -> None:
    for text in (b'["%s", {"a": 1}]' % (b"x" * 300_000), b'[{"k": "%s"}, {"a": 1}]' % (b"\\\\" * 200_000)):
        long, short = opened(text, 65_537).lines
        assert len(long.content) == KEPT_BYTES
        assert long.cut_from == len(text) - len(b'[, {"a": 1}]')
        assert short.content == b'{"a": 1}'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"type,id,membership\nenrol-membership,f-1,m-1\n", "CSV with the columns type, id, membership"),
        (b'"type";"id"\r\n"a";"b"\r\n', "CSV with the columns type, id"),
        (b"type\tid\nx\ty\n", "CSV with the columns type, id"),
        ("Größe,Ort\n1,2\n".encode(), "CSV with the columns Größe, Ort"),
        ("type,id\nx,y\n".encode("utf-16"), "CSV with the columns type, id"),
        (b"PK\x03\x04\x14\x00\x00\x00", "a ZIP archive"),
        (b"SQLite format 3\x00\x10\x00", "an SQLite database"),
        (b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n", "an SQL dump"),
        (b"--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n", "an SQL dump"),
        (b"PGDMP\x01\x0e\x00", "a PostgreSQL dump"),
        (b"BZh91AY&SY", "a file compressed by bzip2"),
        (b"\xfd7zXZ\x00\x00\x04", "a file compressed by xz"),
        (b"<!DOCTYPE html>\n<html>", "XML or HTML"),
        (b"\x7fELF\x02\x01\x01\x00\x00\x00", "a binary file"),
    ],
)
def test_what_is_known_to_be_no_facts_is_named(content: bytes, said: str) -> None:
    for written in (content, gzip.compress(content)):
        with pytest.raises(Failure, match="expected JSON lines") as caught:
            opened(written)
        assert f"facts: found {said}" in caught.value.message


@pytest.mark.parametrize(
    "first", [b"nonsense", b'{"type":', b"a,b", b'"type": 1', b"\x00", b"[]", b"-- a note", b"<p>", b'{"a": {'],
)  # fmt: skip
def test_one_broken_line_is_refused_by_itself_be_it_the_first(first: bytes) -> None:
    lines = list(opened(first + b'\n{"a":1}\n{"b":2}\n').lines)
    assert [line.content for line in lines if line.content != first + b"\n"] == [b'{"a":1}\n', b'{"b":2}\n']


def test_the_first_line_of_a_pipe_is_not_kept_waiting_for_a_second() -> None:
    class Pipe(Dripping):
        def read1(self, size: int | None = -1, /) -> bytes:
            data = super().read1(size)
            assert data, "asked for more than is there"
            return data

    lines = open_facts("pipe", Pipe(b'{"type":"x"}\n', 5)).lines
    assert next(lines).content == b'{"type":"x"}\n'


def test_an_array_without_end_is_read_in_bounded_memory() -> None:
    """Whatever is read leaves as a value before much more is read."""
    ahead, most = 0, 0

    class Endless(Dripping):
        def read1(self, _size: int | None = -1, /) -> bytes:
            nonlocal ahead, most
            data = (b"[" if not most else b"") + b'{"id":"f-1","list":[1,2,3]},' * 1_000
            ahead += len(data)
            most = max(most, ahead)
            return data

    lines = open_facts("pipe", Endless(b"", 1)).lines
    for _ in range(100_000):
        ahead -= len(next(lines).content) + 1
    assert most < 300_000


def test_of_a_spreadsheet_it_is_said_that_its_rows_have_to_be_written_as_objects() -> None:
    with pytest.raises(Failure, match="of a spreadsheet write each row as an object with type, id"):
        opened(b"PK\x03\x04\x14\x00\x00\x00")
