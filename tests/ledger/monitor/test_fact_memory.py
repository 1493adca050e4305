"""The ids of facts: none comes in twice, however many wait, and when they go into the tree."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from ledger.monitor import fact_memory
from ledger.monitor.fact_memory import TABLES, FactMemory


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        opened.executescript(TABLES)
        yield opened


def settled(facts: FactMemory) -> list[tuple[int, int]]:
    """What came twice, at the end of a round."""
    return sorted([*facts.keep_few(), *(one for some in facts.settle() for one in some)])


REPEATED = [(f"f-{number % 50}", number) for number in range(1, 151)]
TWICE = [(number, (number - 1) % 50 + 1) for number in range(51, 151)]


@pytest.mark.parametrize("piece", [1, 7, 60, 1_000])
@pytest.mark.parametrize("few", [0, 40, 1_000])
@pytest.mark.parametrize("rounds", [1, 3])
def test_each_repetition_is_named_beside_the_first(
    db: sqlite3.Connection, piece: int, few: int, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept in pieces, which wait or go in at once, in one round or several."""
    monkeypatch.setattr(fact_memory, "FEW", few)
    facts, found = FactMemory(db), list[tuple[int, int]]()
    for start in range(0, 150, 150 // rounds):
        of_round = REPEATED[start : start + 150 // rounds]
        for begin in range(0, len(of_round), piece):
            facts.add(of_round[begin : begin + piece])
            if piece < 100:
                facts.keep_waiting()
        found += settled(facts)
        assert not facts.are_waiting
    assert sorted((position, found_first) for position, found_first in found) == [
        (position, (position - 1) % 50 + 1) for position, _ in TWICE
    ]
    assert db.execute("SELECT count(*) FROM facts").fetchone() == (50,)


@pytest.mark.parametrize("fact", ["f-1", 'a "quoted" one', "µ", "\\", "x" * 200])
def test_an_id_is_any_text(db: sqlite3.Connection, fact: str) -> None:
    facts = FactMemory(db)
    facts.add([(fact, 1), ("another", 2), (fact + " ", 3)])
    assert settled(facts) == []
    facts.add([(fact, 4)])
    assert settled(facts) == [(4, 1)]


def test_what_is_not_taken_after_all_is_forgotten(db: sqlite3.Connection) -> None:
    facts = FactMemory(db)
    facts.add([("f-1", 1)])
    assert facts.are_waiting
    facts.forget_new()
    assert not facts.are_waiting
    facts.add([("f-1", 2)])
    assert settled(facts) == []
