"""A body is the same lines however it is cut into parts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.http.fact_lines import KEPT_BYTES, FactLine, FactLines


def lines_of(parts: list[bytes]) -> list[FactLine]:
    cutter = FactLines()
    return [line for part in parts for line in cutter.feed(part)] + cutter.end()


@given(st.lists(st.text("ab \n\r{", max_size=40).map(str.encode), max_size=12))
def test_parts_make_no_difference(parts: list[bytes]) -> None:
    body = b"".join(parts)
    expected = [FactLine(number, line, len(line)) for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
    assert lines_of(parts) == expected
    assert lines_of([body]) == expected
    assert lines_of([bytes([byte]) for byte in body]) == expected


@given(st.integers(-3, 3), st.integers(1, 70_000))
def test_of_a_line_that_is_too_long_the_beginning_is_held_and_its_length_known(more: int, part: int) -> None:
    body = b"x" * (KEPT_BYTES + more) + b"\ny"
    first, second = lines_of([body[at : at + part] for at in range(0, len(body), part)])
    assert (first.number, first.size, first.content) == (
        1,
        KEPT_BYTES + more,
        body[: min(KEPT_BYTES, KEPT_BYTES + more)],
    )
    assert second == FactLine(2, b"y", 1)
