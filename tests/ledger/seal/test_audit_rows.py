"""The audit's reading of rows in runs finds what the verifier's strict reading of each finds, and nothing else."""

from __future__ import annotations

import marshal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.errors import ProofError
from ledger.proof.event import FIRST_PREV, parse_event
from ledger.proof.merkle import leaf_hash
from ledger.proof.recheck import COUNT_FOR_NOTHING
from ledger.seal.audit_rows import RowsAudit
from ledger.seal.audit_streams import BLOCK_LENGTH_BYTES, Finding, Taken
from ledger.store.base import Row
from tests.ledger.seal.support import sqlite_ledger

FORMS = (
    (b'"actor":null', b'"actor":null,"actor":null'),
    (b'"actor":null', b'"actor":5'),
    (b'"actor":null', b'"actor":"\\u0041"'),
    (b'"seq":', b'"seq": '),
    (b'"seq":', b'"seq":1'),
    (b"T00:", b" 00:"),
    (b"T10:", b"t10:"),
    (b".000", b",000"),
    (b"0Z", b"0z"),
    (b'"data":{', b'"data":{"a":1.5,'),
    (b'"data":{', b'"data":{"a":[{"b":[1.5]}],'),
    (b'"data":{', b'"data":{"a":9223372036854775807,'),
    (b'"data":{', b'"data":{"a":9223372036854775808,'),
    (b'"data":{', b'"data":{"a":18446744073709551616,'),
    (b'"data":{', b'"data":{"a":-0,'),
    (b'"data":{', b'"data":{"a":1e2,'),
    (b'"data":{', b'"data":{"a":"\\ud800",'),
    (b'"data":{', b'"data":{"a":"\xff",'),
    (b'"data":{', b'"data":{"a":' + b"[" * 20 + b"]" * 20 + b","),
    (b'"data":{', b'"data":{"a":' + b"[" * 40 + b"]" * 40 + b","),
    (b'"data":{', b'"data":{"a":' + b"[" * 5_000 + b"]" * 5_000 + b","),
    (b'"data":{', b'"data":{"a":"' + b"x" * 70_000 + b'",'),
    (b'"data":{', b'"data":[{'),
    (b'"v":1}', b'"v":1,"w":1}'),
    (b'"v":1}', b'"v":2}'),
    (b'"v":1}', b'"v":true}'),
    (b'"v":1}', b'"v":1}\n'),
    (b'"v":1}', b'"v":1},{"v":1}'),
    (b"T1", b"T2"),
    (b"T0", b"T3"),
    (b"00Z", b"00+00:00"),
    (b"000Z", b"00Z"),
    (b"000000Z", b"0000000000Z"),
    (b"2010", "٢٠١٠".encode()),
    (b"2010-", b"0000-"),
)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """The rows of a small book."""
    with sqlite_ledger(tmp_path_factory.mktemp("book")) as ledger:
        read: list[Row] = ledger.store.read_feed(0, 1_000)
        return read


def expected(rows: list[Row]) -> tuple[set[int], list[Taken]]:
    """By the verifier: positions where something is wrong, and what the second pass needs of all others."""
    wrong: set[int] = set()
    taken: list[Taken] = []
    heads: dict[str, tuple[int, str]] = {}
    for position, stream, seq, type_name, stored in rows:
        head = heads.get(stream, (0, FIRST_PREV))
        heads[stream] = (seq, leaf_hash(stored).hex())
        try:
            event = parse_event(stored)
        except ProofError:
            wrong.add(position)
            continue
        if (event.stream, event.type, event.seq, event.prev) != (stream, type_name, seq, head[1]) or seq != head[0] + 1:
            wrong.add(position)
            continue
        taken.append((position, *event._replace(stream=stream, seq=seq)))
    return wrong, taken


def essence(taken: Taken) -> Any:
    """What the two ways of reading have to agree upon."""
    position, stream, seq, type_name, *rest = taken
    if len(rest) == 1:
        return position, stream, seq, type_name, rest[0]
    version, occurred_us, recorded_us, _, _, data, _ = rest
    if type_name in COUNT_FOR_NOTHING and version == 1:
        return position, stream, seq, type_name, occurred_us
    return position, stream, seq, type_name, version, occurred_us, recorded_us, data


def audited(rows: list[Row], folder: Path, run: int) -> tuple[list[Finding], list[Taken], list[bytes]]:
    findings: list[Finding] = []
    audit = RowsAudit([folder / "0", folder / "1"], findings)
    for path in (folder / "0", folder / "1"):
        path.write_bytes(b"")
    leaves = [leaf for at in range(0, len(rows), run) for leaf in audit.take(rows[at : at + run])]
    audit.spill(1)
    taken = list(audit.programme)
    for path in (folder / "0", folder / "1"):
        data = path.read_bytes()
        while data:
            end = BLOCK_LENGTH_BYTES + int.from_bytes(data[:BLOCK_LENGTH_BYTES], "big")
            taken += marshal.loads(data[BLOCK_LENGTH_BYTES:end])
            data = data[end:]
    return findings, sorted(taken), leaves


def require_the_same(rows: list[Row], folder: Path, run: int) -> None:
    wrong, taken = expected(rows)
    findings, found, leaves = audited(rows, folder, run)
    assert {int(finding.what.split()[1].rstrip(":")) for finding in findings} == wrong, findings
    assert [essence(one) for one in found if one[0] not in wrong] == [essence(one) for one in taken]
    assert leaves == [leaf_hash(row.stored) for row in rows]


@pytest.mark.parametrize("run", [1, 7, 256])
def test_a_sound_book(rows: list[Row], tmp_path: Path, run: int) -> None:
    wrong, taken = expected(rows)
    assert not wrong
    assert len(taken) == len(rows) > 20
    require_the_same(rows, tmp_path, run)


@pytest.mark.parametrize(("old", "new"), FORMS)
def test_an_event_in_another_form(rows: list[Row], tmp_path: Path, old: bytes, new: bytes) -> None:
    """The chain after it is as the forger would have it."""
    changed = 0
    for index in range(0, len(rows), 5):
        stored = rows[index].stored.replace(old, new)
        if stored != rows[index].stored:
            changed += 1
            require_the_same([*rows[:index], rows[index]._replace(stored=stored), *rows[index + 1 :]], tmp_path, 256)
    assert changed or old in (b"T0", b"T1")


@given(data=st.data(), run=st.sampled_from((1, 3, 256)))
def test_any_change(rows: list[Row], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, run: int) -> None:
    """Bytes put in, taken out or changed; columns that say something else; rows swapped or lost."""
    book = list(rows)
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(book) - 1))
        row = book[index]
        start = data.draw(st.integers(0, len(row.stored)))
        end = data.draw(st.integers(start, min(start + 3, len(row.stored))))
        put = data.draw(st.one_of(st.binary(max_size=3), st.sampled_from((b'"', b"}", b",", b"1", b".0", b" ", b"[]"))))
        change = data.draw(st.sampled_from(("bytes", "stream", "seq", "type", "lost")))
        if change == "bytes":
            book[index] = row._replace(stored=row.stored[:start] + put + row.stored[end:])
        elif change == "stream":
            book[index] = row._replace(stream="membership-m-2")
        elif change == "seq":
            book[index] = row._replace(seq=row.seq + 1)
        elif change == "type":
            book[index] = row._replace(type="ConsentGiven")
        else:
            del book[index]
    require_the_same(book, tmp_path_factory.getbasetemp(), run)
