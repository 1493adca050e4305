"""Cursors: handed out, read back, and held against the book."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import BadInput, PositionUnknown
from ledger.event import leaf_hash
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store.cursor import BEGINNING, Cursor, cursor_at, cursor_of, parse_cursor, require_cursor
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer
from tests.console.support import met


@pytest.fixture
def book(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "book.db")
    Writer(store, lambda: 1_700_000_000_000_000, PROGRAMMES).record([fact_from_object(one) for one in met()])
    yield store
    store.close()


def test_a_cursor_is_the_position_and_the_first_digits_of_the_leaf_hash(book: SQLiteStore) -> None:
    for row in book.read_feed(0, 100):
        cursor = cursor_of(row)
        assert str(cursor) == f"{row.position}-{leaf_hash(row.stored)[:16]}"
        assert parse_cursor(str(cursor)) == cursor == cursor_at(book, row.position)
        require_cursor(book, cursor)


def test_the_beginning_is_in_every_book(book: SQLiteStore) -> None:
    assert str(BEGINNING) == "0"
    assert parse_cursor("0") == BEGINNING == cursor_at(book, 0)
    require_cursor(book, BEGINNING)


@pytest.mark.parametrize(
    "text",
    ["", "1", "0-0123456789abcdef", "01-0123456789abcdef", "1-0123456789abcde", "1-0123456789abcdef0", "1-0123456789ABCDEF",
     "-1-0123456789abcdef", "1-0123456789abcdef\n", "\u0661-0123456789abcdef",
     f"{10**18}-0123456789abcdef", "1_0123456789abcdef"],
)  # fmt: skip
def test_what_was_not_handed_out_is_no_cursor(text: str) -> None:
    with pytest.raises(BadInput, match="expected a cursor as it was handed out"):
        parse_cursor(text)


def test_the_place_of_another_book_is_unknown_with_both_sides(book: SQLiteStore) -> None:
    end = book.max_position()
    with pytest.raises(PositionUnknown, match=f"found position {end + 1} to go on from, expected at most {end}"):
        require_cursor(book, Cursor(end + 1, "0123456789abcdef"))
    there = cursor_at(book, end)
    assert there is not None
    with pytest.raises(PositionUnknown, match=f"found an event with leaf hash {there.head}.*expected 0123456789abcdef"):
        require_cursor(book, Cursor(end, "0123456789abcdef"))
