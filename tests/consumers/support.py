"""What the tests of relay and subscriber share: a book that announces, a broker with topics, and a plain reader."""

from __future__ import annotations

import re
import sqlite3
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from consumers.broker.topics import specs
from consumers.messages.registry import MESSAGES
from consumers.roles.relay import Relay
from consumers.roles.relay_state import RelayState
from csat_ledger_client.kafka.broker import Broker
from csat_ledger_client.messages.announced import Announced
from csat_ledger_client.messages.capability import DesignationChanged, DesignationStatus
from csat_ledger_client.messages.survey import EligibilityChanged, EligibilityStatus
from ledger.fact import Fact
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store.base import Store
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer

FIRST_DAY = datetime(2014, 1, 1, 9, tzinfo=UTC)
FIRST_CLOSE = datetime(2024, 6, 20, tzinfo=UTC)
AREA = "business-applications"
BASE_UNITS = 25_000
"""With those of five more customers, just the base that the growth of usage takes."""
RESPONSES_NEEDED = 10
TIMEOUT_S = 90.0
AnyChange = TypeVar("AnyChange", bound=Announced)


def wall_us() -> int:
    return time.time_ns() // 1_000


def broker_with_topics(bootstrap: str, partitions: int = 4) -> Broker:
    """The broker under a prefix of its own, so that tests may share it.

    All topics are made by one request, and waited for once: nobody else makes them under this prefix.
    """
    broker = Broker(bootstrap, f"t{uuid.uuid4().hex[:8]}.")
    wanted = {
        name: {"num_partitions": spec.partitions, "replication_factor": -1, "configs": dict(spec.config)}
        for name, spec in specs(broker.topics, partitions).items()
    }
    with broker.admin() as admin:
        admin.create_topics(wanted, wait_for_metadata=True)
    return broker


