"""Reading events in runs finds what the verifier's strict reading of each finds, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.monitor import rows as reading
from ledger.monitor.rows import Leafed, read_rows
from ledger.proof.log.errors import ProofError
from ledger.proof.log.event import Event, parse_event
from ledger.proof.log.merkle import leaf_hash
from ledger.proof.log.strictjson import canonical, loads
from ledger.proof.programme import programme_of
from ledger.proof.registry import PROOF_PROGRAMMES
from ledger.proof.survey.recheck import COUNT_FOR_NOTHING
from ledger.seal.findings import Finding
from ledger.store.base import Row
from tests.ledger.seal.support import sqlite_ledger

FORMS = (
    (b'"actor":null', b'"actor":null,"actor":null'),
    (b'"actor":null', b'"actor":5'),
    (b'"actor":null', b'"actor":"\\u0041"'),
    (b'"seq":', b'"seq": '),
    (b'"seq":', b'"seq":1'),
    (b'"seq":1,', b'"seq":true,'),
    (b'"seq":1,', b'"seq":1.0,'),
    (b'{"actor":', b'{"author":'),
    (b'"stream":"membership-m-', b'"stream":"membership-n-'),
    (b"T00:", b" 00:"),
    (b"T10:", b"t10:"),
    (b".000", b",000"),
    (b"0Z", b"0z"),
    (b'"data":{', b'"data":{"zz":1,'),
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


def expected(rows: list[Row]) -> tuple[set[int], set[int], dict[int, Any]]:
    """By the verifier, and in canonical form: positions where something is wrong, those where the prev is no hash, which is
    found with the chain (`test_entries`) if not before, and what is said at all others."""
    wrong: set[int] = set()
    no_prev: set[int] = set()
    events: dict[int, Any] = {}
    for position, stream, seq, type_name, stored in rows:
        try:
            event = parse_event(stored)
        except ProofError as error:
            (no_prev if error.what.endswith("prev") else wrong).add(position)
            continue
        if canonical(loads(stored, "event", max_bytes=len(stored))) != stored:
            wrong.add(position)
            continue
        if (event.stream, event.type, event.seq) != (stream, type_name, seq):
            wrong.add(position)
            continue
        events[position] = essence(event)
    return wrong, no_prev, events


def essence(event: Event | int | None, name: str | None = None) -> Any:
    """What the two ways of reading have to agree upon: of what counts for nothing the instant, and whom it names."""
    if isinstance(event, int):
        return event, name
    if event is not None and event.type in COUNT_FOR_NOTHING and event.version == 1:
        return event.occurred_us, event.data.get("customer_org")
    return event


def require_the_same(rows: list[Row]) -> None:
    """Together in runs, as they are read: those of a long stream, and those of small ones of a programme."""
    streams: dict[str, list[Leafed]] = {}
    for row in rows:
        programme = programme_of(PROOF_PROGRAMMES, row.stream)
        group = row.stream if programme is None else programme.name
        leafed = (row.stream, row.seq, row.type, row.position, row.stored, leaf_hash(row.stored))
        streams.setdefault(group, []).append(leafed)
    wrong, no_prev, events = expected(rows)
    findings: list[Finding] = []
    found: dict[int, Any] = {}
    for together in streams.values():
        programme = programme_of(PROOF_PROGRAMMES, together[0][0])
        said = read_rows(together, findings, None if programme is None else programme.light)
        for leafed, event, label in zip(together, said.events, said.labels, strict=True):
            found[leafed[3]] = essence(event, label)
    positions = {int(finding.what.split()[1].rstrip(":")) for finding in findings}
    assert wrong <= positions <= wrong | no_prev, findings
    assert {position: event for position, event in found.items() if position in events} == events


@pytest.mark.parametrize("run", [1, 7, 256])
def test_a_sound_book(rows: list[Row], run: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "RUN", run)
    wrong, no_prev, events = expected(rows)
    assert not wrong | no_prev
    assert len(events) == len(rows) > 20
    require_the_same(rows)


@pytest.mark.parametrize(("old", "new"), FORMS)
def test_an_event_in_another_form(rows: list[Row], old: bytes, new: bytes) -> None:
    """The chain after it is as the forger would have it."""
    changed = 0
    for index in range(0, len(rows), 5):
        stored = rows[index].stored.replace(old, new)
        if stored != rows[index].stored:
            changed += 1
            require_the_same([*rows[:index], rows[index]._replace(stored=stored), *rows[index + 1 :]])
    assert changed or old in (b"T0", b"T1")


def test_an_event_without_what_came_before(rows: list[Row]) -> None:
    last = rows[-1]
    stored = re.sub(rb'"prev":"[0-9a-f]*"', b'"prev":null', last.stored)
    assert stored != last.stored
    require_the_same([*rows[:-1], last._replace(stored=stored)])


@given(data=st.data())
def test_any_change(rows: list[Row], data: st.DataObject) -> None:
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
    require_the_same(book)
