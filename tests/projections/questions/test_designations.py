"""The board, history and decisions of designations over random books, at random (T, K), against the oracle of the text."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import UnknownDesignation
from ledger.instants import END_US
from projections.questions.answer import plain
from projections.questions.designation_decisions import designation_decisions
from projections.questions.designation_history import designation_history
from projections.questions.designation_replay import DesignationCheck, designation_replay
from projections.questions.designations import designations
from tests.ledger.programmes.capability.book import micros
from tests.oracle.capability.histories import history
from tests.oracle.capability_from_text import board
from tests.oracle.capability_from_text.announcements import announcements, fold
from tests.oracle.capability_from_text.book import Book as OracleBook
from tests.oracle.capability_from_text.calendar import a_year_on
from tests.oracle.capability_from_text.decisions import window_of
from tests.oracle.capability_from_text.histories import histories
from tests.oracle.capability_from_text.score import flips, instants, state
from tests.oracle.survey.time import instant, stamp, start_of
from tests.projections.capability.support import NOW
from tests.projections.capability.view_book import ViewBook, view_book
from tests.support.real_book import some_folder
from tests.support.soak import scaled

EVERY_STATE = {"enrolled", "renewal-due", "qualified", "in-progress"}


def telling_instants(oracle: OracleBook, known: int) -> tuple[list[datetime], list[datetime]]:
    """Every instant at which a line of the board can become another: by its score, and by its decisions."""
    by_score: set[datetime] = set()
    by_decision: set[datetime] = set()
    for membership, area in oracle.designations(known):
        by_score.update(instants(oracle, membership, area, known))
        for day in oracle.anniversaries(membership, area, known):
            by_decision |= {start_of(day), a_year_on(day), *window_of(oracle, area, day, known)}
            by_decision |= {one.occurred_at for one in oracle.decisions(membership, area, day, known)}
    return sorted(by_score), sorted(by_decision)


def decided_later(random: Random, oracle: OracleBook) -> list[dict[str, Any]]:
    """Facts that set anniversaries around the times at which designations are qualified, and decide some of them."""
    facts: list[dict[str, Any]] = []
    for membership, area in oracle.designations():
        qualified = [moment for moment, holds in flips(oracle, membership, area) if holds]
        if not qualified:
            continue
        moment = random.choice(qualified)
        about = {"membership": membership, "area": area}
        for number in range(3):
            day = (moment + timedelta(days=random.randint(0, 150) + random.choice([0, 0, 200, 400]))).date().isoformat()
            facts.append({"type": "set-anniversary", "occurred_at": stamp(moment), "anniversary": day, **about})
            for _ in range(random.choice([0, 1, 2])):
                at = min(NOW, moment + timedelta(days=random.choice([0, 1, 30, 200, 400]) * (number + 1)))
                facts.append({"type": "decide-designation", "occurred_at": stamp(at), "anniversary": day, **about})
    return [{**fact, "id": f"later-{number}"} for number, fact in enumerate(facts)]


def some_questions(random: Random, oracle: OracleBook, number: int) -> list[tuple[datetime, int]]:
    questions = []
    end = len(oracle.accepted)
    for _ in range(number):
        known = random.choice([end, end, random.randint(0, end)])
        moments = random.choice(telling_instants(oracle, known)) or [instant("2024-01-01T00:00:00Z")]
        beside = timedelta(microseconds=random.choice([-1, 0, 0, 1, 10**9]))
        questions.append((random.choice(moments) + beside, known))
    return questions


def check_board(book: ViewBook, random: Random, number: int = 12) -> set[str]:
    """Holds the board against the oracle; returns the states that it showed."""
    seen = set()
    with book.view() as view:
        for at, known in some_questions(random, book.oracle, number):
            found = [plain(line) for line in designations(view, micros(at), book.positions[known])]
            assert found == board.designations(book.oracle, at, known), (stamp(at), known)
            seen |= {line["state"] for line in found}
            areas = {line["area"] for line in found}
            for area in areas:
                of_area = designations(view, micros(at), book.positions[known], area)
                assert [plain(line) for line in of_area] == [line for line in found if line["area"] == area]
    return seen


def check_history(book: ViewBook) -> None:
    with book.view() as view:
        for membership, area in book.oracle.designations():
            held, expected = False, []
            for one in fold(announcements(book.oracle, membership, area)):
                if one["qualified"] != held:
                    held = one["qualified"]
                    expected.append({name: one[name] for name in ("effective_at", "qualified", "centipoints", "cause")})
            found = [plain(change) for change in designation_history(view, membership, area)]
            positions = [change.pop("position") for change in found]
            assert found == expected
            for position, change in zip(positions, found, strict=True):
                (row,) = book.book.store.read_feed(position - 1, 1)
                assert (row.type, change["effective_at"] in row.stored.decode()) == ("DesignationChanged", True)


def check_decisions(book: ViewBook, random: Random) -> None:
    oracle = book.oracle
    with book.view() as view:
        for at, known in some_questions(random, oracle, 6):
            made = [
                one for one in oracle.accepted[:known] if one.type == "decide-designation" and one.occurred_at <= at
            ]
            found = designation_decisions(view, None, None, micros(at), book.positions[known])
            assert [plain(decision) for decision in found] == [expected_decision(book, one, made) for one in made]
            for membership, area in oracle.designations(known):
                of_one = designation_decisions(view, membership, area, micros(at), book.positions[known])
                assert of_one == [one for one in found if (one.membership, one.area) == (membership, area)]
        if oracle.designations():
            membership, area = oracle.designations()[0]
            with pytest.raises(UnknownDesignation):
                designation_decisions(view, membership, area, END_US, 0)


def expected_decision(book: ViewBook, one: Any, made: list[Any]) -> dict[str, Any]:
    def same(other: Any) -> bool:
        return all(other.fact.get(name) == one.fact[name] for name in ("type", "membership", "area", "anniversary"))

    of_day = [other for other in made if same(other)]
    return {
        **one.content,
        "revision": 1 + [other for other in book.oracle.accepted if same(other)].index(one),
        "position": book.positions[one.number],
        "superseded": of_day[-1] is not one,
        "decided_at": stamp(one.occurred_at),
    }


def check_replay(book: ViewBook) -> None:
    """Each step has the score of its own instant, as known after it; every decision comes out the same."""
    for membership, area in book.oracle.designations():
        steps = list(designation_replay(book.book.store, membership, area))
        checks = [one for one in steps if isinstance(one, DesignationCheck)]
        for step in steps:
            if isinstance(step, DesignationCheck):
                continue
            known = max(number for number, position in enumerate(book.positions) if position <= step.position)
            score = state(book.oracle, membership, area, instant(step.occurred_at), known)
            assert {
                "centipoints": step.centipoints, "qualified": step.qualified, "edition": step.edition,
                "track": step.track, "month": step.month, "metrics": step.metrics,
            } == {
                **{name: score[name] for name in ("centipoints", "qualified", "edition", "track", "month")},
                "metrics": {name: metric["centipoints"] for name, metric in score["metrics"].items()},
            }  # fmt: skip
        assert all(check.same for check in checks)
        events = book.book.events(membership, area, "DesignationDecided")
        assert [check.position for check in checks] == [event.position for event in events]


@settings(max_examples=scaled(30), deadline=None, suppress_health_check=[*HealthCheck])
@given(histories(), st.randoms(use_true_random=False))
def test_histories_that_the_text_suggests(facts: list[dict[str, Any]], random: Random) -> None:
    with some_folder() as folder, view_book(folder) as book:
        book.tell(facts, random)
        book.tell(decided_later(random, book.oracle), random)
        check_board(book, random)
        check_history(book)
        check_decisions(book, random)
        check_replay(book)


def test_the_books_that_are_asked_show_every_state(tmp_path: Path) -> None:
    """Else what is said of a state above would be said of nothing."""
    seen: set[str] = set()
    for seed in range(30):
        random = Random(seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        with view_book(folder) as book:
            book.tell(list(history(random, 40)))
            book.tell(decided_later(random, book.oracle))
            seen |= check_board(book, random)
        if seen == EVERY_STATE:
            return
    pytest.fail(f"found {seen}, expected {EVERY_STATE}")


@pytest.mark.parametrize("seed", range(31_000, 31_012))
def test_histories_that_nearly_qualify(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    with view_book(tmp_path) as book:
        book.tell(list(history(random, 40)), random)
        book.tell(decided_later(random, book.oracle), random)
        check_board(book, random)
        check_history(book)
        check_decisions(book, random)
        check_replay(book)
