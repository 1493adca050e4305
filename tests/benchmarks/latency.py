"""How long until a subscriber hears of it, against a bare message on the same broker in the same run.

    python -m tests.benchmarks.latency [--store postgres|sqlite] [--samples 300] [--without-inbox]

    bare        send() of a plain producer -> poll() of a waiting consumer
    recorded    a response is given to the writer -> its announcement is at a subscriber: decided, durable, relayed
    produced    a response is sent to csat.facts.v1 -> its announcement is at a subscriber: the inbox on top of that

Relay and inbox are processes of their own, started as operations would. One fact at a time, 5 to 30 ms after the last was
heard of; the bare path is measured before and after, and both halves count.
"""

from __future__ import annotations

import argparse
import os
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from csat_ledger_client.kafka.broker import Broker, partitions_of
from csat_ledger_client.kafka.subscriber import Start, Subscriber
from ledger.fact import Fact
from ledger.store.base import Store
from tests.consumers.support import Announcing, broker_with_topics
from tests.servers.kafka import KafkaBroker

ROOT = Path(__file__).parents[2]
ARRIVAL_TIMEOUT_S = 30.0
WARM_UP = 20
PAUSE_S = (0.005, 0.030)


class Latency(NamedTuple):
    """Milliseconds over a number of samples."""

    what: str
    samples: int
    p50: float
    p90: float
    p99: float
    worst: float


def latency(what: str, seconds: Sequence[float]) -> Latency:
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return 1_000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    return Latency(what, len(ordered), at(0.50), at(0.90), at(0.99), 1_000 * ordered[-1])


def sampled(number: int, send: Callable[[], object], arrived: queue.Queue[float]) -> list[float]:
    """Sends one, waits until it has arrived, pauses; the first few are not counted."""
    chance = random.Random(3)
    found = []
    for sample in range(-WARM_UP, number):
        began = time.perf_counter()
        send()
        took = arrived.get(timeout=ARRIVAL_TIMEOUT_S) - began
        if sample >= 0:
            found.append(took)
        time.sleep(chance.uniform(*PAUSE_S))
    return found


def bare(broker: Broker, topic: str, number: int) -> list[float]:
    arrived: queue.Queue[float] = queue.Queue()
    stop, ready = threading.Event(), threading.Event()

    def consume() -> None:
        consumer = broker.consumer("bare")
        partitions = partitions_of(consumer, topic)
        consumer.assign(partitions)
        consumer.seek_to_end(*partitions)
        for partition in partitions:
            consumer.position(partition)
        ready.set()
        while not stop.is_set():
            for records in consumer.poll(timeout_ms=250).values():
                for _ in records:
                    arrived.put(time.perf_counter())
        consumer.close()

    thread = threading.Thread(target=consume)
    thread.start()
    assert ready.wait(ARRIVAL_TIMEOUT_S)
    producer = broker.producer("bare")
    try:
        return sampled(number, lambda: producer.send(topic, b"x" * 300, key=b"m-1"), arrived)
    finally:
        stop.set()
        thread.join()
        producer.close()


@contextmanager
def process(broker: Broker, where: str, *arguments: str) -> Iterator[None]:
    """A process of ours, until the end of the block."""
    command = [sys.executable, "-W", "ignore", "-m", "console", "--store", where, *arguments]
    environment = os.environ | {"CSAT_LEDGER_TOPIC_PREFIX": broker.prefix, "CSAT_LEDGER_KAFKA": broker.bootstrap}
    with tempfile.TemporaryFile() as log:
        running = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=log, stdout=log)
        try:
            yield
            assert running.poll() is None, f"{arguments[0]} ended by itself"
        finally:
            running.terminate()
            running.wait(30)


@contextmanager
def heard(broker: Broker) -> Iterator[queue.Queue[float]]:
    """When each announcement came to a subscriber that was waiting for it."""
    arrived: queue.Queue[float] = queue.Queue()
    listening = threading.Event()
    subscriber = Subscriber(broker, start=Start.end(), heartbeat_s=0.3, on_heartbeat=lambda _: listening.set())

    def listen() -> None:
        for _ in subscriber:
            arrived.put(time.perf_counter())

    thread = threading.Thread(target=listen)
    thread.start()
    assert listening.wait(ARRIVAL_TIMEOUT_S)
    subscriber._heartbeat_s = 10.0
    try:
        yield arrived
    finally:
        subscriber.stop()
        thread.join()


def measure(store: Store, broker: Broker, samples: int, *, with_inbox: bool = True) -> list[Latency]:
    """Bare, recorded, and produced where that is wanted."""
    book = Announcing(store)
    book.record(book.enrol("m-1"))
    plain = broker.topics.facts_refused
    before = bare(broker, plain, samples // 2)
    recorded, produced = [], []
    with process(broker, store.name, "relay"), heard(broker) as arrived:
        recorded = sampled(samples, lambda: book.record(book.flips("m-1", 1)), arrived)
        if with_inbox:
            with process(broker, store.name, "inbox"):
                producer = broker.producer("facts")

                def produce() -> None:
                    producer.send(broker.topics.facts, content_of(book.flips("m-1", 1)[0]), key=b"m-1")

                produced = sampled(samples, produce, arrived)
                producer.close()
    found = [latency("bare", before + bare(broker, plain, samples - samples // 2)), latency("recorded", recorded)]
    return [*found, latency("produced", produced)] if produced else found


def content_of(fact: Fact) -> bytes:
    """A fact as a source sends it."""
    return orjson.dumps(fact.model_dump(exclude_none=True))


def rows(found: Sequence[Latency]) -> list[dict[str, Any]]:
    """As rows of `make bench`: p99 against the bare p99, to which 50 ms may be added."""
    (against, *ours) = found
    return [
        {
            "what": f"{one.what} -> subscriber, p99 ms",
            "against": "bare produce -> consume, p99 ms",
            "ours": one.p99,
            "baseline": against.p99,
            "unit": "ms",
            "ratio": one.p99 / against.p99,
            "reach": f"<= {against.p99 + 50:.0f} ms",
            "lower_is_better": True,
        }
        for one in ours
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", choices=["postgres", "sqlite"], default="postgres")
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--without-inbox", action="store_true")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        broker = broker_with_topics(stack.enter_context(KafkaBroker()).bootstrap)
        if arguments.store == "postgres":
            from ledger.store.postgres import PostgresStore
            from tests.servers.postgres import PostgresServer

            server = stack.enter_context(PostgresServer(fsync=True))
            store: Store = PostgresStore(server.create_database())
        else:
            from ledger.store.sqlite import SQLiteStore

            store = SQLiteStore(str(Path(folder) / "book.db"))
        found = measure(store, broker, arguments.samples, with_inbox=not arguments.without_inbox)
        store.close()
    print(f"{'ms':10} {'samples':>8} {'p50':>8} {'p90':>8} {'p99':>8} {'max':>8}")
    for one in found:
        print(f"{one.what:10} {one.samples:>8} {one.p50:>8.1f} {one.p90:>8.1f} {one.p99:>8.1f} {one.worst:>8.1f}")


if __name__ == "__main__":
    main()
