"""The offline verifier's own implementation of the capability rules, against what the writer records and what a host forges."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ledger.proof.capability.recheck import DesignationCheck, Difference
from ledger.proof.log.event import Event, parse_event
from ledger.store.base import Row
from tests.ledger.programmes.capability.book import Book
from tests.ledger.programmes.capability.test_properties import NOW
from tests.ledger.proof.book import canonical
from tests.oracle.capability.histories import AREA, history

STREAM, SCOREBOOK = f"designation-m-1/{AREA}", f"scorebook/{AREA}"


def rows_of(book: Book) -> list[Row]:
    return [row for row in book.store.read_feed(0, 10_000) if row.stream in (STREAM, SCOREBOOK)]


def recheck(events: list[Event]) -> list[Difference]:
    check = DesignationCheck(STREAM)
    for event in events:
        check.take(event)
    return check.finish()


def told(folder: Path, seed: int, length: int = 50, reviews: float = 0.1) -> list[Row]:
    """The rows of a history in a real book, with a review now and then."""
    random, book = Random(seed), Book(folder, NOW)
    for fact in history(random, length):
        book.tell(fact)
        if random.random() < reviews:
            book.writer.review()
    rows = rows_of(book)
    book.close()
    return rows


@pytest.mark.parametrize("seed", range(100, 140))
def test_nothing_is_found_in_what_the_writer_records(seed: int, tmp_path: Path) -> None:
    rows = told(tmp_path, seed)
    assert recheck([parse_event(row.stored) for row in rows]) == []


FORGERIES: list[tuple[str, str, Any]] = [
    ("DesignationChanged", "qualified", lambda value: not value),
    ("DesignationChanged", "previous", lambda value: not value),
    ("DesignationChanged", "centipoints", lambda value: value + 1),
    ("DesignationChanged", "month", lambda _: "2023-07"),
    ("DesignationChanged", "track", lambda value: "smb" if value == "enterprise" else "enterprise"),
    ("DesignationChanged", "edition", lambda _: "other"),
    ("DesignationChanged", "cause", lambda value: "report" if value != "report" else "close"),
    ("DesignationChanged", "area", lambda _: "other"),
    ("DesignationChanged", "effective_at", lambda _: "2024-01-01T00:00:00.000001Z"),
    ("DesignationDecided", "outcome", lambda value: "qualified" if value != "qualified" else "not-qualified"),
    ("DesignationDecided", "revision", lambda value: value + 1),
    ("DesignationDecided", "month", lambda _: "2023-07"),
    ("DesignationDecided", "window_from", lambda _: "2024-01-01T00:00:00.000001Z"),
    ("DesignationDecided", "first_qualified_at", lambda _: "2024-01-01T00:00:00.000001Z"),
    ("UsageReported", "units", lambda _: -1),
    ("UsageReported", "units", lambda _: 1.5),
    ("UsageReported", "association", lambda _: "other"),
    ("UsageReported", "workload", lambda _: "unheard-of"),
    ("UsageReported", "month", lambda _: "2024-13"),
    ("UsageReported", "month", lambda _: "2124-01"),
    ("RevenueReported", "amount_cents", lambda _: 10**12 + 1),
    ("CertificateRecorded", "tier", lambda _: "expert"),
    ("CertificateEnded", "certificate", lambda _: "unheard-of"),
    ("MonthCloseCorrected", "closed_at", lambda _: "2999-01-01T00:00:00.000000Z"),
    ("ScorebookPublished", "min_centipoints", lambda _: 0),
    ("ScorebookPublished", "rates", lambda _: {}),
]


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> list[list[Row]]:
    return [told(tmp_path_factory.mktemp("book"), seed) for seed in range(200, 212)]


@pytest.mark.parametrize(
    ("event_type", "key", "forge"), FORGERIES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_forged_field_is_found_wherever_it_stands(
    books: list[list[Row]], event_type: str, key: str, forge: Any
) -> None:
    tried = 0
    for rows in books:
        for number, row in enumerate(rows):
            if row.type != event_type or tried > 60:
                continue
            event = json.loads(row.stored)
            event["data"][key] = forge(event["data"][key])
            try:
                events = [parse_event(other.stored) for other in rows]
                events[number] = parse_event(canonical(event))
            except ValueError:
                tried += 1
                continue
            tried += 1
            assert recheck(events), event
    assert tried, "no such event in any of the books"


def test_an_announcement_that_revises_without_saying_so_is_found(tmp_path: Path) -> None:
    """Where no review has moved the horizon without a trace, which only the ledger knows."""
    tried = 0
    for seed in range(300, 308):
        (tmp_path / str(seed)).mkdir()
        rows = told(tmp_path / str(seed), seed, reviews=0.0)
        for number, row in enumerate(rows):
            event = json.loads(row.stored)
            if event["type"] == "DesignationChanged" and event["data"]["revises"]:
                said = [json.loads(other.stored) for other in rows[:number] if other.stream == STREAM]
                if event["data"]["effective_at"] == max(
                    one["occurred_at"] for one in said if one["fact"] != event["fact"]
                ):
                    continue  # exactly at the horizon it is as the first of its issue
                event["data"]["revises"] = False
                events = [parse_event(other.stored) for other in rows]
                events[number] = parse_event(canonical(event))
                assert recheck(events), event
                tried += 1
    assert tried > 10


@pytest.mark.parametrize(
    "event_type", ["DesignationChanged", "MonthClosed", "CertificateRecorded", "DesignationOpened"]
)
def test_what_is_left_out_is_missed_or_makes_no_difference(books: list[list[Row]], event_type: str) -> None:
    """An announcement that is left out is missed always, a fact in some of the books at least."""
    missed = 0
    for rows in books:
        for number, row in enumerate(rows):
            if row.type == event_type:
                found = recheck([parse_event(other.stored) for other in rows[:number] + rows[number + 1 :]])
                missed += bool(found)
                assert found or event_type != "DesignationChanged", row
    assert missed


def test_a_scorebook_with_a_name_twice_is_refuted(books: list[list[Row]]) -> None:
    rows = books[0]
    edition = next(row for row in rows if row.type == "ScorebookPublished")
    assert recheck([parse_event(row.stored) for row in [edition, *rows]])
