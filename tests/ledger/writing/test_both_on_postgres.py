"""Both programmes in one book on PostgreSQL, directly and through a pooler, with several writers at once."""

from __future__ import annotations

import threading
from random import Random
from typing import Any

import pytest

from tests.servers.fixtures import without_server

try:
    import psycopg  # noqa: F401
except ImportError as missing:
    without_server(missing)

from ledger.fact import Fact
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store.postgres import PostgresStore
from ledger.writing.writer import Writer
from projections.postgres import PostgresDatabase
from projections.registry import all_projections
from projections.runner import Runner
from tests.ledger.seal.support import Ledger
from tests.oracle.capability.book import instant
from tests.oracle.capability_from_text.form import Fact as Told
from tests.servers.pooler import pooled
from tests.support.designations import NOW, NOW_US, designation_facts, side_by_side
from tests.support.designations_checked import require_as_the_oracle

WRITERS = 3


def surveyed(writer: int) -> list[Told]:
    """A membership of the writer's own, and responses to one that all write to."""
    enrolled = {"type": "enrol-membership", "name": "C", "level": "gold", "occurred_at": "2010-01-01T00:00:00Z"}
    responses = [
        {
            "type": "record-response", "id": f"r-{writer}-{number}", "membership": "shared",
            "response": f"r-{writer}-{number}", "customer_org": f"o-{number % 3}",
            "occurred_at": f"2011-{1 + number % 12:02d}-{1 + writer:02d}T00:00:00Z",
        }
        for number in range(60)
    ]  # fmt: skip
    return [{**enrolled, "id": "e", "membership": "shared"}, *responses]


def record(url: str, facts: list[Fact], seed: int, errors: list[BaseException]) -> None:
    random = Random(seed)
    try:
        store = PostgresStore(url)
        writer = Writer(store, lambda: NOW_US, PROGRAMMES, cache_bytes_max=random.choice([1, 1 << 26]))
        start = 0
        while start < len(facts):
            size = random.choice([1, 5, 60])
            writer.record(facts[start : start + size])
            start += size
        writer.close()
        store.close()
    except BaseException as error:
        errors.append(error)


@pytest.mark.parametrize("through", ["directly", "through a pooler"])
def test_writers_of_both_programmes_lose_nothing_and_all_is_as_it_must_be(
    through: str, postgres_url: str, tmp_path: Any
) -> None:
    designations = designation_facts(Random(6), ["shared"])
    begin = [fact for fact in designations if fact["type"] in ("publish-scorebook", "open-designation")]
    rest = [fact for fact in designations if fact not in begin]
    errors: list[BaseException] = []
    with pooled(postgres_url, "session") as pooler:
        url = pooler if through != "directly" else postgres_url
        threads = []
        for writer in range(WRITERS):
            random = Random(writer)
            mixed = [*begin, *side_by_side(random, [surveyed(writer), random.sample(rest, len(rest))])]
            facts = [fact_from_object(fact) for fact in mixed]
            threads.append(threading.Thread(target=record, args=(url, facts, writer, errors)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert errors == []
        store, database = PostgresStore(url), PostgresDatabase(url)
        try:
            Writer(store, lambda: NOW_US, PROGRAMMES).review(NOW_US)
            rows = store.read_feed(0, 100_000)
            assert [row.position for row in rows] == list(range(1, len(rows) + 1))
            assert sum(row.type == "ResponseReceived" for row in rows) == 60 * WRITERS
            assert require_as_the_oracle(store, designations, instant(NOW))["flips"] > 3
            runner = Runner(store, database, all_projections())
            runner.catch_up()
            assert set(runner.rebuild().values()) == {0}
            ledger = Ledger(store, tmp_path / "log")
            ledger.seal()
            report = ledger.audit()
            assert (report.verdict, report.findings) == ("confirmed", [])
        finally:
            database.close()
            store.close()
