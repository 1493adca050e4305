"""Anniversaries ahead over random books, at random (T, K), against the oracle of the text: nothing is taken over from the

program but the names of what is told. What the next close would bring is asked of a book in which that month is closed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.questions.anniversaries import anniversaries
from projections.questions.answer import plain
from tests.ledger.programmes.capability.book import micros
from tests.oracle.capability.histories import history
from tests.oracle.capability_from_text.book import Accepted
from tests.oracle.capability_from_text.calendar import a_year_before
from tests.oracle.capability_from_text.decisions import decided, window_of
from tests.oracle.capability_from_text.histories import histories
from tests.oracle.capability_from_text.oracle import Oracle
from tests.oracle.capability_from_text.score import METRICS, last_month, qualified, spans, state
from tests.oracle.survey.time import instant, stamp, start_of
from tests.projections.capability.view_book import ViewBook, view_book
from tests.projections.questions.test_designations import decided_later, some_questions
from tests.support.real_book import some_folder
from tests.support.soak import scaled


def expected(oracle: Oracle, at: datetime, within: int, known: int) -> list[dict[str, Any]]:
    last = (at + timedelta(days=within)).date().isoformat()
    lines = []
    for membership, area in oracle.designations(known):
        for day in oracle.anniversaries(membership, area, known):
            if day <= last and not oracle.decisions(membership, area, day, known):
                lines.append(line(oracle, membership, area, day, at, known))
    return sorted(lines, key=lambda one: (one["anniversary"], one["membership"], one["area"]))


def line(oracle: Oracle, membership: str, area: str, day: str, at: datetime, known: int) -> dict[str, Any]:
    first, last = window_of(oracle, area, day, known)
    about = {"membership": membership, "area": area, "anniversary": day}
    content = decided(oracle, about, last, known)
    now, end = (state(oracle, membership, area, moment, known) for moment in (at, last))
    edition = oracle.edition(area, last, known)
    since = content["first_qualified_at"]
    return {
        **about,
        "days": -((at - start_of(day)) // timedelta(days=1)),
        "overdue": at > last,
        "window_from": stamp(first),
        "window_to": stamp(last),
        "outlook": "missing" if since is None else "qualified" if instant(since) <= at else "expected",
        "qualified_at": since,
        "centipoints": now["centipoints"],
        "qualified": qualified(oracle, membership, area, at, known),
        "centipoints_at_end": end["centipoints"],
        "qualified_at_end": qualified(oracle, membership, area, last, known),
        "missing_centipoints_at_end": (
            None if edition is None else max(0, edition["min_centipoints"] - end["centipoints"])
        ),
        "zero_at_end": [name for name in METRICS if end["metrics"][name]["centipoints"] == 0],
        "expiring": [
            {
                "certificate": one["certificate"],
                "person": one["person"],
                "tier": one["tier"],
                "until": stamp(one["until"]),
            }
            for one in sorted(
                (one for one in spans(oracle, membership, area, known) if one["until"] is not None),
                key=lambda one: (one["until"], one["certificate"]),
            )
            if one["since"] <= at < one["until"] <= last
        ],
        "next_close": next_close(oracle, membership, area, at, known),
    }


def month_after(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year + 1:04d}-01" if number == 12 else f"{year:04d}-{number + 1:02d}"


def next_close(oracle: Oracle, membership: str, area: str, at: datetime, known: int) -> dict[str, Any] | None:
    if oracle.edition(area, at, known) is None:
        return None
    last = last_month(oracle, membership, area, at, known)
    month = (at.replace(day=1) - timedelta(days=1)).strftime("%Y-%m") if last is None else month_after(last)
    fact = {"type": "close-month", "membership": membership, "area": area, "month": month, "occurred_at": stamp(at)}
    closed = Oracle()
    closed.accepted = [*oracle.accepted[:known], Accepted(known + 1, at, at, fact)]
    score = state(closed, membership, area, at, known + 1)
    assert score["month"] == month
    return {
        "month": month,
        "compared_with": a_year_before(month),
        "centipoints": score["centipoints"],
        "qualified": qualified(closed, membership, area, at, known + 1),
        "metrics": score["metrics"],
    }


def check(book: ViewBook, random: Random) -> set[str]:
    seen = set()
    with book.view() as view:
        for at, known in some_questions(random, book.oracle, 8):
            within = random.choice([0, 90, 400])
            position = book.positions[known]
            found = anniversaries(view, micros(at), within, position)
            assert {one.known_at for one in found} <= {position}
            lines = [{name: value for name, value in plain(one).items() if name != "known_at"} for one in found]
            assert lines == expected(book.oracle, at, within, known), (stamp(at), known)
            seen |= {one.outlook for one in found} | {"overdue" for one in found if one.overdue}
            seen |= {"expiring" for one in found if one.expiring}
            seen |= {"saved" for one in found if one.next_close and one.next_close.qualified and not one.qualified}
    return seen


@settings(max_examples=scaled(30), deadline=None, suppress_health_check=[*HealthCheck])
@given(histories(), st.randoms(use_true_random=False))
def test_histories_that_the_text_suggests(facts: list[dict[str, Any]], random: Random) -> None:
    with some_folder() as folder, view_book(folder) as book:
        book.tell(facts, random)
        book.tell(decided_later(random, book.oracle), random)
        check(book, random)


def test_histories_that_nearly_qualify_show_every_outlook(tmp_path: Path) -> None:
    seen: set[str] = set()
    for seed in range(41_000, 41_012):
        random = Random(seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        with view_book(folder) as book:
            book.tell(list(history(random, 40)), random)
            book.tell(decided_later(random, book.oracle), random)
            seen |= check(book, random)
    assert seen == {"qualified", "expected", "missing", "overdue", "expiring", "saved"}


@pytest.mark.parametrize("within", [0, 36_500])
def test_a_book_without_designations_has_none(tmp_path: Path, within: int) -> None:
    with view_book(tmp_path) as book:
        book.tell([])
        with book.view() as view:
            assert anniversaries(view, 0, within) == []
