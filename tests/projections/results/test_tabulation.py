"""Every figure that is published, against a tabulation by brute force, as of its publication."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.oracle.survey.results import Oracle
from tests.projections.results.support import drawn_story, published

STORIES = {
    "seed": st.integers(0, 1 << 40), "memberships": st.integers(1, 12), "responses": st.integers(0, 300),
    "apart": st.integers(0, 8),
}  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(**STORIES)
@example(3641, 2, 11, 2)
def test_figures_are_those_of_a_brute_force_tabulation(seed: int, memberships: int, responses: int, apart: int) -> None:
    story = drawn_story(seed, memberships, responses, apart)
    oracle = Oracle(*story.floor)
    book = published(story, oracle)
    found: dict[object, list[object]] = {}
    for cell in book.cells():
        counts = cell.distribution or (cell.respondents, *(0,) * 10)
        found.setdefault((tuple(cell.key), cell.measure), []).append((counts, cell.partners))
    expected = {
        (key, measure): [(oracle.counts(measure, who), oracle.partners_of.get((key, measure), 0)) for who in versions]
        for (key, measure), versions in oracle.told.items()
        if versions
    }
    assert found == expected
    assert {(row.membership, row.period, row.question): row.place for row in book.places()} == oracle.places
