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
from typing import Any, NamedTuple

import psycopg

from consumers.messages.registry import MESSAGES
from consumers.roles.relay import Relay
from csat_ledger_client.kafka.broker import Broker
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store.postgres import PostgresStore
from ledger.writing.writer import Writer
from projections.postgres import PostgresDatabase
from projections.registry import all_projections
from projections.runner import Runner
from tests.consumers.support import broker_with_topics, wall_us
from tests.servers.kafka import KafkaBroker
from tests.servers.postgres import PostgresServer
from tests.simulation.nursery import Nursery
from tests.support.link_key import KEYS

EVENTS = 300_000
MEMBERSHIPS = 400
BATCH = 5_000
START = 0.5
TIMEOUT_S = 120.0


def fill(store: PostgresStore, events: int) -> None:
    """A book of so many events and a few more."""
    writer = Writer(store, wall_us, PROGRAMMES, link_keys=KEYS)
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


class Measured(NamedTuple):
    """Of a stretch of the way: events a second, and events a second of the workers' processor time."""

    events_s: float
    events_processor_s: float


def measure(url: str, broker: Broker, workers: int, end: int) -> Measured:
    """Events a second, in the second half up to nine tenths: the group has formed, and nobody is done yet."""
    forget_projections(url)
    nursery = Nursery(
        os.environ
        | {"CSAT_LEDGER_STORE": url, "CSAT_LEDGER_KAFKA": broker.bootstrap, "CSAT_LEDGER_TOPIC_PREFIX": broker.prefix}
    )
    try:
        with tempfile.TemporaryDirectory() as folder, psycopg.connect(url, autocommit=True) as connection:
            pids = [  # they end with the nursery
                nursery.start(["worker", "--session-timeout", "6"], Path(folder) / f"{number}.log")
                for number in range(workers)
            ]
            samples: list[tuple[float, int, float]] = []
            deadline = time.monotonic() + TIMEOUT_S
            while not samples or samples[-1][1] < end * 0.9:
                assert time.monotonic() < deadline, samples[-3:]
                applied = _applied(connection)
                if applied >= end * START:
                    samples.append((time.monotonic(), applied, sum(map(_processor_s, pids))))
                time.sleep(0.02)
            (first_s, first, first_cpu_s), (last_s, last, last_cpu_s) = samples[0], samples[-1]
            return Measured((last - first) / (last_s - first_s), (last - first) / (last_cpu_s - first_cpu_s))
    finally:
        nursery.close()


def _processor_s(pid: int) -> float:
    """The time of a processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _applied(connection: psycopg.Connection[tuple[Any, ...]]) -> int:
    """By all workers together."""
    found = connection.execute("SELECT to_regclass('projections.projection_partitions') IS NOT NULL").fetchone()
    if found != (True,):
        return 0
    row = connection.execute(
        "SELECT coalesce(sum(applied), 0) FROM projections.projection_partitions WHERE name = 'renewals'"
    ).fetchone()
    return int(row[0]) if row else 0


def main(events: int) -> None:
    warnings.simplefilter("ignore", DeprecationWarning)
    with PostgresServer() as server, KafkaBroker() as kafka:
        url = server.create_database()
        broker = broker_with_topics(kafka.bootstrap)
        store = PostgresStore(url)
        fill(store, events)
        end = store.max_position()
        with Relay(store, broker, MESSAGES, wait_s=0.001) as relay:
            while relay.state.position < end:
                relay.step()
        figures: dict[str, float] = {}
        for workers in (1, 2):
            measured = measure(url, broker, workers, end)
            figures[f"{workers} workers, events/s"] = measured.events_s
            figures[f"{workers} workers, events/s of their processor time"] = measured.events_processor_s
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
