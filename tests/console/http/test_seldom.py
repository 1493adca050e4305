"""Remarks are told once in a while, each kind by itself."""

from __future__ import annotations

from console.http.seldom import KINDS_MAX, Seldom


def test_a_remark_that_differs_in_figures_alone_is_told_once_in_a_while() -> None:
    told: list[str] = []
    seldom = Seldom(told.append)
    for number in range(1_000, 1_100):
        seldom(f"the projections are {number:,} behind the book")
    seldom("something else")
    assert told == ["the projections are 1,000 behind the book", "something else"]


def test_it_is_told_again_after_a_while() -> None:
    told: list[str] = []
    seldom = Seldom(told.append, again_s=0.0)
    seldom("a remark")
    seldom("a remark")
    assert told == ["a remark"] * 2


def test_the_kinds_that_are_remembered_are_bounded() -> None:
    told: list[str] = []
    seldom = Seldom(told.append)
    for number in range(KINDS_MAX + 1):
        seldom("x" * number)
    seldom("")
    assert len(told) == KINDS_MAX + 2
