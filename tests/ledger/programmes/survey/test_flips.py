"""The jumps of `counting` against walking step by step."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.instants import DAY_US, add_months, earliest_counting_us, midnight_us, parse_date
from ledger.programmes.survey.editions import Edition, Rulebook
from ledger.programmes.survey.flips import below_cap_hull, is_satisfied, next_flip, quiet_until, standing
from ledger.programmes.survey.responses import Pool, Receipts
from ledger.programmes.survey.tally import Evidence, Timeline
from tests.support.soak import scaled

START_US = midnight_us(parse_date("2012-01-28"))
DAYS = 130
instants = st.builds(
    lambda day, half, nudge: START_US + day * DAY_US + half * DAY_US // 2 + nudge,
    st.integers(0, DAYS),
    st.integers(0, 1),
    st.sampled_from((0, 0, 0, 1, -1)),
)


def receipts_of(received: list[int]) -> Receipts:
    receipts = Receipts()
    for instant in received:
        receipts.add(instant)
    return receipts


def counting_one_by_one(received: list[int], at_us: int, months: int) -> int:
    return len([one for one in received if one <= at_us < add_months(one, months)])


@settings(max_examples=scaled(200))
@given(st.lists(instants, max_size=14), st.lists(instants, min_size=1, max_size=4), st.integers(1, 3))
def test_two_binary_searches_count_what_a_loop_counts(received: list[int], at: list[int], months: int) -> None:
    receipts = receipts_of(received)
    for instant in at:
        assert receipts.counting(instant, months) == counting_one_by_one(received, instant, months)


@settings(max_examples=scaled(150))
@given(st.data(), st.lists(instants, min_size=1, max_size=14), st.lists(st.integers(1, 3), max_size=3))
def test_receipts_taken_out_leave_what_was_never_put_in(
    data: st.DataObject, received: list[int], windows: list[int]
) -> None:
    receipts = Receipts()
    for instant in received:
        receipts.add(instant)
        for months in windows:
            receipts.expiries(months)
    taken = data.draw(st.lists(st.sampled_from(range(len(received))), unique=True))
    for place in taken:
        receipts.remove(received[place])
    left = [instant for place, instant in enumerate(received) if place not in taken]
    assert receipts.instants == sorted(left)
    for months in windows:
        assert receipts.expiries(months) == sorted(add_months(instant, months) for instant in left)


@settings(max_examples=scaled(300))
@given(st.lists(instants, max_size=14), st.integers(1, 2), st.integers(1, 5), instants, st.integers(1, 60 * DAY_US))
def test_the_hull_holds_every_instant_below_the_cap_and_is_the_smallest_that_does(
    received: list[int], months: int, cap: int, first_us: int, length_us: int
) -> None:
    receipts, end_us = receipts_of(received), first_us + length_us
    changes = {*received, *(add_months(one, months) for one in received)}
    steps = [first_us, *sorted(instant for instant in changes if first_us < instant < end_us), end_us]
    below = [
        (step, following) for step, following in pairwise(steps) if counting_one_by_one(received, step, months) < cap
    ]
    expected = (below[0][0], below[-1][1]) if below else None
    assert below_cap_hull(receipts, months, cap, first_us, end_us) == expected


@st.composite
def situations(draw: Any) -> tuple[Evidence, Rulebook, list[int]]:
    """Evidence and a rulebook of small figures, and every instant at which something may change."""
    evidence = Evidence(locations={name: Pool() for name in ("Oslo", "Bergen")[: draw(st.integers(1, 2))]})
    received = draw(st.lists(st.tuples(instants, st.sampled_from("ab"), st.integers(0, 1)), max_size=12))
    for seq, (instant, organisation, place) in enumerate(received, start=1):
        location = list(evidence.locations)[place % len(evidence.locations)]
        evidence.add_response(location, organisation, instant, seq, f"r-{seq}")
    evaluated = draw(st.lists(instants, max_size=4))
    for instant in evaluated:
        evidence.evaluations.add(instant)
    learned = draw(st.lists(st.tuples(instants, st.booleans()), max_size=3))
    for order, (instant, holds) in enumerate(learned):
        evidence.learning.set(instant, order, holds)
    editions = [
        Edition(
            f"e-{number}",
            draw(st.one_of(instants, st.just(START_US - 300 * DAY_US))),
            draw(st.integers(1, 4)),
            draw(st.integers(1, 3)),
            draw(st.integers(1, 2)),
            draw(st.integers(1, 3)),
            draw(st.integers(1, 3)),
            draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 3)))
    ]
    changes = {edition.effective_us for edition in editions} | {instant for instant, _ in learned}
    for instant in [*(one[0] for one in received), *evaluated]:
        changes |= {instant, *(add_months(instant, months) for months in (1, 2, 3))}
    return evidence, Rulebook(editions), sorted(changes)


@settings(max_examples=scaled(300))
@given(situations(), instants)
def test_the_next_flip_is_the_one_that_walking_from_change_to_change_finds(
    situation: tuple[Evidence, Rulebook, list[int]], after_us: int
) -> None:
    evidence, rulebook, changes = situation
    until_us = START_US + 400 * DAY_US
    satisfied = is_satisfied(evidence, rulebook, after_us)
    later = [instant for instant in changes if instant > after_us]
    walked = [instant for instant in later if is_satisfied(evidence, rulebook, instant) != satisfied]
    expected = walked[0] if walked else None
    assert next_flip(evidence, rulebook, after_us, satisfied, until_us) == expected
    if expected is not None:
        assert next_flip(evidence, rulebook, after_us, satisfied, expected) == expected
        assert next_flip(evidence, rulebook, after_us, satisfied, expected - 1) is None
        assert after_us < quiet_until(evidence, rulebook, after_us, satisfied) <= expected
    if satisfied:
        with pytest.raises(ValueError, match="found enough at"):
            next_flip(evidence, rulebook, after_us, False, until_us)


@settings(max_examples=scaled(150))
@given(situations(), instants)
def test_where_a_membership_stands_agrees_with_whether_it_is_satisfied(
    situation: tuple[Evidence, Rulebook, list[int]], at_us: int
) -> None:
    evidence, rulebook, _ = situation
    assert standing(evidence, rulebook, at_us).satisfied == is_satisfied(evidence, rulebook, at_us)


@settings(max_examples=scaled(100))
@given(situations(), st.booleans(), st.data())
def test_the_pool_of_all_locations_is_the_same_whenever_it_is_first_asked_for(
    situation: tuple[Evidence, Rulebook, list[int]], early: bool, data: st.DataObject
) -> None:
    evidence, _, _ = situation
    told = [
        (location, organisation, received_us, seq)
        for location, pool in evidence.locations.items()
        for organisation, receipts in pool.organisations.items()
        for received_us, (seq, _) in zip(receipts.instants, receipts.responses, strict=True)
    ]
    if early:
        evidence.pooled()
    for location, organisation, received_us, seq in data.draw(st.permutations(told))[: len(told) // 2]:
        evidence.remove_response(location, organisation, received_us, seq)
    left = sorted(
        (received_us, seq)
        for pool in evidence.locations.values()
        for receipts in pool.organisations.values()
        for received_us, (seq, _) in zip(receipts.instants, receipts.responses, strict=True)
    )
    found = [
        (received_us, seq)
        for receipts in evidence.pooled().organisations.values()
        for received_us, (seq, _) in zip(receipts.instants, receipts.responses, strict=True)
    ]
    assert sorted(found) == left
    assert evidence.pooled().receipts.instants == [received_us for received_us, _ in left]
    for receipts in evidence.pooled().organisations.values():
        assert receipts.instants == sorted(receipts.instants)


@settings(max_examples=scaled(200))
@given(st.lists(st.tuples(instants, st.integers(0, 5)), max_size=6), instants)
def test_a_timeline_holds_the_latest_value_and_of_equal_instants_the_later_told(
    told: list[tuple[int, int]], at_us: int
) -> None:
    timeline: Timeline[int] = Timeline()
    for order, (since_us, value) in enumerate(told):
        timeline.set(since_us, order, value)
    expected = -1
    for since_us, value in sorted(told, key=lambda entry: entry[0]):
        if since_us <= at_us:
            expected = value
    assert timeline.at(at_us, -1) == expected
    assert timeline.next_entry(at_us) == min((since for since, _ in told if since > at_us), default=None)


@settings(max_examples=scaled(300))
@given(instants, st.integers(0, 1500), st.integers(1, 40), st.integers(1, DAY_US))
def test_nothing_received_before_the_earliest_counting_instant_counts(
    at_us: int, days: int, months: int, earlier_us: int
) -> None:
    received_us = earliest_counting_us(at_us, months) - days * DAY_US - earlier_us
    assert add_months(received_us, months) <= at_us
