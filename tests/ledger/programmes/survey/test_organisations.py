"""Which names are known, fold alike and are one organisation; and what joins and separations do to the evidence."""

from __future__ import annotations

from typing import Any, Final
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger.programmes.survey.tally
from ledger.instants import DAY_US, parse_instant
from ledger.programmes.survey import regrouping
from ledger.programmes.survey.editions import Edition
from ledger.programmes.survey.organisations import Organisations
from ledger.programmes.survey.overview import Overview
from ledger.programmes.survey.regrouping import join, separate
from ledger.programmes.survey.tally import Evidence

NAMES: Final = tuple("abcdefgh")
BEGIN_US: Final = parse_instant("2010-06-15T00:00:00Z")
REGROUPINGS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=20)
"""A pair is joined, separated where it is joined, and passed over where other joins make it one."""
RESPONSES = st.lists(
    st.tuples(st.sampled_from(("Oslo", "Bergen")), st.sampled_from(NAMES), st.integers(0, 40)), max_size=40
)


def known(*names: str) -> Organisations:
    organisations = Organisations()
    for name in names:
        organisations.know(name)
    return organisations


def test_a_name_is_known_once_and_folds_like_those_before_it() -> None:
    organisations = known("Adatum", "ADATUM", "Fabrikam", "Adatum")
    assert list(organisations) == ["Adatum", "ADATUM", "Fabrikam"]
    assert list(organisations.alike("adatum")) == ["Adatum", "ADATUM"]
    assert list(organisations.alike("ADATUM")) == []
    assert list(organisations.alike("Contoso")) == []


def test_a_group_is_named_by_its_member_that_was_known_first() -> None:
    organisations = known("a", "b", "c", "d")
    organisations.join("c", "d")
    organisations.join("b", "d")
    assert [organisations.name_of(name) for name in "abcd"] == ["a", "b", "b", "b"]
    assert organisations.names_of("d") == ["b", "c", "d"]
    organisations.separate("d", "b")
    assert [organisations.name_of(name) for name in "abcd"] == ["a", "b", "c", "c"]


def test_a_separation_splits_a_group_and_each_part_is_named_anew() -> None:
    organisations = known(*NAMES)
    for one, other in ("ab", "bc", "cd", "de"):
        organisations.join(one, other)
    organisations.separate("b", "c")
    assert [organisations.names_of(name) for name in "ace"] == [["a", "b"], ["c", "d", "e"], ["c", "d", "e"]]


def test_the_joins_between_two_names_are_named() -> None:
    organisations = known(*NAMES)
    for one, other in ("ab", "cb", "cd", "be"):
        organisations.join(one, other)
    assert organisations.between("a", "d") == [("a", "b"), ("b", "c"), ("c", "d")]
    assert organisations.between("a", "f") is None


def test_names_that_come_and_go_leave_nothing_behind() -> None:
    organisations = known(*NAMES)
    organisations.join("a", "b")
    for _ in range(1_000):
        organisations.join("b", "c")
        organisations.separate("b", "c")
    assert len(organisations.groups["a"]._by_order) < 50
    assert organisations.names_of("c") == ["c"]


def plain_groups(joins: list[tuple[str, str]]) -> dict[str, set[str]]:
    found = {name: {name} for name in NAMES}
    for _ in joins:
        for one, other in joins:
            whole = found[one] | found[other]
            for name in whole:
                found[name] = whole
    return found