class Announcing:
    """A book in which memberships gain and lose eligibility, and designations the qualification, as often as a test wants."""

    def __init__(self, store: Store, name: str = "") -> None:
        self.store = store
        self.writer = Writer(store, wall_us, PROGRAMMES)
        self._name = name
        self._day = 0
        self._responses: dict[str, list[str]] = defaultdict(list)
        self._bases: dict[tuple[str, str], bool] = defaultdict(lambda: True)

    @classmethod
    def in_file(cls, path: Path) -> Announcing:
        return cls(SQLiteStore(str(path)))

    def close(self) -> None:
        self.writer.close()
        self.store.close()

    def enrol(self, membership: str) -> list[Fact]:
        return [
            self._fact("enrol-membership", membership, name=f"Partner {membership}", level="gold"),
            *(self.respond(membership) for _ in range(RESPONSES_NEEDED - 1)),
        ]

    def respond(self, membership: str) -> Fact:
        responses = self._responses[membership]
        responses.append(f"r-{uuid.uuid4().hex[:12]}")
        organisation = f"org-{len(responses) % 5}"
        return self._fact("record-response", membership, response=responses[-1], customer_org=organisation)

    def void(self, membership: str) -> Fact:
        return self._fact("void-response", membership, response=self._responses[membership].pop(), reason="test")

    def flips(self, membership: str, number: int) -> list[Fact]:
        """So many facts, each of which changes whether the membership is satisfied (once it is enrolled as above)."""
        even = len(self._responses[membership]) < RESPONSES_NEEDED
        return [
            self.respond(membership) if (place % 2 == 0) is even else self.void(membership) for place in range(number)
        ]

    def qualify(self, membership: str, area: str = AREA) -> list[Fact]:
        """A designation with 74 points, from the close of May 2024 on: one announcement."""
        use, sell = partial(self._use, membership, area), partial(self._sell, membership, area)
        return [
            self._designation("open-designation", membership, area, name=f"Partner {membership}"),
            use("2023-05", "c-1", BASE_UNITS),
            *(use("2023-05", f"c-{number}", 20_000) for number in range(2, 7)),
            *(use("2024-05", f"c-{number}", 50_000) for number in (1, 2, 3)),
            *(use("2024-05", f"c-{number}", 12_500) for number in range(4, 8)),
            *(sell("2024-05", f"c-{number}") for number in (1, 2, 3)),
            *(self._certify(membership, area, "intermediate", person) for person in (1, 2, 3)),
            *(self._certify(membership, area, "advanced", person) for person in (1, 2)),
            self._designation("close-month", membership, area, month="2024-05"),
        ]

    def restate(self, membership: str, number: int, area: str = AREA) -> list[Fact]:
        """So many facts, each of which changes whether the designation is qualified: the base of the growth goes and comes."""
        facts = []
        for _ in range(number):
            self._bases[membership, area] = not self._bases[membership, area]
            units = BASE_UNITS if self._bases[membership, area] else BASE_UNITS - 5
            facts.append(self._use(membership, area, "2023-05", "c-1", units))
        return facts

    def _use(self, membership: str, area: str, month: str, customer: str, units: int) -> Fact:
        fields = {"customer": customer, "workload": "customer-insights", "month": month, "association": "pal"}
        return self._designation("report-usage", membership, area, units=units, **fields)

    def _sell(self, membership: str, area: str, month: str, customer: str) -> Fact:
        fields = {"customer": customer, "workload": "any", "month": month, "association": "csp-1"}
        return self._designation("report-revenue", membership, area, amount_cents=25_000, **fields)

    def _certify(self, membership: str, area: str, tier: str, person: int) -> Fact:
        fields = {"person": f"p-{person}", "code": "mb-910", "tier": tier, "valid_from": "2024-01-01"}
        return self._designation("record-certificate", membership, area, certificate=f"x-{tier}-{person}", **fields)

    def _designation(self, kind: str, membership: str, area: str, **fields: Any) -> Fact:
        self._day += 1
        occurred = FIRST_CLOSE + timedelta(minutes=self._day)
        identity = f"f-{self._name}{uuid.uuid4().hex}"
        content = {"type": kind, "id": identity, "membership": membership, "area": area, **fields}
        return fact_from_object({**content, "occurred_at": occurred.isoformat()})

    def record(self, facts: Sequence[Fact]) -> None:
        for outcome in self.writer.record(facts):
            assert outcome.status == "accepted", outcome

    def announcements(self) -> list[EligibilityChanged]:
        """All of the survey programme that stands in the book, as it is to arrive."""
        return [EligibilityChanged(**told) for told in self._told("EligibilityChanged")]

    def designations(self) -> list[DesignationChanged]:
        """All of the capability programme that stands in the book, as it is to arrive."""
        return [DesignationChanged(**told) for told in self._told("DesignationChanged")]

    def _told(self, event_type: str) -> Iterator[dict[str, Any]]:
        for row in self.store.read_type(event_type, 0, 1_000_000):
            event = PROGRAMMES.decode(row.stored, row.position)
            yield {
                **event.data,
                "membership": re.split("[-/]", event.stream, maxsplit=1)[1].partition("/")[0],
                "position": row.position,
                "seq": row.seq,
                "recorded_at": _recorded_at(row.stored),
                "fact": event.fact,
            }

    def stored(self) -> list[bytes]:
        """Every event, as it is to arrive."""
        return [row.stored for row in self.store.read_feed(0, 10_000_000)]

    def _fact(self, kind: str, membership: str, **fields: Any) -> Fact:
        self._day += 1
        occurred = FIRST_DAY + timedelta(minutes=self._day)
        identity = f"f-{self._name}{uuid.uuid4().hex}"
        return fact_from_object(
            {"type": kind, "id": identity, "membership": membership, "occurred_at": occurred.isoformat(), **fields}
        )


def _recorded_at(stored: bytes) -> str:
    import orjson

    recorded_at: str = orjson.loads(stored)["recorded_at"]
    return recorded_at


def relay_all(store: Store, broker: Broker, state: RelayState | None = None) -> RelayState:
    """Relays until nothing is left."""
    with Relay(store, broker, MESSAGES, state, wait_s=0.001) as relay:
        deadline = time.monotonic() + TIMEOUT_S
        while relay.state.phase != "active" or relay.state.position < store.max_position():
            assert time.monotonic() < deadline, relay.state
            relay.step()
        return relay.state


