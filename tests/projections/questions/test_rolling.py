"""The rolling count is at every instant what `status` says of it, as known at any position."""

from __future__ import annotations

from bisect import bisect_right
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.instants import parse_instant
from projections.questions.rolling import rolling
from projections.questions.status import status
from tests.console.support import met
from tests.oracle.survey.time import instant
from tests.support.books_of_both import Step, Told, books_of_both
from tests.support.real_book import projected, real_book
from tests.support.soak import scaled

FIRST_US, LAST_US = (parse_instant(f"{year}-01-01T00:00:00Z") for year in (2008, 2030))


@settings(max_examples=scaled(20), deadline=None)
@given(books_of_both(), st.integers(0, 2**32 - 1))
def test_the_count_is_that_of_the_status_at_every_instant(steps: list[Step], seed: int) -> None:
    random = Random(seed)
    with real_book() as book, projected(book) as projections:
        told = Told(book)
        for step in steps:
            told.tell(step)
        projections.catch_up()
        with projections.view() as view:
            for chunk in view.eligibility().memberships():
                for name, _ in chunk:
                    known = random.choice([None, view.eligibility().position])
                    ends = sorted(random.randint(FIRST_US, LAST_US) for _ in range(2))
                    found = rolling(view, name, ends[0], known, *random.choice([(None, None), tuple(ends)]))
                    instants = [parse_instant(one.at) for one in found.points]
                    assert found.exact
                    assert instants == sorted(set(instants))
                    assert (found.points[0].at, found.points[-1].at) == (found.from_, found.to)
                    tried = [random.randint(instants[0], instants[-1]) for _ in range(4)]
                    tried += [random.choice(instants) + random.choice([-1, 0, 1]) for _ in range(4)]
                    for at_us in tried:
                        if not instants[0] <= at_us <= instants[-1]:
                            continue
                        point = found.points[bisect_right(instants, at_us) - 1]
                        there = status(view, name, at_us, known)
                        assert (point.counted, point.organisations, point.satisfied) == (
                            there.counted, there.organisations, there.satisfied,
                        )  # fmt: skip


def test_a_long_history_is_told_by_so_many_points_at_most_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.questions.rolling.POINTS_MAX", 5)
    with real_book() as book, projected(book) as projections:
        now = instant("2012-01-01T00:00:00Z")
        for one in met():
            assert book.tell(one, now)[0] == "accepted"
        projections.catch_up()
        with projections.view() as view:
            found = rolling(view, "m-1", FIRST_US, None, FIRST_US, LAST_US)
    assert not found.exact
    assert len(found.points) <= 5
    assert (found.points[0].at, found.points[-1].at) == (found.from_, found.to)