def regroup(evidence: Evidence, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What stands joined in the end."""
    organisations, joins = evidence.organisations, []
    for one, other in pairs:
        if organisations.joined(one, other):
            separate(evidence, one, other)
            joins = [pair for pair in joins if set(pair) != {one, other}]
        elif organisations.name_of(one) != organisations.name_of(other):
            join(evidence, one, other)
            joins.append((one, other))
    return joins


def evidence_of(responses: list[tuple[str, str, int]], order: tuple[str, ...] = NAMES) -> Evidence:
    evidence = Evidence()
    for location in ("Oslo", "Bergen"):
        evidence.add_location(location)
    for name in order:
        evidence.organisations.know(name)
    evidence.pooled()
    for seq, (location, name, day) in enumerate(responses, 1):
        evidence.add_response(location, name, BEGIN_US + day * DAY_US, seq, f"r-{seq}")
    return evidence


def contents(evidence: Evidence) -> Any:
    """What counts for each organisation, in each location and in all of them together."""
    return [
        {
            name: (list(receipts.instants), list(receipts.responses), list(receipts.expiries(3)))
            for name, receipts in pool.organisations.items()
            if receipts.instants
        }
        for pool in evidence.all_pools().values()
    ]


@pytest.mark.parametrize("one_by_one_max", [0, 1, 256])
@given(pairs=REGROUPINGS, responses=RESPONSES, later=RESPONSES, order=st.permutations(NAMES))
def test_whatever_is_joined_and_separated_what_counts_is_that_of_the_joins_that_stand(
    one_by_one_max: int,
    pairs: list[tuple[str, str]],
    responses: list[tuple[str, str, int]],
    later: list[tuple[str, str, int]],
    order: list[str],
) -> None:
    evidence = evidence_of(responses, tuple(order))
    contents(evidence)  # so that expiries are kept from here on
    with mock.patch.object(regrouping, "ONE_BY_ONE_MAX", one_by_one_max):
        joins = regroup(evidence, pairs)
    for seq, (location, name, day) in enumerate(later, 1_000):
        evidence.add_response(location, name, BEGIN_US + day * DAY_US, seq, f"r-{seq}")
    groups = plain_groups(joins)
    names = {name: min(groups[name], key=order.index) for name in NAMES}
    assert {name: evidence.organisations.name_of(name) for name in NAMES} == names
    assert {name: set(evidence.organisations.names_of(name)) for name in NAMES} == groups
    assert {frozenset(pair) for pair in evidence.organisations.joins()} == {frozenset(pair) for pair in joins}
    expected = evidence_of([])
    everything = [(seq, *one) for seq, one in [*enumerate(responses, 1), *enumerate(later, 1_000)]]
    for seq, location, name, day in everything:
        expected.add_response(location, names[name], BEGIN_US + day * DAY_US, seq, f"r-{seq}")
    assert contents(evidence) == contents(expected)


@pytest.mark.parametrize("pooled", [False, True])
@given(pairs=REGROUPINGS, responses=RESPONSES)
def test_an_overview_is_told_of_joins_and_separations(
    pooled: bool, pairs: list[tuple[str, str]], responses: list[tuple[str, str, int]]
) -> None:
    edition = Edition("small", BEGIN_US, 3, 2, 2, 1, 10, pooled)
    evidence = evidence_of(responses)
    with mock.patch.multiple(ledger.programmes.survey.tally, EFFORT_BASE=0, EFFORT_PER_RESPONSE=0):
        while evidence.overview(edition) is None:
            pass
    regroup(evidence, pairs)
    kept, anew = evidence.overview(edition), Overview(evidence.pools(edition), edition.figures)
    assert kept is not None
    for day in range(-1, 80):
        at_us = BEGIN_US + day * DAY_US
        assert kept.best(at_us) == anew.best(at_us)
        if anew.enough_at(at_us):
            assert kept.enough_until(at_us) == anew.enough_until(at_us)
        else:
            assert kept.enough_from(at_us) == anew.enough_from(at_us)


@given(pairs=REGROUPINGS, responses=RESPONSES, last=st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)))
def test_a_join_and_its_separation_give_back_what_was(
    pairs: list[tuple[str, str]], responses: list[tuple[str, str, int]], last: tuple[str, str]
) -> None:
    evidence = evidence_of(responses)
    regroup(evidence, pairs)
    if evidence.organisations.name_of(last[0]) == evidence.organisations.name_of(last[1]):
        return
    before = contents(evidence)
    spans = join(evidence, *last), separate(evidence, *last)
    assert contents(evidence) == before
    assert spans[0] == spans[1]


@given(pairs=REGROUPINGS, responses=RESPONSES, gone=st.integers(0, 40))
def test_a_response_is_taken_out_of_its_group(
    pairs: list[tuple[str, str]], responses: list[tuple[str, str, int]], gone: int
) -> None:
    if gone >= len(responses):
        return
    evidence, expected = evidence_of(responses), evidence_of(responses)
    location, name, day = responses[gone]
    regroup(evidence, pairs)
    evidence.remove_response(location, name, BEGIN_US + day * DAY_US, gone + 1)
    expected.remove_response(location, name, BEGIN_US + day * DAY_US, gone + 1)
    regroup(expected, pairs)
    assert contents(evidence) == contents(expected)
