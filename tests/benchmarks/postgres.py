"""The rows of `make bench` for PostgreSQL, each a ratio against a baseline measured in the same run on the same server.

    python -m tests.benchmarks.postgres [--facts 100000]

The server is a real one with fsync on: an acknowledgement is on disk.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import orjson
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate

from console.demo.survey import scale
from console.throughput import collect_garbage_seldom
from ledger.fact import Fact
from ledger.programmes.registry import PROGRAMMES, parse_fact
from ledger.store.postgres import PostgresStore
from ledger.store.postgres_recorders import copy_events, copy_statement
from ledger.writing.group_commit import GroupCommit
from ledger.writing.writer import Writer
from projections.postgres import PostgresDatabase
from projections.registry import all_projections
from projections.runner import Runner
from tests.benchmarks.bench import BATCH, CLIENTS, NOW_US, Row, _one_client, batches, in_threads, row, timed
from tests.servers.postgres import PostgresServer
from tests.support.link_key import KEYS

FEED_PAGE = 4_000


class Something(Aggregate):
    """What the library saves."""


def bulk_record(url: str, raw_url: str, facts: int) -> Row:
    """Validated, deduplicated, decided, chained, durable; against a bare COPY of the same rows into the same table."""
    store = PostgresStore(url)
    writer = Writer(store, lambda: NOW_US, PROGRAMMES, link_keys=KEYS)
    spent = 0.0
    for batch in batches(orjson.dumps(fact) for fact in scale(1, facts)):
        start = time.perf_counter()
        outcomes = writer.record([parse_fact(line) for line in batch])
        spent += time.perf_counter() - start
        assert all(outcome.status == "accepted" for outcome in outcomes)
    spent += timed(writer.close)
    events, raw_spent = _raw_copy(store, raw_url)
    store.close()
    return row("bulk record, facts/s", "raw COPY, rows/s", facts / spent, events / raw_spent, "/s", ">= 0.25")


def _raw_copy(store: PostgresStore, raw_url: str) -> tuple[int, float]:
    raw = PostgresStore(raw_url)
    statement = copy_statement("ledger", "events")
    spent, position = 0.0, 0
    with raw._connections.take() as connection:
        while rows := store.read_feed_full(position, BATCH):
            plain: list[tuple[Any, ...]] = [tuple(found) for found in rows]
            start = time.perf_counter()
            with connection.transaction(), connection.cursor() as cursor:
                copy_events(cursor, statement, plain)
            spent += time.perf_counter() - start
            position = rows[-1].position
    raw.close()
    return position, spent


def catch_up(url: str) -> Row:
    """All projections from nothing; against reading the same rows and parsing them."""
    store = PostgresStore(url)
    read = position = 0
    start = time.perf_counter()
    while rows := store.read_feed(position, FEED_PAGE):
        for found in rows:
            orjson.loads(found.stored)
        read, position = read + len(rows), rows[-1].position
    baseline = time.perf_counter() - start
    database = PostgresDatabase(url)
    spent = timed(Runner(store, database, all_projections()).catch_up)
    database.close()
    store.close()
    return row("projection catch-up, events/s", "read + orjson.loads", read / spent, read / baseline, "/s", ">= 0.40")


def clients(url: str, stock_url: str, each: int) -> Row:
    """64 clients, each with one fact at a time and waiting for it to be on disk; against the library's stock save."""
    facts = [list(_one_client(number, each)) for number in range(CLIENTS)]
    store = PostgresStore(url)
    group = GroupCommit(Writer(store, lambda: NOW_US, PROGRAMMES, link_keys=KEYS))

    def record(own: list[Fact]) -> None:
        for fact in own:
            assert group.record(fact).status == "accepted"

    spent = timed(lambda: in_threads([lambda own=own: record(own) for own in facts]))  # type: ignore[misc]
    group.close()
    store.close()

    stock = Application[Any](env=_library_settings(stock_url))
    stock.save(Something())
    saves = max(10, each // 8)

    def save() -> None:
        for _ in range(saves):
            stock.save(Something())

    stock_spent = timed(lambda: in_threads([save] * CLIENTS))
    stock.close()
    return row(
        "64 clients, one fact each, facts/s",
        "the library's save, saves/s",
        CLIENTS * (each + 1) / spent,
        CLIENTS * saves / stock_spent,
        "/s",
        ">= 10",
    )


def _library_settings(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": parts.path[1:],
        "POSTGRES_HOST": parts.hostname or "",
        "POSTGRES_PORT": str(parts.port),
        "POSTGRES_USER": parts.username or "",
        "POSTGRES_PASSWORD": parts.password or "",
        "POSTGRES_MAX_WAITING": "0",
        "POSTGRES_CONNECT_TIMEOUT": "60",
    }


def measure(facts: int, each: int = 200) -> list[Row]:
    """All rows, on a server of their own."""
    with PostgresServer(fsync=True) as server:
        book = server.create_database()
        return [
            bulk_record(book, server.create_database(), facts),
            catch_up(book),
            clients(server.create_database(), server.create_database(), each),
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--facts", type=int, default=100_000)
    arguments = parser.parse_args()
    collect_garbage_seldom()
    for found in measure(arguments.facts):
        print(
            f"{found['what']:38} {found['ours']:>10,.0f} {found['against']:32} {found['baseline']:>10,.0f} "
            f"{found['ratio']:>7.2f}  {found['reach']}"
        )


if __name__ == "__main__":
    sys.exit(main())
