"""A list in blocks: what a list is, but for what it costs to put something into the middle of a very long one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, MutableSequence
from itertools import accumulate, chain
from operator import itemgetter
from typing import Final, TypeVar, overload

BLOCK_MAX: Final = 16_384
LONG: Final = 65_536
"""So many items a plain list moves as quickly as a list in blocks finds its place."""

Item = TypeVar("Item")
_first = itemgetter(0)


class BlockList(MutableSequence[Item]):
    """Items by place. An item more or less moves those of its block, and the numbers of the blocks after it."""

    __slots__ = ("_blocks", "_length", "_starts")

    def __init__(self, items: Iterable[Item] = ()) -> None:
        everything, size = list(items), BLOCK_MAX // 2
        self._blocks = [everything[begin : begin + size] for begin in range(0, len(everything), size)] or [[]]
        self._length = len(everything)
        self._starts: list[int] | None = None

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Item]:
        return chain.from_iterable(self._blocks)

    @overload
    def __getitem__(self, place: int) -> Item: ...
    @overload
    def __getitem__(self, place: slice) -> list[Item]: ...
    def __getitem__(self, place: int | slice) -> Item | list[Item]:
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(self._length))]
        block, offset = self._find(place)
        return self._blocks[block][offset]

    @overload
    def __setitem__(self, place: int, item: Item) -> None: ...
    @overload
    def __setitem__(self, place: slice, item: Iterable[Item]) -> None: ...
    def __setitem__(self, place: int | slice, item: Item | Iterable[Item]) -> None:
        raise TypeError("items are put in and taken out, never replaced")

    def __delitem__(self, place: int | slice) -> None:
        if isinstance(place, slice):
            raise TypeError("items are taken out one by one")
        block, offset = self._find(place)
        del self._blocks[block][offset]
        if not self._blocks[block] and len(self._blocks) > 1:
            del self._blocks[block]
        self._length -= 1
        self._starts = None

    def insert(self, place: int, item: Item) -> None:
        """Puts an item before the one at a place from 0 to the length."""
        last = place >= self._length
        block, offset = (len(self._blocks) - 1, len(self._blocks[-1])) if last else self._find(place)
        items = self._blocks[block]
        items.insert(offset, item)
        self._length += 1
        if len(items) > BLOCK_MAX:
            half = len(items) // 2
            self._blocks.insert(block + 1, items[half:])
            del items[half:]
            self._starts = None
        elif not last:
            self._starts = None

    def place_after(self: BlockList[int], number: int) -> int:
        """The place after all that are not greater than a number, where the items are numbers in order."""
        if not self._length:
            return 0
        block = max(0, bisect_right(self._blocks, number, key=_first) - 1)
        return self._start(block) + bisect_right(self._blocks[block], number)

    def _start(self, block: int) -> int:
        if self._starts is None:
            self._starts = list(accumulate((len(items) for items in self._blocks[:-1]), initial=0))
        return self._starts[block]

    def _find(self, place: int) -> tuple[int, int]:
        if place < 0:
            place += self._length
        if not 0 <= place < self._length:
            raise IndexError(f"found place {place}, expected less than {self._length}")
        self._start(0)
        block = bisect_right(self._starts or (), place) - 1
        return block, place - self._start(block)


def place_after(items: MutableSequence[int], number: int) -> int:
    """`bisect_right` of a list or a list in blocks, where they are in order."""
    if isinstance(items, BlockList):
        return items.place_after(number)
    return bisect_right(items, number)


def put(items: MutableSequence[Item], place: int, item: Item) -> MutableSequence[Item]:
    """The list with an item put in at a place: the same list, or one in blocks in its stead where it has become long."""
    if len(items) >= LONG and place < len(items) and isinstance(items, list):
        items = BlockList(items)
    items.insert(place, item)
    return items
