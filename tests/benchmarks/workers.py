"""How many events a second one worker and two keep up, on four partitions; against the reader of the feed, in one run.

    python -m tests.benchmarks.workers [EVENTS]
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import uuid
import warnings
from pathlib import Path

import psycopg

from consumers.kafka import Broker
from ledger.facts import fact_from_object
from ledger.store.postgres import PostgresStore
from ledger.writer import Writer
from projections.answers import all_projections
from projections.builds import load_build
from projections.postgres import PostgresDatabase
from projections.runner import Runner
from tests.consumers.support import broker_with_topics, relay_all, wall_us
from tests.servers.kafka import KafkaBroker
from tests.servers.postgres import PostgresServer
from tests.simulation.nursery import Nursery

EVENTS = 60_000
MEMBERSHIPS = 400
BATCH = 5_000
TIMEOUT_S = 120.0


def fill(store: PostgresStore, events: int) -> None:
    """A book of so many events and a few more."""
    writer = Writer(store, wall_us)
    facts = [
        {"type": "enrol-membership", "membership": f"m-{number}", "name": "A partner", "level": "gold"}
        for number in range(MEMBERSHIPS)
    ]
    facts += [
        {
            "type": "record-response", "membership": f"m-{number % MEMBERSHIPS}",
            "response": f"r-{number}", "customer_org": f"org-{number % 7}",
        }
        for number in range(events)
    ]  # fmt: skip
    parsed = [
        fact_from_object({**fact, "id": f"f-{n}", "occurred_at": f"2014-01-{1 + n * 27 // len(facts):02d}T09:00:00Z"})
        for n, fact in enumerate(facts)
    ]
    for start in range(0, len(parsed), BATCH):
        assert all(outcome.status == "accepted" for outcome in writer.record(parsed[start : start + BATCH]))


def forget_projections(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("DROP SCHEMA IF EXISTS projections CASCADE")


def position(database: PostgresDatabase) -> int:
    with database.reading() as connection:
        if not database.table_exists(connection, "projection_partitions"):
            return 0
        builds = [load_build(connection, projection) for projection in all_projections()]
    return min(0 if build is None else build.position for build in builds)


def measure(url: str, broker: Broker, workers: int, end: int) -> float:
    """Seconds from the first event applied to the last."""
    forget_projections(url)
    environ = os.environ | {"CSAT_LEDGER_STORE": url, "CSAT_LEDGER_KAFKA": broker.bootstrap}
    nursery = Nursery(environ | {"CSAT_LEDGER_TOPIC_PREFIX": broker.prefix})
    database = PostgresDatabase(url)
    try:
        with tempfile.TemporaryDirectory() as folder:
            for number in range(workers):
                nursery.start(["worker", "--session-timeout", "6"], Path(folder) / f"{number}.log")
            started = deadline = time.monotonic()
            deadline += TIMEOUT_S
            begun = 0.0
            while (reached := position(database)) < end:
                assert time.monotonic() < deadline, (reached, end)
                if not begun and _applied(url):
                    begun = time.monotonic()
                time.sleep(0.05)
            return time.monotonic() - (begun or started)
    finally:
        nursery.close()
        database.close()


def _applied(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT to_regclass('projections.projection_partitions') IS NOT NULL").fetchone()
        if found != (True,):
            return 0
        row = connection.execute("SELECT coalesce(sum(applied), 0) FROM projections.projection_partitions").fetchone()
        return int(row[0]) if row else 0


def main(events: int) -> None:
    warnings.simplefilter("ignore", DeprecationWarning)
    with PostgresServer() as server, KafkaBroker() as kafka:
        url = server.create_database()
        broker = broker_with_topics(kafka.bootstrap)
        store = PostgresStore(url)
        fill(store, events)
        end = store.max_position()
        relay_all(store, broker)
        figures: dict[str, float] = {}
        for workers in (1, 2):
            figures[f"{workers} worker{'s' if workers > 1 else ''}, events/s"] = end / measure(url, broker, workers, end)
        forget_projections(url)
        database = PostgresDatabase(url)
        started = time.monotonic()
        Runner(store, database, all_projections()).catch_up()
        figures["reader of the feed, events/s"] = end / (time.monotonic() - started)
        print(json.dumps({"run": uuid.uuid4().hex[:6], "events": end} | {k: round(v) for k, v in figures.items()}))
        database.close()
        store.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS)
