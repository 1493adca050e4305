"""A pool looked at from its latest responses says the same as one whose organisations are counted one by one."""

from __future__ import annotations

from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.instants import DAY_US, add_months, parse_instant
from ledger.programmes.survey import responses as receipts
from ledger.programmes.survey.editions import Edition, Rulebook
from ledger.programmes.survey.flips import flip_or_quiet
from ledger.programmes.survey.responses import Pool
from ledger.programmes.survey.tally import Evidence

BEGIN_US = parse_instant("2011-12-20T00:00:00Z")
DAYS = st.integers(0, 150)
EDITIONS = st.builds(
    Edition,
    st.just("e"),
    st.just(BEGIN_US),
    min_responses=st.integers(1, 6),
    per_org_cap=st.integers(1, 3),
    min_organisations=st.integers(1, 4),
    window_months=st.integers(1, 2),
    min_evaluations=st.just(99),
    pool_locations=st.just(False),
)
RESPONSES = st.lists(st.tuples(st.sampled_from("abcdefgh"), DAYS, st.sampled_from([0, 1, DAY_US // 2])), max_size=40)


def pool_of(responses: list[tuple[str, int, int]]) -> Pool:
    pool = Pool()
    for seq, (organisation, day, offset_us) in enumerate(responses):
        pool.add(organisation, BEGIN_US + day * DAY_US + offset_us, seq, f"r{seq}")
    for seq, (organisation, day, offset_us) in enumerate(responses[::5]):
        pool.remove(organisation, BEGIN_US + day * DAY_US + offset_us, seq * 5)
    return pool


def plain_count(responses: list[tuple[str, int, int]], at_us: int, edition: Edition) -> tuple[int, int]:
    counts: dict[str, int] = {}
    for seq, (organisation, day, offset_us) in enumerate(responses):
        received_us = BEGIN_US + day * DAY_US + offset_us
        if seq % 5 and received_us <= at_us < add_months(received_us, edition.window_months):
            counts[organisation] = counts.get(organisation, 0) + 1
    return sum(min(edition.per_org_cap, count) for count in counts.values()), len(counts)


@settings(deadline=None, max_examples=200)
@given(RESPONSES, EDITIONS, st.integers(0, 260), st.sampled_from([0, 3, 256]))
def test_looking_back_and_counting_one_by_one_agree_with_a_plain_count(
    responses: list[tuple[str, int, int]], edition: Edition, day: int, look_back: int
) -> None:
    at_us = BEGIN_US + day * DAY_US
    pool = pool_of(responses)
    applied, organisations = plain_count(responses, at_us, edition)
    enough = applied >= edition.min_responses and organisations >= edition.min_organisations
    assert pool.count(at_us, edition) == (applied, organisations)
    for few in (0, 99):
        with mock.patch.multiple(receipts, FEW_ORGANISATIONS=few, LOOK_BACK_MAX=look_back):
            until_us = pool.satisfied_until(at_us, edition)
            assert (until_us is not None) == enough
            if until_us is not None:
                assert until_us > at_us
                for instant in {*pool.receipts.expiries(edition.window_months), until_us - 1}:
                    if at_us <= instant < until_us:
                        counted, senders = plain_count(responses, instant, edition)
                        assert counted >= edition.min_responses
                        assert senders >= edition.min_organisations


@settings(deadline=None, max_examples=100)
@given(RESPONSES, EDITIONS)
def test_flips_are_the_same_however_the_organisations_are_counted(
    responses: list[tuple[str, int, int]], edition: Edition
) -> None:
    held = Evidence(locations={"main": pool_of(responses)})
    rulebook = Rulebook([edition])
    end_us = BEGIN_US + 300 * DAY_US
    found = []
    for few, look_back in ((0, 256), (0, 2), (99, 256)):
        with mock.patch.multiple(receipts, FEW_ORGANISATIONS=few, LOOK_BACK_MAX=look_back):
            flips, satisfied = [], False
            instant = flip_or_quiet(held, rulebook, BEGIN_US - 1, satisfied, end_us)
            while instant <= end_us:
                flips.append(instant)
                satisfied = not satisfied
                instant = flip_or_quiet(held, rulebook, instant, satisfied, end_us)
            found.append(flips)
    assert found[0] == found[1] == found[2]
