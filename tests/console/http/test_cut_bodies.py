"""Bodies are cut into their elements byte for byte, and how long that takes is bounded whatever they hold."""

from __future__ import annotations

import asyncio
import json
import time
from io import BytesIO
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.cli.fact_files.values import Values
from console.http.bodies import JSON, NDJSON, elements_of, read_elements
from console.http.problems import Problem

TEXTS = st.text(st.sampled_from('a"\\[]{},: \n\u2028é😀'), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
MOST = 8 << 20
DEAR = {
    "numbers": (b"[" + b"1," * (MOST // 2) + b"1]", JSON),
    "empty objects": (b"[" + b"{}," * (MOST // 3) + b"{}]", JSON),
    "brackets in one element": (b"[[" + b"[]," * (MOST // 3) + b"[]]]", JSON),
    "brackets that go deep": (b"[" * MOST, JSON),
    "lines": (b"1\n" * (MOST // 2), NDJSON),
    "blank lines": (b"\n" * MOST, NDJSON),
}


@given(st.lists(VALUES, max_size=5), st.sampled_from([None, 1]), st.booleans())
def test_the_elements_of_an_array_are_its_bytes(array: list[Any], indent: int | None, ascii_only: bool) -> None:
    body = b" \n" + json.dumps(array, indent=indent, ensure_ascii=ascii_only).encode() + b"\t"
    numbered = elements_of(body, JSON)
    found = [element for _, element in numbered]
    assert [number for number, _ in numbered] == list(range(1, len(array) + 1))
    assert [orjson.loads(element) for element in found] == orjson.loads(body)
    assert found == [line.content for line in Values("body", BytesIO(body), False).lines()]
    assert asyncio.run(read_elements(body, JSON)) == numbered


def test_a_key_that_stands_twice_in_an_element_still_does() -> None:
    assert elements_of(b'[ {"a":1,"a":2} ,3]', JSON) == [(1, b'{"a":1,"a":2}'), (2, b"3")]


@pytest.mark.parametrize(("body", "media"), DEAR.values(), ids=DEAR.keys())
def test_a_body_of_many_small_values_is_turned_down_before_it_is_taken_apart(body: bytes, media: str) -> None:
    """Taken apart they were twenty seconds in which nobody else was answered."""
    began_s = time.process_time()
    with pytest.raises(Problem) as caught:
        elements_of(body, media)
    assert (caught.value.status, caught.value.code) == (413, "too-many")
    assert time.process_time() - began_s < 2.0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" * 1_010 + b"]" * 1_010, 400),
        (b"[1", 400),
        (b"[1,]", 400),
        (b"{}", 400),
        (b"\xff[]", 400),
        (b"[1,2,3]", 413),
    ],
)
def test_what_is_no_array_or_too_long_a_one_is_a_problem(body: bytes, status: int) -> None:
    with pytest.raises(Problem) as caught:
        elements_of(body, JSON, 2)
    assert caught.value.status == status


def test_a_long_body_is_cut_while_the_event_loop_goes_on() -> None:
    body = b"[" + b",".join([b'{"text":"' + b"x" * 100 + b'"}'] * 10_000) + b"]"

    async def cut() -> int:
        turns = 0
        task = asyncio.create_task(read_elements(body, JSON))
        while not task.done():
            turns += 1
            await asyncio.sleep(0)
        assert len(await task) == 10_000
        return turns

    assert asyncio.run(cut()) > 2
