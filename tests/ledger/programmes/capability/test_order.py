"""The order in which facts come makes no difference where they are not about the same thing.

Facts about one thing keep their order: reports under the same keys, what is said of one certificate or of the close of one
month, editions that take effect at one instant. All others are shuffled, and however they come the score at every (T, now)
is the same, and so are the folded announcements and what is decided then.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.programmes.capability.flips import next_change, score_at
from ledger.programmes.capability.outcome import decide_designation
from ledger.programmes.capability.state import Designation
from tests.ledger.programmes.capability.book import Book, micros
from tests.ledger.programmes.capability.test_against_the_text import told
from tests.ledger.programmes.capability.test_properties import NOW
from tests.oracle.capability.histories import AREA, history
from tests.oracle.capability_from_text.histories import histories
from tests.support.designations import easy_scorebook, side_by_side
from tests.support.real_book import some_folder
from tests.support.soak import scaled

Fact = dict[str, Any]
FIRST_US, LAST_US = micros(NOW.replace(year=2022)), micros(NOW.replace(year=2027))


def thing(fact: Fact) -> tuple[Any, ...]:
    """What a fact is about: two facts about different things commute."""
    where = fact.get("membership"), fact["area"]
    match fact["type"]:
        case "report-usage" | "report-revenue":
            keys = (fact["customer"], fact["workload"], fact["month"], fact["association"])
            return (*where, fact["type"], *keys)
        case "close-month" | "correct-close":
            return (*where, "close", fact["month"])
        case "record-certificate" | "end-certificate":
            return (*where, "certificate", fact["certificate"])
        case "publish-scorebook":
            return (*where, "edition", fact["effective_from"])
        case _:
            return (*where, fact["type"], fact.get("anniversary"))


def tell(book: Book, facts: list[Fact]) -> list[Fact]:
    """Tells facts until nothing more is accepted (usage waits for an edition with a rate); those that were.

    Where one waits, so do all later ones about the same thing: they keep their order.
    """
    accepted: list[Fact] = []
    left = facts
    while left:
        refused, waiting = [], set()
        for fact in left:
            status = "refused" if thing(fact) in waiting else told(book, fact)[0]
            if status == "accepted":
                accepted.append(fact)
            elif status == "refused":
                refused.append(fact)
                waiting.add(thing(fact))
        if len(refused) == len(left):
            break
        left = refused
    return accepted


def shuffled(random: Random, facts: list[Fact]) -> list[Fact]:
    """Another order, in which facts about one thing come as before, and openings before all else of their designation."""
    things: defaultdict[tuple[Any, ...], list[Fact]] = defaultdict(list)
    opening = [fact for fact in facts if fact["type"] == "open-designation"]
    areas = {fact["area"]: fact for fact in reversed(facts) if fact["type"] == "publish-scorebook"}
    first = [*areas.values(), *opening]
    for fact in facts:
        if fact not in first:
            things[thing(fact)].append(fact)
    return [*first, *side_by_side(random, list(things.values()))]


def everything(book: Book, membership: str, area: str) -> list[Any]:
    """The score at every instant at which it can change, what stands announced, and what is decided by now."""
    state, scorebook = book.state(membership, area), book.scorebook(area)
    at_us, scores = FIRST_US, []
    while at_us < LAST_US:
        scores.append((at_us, score_at(state, scorebook, at_us)))
        at_us = next_change(state, scorebook, at_us)
    said = [decide_designation(state, scorebook, day, micros(NOW)) for day in sorted(state.anniversaries)]
    return [scores, flips_of(state), said]


def flips_of(state: Designation) -> list[tuple[int, bool]]:
    found: list[tuple[int, bool]] = []
    for entry in state.announced:
        if entry.qualified != (bool(found) and found[-1][1]):
            found.append((entry.effective_us, entry.qualified))
    return found


def check(facts: list[Fact], seed: int) -> int:
    """Returns how many designations with something announced were compared."""
    facts = [fact for fact in facts if fact["type"] != "decide-designation"]
    with some_folder() as one_folder, some_folder() as other_folder:
        return compare([Book(one_folder, NOW), Book(other_folder, NOW)], facts, seed)


def compare(books: list[Book], facts: list[Fact], seed: int) -> int:
    try:
        accepted = tell(books[0], facts)
        again = shuffled(Random(seed), accepted)
        assert sorted(fact["id"] for fact in tell(books[1], again)) == sorted(fact["id"] for fact in accepted)
        for book in books:
            book.writer.review(LAST_US)
        compared = 0
        for membership, area in {(fact["membership"], fact["area"]) for fact in accepted if "membership" in fact}:
            one, other = (everything(book, membership, area) for book in books)
            assert one == other, (membership, area)
            compared += bool(one[1])
        return compared
    finally:
        for book in books:
            book.close()


@settings(max_examples=scaled(25), deadline=None, suppress_health_check=[*HealthCheck])
@given(histories(), st.integers(0, 10**9))
def test_histories_that_the_text_suggests_in_any_order(facts: list[Fact], seed: int) -> None:
    check(facts, seed)


def test_histories_that_nearly_qualify_in_any_order() -> None:
    seeds = range(7_000, 7_000 + scaled(25))
    assert sum(check(list(history(Random(seed), 50)), seed) for seed in seeds) > 8


def test_of_two_facts_about_one_thing_the_one_recorded_later_wins(tmp_path: Path) -> None:
    """That the order of these matters is why they keep it."""
    scores = []
    for name, amounts in (("one", (5, 20)), ("other", (20, 5))):
        (tmp_path / name).mkdir()
        book = Book(tmp_path / name, NOW)
        where = {"membership": "m-1", "area": AREA}
        at = "2024-03-01T00:00:00Z"
        keys = {"customer": "c-1", "workload": "alpha", "month": "2024-02", "association": "cpor"}
        begin = [
            easy_scorebook("first", "2022-12-15T00:00:00Z", AREA),
            {"type": "open-designation", "id": "o", "occurred_at": "2022-12-15T00:00:00Z", **where, "name": "C"},
            {"type": "close-month", "id": "c", "occurred_at": at, **where, "month": "2024-02"},
        ]
        reports = [
            {"type": "report-usage", "id": f"u-{units}", "occurred_at": at, **where, **keys, "units": units}
            for units in amounts
        ]
        assert len(tell(book, begin + reports)) == 5
        found = score_at(book.state("m-1", AREA), book.scorebook(AREA), micros(NOW))
        assert found.growth is not None
        scores.append(found.growth.mcv_milli)
        book.close()
    assert scores == [20_000, 5_000]
