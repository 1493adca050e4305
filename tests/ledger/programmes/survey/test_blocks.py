"""A list in blocks is a list."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.programmes.survey import blocks
from ledger.programmes.survey.blocks import BlockList, place_after, put


@pytest.fixture(autouse=True, scope="module")
def short_blocks() -> Iterator[None]:
    with mock.patch.multiple(blocks, BLOCK_MAX=4, LONG=6):
        yield


@given(
    st.lists(st.integers(0, 99), max_size=30), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 99)), max_size=40)
)
def test_whatever_is_put_in_and_taken_out_it_holds_what_a_list_holds(
    items: list[int], changes: list[tuple[int, int]]
) -> None:
    plain, found = list(items), BlockList(items)
    for place, item in changes:
        if item % 3 == 0 and plain:
            taken = place % len(plain)
            del plain[taken], found[taken]
        else:
            plain.insert(place, item)
            found.insert(place, item)
        assert len(found) == len(plain)
        assert list(found) == plain
    assert [found[place] for place in range(-len(plain), len(plain))] == plain + plain
    assert found[1:3] == plain[1:3]
    for beyond in (len(plain), -len(plain) - 1):
        with pytest.raises(IndexError):
            found[beyond]


@given(st.lists(st.integers(0, 20), max_size=40))
def test_a_list_that_becomes_long_goes_on_in_blocks_in_the_same_order(numbers: list[int]) -> None:
    items: list[int] = []
    kept = put(items, 0, 10)
    for number in numbers:
        assert place_after(kept, number) == bisect_right(list(kept), number)
        kept = put(kept, place_after(kept, number), number)
    assert list(kept) == sorted([*numbers, 10])


def test_only_what_is_put_into_the_middle_of_a_long_list_makes_it_one_in_blocks() -> None:
    items = [*range(6)]
    assert put(items, 6, 6) is items
    assert isinstance(put(items, 3, 3), BlockList)


def test_items_are_not_replaced_and_taken_out_one_by_one() -> None:
    found = BlockList([1, 2, 3])
    with pytest.raises(TypeError):
        found[0] = 5
    with pytest.raises(TypeError):
        del found[0:2]
