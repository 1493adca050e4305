"""Lines come back in the order of their keys, and those with one key in the order in which they came."""

from __future__ import annotations

from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from console.cli.fact_files.sorted_lines import SortedLines


@given(st.lists(st.tuples(st.integers(-3, 3), st.binary(max_size=9))), st.integers(1, 40))
def test_lines_come_back_in_a_stable_order_however_many_runs_they_take(
    given_lines: list[tuple[int, bytes]], run_bytes: int
) -> None:
    lines = [(key, content.replace(b"\n", b" ") + b"\n") for key, content in given_lines]
    with ExitStack() as files:
        held = SortedLines(files, run_bytes)
        for key, line in lines:
            held.add(key, line)
        assert list(held) == [line for _, line in sorted(lines, key=lambda keyed: keyed[0])]


def test_files_are_gone_with_the_stack_that_they_were_opened_in() -> None:
    with ExitStack() as files:
        held = SortedLines(files, run_bytes=1)
        for number in range(3):
            held.add(-number, b"%d\n" % number)
        assert list(held) == [b"2\n", b"1\n", b"0\n"]
        runs = held._runs
        assert len(runs) == 3
    assert all(run.closed for run in runs)
