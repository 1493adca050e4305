"""Questions whose statements are asked of indexes have the same answers in PostgreSQL as in SQLite."""

from __future__ import annotations

from typing import Any

import pytest

from console.demo.capability import generate as generate_capability
from ledger.errors import Refused
from ledger.instants import DAY_US, END_US, parse_instant
from ledger.programmes.registry import fact_from_object
from projections.questions.decision_counts import decision_counts
from projections.questions.decisions_page import Wanted, decisions_page
from projections.questions.overview import overview
from projections.questions.upcoming import first_page, upcoming_page
from projections.questions.view import View, view
from projections.registry import all_projections
from projections.runner import Runner
from tests.console.support import enrolment, met, response
from tests.support.real_book import RealBook, projected, real_book

NOW_US = parse_instant("2026-01-01T00:00:00Z")


def facts() -> list[dict[str, Any]]:
    """Decisions of both programmes, some of which were taken again, and memberships that change."""
    found = [*met(), *enrolment("m-2"), *(one | {"id": f"late-{one['id']}", "membership": "m-2"} for one in met()[2:5])]
    for turn, more in enumerate(([], [response(31, "Lindomar", "2010-12-01T10:00:00Z", "m-1")])):
        found += more
        found += [
            {
                "type": "decide-renewal", "id": f"decided-{turn}-{membership}", "membership": membership,
                "renewal_date": "2011-03-01", "occurred_at": "2025-12-01T00:00:00Z",
            }
            for membership in ("m-1", "m-2")
        ]  # fmt: skip
    return found + [content for number, (_, content) in enumerate(generate_capability(5, partners=4)) if number < 1_500]


def answers(seen: View, book: RealBook) -> list[Any]:
    found: list[Any] = []
    end = seen.eligibility().position
    for known in (end, end // 2, end - 3, end // 2 + 5):
        found += [decision_counts(seen, END_US, known), decision_counts(seen, NOW_US - 60 * DAY_US, known)]
        found += [overview(seen, book.store, parse_instant(f"{year}-07-01T00:00:00Z"), known) for year in (2010, 2024)]
        for wanted in (
            Wanted(END_US, known),
            Wanted(NOW_US - 60 * DAY_US, known, None, "capability", "qualified"),
            Wanted(END_US, known, None, None, None, "2009-11"),
            Wanted(END_US, known, "m-1", None, "met", "2009-11"),
        ):
            found.append(decisions_page(seen, wanted, 3))
    for at in ("2010-06-01", "2011-05-20", "2012-01-01"):
        found += [upcoming_page(seen, book.store, first_page(parse_instant(f"{at}T00:00:00Z"), 90), 2)]
    return found


def test_answers_are_the_same_in_both_databases(postgres_url: str) -> None:
    pytest.importorskip("psycopg")
    from projections.postgres import PostgresDatabase

    with real_book() as book, projected(book) as projections:
        book.now_us = NOW_US
        taken = []
        for content in facts():
            try:
                taken.append(fact_from_object(content))
            except Refused:
                continue
        book.record(taken)
        projections.catch_up()
        with projections.view() as seen:
            expected = answers(seen, book)
        assert any(page.decisions for page in expected if hasattr(page, "decisions"))
        database = PostgresDatabase(postgres_url)
        try:
            Runner(book.store, database, all_projections()).catch_up()
            with view(database) as seen:
                assert answers(seen, book) == expected
        finally:
            database.close()
