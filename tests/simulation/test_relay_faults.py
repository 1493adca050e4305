"""The relay under kill -9, lost locks, and a broker that dies, stops or does not answer, while facts are recorded.

Two relays run as the processes that operations would start, one active and one standing by. Afterwards, and all the way
for a subscriber that listens throughout: every event and every announcement once, in order for each membership.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.servers.fixtures import without_server

try:
    import kafka  # noqa: F401
except ImportError as missing:
    without_server(missing)

from csat_ledger_client.kafka.broker import Broker
from csat_ledger_client.kafka.subscriber import Heartbeat, Subscriber
from csat_ledger_client.messages.capability import DesignationChanged
from csat_ledger_client.messages.survey import EligibilityChanged
from ledger.store.base import Store
from tests.consumers.support import (
    Announcing,
    assert_relayed_exactly_once,
    broker_with_topics,
    by_membership,
    committed,
    eventually,
)
from tests.servers.guard import Guard
from tests.servers.kafka import KafkaBroker
from tests.support.soak import scaled

ROOT = Path(__file__).parents[2]
MEMBERSHIPS = [f"m-{number}" for number in range(12)]
DESIGNATED = MEMBERSHIPS[:4]
KILLS = 12
BROKER_FAULTS = 4
SETTLE_S = 90.0
LOG_SHOWN = 3_000


class RelayProcess:
    """One process of `csat-ledger relay`, and what it logs."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=output, stdout=output)
        Guard.get().watch(self._process.pid, signal.SIGKILL)

    def signal(self, signum: signal.Signals) -> None:
        assert not self.ended, f"a relay ended by itself:\n{self.tail()}"
        self._process.send_signal(signum)

    def wait(self, timeout_s: float = 60.0) -> int:
        exit_code = self._process.wait(timeout_s)
        Guard.get().forget(self._process.pid)
        return exit_code

    def end(self) -> None:
        self._process.kill()
        self.wait()

    def tail(self) -> str:
        """The end of its log, under its name."""
        return f"{self._log.name}:\n{self._log.read_text()[-LOG_SHOWN:]}\n"

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def events(self) -> list[str]:
        lines = [line for line in self._log.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
        return [json.loads(line)["event"] for line in lines]

    @property
    def active(self) -> bool:
        phases = [event for event in self.events() if event in ("active", "standby", "closed")]
        return phases[-1:] == ["active"]


class Relays:
    """Two processes; one that is killed is started again."""

    def __init__(self, where: str, broker: Broker, folder: Path) -> None:
        arguments = ["--store", where, "relay", "--kafka", broker.bootstrap]
        self._command = [sys.executable, "-W", "ignore", "-m", "console", *arguments]
        self._environment = os.environ | {"CSAT_LEDGER_TOPIC_PREFIX": broker.prefix}
        self._folder = folder
        self._all: list[RelayProcess] = []
        self._running = [self._start(), self._start()]

    def kill_one(self, chance: random.Random) -> None:
        """kill -9 of the active one (mostly), some time after it has become active: in the middle of its work."""
        victim = self._active()
        time.sleep(chance.uniform(0.0, 0.6))
        if chance.random() < 0.15:
            (victim,) = (process for process in self._running if process is not victim)
        victim.signal(signal.SIGKILL)
        victim.wait()
        self._running.remove(victim)
        self._running.append(self._start())

    def freeze_active(self, chance: random.Random) -> None:
        """SIGSTOP for a while: it comes back in the middle of whatever it was doing."""
        victim = self._active()
        victim.signal(signal.SIGSTOP)
        time.sleep(chance.uniform(0.2, 1.0))
        victim.signal(signal.SIGCONT)

    def stop(self) -> None:
        """SIGTERM; each ends with exit code 0, or by the signal where it was still starting up."""
        for process in self._running:
            process.signal(signal.SIGTERM)
        assert {process.wait() for process in self._running} <= {0, 128 + signal.SIGTERM}

    def end(self) -> None:
        for process in self._running:
            process.end()

    def said(self) -> Counter[str]:
        """How often each event was logged."""
        return Counter(event for process in self._all for event in process.events())

    def tell(self) -> None:
        """Prints what those say that run: why one is not active is in no other place."""
        for process in self._running:
            print(process.tail())

    def _active(self) -> RelayProcess:
        eventually(self._any_active, "a relay is active", SETTLE_S)
        return next(process for process in self._running if process.active)

    def _any_active(self) -> bool:
        for process in self._running:
            assert not process.ended, f"a relay ended by itself:\n{process.tail()}"
        return any(process.active for process in self._running)

    def _start(self) -> RelayProcess:
        log = self._folder / f"relay-{len(self._all)}.log"
        self._all.append(RelayProcess(self._command, self._environment, log))
        return self._all[-1]


@contextmanager
def recording(store: Store, seed: int) -> Iterator[Announcing]:
    """Facts of all memberships, a few at a time, from a thread of their own for as long as it is used.

    Some of them have a designation as well, which is qualified or not as often.
    """
    book = Announcing(store)
    for membership in MEMBERSHIPS:
        book.record(book.enrol(membership))
    for membership in DESIGNATED:
        book.record(book.qualify(membership))
    stop = threading.Event()
    errors: list[BaseException] = []

    def record() -> None:
        chance = random.Random(seed)
        try:
            while not stop.is_set():
                facts = [
                    fact
                    for membership in chance.sample(MEMBERSHIPS, chance.randint(1, 4))
                    for fact in book.flips(membership, chance.randint(1, 5))
                ]
                for membership in chance.sample(DESIGNATED, chance.randint(0, 2)):
                    facts += book.restate(membership, chance.randint(1, 3))
                book.record(facts)
                stop.wait(chance.uniform(0.0, 0.06))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=record)
    thread.start()
    try:
        yield book
    finally:
        stop.set()
        thread.join(60)
    assert errors == []


