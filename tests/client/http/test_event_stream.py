"""Server-sent events as the standard has them, however the bytes are cut."""

from __future__ import annotations

import contextlib
import itertools
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csat_ledger_client.errors import BadAnswer
from csat_ledger_client.http.event_stream import EVENT_BYTES_MAX, EventReader, ServerEvent

STREAM = (
    '\ufeffretry: 2000\n\n: a comment\nid: 1-a\nevent: One\ndata: {"text":"a\u2028b"}\n\n'
    "event: Two\r\ndata: first\r\ndata:second\r\n\r\n"
    "id\rdata: without a name\r\runknown: x\ndata\n\n"
    "event: nothing is dispatched without data\n\n"
    "id: 3-c\ndata:  two spaces\n\nid: 4-d\ndata: the end of it does not come"
).encode()
EVENTS = [
    ServerEvent("One", '{"text":"a\u2028b"}', "1-a"),
    ServerEvent("Two", "first\nsecond", "1-a"),
    ServerEvent("message", "without a name", ""),
    ServerEvent("message", "", ""),
    ServerEvent("message", " two spaces", "3-c"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=40))
def test_the_events_are_the_same_however_the_bytes_are_cut(cuts: list[int]) -> None:
    reader = EventReader()
    places = [0, *sorted(cuts), len(STREAM)]
    found = [event for first, end in itertools.pairwise(places) for event in reader.take(STREAM[first:end])]
    assert found == EVENTS
    assert reader.retry_ms == 2_000


@given(st.binary(max_size=300))
def test_nothing_that_comes_is_a_fault(data: bytes) -> None:
    reader = EventReader("1-a")
    with contextlib.suppress(BadAnswer):
        list(reader.take(data))


@pytest.mark.parametrize("part", [b"data: ", b"", b"data: x\n"], ids=["one-line", "no-line", "many-lines"])
def test_what_never_becomes_an_event_does_not_fill_the_memory(part: bytes) -> None:
    reader = EventReader()
    filling = part if part.endswith(b"\n") else b"x" * 1_000
    list(reader.take(part))
    parts = repeat(filling, 2 * EVENT_BYTES_MAX // len(filling))
    with pytest.raises(BadAnswer, match=f"more than {EVENT_BYTES_MAX:,} bytes"):
        list(chain.from_iterable(map(reader.take, parts)))
