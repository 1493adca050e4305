"""Refused facts as a question: pages with cursors, and counts by code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.errors import BadInput
from ledger.store.refusal_rows import NewRefusal, Verdict, Wanted
from ledger.store.sqlite import SQLiteStore
from projections.questions.refusals import RefusalCount, read_refusals_cursor, refusal_counts, refusals


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    """Seven refused facts of three codes, one of which is in the book by now."""
    with closing(SQLiteStore(tmp_path / "book.db")) as opened:
        with opened.keeping_refusals() as table:
            for number, code in enumerate(["org-mismatch", "consent-missing", "malformed", "consent-missing"] * 2):
                if number < 7:
                    table.keep([refusal(number, code)], 1_000_000 * number)
            (first,) = table.page(Wanted(facts=("f-0",)), 1)
            table.settle([Verdict(first, 17)], 9_000_000)
        yield opened


def refusal(number: int, code: str) -> NewRefusal:
    original = f'{{"id":"f-{number}"}}'
    digest = sha256(original.encode()).digest()
    return NewRefusal(digest, f"f-{number}", "x", "m-1", code, "why", None, "file:a", original, True)


def test_pages_hold_each_refusal_once_newest_first(store: SQLiteStore) -> None:
    first = refusals(store.refusals, Wanted(), None, 4)
    assert [one.id for one in first.refusals] == ["f-6", "f-5", "f-4", "f-3"]
    assert first.next is not None
    last = refusals(store.refusals, *read_refusals_cursor(first.next), 4)
    assert ([one.id for one in last.refusals], last.next) == (["f-2", "f-1"], None)


def test_a_page_that_is_just_full_has_no_next(store: SQLiteStore) -> None:
    assert refusals(store.refusals, Wanted(), None, 6).next is None


def test_a_cursor_holds_what_the_first_page_was_asked(store: SQLiteStore) -> None:
    wanted = Wanted(code="consent-missing", source="file:a", since_us=0, until_us=6_000_000, resolved=None)
    page = refusals(store.refusals, wanted, None, 1)
    assert [one.id for one in page.refusals] == ["f-5"]
    assert page.next is not None
    assert read_refusals_cursor(page.next)[0] == wanted


def test_what_is_resolved_says_where_and_shows_no_original(store: SQLiteStore) -> None:
    *_, oldest = refusals(store.refusals, Wanted(resolved=None), None, 10).refusals
    assert (oldest.id, oldest.resolved, oldest.original) == ("f-0", 17, None)
    assert oldest.first_refused_at == "1970-01-01T00:00:00.000000Z"


def test_counts_are_of_what_is_meant_beside_the_figures_of_each_code(store: SQLiteStore) -> None:
    counts = refusal_counts(store.refusals, Wanted()).codes
    at = "1970-01-01T00:00:0{}.000000Z"
    assert counts == (
        RefusalCount("consent-missing", 3, 3, at.format(5), 3, 0, 0, 0),
        RefusalCount("malformed", 2, 2, at.format(6), 2, 0, 0, 0),
        RefusalCount("org-mismatch", 1, 1, at.format(4), 2, 1, 0, 0),
    )
    (only,) = refusal_counts(store.refusals, Wanted(since_us=6_000_000)).codes
    assert (only.code, only.facts, only.given) == ("malformed", 1, 2)
    assert refusal_counts(store.refusals, Wanted(code="id-reused")).codes == ()


def test_a_code_of_which_nothing_is_kept_any_more_has_its_figures_still(store: SQLiteStore) -> None:
    with store.keeping_refusals() as table:
        table.expire(10_000_000)
    assert refusals(store.refusals, Wanted(resolved=None), None, 10).refusals == ()
    assert [
        (one.code, one.facts, one.refused_at, one.expired) for one in refusal_counts(store.refusals, Wanted()).codes
    ] == [
        ("consent-missing", 0, None, 3),
        ("malformed", 0, None, 2),
        ("org-mismatch", 0, None, 2),
    ]


@given(st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_-]{0,80}", fullmatch=True))
@example("W251bGwsbnVsbCxudWxsLG51bGwsdHJ1ZSw1XQ")
@example("W251bGwsbnVsbCxudWxsLG51bGwsMCw1XQ")
def test_what_is_no_cursor_is_said_to_be_none(text: str) -> None:
    with suppress(BadInput):
        wanted, below = read_refusals_cursor(text)
        assert wanted.resolved in (None, False)
        assert below > 0