@contextmanager
def listening(broker: Broker) -> Iterator[list[Any]]:
    """What a subscriber hears that was there from the beginning; afterwards, everything up to the end."""
    heard: list[Any] = []
    beats: list[Heartbeat] = []
    subscriber = Subscriber(broker, heartbeat_s=2, on_heartbeat=beats.append)
    thread = threading.Thread(target=lambda: heard.extend(subscriber))
    thread.start()
    try:
        yield heard
        since = len(beats) + 1  # the first may be of the end as it was before
        eventually(lambda: any(beat.lag == 0 for beat in beats[since:]), "everything is read", SETTLE_S)
    finally:
        subscriber.stop()
        thread.join(60)


def relayed_position(broker: Broker) -> int:
    positions = committed(broker, broker.topics.relay_positions)
    return int(orjson.loads(positions[-1].value)["position"]) if positions else 0


def run(
    store: Store, broker: Broker, folder: Path, seed: int, faults: list[Callable[[Relays, random.Random], None]]
) -> tuple[Announcing, Relays]:
    """Does the faults while facts are recorded, and sees that everything arrives once."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    with listening(broker) as heard:
        with recording(store, seed) as book:
            relays = Relays(store.name, broker, folder)
            try:
                eventually(lambda: relayed_position(broker) > 0, "the first relay is at work", SETTLE_S)
                for fault in faults:
                    fault(relays, chance)
            except BaseException:
                relays.tell()
                relays.end()
                raise
        try:
            end = store.max_position()
            eventually(lambda: relayed_position(broker) == end, f"relayed up to {end}", SETTLE_S)
            expected = len(book.announcements()) + len(book.designations())
            eventually(lambda: len(heard) >= expected, f"{expected} announcements are heard", SETTLE_S)
            relays.stop()
        except BaseException:
            relays.tell()
            raise
        finally:
            relays.end()
    for kind, told in ((EligibilityChanged, book.announcements()), (DesignationChanged, book.designations())):
        assert by_membership([one for one in heard if type(one) is kind]) == by_membership(told)
    assert len(book.designations()) > len(DESIGNATED)
    assert_relayed_exactly_once(book, broker)
    assert relays.said()["active"] >= len(faults) // 2
    print(f"{end} events, {expected} announcements; logged: {dict(relays.said())}")
    return book, relays


@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
def test_killed_relays_neither_repeat_nor_skip(
    backend: str, kafka_broker: KafkaBroker, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if backend == "sqlite":
        from ledger.store.sqlite import SQLiteStore

        store: Store = SQLiteStore(str(tmp_path / "book.db"))
    else:
        from ledger.store.postgres import PostgresStore

        store = PostgresStore(request.getfixturevalue("postgres_url"))

    def kill(relays: Relays, chance: random.Random) -> None:
        relays.kill_one(chance)

    def freeze(relays: Relays, chance: random.Random) -> None:
        relays.freeze_active(chance)

    faults = [kill] * scaled(KILLS) + [freeze] * scaled(2)
    random.Random(5).shuffle(faults)
    try:
        run(
            store,
            broker_with_topics(kafka_broker.bootstrap),
            tmp_path,
            {"sqlite": 101, "postgres": 102}[backend],
            faults,
        )
    finally:
        store.close()


def test_broker_that_is_killed_stopped_or_silent_costs_no_message_and_repeats_none(
    own_kafka: KafkaBroker, tmp_path: Path
) -> None:
    from ledger.store.sqlite import SQLiteStore

    def broker_fault(relays: Relays, chance: random.Random) -> None:
        """How long the broker is away is the fault: any time from not at all to beyond what a client waits for."""
        match chance.choice(["kill", "stop", "pause"]):
            case "kill":
                own_kafka.kill()
                time.sleep(chance.uniform(0.0, 2.0))
                own_kafka.start()
            case "stop":
                own_kafka.restart()
            case "pause":
                own_kafka.pause()
                time.sleep(chance.uniform(0.5, 4.0))
                own_kafka.resume()

    def kill(relays: Relays, chance: random.Random) -> None:
        relays.kill_one(chance)

    store = SQLiteStore(str(tmp_path / "book.db"))
    faults = [broker_fault, kill] * scaled(BROKER_FAULTS)
    try:
        run(store, broker_with_topics(own_kafka.bootstrap), tmp_path, 103, faults)
    finally:
        store.close()
