"""What flows through a simulated team: a source of facts of both programmes, and a consumer that hears what is announced."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from csat_ledger_client.kafka.broker import Broker, await_sent, partitions_of
from csat_ledger_client.kafka.clients import abandon
from csat_ledger_client.messages.capability import DesignationChanged
from csat_ledger_client.messages.survey import EligibilityChanged
from ledger.instants import add_months, format_instant
from tests.support.designations import AREAS, Author, Fact, easy_scorebook, scorebooks

FACTS_A_TURN = 12
TURN_S = 0.05
DESIGNATED = 6
"""So many of the memberships have designations, in two areas each."""
EDITION_S = 2.0
"""So often an edition is published that takes effect a moment later: the clock alone finds out what it changes."""
HARD = 10**6
Heard = EligibilityChanged | DesignationChanged


class _Thread:
    """Something that goes on beside, until it is told to stop; an error in it is the test's."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._guarded, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(60)
        if self._error is not None:
            raise self._error

    def run(self) -> None:
        raise NotImplementedError

    def _guarded(self) -> None:
        try:
            self.run()
        except BaseException as error:
            self._error = error


class Source(_Thread):
    """Produces facts onto csat.facts.v1: right ones, repeated ones, ones to be refused, and bytes that are none.

    Responses were received not quite a year ago, so that they expire while the simulation runs. Designations live through
    their two years, under editions that nobody reaches, or anybody, from a moment on that is still to come. What was not
    acknowledged is sent again, under the same ids: as any source must.
    """

    def __init__(self, broker: Broker, chance: random.Random) -> None:
        super().__init__()
        self._broker = broker
        self._chance = chance
        self._memberships: list[str] = []
        self._number = 0
        self._lives: list[Iterator[Fact]] = []
        self._editions = [fact for area in AREAS for fact in scorebooks(area)[:2]]
        self._edition_due_s = time.monotonic() + EDITION_S
        self.sent: set[str] = set()
        self.designations: dict[str, Fact] = {}
        """What was told of designations and their editions, by id."""

    def run(self) -> None:
        producer = None
        while not self._stopped.is_set():
            turn = self._turn()
            while True:
                try:
                    producer = producer or self._broker.producer("source", delivery_timeout_ms=6_000)
                    await_sent([producer.send(self._broker.topics.facts, value, key=key) for key, value in turn])
                    break
                except Exception:  # whatever the client says while the broker is away
                    if producer is not None:
                        abandon(producer)
                    producer = None
                    time.sleep(0.1)
            self.sent |= {json.loads(value)["id"] for _, value in turn if value.startswith(b"{")}
            self._stopped.wait(TURN_S)
        if producer is not None:
            abandon(producer)

    def _turn(self) -> list[tuple[bytes, bytes]]:
        facts = [self._told(fact) for fact in self._editions_due()]
        for _ in range(FACTS_A_TURN):
            dice = self._chance.random()
            if len(self._memberships) < 40 and dice < 0.1:
                membership = f"m-{len(self._memberships)}"
                self._memberships.append(membership)
                facts.append(self._fact("enrol-membership", membership, name="A partner", level="gold"))
                if len(self._memberships) <= DESIGNATED:
                    self._lives += [Author(self._chance, membership, area, "d-").facts() for area in AREAS]
            elif dice < 0.01 + 0.1:
                facts.append((b"m-0", b"no fact"))
            elif dice < 0.13:
                facts.append(self._response(f"nobody-{self._number}"))
            elif dice < 0.2 and facts:
                facts.append(self._chance.choice(facts))
            elif dice < 0.55 and self._lives:
                facts += [self._told(fact) for fact in self._of_a_designation()]
            elif self._memberships:
                facts.append(self._response(self._chance.choice(self._memberships)))
        return facts

    def _editions_due(self) -> list[Fact]:
        """The first editions at once, and one that is still to take effect now and then."""
        due, self._editions = self._editions, []
        if time.monotonic() >= self._edition_due_s:
            self._edition_due_s = time.monotonic() + EDITION_S
            self._number += 1
            begins = format_instant(time.time_ns() // 1_000 + int(self._chance.uniform(1, 6) * 1_000_000))
            least = HARD if self._number % 2 else 1
            due.append(
                easy_scorebook(f"live-{self._number}", begins, self._chance.choice(AREAS), min_centipoints=least)
            )
        return due

    def _of_a_designation(self) -> list[Fact]:
        """The next fact of one of the designations; none where its life is at its end."""
        life = self._chance.choice(self._lives)
        fact = next(life, None)
        if fact is None:
            self._lives.remove(life)
        return [] if fact is None else [fact]

    def _told(self, fact: Fact) -> tuple[bytes, bytes]:
        self.designations[fact["id"]] = fact
        return str(fact.get("membership", fact["area"])).encode(), json.dumps(fact).encode()

    def _response(self, membership: str) -> tuple[bytes, bytes]:
        organisation = f"org-{self._chance.randrange(4)}"
        return self._fact("record-response", membership, response=f"r-{self._number}", customer_org=organisation)

    def _fact(self, kind: str, membership: str, **fields: Any) -> tuple[bytes, bytes]:
        self._number += 1
        occurred_us = add_months(time.time_ns() // 1_000, -12) + int(self._chance.uniform(2, 25) * 1_000_000)
        if kind == "enrol-membership":
            occurred_us = int((datetime.now(UTC) - timedelta(days=2_000)).timestamp() * 1_000_000)
        fact = {"type": kind, "id": f"f-{self._number}", "membership": membership, **fields}
        return membership.encode(), json.dumps(fact | {"occurred_at": format_instant(occurred_us)}).encode()


class Listener(_Thread):
    """A consumer of committed announcements that listens all the time, through every restart of the broker."""

    def __init__(self, broker: Broker) -> None:
        super().__init__()
        self._broker = broker
        self.heard: list[Heard] = []

    def run(self) -> None:
        consumer = self._broker.consumer("listener")
        kinds = {self._broker.topics.named(kind.type): kind for kind in (EligibilityChanged, DesignationChanged)}
        try:
            partitions = [partition for topic in kinds for partition in partitions_of(consumer, topic)]
            consumer.assign(partitions)
            for partition in partitions:
                consumer.seek(partition, 0)
            while not self._stopped.is_set():
                for partition, records in consumer.poll(timeout_ms=200).items():
                    self.heard += [kinds[partition.topic].from_value(record.value) for record in records]
        finally:
            consumer.close(timeout_ms=1_000)
