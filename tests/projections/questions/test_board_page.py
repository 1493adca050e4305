"""Pages of the board: together they are the board, of one instant and one state of knowledge, however the book grows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest

from console.demo.survey import generate
from ledger.errors import BadInput, Refused
from ledger.instants import parse_instant
from ledger.programmes.registry import fact_from_object
from projections.questions.board import BoardRow, State, board
from projections.questions.board_page import Wanted, board_page, first_page, read_cursor
from tests.support.real_book import Projected, projected, real_book

AT_US = parse_instant("2012-09-15T08:30:00Z")
NOW_US = parse_instant("2014-01-01T00:00:00Z")


@pytest.fixture
def book() -> Iterator[Projected]:
    """A generated programme of 30 memberships, projected."""
    with real_book() as made, projected(made) as projections:
        made.now_us = NOW_US
        record(projections, 30, 3_000)
        yield projections


def record(projections: Projected, memberships: int, facts: int) -> None:
    taken = []
    for _, content in islice(generate(5, memberships=memberships), facts):
        try:
            taken.append(fact_from_object(content))
        except Refused:
            continue
    projections.book.record(taken)
    projections.catch_up()


def pages(projections: Projected, wanted: Wanted, limit: int) -> list[list[BoardRow]]:
    """All pages, each asked by the cursor of the one before."""
    found = []
    while True:
        with projections.view() as opened:
            page = board_page(opened, wanted, limit)
        found.append(list(page.memberships))
        if page.next is None:
            return found
        wanted = read_cursor(page.next)


@pytest.mark.parametrize("limit", [1, 7, 30, 1_000])
@pytest.mark.parametrize("state", [None, "losing", "eligible", "not-eligible"])
def test_pages_together_are_the_board_in_the_order_of_the_ids(book: Projected, limit: int, state: State | None) -> None:
    with book.view() as opened:
        rows = board(opened, AT_US, 90)
        known = opened.eligibility().position // 4
        earlier = board(opened, AT_US, 90, known)
    assert len(rows) > len(earlier) > 10
    for known_at, expected in ((None, rows), (known, earlier)):
        found = pages(book, first_page(AT_US, 90, known_at, state=state), limit)
        assert all(len(page) <= limit for page in found)
        assert [row for page in found for row in page] == sorted(
            (row for row in expected if state in (None, row.state)), key=lambda row: row.membership
        )


def test_what_is_looked_for_is_in_the_id_or_in_the_name_in_whatever_case(book: Projected) -> None:
    with book.view() as opened:
        rows = board(opened, AT_US, 90)
    some = rows[3]
    for search in (some.membership.upper(), some.name.lower(), some.name[2:6]):
        (page,) = pages(book, first_page(AT_US, 90, search=search), 100)
        assert some in page
        assert all(search.casefold() in f"{row.membership}\n{row.name}".casefold() for row in page)
    assert pages(book, first_page(AT_US, 90, search="% _"), 100) == [[]]


@pytest.mark.parametrize("search", ["zoe\u0308", "ZO\u00cb", "\uff3a\uff4f\u00eb", "stra\u00dfe", "STRASSE"])
def test_a_name_is_found_however_its_letters_were_written_down(book: Projected, search: str) -> None:
    enrolled = {
        "type": "enrol-membership", "id": "named", "membership": "m-named", "occurred_at": "2012-01-01T00:00:00Z",
        "name": "Zo\u00eb Stra\u00dfenbau", "level": "gold",
    }  # fmt: skip
    book.book.record([fact_from_object(enrolled)])
    book.catch_up()
    (page,) = pages(book, first_page(AT_US, 90, search=search), 100)
    assert [row.membership for row in page] == ["m-named"]


def test_the_pages_that_follow_are_of_the_board_that_the_first_was_of(book: Projected) -> None:
    with book.view() as opened:
        expected = sorted(board(opened, AT_US, 90), key=lambda row: row.membership)
        page = board_page(opened, first_page(AT_US, 90), 10)
    found = list(page.memberships)
    record(book, 40, 6_000)
    while page.next is not None:
        with book.view() as opened:
            page = board_page(opened, read_cursor(page.next), 10)
        found += page.memberships
    assert found == expected
    with book.view() as opened:
        assert len(board(opened, AT_US, 90)) > len(expected)


def test_a_page_passes_over_a_bounded_number_of_memberships(book: Projected, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.questions.board_page.LOOKED_AT_MAX", 4)
    monkeypatch.setattr("projections.survey.eligibility_reader.CHUNK", 5)
    with book.view() as opened:
        last = max(row.membership for row in board(opened, AT_US, 90))
    found = pages(book, first_page(AT_US, 90, search=last), 100)
    assert [len(page) for page in found if page] == [1]
    assert len(found) > 4
    (everything,) = pages(book, first_page(AT_US, 90), 100)
    assert len(everything) > 20


def test_a_cursor_that_is_none_is_an_error(book: Projected) -> None:
    with book.view() as opened:
        cursor = board_page(opened, first_page(AT_US, 90), 1).next or ""
    assert read_cursor(cursor).at_us == AT_US
    for spoilt in ("", cursor[:-5], cursor[3:], "e30", "bnVsbA", "é", "x" * 5_000, "W10"):
        with pytest.raises(BadInput, match="expected the `next` of a page"):
            read_cursor(spoilt)
