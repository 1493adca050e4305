"""How much memory states at hand are held to take, and what keeping within a bound costs."""

from __future__ import annotations

import gc
import tracemalloc
from collections import OrderedDict
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from ledger import instants
from ledger.fact import Fact
from ledger.instants import format_instant, parse_instant
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.programmes.survey.state import Membership
from ledger.writing.loading import load_states
from ledger.writing.state_cache import StateCache
from ledger.writing.writer import Writer
from tests.ledger.writing.test_writer import NOW_US, enrolment, evaluation, fact
from tests.support.designations import NOW_US as LATER_US
from tests.support.designations import designation_facts
from tests.support.real_book import RealBook, real_book

MEMBERSHIPS = 12
FIRST_US = parse_instant("2010-02-01T00:00:00Z")


def response(member: int, number: int, organisation: int) -> Fact:
    name = f"{member}-{number}"
    return fact(
        "record-response", name, format_instant(FIRST_US + number * 3_600_000_000 + member),
        membership=f"m-{member}", response=f"r-{name}", customer_org=f"customer number {organisation}",
    )  # fmt: skip


def consent(member: int, number: int) -> Fact:
    name = f"{member}-{number}"
    who = {"subject": f"s-{name}", "customer_org": "adatum"}
    return fact("record-consent", name, "2010-02-01T00:00:00Z", membership=f"m-{member}", **who)


def invitation(member: int, number: int) -> Fact:
    name = f"{member}-{number}"
    who = {"subject": f"s-{name}", "customer_org": "adatum"}
    return fact(
        "record-invitation", name, "2010-02-02T00:00:00Z",
        membership=f"m-{member}", invitation=f"i-{name}", channel="operator", **who,
    )  # fmt: skip


SHAPES: dict[str, Callable[[int], list[Fact]]] = {
    "nothing but enrolled": lambda _: [],
    "one response": lambda member: [response(member, 0, 0)],
    "many of one organisation": lambda member: [response(member, number, 0) for number in range(200)],
    "many of a few": lambda member: [response(member, number, number % 5) for number in range(200)],
    "each of another": lambda member: [response(member, number, number) for number in range(60)],
    "invited": lambda member: [make(member, number) for make in (consent, invitation) for number in range(60)],
}


FEW_ASKED_FOR = {"each of another": 1.8}
"""Of so many organisations nobody asked when the responses of each expire, which would be kept."""


@pytest.mark.parametrize("shape", SHAPES)
def test_a_membership_is_held_to_take_what_it_takes_up_to_half_as_much_again(book: RealBook, shape: str) -> None:
    Writer(book.store, lambda: NOW_US, PROGRAMMES).record(
        [enrolment(member) for member in range(MEMBERSHIPS)]
        + [one for member in range(MEMBERSHIPS) for one in SHAPES[shape](member)]
    )
    fresh = Writer(book.store, lambda: NOW_US, PROGRAMMES)
    fresh.record([evaluation(0, "m-0")])
    more = [evaluation(member, f"m-{member}") for member in range(1, MEMBERSHIPS)]
    held, took = held_and_taken(fresh._cache, lambda: fresh.record(more))
    assert len(fresh._cache._states) == MEMBERSHIPS
    assert 0.9 * took < held < FEW_ASKED_FOR.get(shape, 1.5) * took, (held / MEMBERSHIPS, took / MEMBERSHIPS)


def test_a_designation_is_held_to_take_what_it_takes_up_to_half_as_much_again() -> None:
    with real_book() as book:
        members = [f"m-{one}" for one in range(6)]
        facts = [fact_from_object(one) for one in designation_facts(Random(3), members)]
        facts = [enrolment(one) for one in range(6)] + facts
        streams = sorted({one.stream for one in facts if one.stream.startswith("designation-")})
        assert "accepted" in {one.status for one in Writer(book.store, lambda: LATER_US, PROGRAMMES).record(facts)}
        cache = StateCache(PROGRAMMES, 1 << 30)
        with book.store.writing() as transaction:
            load_states(transaction, PROGRAMMES, cache, streams[:1])
            held, took = held_and_taken(cache, lambda: load_states(transaction, PROGRAMMES, cache, streams))
    assert len(cache._states) == len(streams) > 10
    assert 0.9 * took < held < 1.5 * took, (held / len(streams), took / len(streams))


def held_and_taken(cache: StateCache, act: Callable[[], object]) -> tuple[int, int]:
    """How many more bytes the states at hand are held to take after an act, and how many more are in use."""
    held = cache._bytes
    tracemalloc.start()
    try:
        taken = _taken()
        act()
        return cache._bytes - held, _taken() - taken
    finally:
        tracemalloc.stop()


def _taken() -> int:
    """Bytes in use, but for what is kept of instants that were read and belongs to no state."""
    instants.parse_instant.cache_clear()
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


class Walked(OrderedDict[str, Any]):
    """Counts how many of its keys were gone through."""

    steps = 0

    def __iter__(self) -> Iterator[str]:
        for key in super().__iter__():
            Walked.steps += 1
            yield key

    def items(self) -> Any:
        return ((key, self[key]) for key in self)


def test_to_make_room_for_one_state_the_others_are_not_gone_through(monkeypatch: pytest.MonkeyPatch) -> None:
    size = Membership().size_bytes
    cache = StateCache(PROGRAMMES, 500 * size)
    cache._states, cache._idle = Walked(), Walked()
    for number in range(1_500):
        cache.put(f"membership-{number}", Membership())
        cache.weigh(f"membership-{number}")
    cache.shrink()
    assert (len(cache._states), len(cache._idle)) == (500, 1_000)
    monkeypatch.setattr(Walked, "steps", 0)
    cache._bytes_max = 499 * size
    cache.shrink(in_use={"membership-1000"})
    assert (len(cache._states), len(cache._idle)) == (499, 1_001)
    assert cache.get("membership-1000") is not None
    assert "membership-1001" in cache._idle
    assert Walked.steps <= 6
