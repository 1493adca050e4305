"""Who has every table that was ever published, of all versions and downloads, and subtracts them from one another.

The unknowns are the respondents' answers; each published figure is an equation: the sum of those that it counts, for each of
the scores 0 to 10. Which respondents a figure counts, the attacker is given. Tests solve the equations exactly, over the
rationals, and show for each respondent a second set of answers that satisfies every one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle.survey.results import QUESTIONS, Oracle
from tests.projections.results.support import (
    SMALL,
    Story,
    drawn_story,
    published,
)
from tests.support.soak import scaled

STORIES = {
    "seed": st.integers(0, 1 << 40), "memberships": st.integers(1, 9), "responses": st.integers(10, 120),
    "apart": st.integers(0, 9),
}  # fmt: skip
Who = tuple[str, str]


def told(story: Story) -> Oracle:
    """What was told, as sets of respondents: the oracle, which says the same as what is published."""
    oracle = Oracle(*story.floor)
    book = published(story, oracle)
    figures = {(tuple(cell.key), cell.measure, cell.version): cell.distribution for cell in book.cells()}
    for (key, measure), versions in oracle.told.items():
        for number, who in enumerate(versions, 1):
            if measure != "responses":
                assert figures[key, measure, number] == oracle.counts(measure, who)
    return oracle


def columns(oracle: Oracle, measure: str) -> dict[Who, frozenset[int]]:
    """Of each respondent the figures, by number, that count its answer to a question."""
    figures = {who for (_, of), versions in oracle.told.items() if of == measure for who in versions}
    found: dict[Who, set[int]] = {}
    for number, who in enumerate(sorted(figures, key=sorted)):
        for one in who:
            found.setdefault(one, set()).add(number)
    return {one: frozenset(numbers) for one, numbers in found.items()}


def null_space(rows: Iterable[Sequence[int]], width: int) -> list[list[Fraction]]:
    """A basis of all vectors that each row is orthogonal to, exactly."""
    reduced: list[list[Fraction]] = []
    leads: list[int] = []
    for row in rows:
        left = [Fraction(value) for value in row]
        for lead, one in zip(leads, reduced, strict=True):
            if left[lead]:
                factor = left[lead]
                left = [value - factor * other for value, other in zip(left, one, strict=True)]
        lead = next((place for place, value in enumerate(left) if value), None)
        if lead is None:
            continue
        left = [value / left[lead] for value in left]
        for number, one in enumerate(reduced):
            if one[lead]:
                factor = one[lead]
                reduced[number] = [value - factor * other for value, other in zip(one, left, strict=True)]
        reduced.append(left)
        leads.append(lead)
    basis = []
    for free in set(range(width)) - set(leads):
        vector = [Fraction(0)] * width
        vector[free] = Fraction(1)
        for lead, one in zip(leads, reduced, strict=True):
            vector[lead] = -one[free]
        basis.append(vector)
    return basis


def dependent(vectors: Sequence[Sequence[Fraction]]) -> bool:
    """Whether some vectors are linearly dependent."""
    width = len(vectors[0]) if vectors else 0
    return len(null_space(zip(*vectors, strict=True), len(vectors)) if width else vectors) > 0


@settings(max_examples=scaled(12), deadline=None)
@given(**STORIES)
def test_no_combination_of_figures_is_of_fewer_respondents_than_the_floor(
    seed: int, memberships: int, responses: int, apart: int
) -> None:
    """A combination of figures is a vector that is orthogonal to the null space of the equations.

    It is of two respondents, or of one, just where their rows of a basis of the null space are linearly dependent.
    """
    oracle = told(drawn_story(seed, memberships, responses, apart))
    for measure in QUESTIONS[:2]:
        counted = columns(oracle, measure)
        people = sorted(counted)
        numbers = sorted(set().union(*counted.values()))
        basis = null_space(([int(number in counted[one]) for one in people] for number in numbers), len(people))
        of_each = {one: tuple(vector[place] for vector in basis) for place, one in enumerate(people)}
        directions: dict[tuple[Fraction, ...], Who] = {}
        for one, row in of_each.items():
            first = next((value for value in row if value), None)
            assert first is not None, f"{measure} of {one} alone is told by subtraction"
            direction = tuple(value / first for value in row)
            assert direction not in directions, f"{measure} of {one} and {directions[direction]} alone is told"
            directions[direction] = one


def test_the_solver_finds_what_is_told_of_one_and_of_two() -> None:
    three = [[1, 1, 1, 0], [0, 1, 1, 1], [1, 0, 0, 0]]
    basis = null_space(three, 4)
    rows = [tuple(vector[place] for vector in basis) for place in range(4)]
    assert not any(rows[0])  # the first is told outright, the last by the second figure less the first and it
    assert not any(rows[3])
    assert any(rows[1])
    assert any(rows[2])
    assert dependent([rows[1], rows[2]])  # together they are told
    assert not dependent([[Fraction(1), Fraction(0)], [Fraction(1), Fraction(1)]])


@settings(max_examples=scaled(20), deadline=None)
@given(**STORIES)
def test_each_respondent_may_have_answered_something_else(
    seed: int, memberships: int, responses: int, apart: int
) -> None:
    """Whatever can be concluded from all figures together, by equations or inequalities: it is nobody's answer."""
    oracle = told(drawn_story(seed, memberships, responses, apart))
    for measure in QUESTIONS[:2]:
        counted = columns(oracle, measure)
        groups: dict[frozenset[int], list[Who]] = {}
        for one, numbers in counted.items():
            groups.setdefault(numbers, []).append(one)
        figures = [(who, oracle.counts(measure, who)) for (_, of), versions in oracle.told.items() if of == measure
                   for who in versions]  # fmt: skip
        for alike in groups.values():
            assert len(alike) >= SMALL.respondents
            for one in alike:
                mine = oracle.answers[measure, one]
                other = next((two for two in alike if oracle.answers[measure, two] != mine), None)
                assert other is not None, f"all of {alike} are known to have answered {mine} to {measure}"
                theirs = oracle.answers[measure, other]
                oracle.answers[measure, one], oracle.answers[measure, other] = theirs, mine
                assert all(oracle.counts(measure, who) == counts for who, counts in figures)
                oracle.answers[measure, one], oracle.answers[measure, other] = mine, theirs
