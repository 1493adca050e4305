"""What is kept up from one position to another is what a look at every announcement gives, in whatever order it is asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections import net_changes as kept
from projections.net_changes import Announced, Source, net_changes
from projections.questions.overview import overview
from tests.support.books_of_both import Step, Told, books_of_both
from tests.support.real_book import projected, real_book
from tests.support.soak import scaled

OF = Announced(("membership",), "satisfied")
Row = tuple[str, int, int, int]
ANNOUNCED = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 8), st.booleans(), st.integers(1, 3)), max_size=60)


def rows_of(drawn: list[tuple[int, int, bool, int]]) -> list[Row]:
    """(membership, position, instant, whether it holds), with gaps between the positions."""
    rows, position = [], 0
    for membership, effective_us, holds, step in drawn:
        position += step
        rows.append((f"m-{membership}", position, effective_us, int(holds)))
    return rows


class Table:
    """Announcements in a table that grows, in a place that no other has."""

    def __init__(self, rows: list[Row], place: str | None = None) -> None:
        self.rows = rows
        self.end = 0
        self.statements: list[str] = []
        self.place = place or uuid4().hex
        self._connection = sqlite3.connect(":memory:")
        self._connection.execute(
            "CREATE TABLE announcements (membership TEXT, position BIGINT, effective_us BIGINT, satisfied INTEGER, "
            "PRIMARY KEY (membership, position)) WITHOUT ROWID"
        )

    def grow(self, end: int) -> None:
        """Those up to a position are there from now on."""
        new = [row for row in self.rows if self.end < row[1] <= end]
        self._connection.executemany("INSERT INTO announcements VALUES (?,?,?,?)", new)
        self.end = max(self.end, end)

    def query(self, statement: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        self.statements.append(statement)
        return self._connection.execute(statement, parameters).fetchall()

    def asked(self, known: int) -> list[tuple[int, int]]:
        return net_changes(Source(self.place, "announcements", self.query), OF, known, self.end)

    def anew(self, known: int) -> list[tuple[int, int]]:
        return net_changes(Source(None, "announcements", self.query), OF, known, self.end)

    def looked_at_all(self) -> bool:
        """Whether the last question looked at every announcement."""
        found = any("WITH announced" in one for one in self.statements)
        self.statements.clear()
        return found

    def close(self) -> None:
        self._connection.close()


@contextmanager
def table(rows: list[Row], place: str | None = None) -> Iterator[Table]:
    made = Table(rows, place)
    try:
        yield made
    finally:
        made.close()


def by_hand(rows: list[Row], known: int) -> list[tuple[int, int]]:
    """Instant by instant: how many hold then, and how many a moment before."""

    def number(at_us: int) -> int:
        standing: dict[str, dict[int, int]] = {}
        for membership, position, effective_us, holds in rows:
            if position <= known:
                of = standing.setdefault(membership, {})
                for later in [one for one in of if one >= effective_us]:
                    del of[later]
                of[effective_us] = holds
        return sum(of[max(one for one in of if one <= at_us)] for of in standing.values() if min(of) <= at_us)

    instants = sorted({effective_us for _, _, effective_us, _ in rows})
    found = [(one, number(one) - number(one - 1)) for one in instants]
    return [(instant_us, more) for instant_us, more in found if more]


@settings(max_examples=scaled(60), deadline=None)
@given(ANNOUNCED, st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 2, kept.TOUCHED_MAX]))
def test_what_is_kept_up_is_what_is_worked_out_anew_and_by_hand(
    drawn: list[tuple[int, int, bool, int]], seed: int, touched: int
) -> None:
    draw, rows = Random(seed), rows_of(drawn)
    before = kept.TOUCHED_MAX
    vars(kept)["TOUCHED_MAX"] = touched
    try:
        with table(rows) as found:
            for _ in range(12):
                found.grow(draw.randint(0, 190))
                known = draw.randint(0, found.end)
                assert found.asked(known) == found.anew(known) == by_hand(rows, known)
    finally:
        vars(kept)["TOUCHED_MAX"] = before


@settings(max_examples=scaled(12), deadline=None)
@given(books_of_both(), st.integers(0, 2**32 - 1))
def test_the_overview_is_the_same_while_a_book_of_both_programmes_grows(steps: list[Step], seed: int) -> None:
    draw = Random(seed)
    with real_book() as book, projected(book) as projections:
        told = Told(book)
        for step in steps:
            told.tell(step)
            if draw.random() < 0.3:
                projections.catch_up()
                with projections.view() as view:
                    known = draw.choice([None, draw.randint(0, view.eligibility().position)])
                    at_us = draw.randint(1_260_000_000, 1_740_000_000) * 1_000_000
                    found = overview(view, book.store, at_us, known)
                with projections.view() as view:
                    view.eligibility().place = view.designations().place = None
                    assert overview(view, book.store, at_us, known) == found


def test_a_new_position_costs_a_look_at_what_came_since(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(f"m-{number % 50}", number, number, number % 3 % 2) for number in range(1, 400)]
    with table(rows) as found:
        found.grow(300)
        found.asked(300)
        assert found.looked_at_all()
        for end in range(301, 330):
            found.grow(end)
            kept_up = found.asked(end)
            assert not found.looked_at_all()
            assert kept_up == found.anew(end)
            assert found.looked_at_all()
        kept_up = found.asked(290)
        assert not found.looked_at_all()
        assert kept_up == found.anew(290)
        assert found.looked_at_all()
        monkeypatch.setattr(kept, "TOUCHED_MAX", 3)
        assert found.asked(200) == by_hand(rows, 200)
        assert found.looked_at_all()


def test_what_is_remembered_of_a_book_is_not_taken_for_another_in_its_place() -> None:
    rows = [("m-1", 1, 10, 1), ("m-2", 2, 20, 1), ("m-1", 4, 30, 0)]
    others = [("m-1", 1, 10, 1), ("m-2", 3, 20, 1), ("m-1", 5, 40, 0)]
    with table(rows) as found:
        found.grow(4)
        assert found.asked(4) == by_hand(rows, 4)
        with table(others, found.place) as other:
            for end in (3, 4, 5, 6):
                other.grow(end)
                assert other.asked(end) == by_hand(others, end)
        assert found.asked(4) == by_hand(rows, 4)


def test_no_more_is_remembered_than_a_few_positions() -> None:
    rows = [("m-1", number, number, number % 2) for number in range(1, 100)]
    with table(rows) as found:
        found.grow(99)
        for known in range(1, 99):
            found.asked(known)
    assert len(kept._REMEMBERED) <= kept.REMEMBERED_MAX
