"""Steps: two whole numbers over time, each changing by steps, kept so that late steps cost little.

The steps stand in blocks of bounded size, in order. Every block knows the sum of its steps, and how low and how high they
lead within it. So the numbers at an instant are the sums of the blocks before it and a part of one block, and a search for
the instant at which a number reaches a bound passes over whole blocks: both cost about the square root of the number of
steps, wherever in time they are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final

BLOCK_MAX: Final = 256
"""Steps in a block; one that grows beyond that, and beyond twice the number of blocks, is cut in two."""

Step = tuple[int, int, int]
"""When, and by how much the first and the second number change."""


class _Block:
    """Some steps, at most one at each instant; `times`, `first` and `second` are parallel."""

    __slots__ = ("_ranges", "first", "second", "times")

    def __init__(self, times: list[int], first: list[int], second: list[int]) -> None:
        self.times, self.first, self.second = times, first, second
        self._ranges: tuple[int, int, int, int] | None = None

    def ranges(self) -> tuple[int, int, int, int]:
        """(lowest first, highest first, lowest second, highest second) after its steps, beside what holds before it."""
        if self._ranges is None:
            first, second = list(accumulate(self.first)), list(accumulate(self.second))
            self._ranges = min(first), max(first), min(second), max(second)
        return self._ranges

    def add(self, at_us: int, first: int, second: int) -> None:
        place = bisect_left(self.times, at_us)
        self._ranges = None
        if place == len(self.times) or self.times[place] != at_us:
            self.times.insert(place, at_us)
            self.first.insert(place, first)
            self.second.insert(place, second)
            return
        self.first[place] += first
        self.second[place] += second
        if not self.first[place] and not self.second[place]:
            del self.times[place], self.first[place], self.second[place]

    def cut(self) -> _Block:
        """Gives its second half away."""
        half = len(self.times) // 2
        other = _Block(self.times[half:], self.first[half:], self.second[half:])
        del self.times[half:], self.first[half:], self.second[half:]
        self._ranges = None
        return other


class Steps:
    """Two numbers over time, both 0 at the beginning."""

    __slots__ = ("_before", "_blocks", "_starts")

    def __init__(self, steps: Iterable[Step] = ()) -> None:
        merged: dict[int, tuple[int, int]] = {}
        for at_us, first, second in steps:
            known_first, known_second = merged.get(at_us, (0, 0))
            merged[at_us] = known_first + first, known_second + second
        ordered = [(at_us, *merged[at_us]) for at_us in sorted(merged) if merged[at_us] != (0, 0)]
        size = BLOCK_MAX // 2
        self._blocks = [
            _Block(*(list(column) for column in zip(*ordered[begin : begin + size], strict=True)))
            for begin in range(0, len(ordered), size)
        ]
        self._starts = [block.times[0] for block in self._blocks]
        self._before: tuple[list[int], list[int]] | None = None

    def __len__(self) -> int:
        return sum(len(block.times) for block in self._blocks)

    def __iter__(self) -> Iterator[Step]:
        for block in self._blocks:
            yield from zip(block.times, block.first, block.second, strict=True)

    def add(self, at_us: int, first: int, second: int = 0) -> None:
        """From `at_us` on the numbers are so much more."""
        if not first and not second:
            return
        self._before = None
        if not self._blocks:
            self._blocks, self._starts = [_Block([at_us], [first], [second])], [at_us]
            return
        place = max(0, bisect_right(self._starts, at_us) - 1)
        block = self._blocks[place]
        block.add(at_us, first, second)
        if not block.times:
            del self._blocks[place], self._starts[place]
            return
        self._starts[place] = block.times[0]
        if len(block.times) > BLOCK_MAX and len(block.times) > 2 * len(self._blocks):
            other = block.cut()
            self._blocks.insert(place + 1, other)
            self._starts.insert(place + 1, other.times[0])

    def at(self, at_us: int) -> tuple[int, int]:
        """The numbers at an instant."""
        place = bisect_right(self._starts, at_us) - 1
        if place < 0:
            return 0, 0
        block = self._blocks[place]
        end = bisect_right(block.times, at_us)
        first, second = self._sums()
        return first[place] + sum(block.first[:end]), second[place] + sum(block.second[:end])

    def highest(self, from_us: int, end_us: int) -> int:
        """The highest that the first number is in [from_us, end_us)."""
        found = self.at(from_us)[0]
        sums, _ = self._sums()
        begin, end = max(0, bisect_right(self._starts, from_us) - 1), bisect_left(self._starts, end_us)
        for place in range(begin, end):
            block = self._blocks[place]
            if block.times[0] >= from_us and block.times[-1] < end_us:
                found = max(found, sums[place] + block.ranges()[1])
                continue
            low, high = bisect_left(block.times, from_us), bisect_left(block.times, end_us)
            values = list(accumulate(block.first[:high], initial=sums[place]))[low + 1 :]
            found = max(found, max(values, default=found))
        return found

    def next_change(self, after_us: int, until_us: int, least: tuple[int, int], enough: bool) -> int | None:
        """The first instant in (after_us, until_us] at which both numbers reach `least`, or not any more, or None.

        `enough` is what holds at `after_us`.
        """
        least_first, least_second = least
        firsts, seconds = self._sums()
        place = max(0, bisect_right(self._starts, after_us) - 1)
        while place < len(self._blocks) and self._starts[place] <= until_us:
            block, first, second = self._blocks[place], firsts[place], seconds[place]
            low_first, high_first, low_second, high_second = block.ranges()
            if enough:
                possible = first + low_first < least_first or second + low_second < least_second
            else:
                possible = first + high_first >= least_first and second + high_second >= least_second
            if possible:
                for at_us, more_first, more_second in zip(block.times, block.first, block.second, strict=True):
                    first += more_first
                    second += more_second
                    if at_us > after_us and (first >= least_first and second >= least_second) != enough:
                        return at_us if at_us <= until_us else None
            place += 1
        return None

    def _sums(self) -> tuple[list[int], list[int]]:
        """What the numbers are before each block."""
        if self._before is None:
            self._before = (
                list(accumulate((sum(block.first) for block in self._blocks), initial=0)),
                list(accumulate((sum(block.second) for block in self._blocks), initial=0)),
            )
        return self._before
