"""The overview of many locations says the same as counting each of them, and the ledger the same with it as without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.instants import DAY_US, parse_instant
from ledger.programmes.survey import overview, steps
from ledger.programmes.survey import tally as evidence
from ledger.programmes.survey.editions import Edition, Rulebook
from ledger.programmes.survey.flips import flip_or_quiet, is_satisfied, standing
from ledger.programmes.survey.overview import Overview
from ledger.programmes.survey.responses import Receipts
from ledger.programmes.survey.steps import Steps
from ledger.programmes.survey.tally import Evidence
from tests.ledger.programmes.survey.test_properties import bytes_of, retell
from tests.support.histories import History, histories
from tests.support.real_book import real_book
from tests.support.soak import scaled

BEGIN_US = parse_instant("2012-01-20T00:00:00Z")
END_US = BEGIN_US + 200 * DAY_US
DAYS = st.integers(0, 100)
NUDGES = st.sampled_from([0, 0, 1, DAY_US // 2])
FOUND = st.tuples(st.sampled_from("xyz"), st.sampled_from("abcdef"), DAYS, NUDGES, st.booleans())
EDITIONS = st.lists(
    st.builds(
        Edition,
        st.sampled_from(["e", "f", "g"]),
        st.integers(0, 60).map(lambda day: BEGIN_US + day * DAY_US),
        min_responses=st.integers(1, 5),
        per_org_cap=st.integers(0, 3),
        min_organisations=st.integers(0, 3),
        window_months=st.integers(1, 2),
        min_evaluations=st.just(99),
        pool_locations=st.booleans(),
    ),
    min_size=1,
    max_size=3,
)


@contextmanager
def always() -> Iterator[None]:
    """An overview from the first question on, in small blocks."""
    with (
        mock.patch.multiple(evidence, EFFORT_BASE=-99, EFFORT_PER_RESPONSE=-99),
        mock.patch.object(steps, "BLOCK_MAX", 2),
        mock.patch.object(overview, "BUCKETS", 3),
    ):
        yield


def told(found: list[tuple[str, str, int, int, bool]], rulebook: Rulebook, *, asked: bool) -> Evidence:
    """The same responses, some of them void again; where asked in between, overviews take in what comes."""
    held = Evidence()
    held.add_location("y")
    if asked:
        standing(held, rulebook, END_US)
    held.add_location("z")
    held.add_location("x")
    for seq, (location, organisation, day, nudge_us, _) in enumerate(found):
        held.add_response(location, organisation, BEGIN_US + day * DAY_US + nudge_us, seq, f"r{seq}")
        if asked:
            standing(held, rulebook, BEGIN_US + day * DAY_US)
    for seq, (location, organisation, day, nudge_us, void) in enumerate(found):
        if void:
            held.remove_response(location, organisation, BEGIN_US + day * DAY_US + nudge_us, seq)
    return held


@settings(max_examples=scaled(150), deadline=None)
@given(st.lists(FOUND, max_size=30), EDITIONS, st.lists(st.tuples(st.integers(0, 200), NUDGES), min_size=1, max_size=9))
def test_an_overview_says_what_counting_says(
    found: list[tuple[str, str, int, int, bool]], editions: list[Edition], moments: list[tuple[int, int]]
) -> None:
    rulebook = Rulebook(editions)
    plain = told(found, rulebook, asked=False)
    with always():
        kept = told(found, rulebook, asked=True)
        for day, nudge_us in moments:
            at_us = BEGIN_US + day * DAY_US + nudge_us
            with mock.patch.object(Evidence, "overview", return_value=None):
                expected = standing(plain, rulebook, at_us)
                satisfied = is_satisfied(plain, rulebook, at_us)
                flip_us = flip_or_quiet(plain, rulebook, at_us, satisfied, END_US)
            assert standing(kept, rulebook, at_us) == expected
            assert is_satisfied(kept, rulebook, at_us) == satisfied
            assert min(END_US, flip_or_quiet(kept, rulebook, at_us, satisfied, END_US)) == min(END_US, flip_us)


@settings(max_examples=scaled(40), deadline=None)
@given(histories(reviews=True, max_actions=25))
def test_the_book_is_the_same_with_overviews_and_without(history: History) -> None:
    with real_book() as plain:
        retell(history, plain)
        expected = bytes_of(plain)
    with always(), real_book() as book:
        retell(history, book)
        assert bytes_of(book) == expected


@settings(max_examples=scaled(150), deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(-2, 2), st.integers(-1, 1)), max_size=40),
    st.integers(0, 20),
    st.integers(0, 22),
    st.tuples(st.integers(-2, 3), st.integers(-1, 2)),
)
def test_steps_are_the_sums_of_what_was_added(
    added: list[tuple[int, int, int]], from_us: int, until_us: int, least: tuple[int, int]
) -> None:
    def plain(at_us: int) -> tuple[int, int]:
        return tuple(sum(step[1 + part] for step in added if step[0] <= at_us) for part in (0, 1))  # type: ignore[return-value]

    def reaches(at_us: int) -> bool:
        return all(value >= bound for value, bound in zip(plain(at_us), least, strict=True))

    with mock.patch.object(steps, "BLOCK_MAX", 2):
        one_by_one = Steps()
        for step in added:
            one_by_one.add(*step)
        for found in (one_by_one, Steps(added)):
            assert list(found) == list(Steps(added))
            assert len(found) == len(list(found))
            assert found.at(from_us) == plain(from_us)
            highest = max(plain(at_us)[0] for at_us in range(from_us, max(from_us + 1, until_us)))
            assert found.highest(from_us, until_us) == highest
            enough = reaches(from_us)
            changes = [at_us for at_us in range(from_us + 1, until_us + 1) if reaches(at_us) != enough]
            assert found.next_change(from_us, until_us, least, enough) == min(changes, default=None)


@settings(max_examples=scaled(150))
@given(st.lists(st.integers(0, 60), max_size=12), st.integers(0, 4), st.integers(0, 60), st.integers(0, 60))
def test_spans_below_a_cap_hold_every_instant_at_which_fewer_count(
    days: list[int], cap: int, first: int, end: int
) -> None:
    receipts = Receipts()
    for day in days:
        receipts.add(BEGIN_US + day * DAY_US)
    moments = range(BEGIN_US + first * DAY_US, BEGIN_US + end * DAY_US, DAY_US)
    spans = list(overview.spans_below(receipts, 1, cap, BEGIN_US + first * DAY_US, BEGIN_US + end * DAY_US))
    for at_us in moments:
        assert any(begin <= at_us < until for begin, until in spans) == (receipts.counting(at_us, 1) < cap)


def test_an_overview_is_made_only_once_it_has_been_missed() -> None:
    held, rulebook = Evidence(), Rulebook([Edition("e", BEGIN_US, 1, 1, 1, 1, 1, False)])
    for number in range(200):
        held.add_location(f"l{number}")
    with mock.patch.object(evidence, "Overview", wraps=Overview) as made:
        for _ in range(10):
            standing(held, rulebook, BEGIN_US)
        assert made.call_count == 0
        for _ in range(1_000):
            standing(held, rulebook, BEGIN_US)
        assert made.call_count == 1
