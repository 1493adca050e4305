"""Pages of decisions are the whole list, newest first, cut up: at any instant, as known at any position, of any choice."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadInput, UnknownMembership
from ledger.instants import END_US, parse_instant
from projections import decision_reader
from projections.questions.all_decisions import AnyDecisionTaken, all_decisions
from projections.questions.decisions import DecisionTaken
from projections.questions.decisions_page import OUTCOMES, Wanted, decisions_page, read_cursor
from projections.questions.view import View
from tests.console.support import enrolment
from tests.oracle.survey.time import instant
from tests.support.books_of_both import Step, Told, books_of_both
from tests.support.real_book import projected, real_book
from tests.support.soak import scaled


def pages_of(view: View, wanted: Wanted, limit: int) -> list[AnyDecisionTaken]:
    """The decisions of all pages; each page is asked with the cursor of the one before, as text."""
    found: list[AnyDecisionTaken] = []
    for _ in range(1_000):
        page = decisions_page(view, wanted, limit)
        assert len(page.decisions) <= limit
        found += page.decisions
        if page.next is None:
            return found
        following = read_cursor(page.next)
        assert following.below < wanted.below
        wanted = following
    raise AssertionError("the pages have no end")


def chosen_of(view: View, wanted: Wanted) -> list[AnyDecisionTaken]:
    """The same out of the whole list, by looking at each."""
    every = all_decisions(view, wanted.membership, None, wanted.at_us, wanted.known_at)
    return [
        one
        for one in reversed(every)
        if wanted.programme in (None, "survey" if isinstance(one, DecisionTaken) else "capability")
        and wanted.outcome in (None, one.outcome)
        and wanted.edition in (None, one.edition)
    ]


@settings(max_examples=scaled(20), deadline=None)
@given(books_of_both(), st.integers(0, 2**32 - 1), st.sampled_from([1, 3, decision_reader.LOOKED_AT_MAX]))
def test_the_pages_are_the_list_cut_up(steps: list[Step], seed: int, looked_at: int) -> None:
    draw, before = Random(seed), decision_reader.LOOKED_AT_MAX
    with real_book() as book, projected(book) as projections:
        told = Told(book)
        for step in steps:
            told.tell(step)
        projections.catch_up()
        vars(decision_reader)["LOOKED_AT_MAX"] = looked_at
        try:
            with projections.view() as view:
                every = all_decisions(view, None, None, END_US)
                for _ in range(12 if every else 1):
                    wanted = drawn(draw, every)
                    assert pages_of(view, wanted, draw.choice([1, 2, 100])) == chosen_of(view, wanted)
        finally:
            vars(decision_reader)["LOOKED_AT_MAX"] = before


def drawn(draw: Random, every: list[AnyDecisionTaken]) -> Wanted:
    """Choices about decisions that there are, some of which go together."""
    if not every:
        return Wanted()
    one, other = draw.choice(every), draw.choice(every)
    known: Any = draw.choice([None, other.position, other.position - 1])
    at_us = draw.choice([END_US, parse_instant(one.decided_at), parse_instant(one.decided_at) - 1])
    first = next(decision for decision in every if decision.membership == one.membership)
    return Wanted(
        at_us,
        known,
        one.membership if draw.random() < 0.3 and (known is None or known >= first.position) else None,
        draw.choice([None, None, "survey", "capability"]),
        draw.choice([None, None, one.outcome, draw.choice(OUTCOMES)]),
        draw.choice([None, None, one.edition]),
    )


def test_a_cursor_goes_on_with_the_list_as_it_was_however_the_book_grows() -> None:
    now = instant("2012-01-01T00:00:00Z")
    with real_book() as book, projected(book) as projections:
        for turn, membership in enumerate(("m-1", "m-2", "m-3")):
            for fact in [*enrolment(membership), decide(membership, turn)]:
                assert book.tell(fact, now)[0] == "accepted"
        projections.catch_up()
        with projections.view() as view:
            first = decisions_page(view, Wanted(), 2)
        assert [one.membership for one in first.decisions] == ["m-3", "m-2"]
        for fact in [*enrolment("m-4"), decide("m-4", 4)]:
            assert book.tell(fact, now)[0] == "accepted"
        projections.catch_up()
        with projections.view() as view:
            second = decisions_page(view, read_cursor(first.next or ""), 2)
            assert [one.membership for one in second.decisions] == ["m-1"]
            assert second.next is None
            assert [one.membership for one in decisions_page(view, Wanted(), 1).decisions] == ["m-4"]
            with pytest.raises(UnknownMembership):
                decisions_page(view, Wanted(membership="m-9"), 1)


def decide(membership: str, turn: int) -> dict[str, Any]:
    return {
        "type": "decide-renewal", "id": f"decided-{turn}", "membership": membership, "renewal_date": "2011-03-01",
        "occurred_at": "2011-03-01T00:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "!", "AA", "W10", "WzEsMiwzLDQsNSw2LDdd", "x" * 3_000, "WzAsMCwiLyIsbnVsbCxudWxsLG51bGwsMV0"]
)
def test_what_is_no_cursor_is_told_so(text: str) -> None:
    with pytest.raises(BadInput, match="cursor"):
        read_cursor(text)
