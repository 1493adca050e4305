"""Who has every count that was ever published of a membership, and knows the rules, does not learn how many a withheld one is.

The attacker tries every programme: so many responses in each month. Those that would have published the very same, month after
month, are what it cannot tell apart. All is counted here by whole numbers alone; a test holds it against the oracle.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from projections.results.releasing import Floor
from tests.oracle.survey.results import Said
from tests.projections.results.support import MONTHS, Story, Told, told_by_brute_force

Published = frozenset[tuple[str, int]]
"""(period, responses) of each figure that a closing tells or tells anew."""


class State(NamedTuple):
    """How far a membership is: what waits of each month, and what is told of its life and of the present quarter's months."""

    waiting: tuple[int, ...] = ()
    life: int = 0
    quarter: int = 0


START = State()


def close(state: State, count: int, floor: int) -> tuple[State, Published]:
    """One month more, with so many responses."""
    waiting, told = [*state.waiting, count], dict[str, int]()
    month = len(waiting) - 1
    if month % 3 < 2:
        if count < floor:
            return state._replace(waiting=tuple(waiting)), frozenset()
        waiting[month] = 0
        return state._replace(waiting=tuple(waiting), quarter=state.quarter + count), frozenset(
            {(MONTHS[month], count)}
        )
    first, told_of_months = month - 2, state.quarter
    left = waiting[first:]
    whole = sum(left)
    if whole >= floor:
        parts = {first + place: number for place, number in enumerate(left) if number >= floor}
        rest = [number for place, number in enumerate(left) if number and first + place not in parts]
        if rest and parts and (sum(rest) < floor or set(rest) == {floor - 1}):
            del parts[min(parts, key=lambda one: (parts[one], one))]
        told |= {MONTHS[one]: number for one, number in parts.items()}
        waiting[first:] = [0, 0, 0]
        told[f"2010-Q{month // 3 + 1}"] = whole + told_of_months
    life = state.life + told_of_months + (whole if whole >= floor else 0)
    due = sum(waiting)
    in_quarters = [sum(waiting[start : start + 3]) for start in range(0, month, 3)]
    held = [number for number in in_quarters if number]
    keep = 1 if held and all(number == floor - 1 for number in held) else 0
    if due - keep >= floor:
        life += due - keep
        last = max(one for one, number in enumerate(waiting) if number)
        waiting = [keep if one == last else 0 for one in range(len(waiting))]
    if life != state.life:
        told["life"] = life
    return State(tuple(waiting), life), frozenset(told.items())


def published(counts: tuple[int, ...], floor: int) -> list[Published]:
    """What each closing publishes."""
    state, found = START, []
    for count in counts:
        state, told = close(state, count, floor)
        found.append(told)
    return found


def worlds(shown: list[Published], floor: int, most: int, state: State = START) -> Iterator[tuple[int, ...]]:
    """All programmes that publish the same, with at most so many responses a month."""
    if not shown:
        yield ()
        return
    for count in range(most + 1):
        after, told = close(state, count, floor)
        if told == shown[0]:
            for rest in worlds(shown[1:], floor, most, after):
                yield (count, *rest)


COUNTS = st.lists(st.integers(0, 8), min_size=6, max_size=6).map(tuple)


@settings(max_examples=100, deadline=None)
@given(COUNTS, st.sampled_from((3, 5)))
@example((4, 0, 0, 4, 0, 0), 5)
@example((4, 0, 0, 4, 0, 0), 3)
@example((2, 0, 0, 0, 2, 0), 3)
def test_the_attacker_counts_as_the_oracle_does(counts: tuple[int, ...], floor: int) -> None:
    told = [
        Told(Said("m-1", f"r-{month}-{number}", MONTHS[month], "a", "x", False, {}))
        for month, count in enumerate(counts)
        for number in range(count)
    ]
    story = Story(tuple(told), {}, ("2010-06",), Floor(floor, 3))
    shown: dict[str, set[tuple[str, int]]] = {month: set() for month in MONTHS[:6]}
    for month, (key, _), (of, _) in told_by_brute_force(story):
        if key[0] == "membership":
            shown[month].add((key[4], sum(of)))
    assert [frozenset(shown[month]) for month in MONTHS[:6]] == published(counts, floor)


@settings(max_examples=60, deadline=None)
@given(COUNTS, st.sampled_from((3, 5)))
@example((4, 0, 0, 4, 0, 0), 5)
@example((0, 0, 4, 4, 0, 0), 5)
@example((2, 0, 0, 0, 2, 0), 3)
@example((2, 2, 2, 2, 2, 2), 3)
@example((0, 0, 0, 2, 2, 8), 3)
def test_how_many_responses_a_withheld_figure_has_is_not_told(counts: tuple[int, ...], floor: int) -> None:
    shown = published(counts, floor)
    told = {period for one in shown for period, _ in one}
    # A month may have had all that was told of its quarter: less than that is no bound that the attacker has.
    same = list(worlds(shown, floor, max(3 * floor, sum(counts))))
    assert counts in same
    for month, count in enumerate(counts):
        if count and MONTHS[month] not in told:
            assert {other[month] for other in same} != {count}, f"{MONTHS[month]}: {count} are told by {shown}"
    for quarter in (0, 1):
        count = sum(counts[3 * quarter : 3 * quarter + 3])
        if count and f"2010-Q{quarter + 1}" not in told:
            found = {sum(other[3 * quarter : 3 * quarter + 3]) for other in same}
            assert found != {count}, f"quarter {quarter + 1}: {count} are told by {shown}"
