"""The cases that pin the oracle by hand are told to the ledger as well, which must say the same of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from types import ModuleType
from typing import Any

import pytest

from tests.oracle.survey import test_announcements as test_oracle_announcements
from tests.oracle.survey import test_decisions as test_oracle_decisions
from tests.oracle.survey import test_organisations as test_oracle_organisations
from tests.oracle.survey import test_refusals as test_refusals_of_the_oracle
from tests.oracle.survey import test_status as test_oracle
from tests.oracle.survey.announcements import announcements
from tests.oracle.survey.book import Book
from tests.oracle.survey.decisions import LISTED_MAX, decided
from tests.oracle.survey.status import Oracle
from tests.oracle.survey.time import MICROSECOND
from tests.support.histories import edges
from tests.support.real_book import RealBook, real_book

MODULES = (
    *(test_oracle, test_oracle_announcements, test_oracle_decisions),
    *(test_oracle_organisations, test_refusals_of_the_oracle),
)
CLOCK_SET_BACK = ("test_a_renewal_is_not_due_while_the_ledgers_own_clock_has_not_reached_it",)
"""Cases in which the ledger would record nothing at all, because of its clock."""


class TellingOracle(Oracle):
    """Tells a real book whatever it is told itself."""

    def __init__(self, real: RealBook) -> None:
        super().__init__()
        self.real = real

    def record(self, fact: Any, now: datetime, known_spelling: bool = False) -> tuple[str, str | None]:
        said = super().record(fact, now, known_spelling)
        assert self.real.tell(fact, now, known_spelling) == said, fact
        return said

    def review(self, until: datetime) -> None:
        super().review(until)
        self.real.review(until)


def hand_cases() -> Iterator[Any]:
    for module in MODULES:
        for name, case in vars(module).items():
            is_parametrized = any(mark.name == "parametrize" for mark in getattr(case, "pytestmark", []))
            if name.startswith("test_") and callable(case) and not is_parametrized and name not in CLOCK_SET_BACK:
                yield pytest.param(module, case, id=name.removeprefix("test_"))


@pytest.mark.parametrize(("module", "case"), list(hand_cases()))
def test_the_ledger_says_the_same(
    module: ModuleType, case: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[TellingOracle] = []
    with ExitStack() as books:

        class ToldTwice(Book):
            @staticmethod
            def new_oracle() -> Oracle:
                told.append(TellingOracle(books.enter_context(real_book())))
                return told[-1]

        if hasattr(module, "Book"):
            monkeypatch.setattr(module, "Book", ToldTwice)
        case()
        assert told, "the case tells a ledger nothing"
        for oracle in told:
            for membership in oracle.memberships():
                same_in_the_end(oracle, oracle.real, membership)


def same_in_the_end(oracle: Oracle, real: RealBook, membership: str) -> None:
    """Announcements, decisions, and the status at every edge and beside it, with all known and with half."""
    assert real.announced(membership) == announcements(oracle, membership)
    first = oracle.facts_of(membership)[0].number
    for known in (None, (first + len(oracle.accepted)) // 2):
        for edge in edges(oracle, membership)[:16]:
            for at in (edge - MICROSECOND, edge):
                answer = real.status_from_stream(membership, at, real.position_of(known))
                said = {name: value for name, value in answer.items() if name not in ("at", "known_at")}
                assert said == oracle.status(membership, at, known)
    asked = {one.fact["id"]: one for one in oracle.facts_of(membership) if one.type == "decide-renewal"}
    for event in real.events(membership):
        if event.type == "RenewalDecided":
            one = asked[event.fact]
            expected = decided(oracle, membership, one.fact["renewal_date"], one.number)
            for side in ("applied", "left_out"):
                listed = [{name: value for name, value in line.items() if name != "seq"} for line in event.data[side]]
                assert listed == expected[side][:LISTED_MAX]
                assert event.data[f"{side}_total"] == len(expected[side])