def announce(book: Announcing, broker: Broker, *memberships: str, flips: int = 3) -> None:
    """`flips` announcements for each membership, relayed."""
    known = {change.membership for change in book.announcements()}
    for membership in memberships:
        if membership not in known:
            book.record(book.enrol(membership))
        book.record(book.flips(membership, flips))
    relay_all(book.store, broker)


def committed(broker: Broker, topic: str) -> list[Any]:
    """All records of a topic that a reader of committed messages sees now, partition by partition."""
    from csat_ledger_client.kafka.broker import partitions_of
    from csat_ledger_client.kafka.topic_end import read_to

    consumer = broker.consumer("test")
    try:
        partitions = partitions_of(consumer, topic)
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        return list(read_to(consumer, consumer.end_offsets(partitions)))
    finally:
        consumer.close()


def await_ended_transactions(broker: Broker, *topics: str) -> None:
    """Waits until every transaction that has written to the topics is ended in them, and not only at its coordinator.

    A commit returns before its marks stand in all partitions. A broker that ends in between can lose them
    (`consumers.roles.relay_unended`), so a test that is about something else waits it out.
    """
    from csat_ledger_client.kafka.broker import partitions_of

    ends = []
    for level in ("read_committed", "read_uncommitted"):
        consumer = broker.consumer("test", isolation_level=level)
        ends.append((consumer, [place for topic in topics for place in partitions_of(consumer, topic)]))
    try:
        eventually(
            lambda: (
                len({tuple(consumer.end_offsets(places)[place] for place in places) for consumer, places in ends}) == 1
            ),
            "every transaction is ended",
        )
    finally:
        for consumer, _ in ends:
            consumer.close()


def designation_changes(broker: Broker) -> list[DesignationChanged]:
    topic = broker.topics.named(DesignationChanged.type)
    return [DesignationChanged.from_value(record.value) for record in committed(broker, topic)]


def changes(broker: Broker) -> list[EligibilityChanged]:
    return [
        EligibilityChanged.from_value(record.value)
        for record in committed(broker, broker.topics.named(EligibilityChanged.type))
    ]


def by_membership(found: Sequence[AnyChange]) -> dict[str, list[AnyChange]]:
    grouped: defaultdict[str, list[AnyChange]] = defaultdict(list)
    for change in found:
        grouped[change.membership].append(change)
    return dict(grouped)


def assert_relayed_exactly_once(book: Announcing, broker: Broker) -> None:
    """Every event and every announcement of the book is there once, in order for each membership, and nothing else is."""
    events = committed(broker, broker.topics.ledger_events)
    assert sorted(record.value for record in events) == sorted(book.stored())
    by_key = defaultdict(list)
    for record in events:
        by_key[record.key].append(int(dict(record.headers)["ledger-position"]))
    for key, positions in by_key.items():
        assert positions == sorted(set(positions)), key
    assert by_membership(changes(broker)) == by_membership(book.announcements())
    assert by_membership(designation_changes(broker)) == by_membership(book.designations())
    for status, told in ((EligibilityStatus, book.announcements()), (DesignationStatus, book.designations())):
        latest = {}
        for record in committed(broker, broker.topics.named(status.type)):
            latest[record.key.decode()] = int(dict(record.headers)["ledger-position"])
        assert latest == {one.who: one.position for one in told}


def eventually(condition: Callable[[], Any], what: str, timeout_s: float = TIMEOUT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.02)


@contextmanager
def announcing(path: Path) -> Iterator[Announcing]:
    book = Announcing.in_file(path)
    try:
        yield book
    finally:
        book.close()


def damage(store: Store, position: int, stored: bytes) -> None:
    """Other bytes in the place of an event's, behind the ledger's back; with its own it is mended again."""
    with sqlite3.connect(store.name, timeout=30) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE events SET state = ? WHERE position = ?", (stored, position))
        for _, sql in triggers:
            connection.execute(sql)
    connection.close()
