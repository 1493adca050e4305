"""Transactions that the broker has forgotten to end: the relay ends them, and nothing is lost, repeated or held up.

What Kafka does to a partition that has no leader while a transaction ends is done here by a client that does not name the
partition to the coordinator: what it sends there gets no mark.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.fixtures import starting_kafka, without_server

try:
    import kafka
except ImportError as missing:
    without_server(missing)

from kafka.producer.transaction_manager import TransactionManager

from consumers.errors import RelayStopped
from consumers.messages.registry import MESSAGES
from consumers.roles import relay as relaying
from consumers.roles import relay_unended
from consumers.roles.relay import Relay
from consumers.roles.relay_state import RelayState
from csat_ledger_client.errors import BrokerUnreachable
from csat_ledger_client.kafka.broker import Broker, await_sent
from csat_ledger_client.kafka.clients import abandon
from csat_ledger_client.kafka.incarnations import TopicWatch
from tests.consumers.support import (
    TIMEOUT_S,
    Announcing,
    announcing,
    assert_relayed_exactly_once,
    broker_with_topics,
    relay_all,
)

UNVERIFIED = {"transaction.partition.verification.enable": "false"}
"""Else the broker turns down what a client sends to a partition that it has not named."""
Chosen = Callable[["kafka.TopicPartition"], bool]


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    with starting_kafka(UNVERIFIED) as server:
        yield server.bootstrap


@pytest.fixture
def broker(bootstrap: str) -> Broker:
    return broker_with_topics(bootstrap)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Announcing]:
    with announcing(tmp_path / "book.db") as found:
        for membership in ("m-1", "m-2", "m-3"):
            found.record(found.enrol(membership))
            found.record(found.flips(membership, 3))
        yield found


@contextmanager
def forgetting(monkeypatch: pytest.MonkeyPatch, chosen: Chosen) -> Iterator[None]:
    """What is sent to the chosen partitions meanwhile gets no mark when its transaction ends."""
    whole = TransactionManager.maybe_add_partition_to_transaction

    def named(manager: TransactionManager, place: kafka.TopicPartition) -> None:
        if chosen(place):
            manager._partitions_in_transaction.add(place)
        else:
            whole(manager, place)

    with monkeypatch.context() as patched:
        patched.setattr(TransactionManager, "maybe_add_partition_to_transaction", named)
        yield


def open_in(broker: Broker) -> set[str]:
    """The topics in which a transaction is open."""
    with TopicWatch(broker, broker.topics.relayed()) as watch:
        return {place.topic for place in relay_unended.unended(watch, 0.5)}


def send_unended(broker: Broker, topic: str, partition: int, position: int) -> None:
    """Something of a position that is no relay's, in a transaction of the relay that is never ended there."""
    producer = broker.transactional_producer(relaying.ROLE)
    producer.begin_transaction()
    headers = [("ledger-position", b"%d" % position), ("ce_id", b"membership-m-1/1")]
    await_sent([producer.send(topic, b"{}", key=b"m-1", partition=partition, headers=headers)])
    abandon(producer)


@pytest.mark.parametrize("where", ["one topic", "all topics"])
def test_what_was_not_committed_is_aborted_and_sent_again(
    where: str, book: Announcing, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay_all(book.store, broker)
    book.record(book.flips("m-1", 3))
    if where == "one topic":
        with forgetting(monkeypatch, lambda _place: True):
            send_unended(broker, broker.topics.ledger_events, 1, book.store.max_position())
        assert open_in(broker) == {broker.topics.ledger_events}
    else:
        with forgetting(monkeypatch, lambda _place: True):
            relay_all(book.store, broker)  # all marks of its last transactions are lost, the position's among them
        assert broker.topics.relay_positions in open_in(broker)
    relay_all(book.store, broker)
    assert open_in(broker) == set()
    assert_relayed_exactly_once(book, broker)


def test_the_first_transaction_of_all_may_be_forgotten(
    book: Announcing, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with forgetting(monkeypatch, lambda _place: True):
        relay_all(book.store, broker)
    relay_all(book.store, broker)
    assert_relayed_exactly_once(book, broker)


def test_what_the_position_says_is_relayed_is_committed(
    book: Announcing, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions = broker.topics.relay_positions
    with forgetting(monkeypatch, lambda place: place.topic != positions):
        relay_all(book.store, broker)
    assert open_in(broker) > {broker.topics.ledger_events}
    relay_all(book.store, broker)
    assert open_in(broker) == set()
    assert_relayed_exactly_once(book, broker)


def test_a_relay_at_work_finds_within_seconds_what_was_not_ended(
    book: Announcing, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relaying, "WATCH_S", 0.5)
    state = RelayState()
    events = broker.topics.ledger_events
    with Relay(book.store, broker, MESSAGES, state, wait_s=0.001) as relay:
        relay.step()
        book.record(book.flips("m-1", 3))
        with forgetting(monkeypatch, lambda place: place.topic == events):
            while state.position < book.store.max_position():
                relay.step()
        assert state.takeovers == 1
        with pytest.raises(BrokerUnreachable, match="has not ended"):
            step_for(relay, TIMEOUT_S)
        assert open_in(broker) == {events}
        relay.step()
        assert state.takeovers == 2
    assert open_in(broker) == set()
    assert_relayed_exactly_once(book, broker)


def test_what_can_be_ended_in_neither_way_stops_the_relay(
    book: Announcing, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = broker.topics.ledger_events
    with forgetting(monkeypatch, lambda place: place.topic == events):
        relay_all(book.store, broker)
    (partition, *_) = (place.partition for place in open_places(broker))
    with forgetting(monkeypatch, lambda _place: True):
        send_unended(broker, events, partition, book.store.max_position() + 1)
    with (
        Relay(book.store, broker, MESSAGES) as relay,
        pytest.raises(RelayStopped, match="was relayed and what was not"),
    ):
        relay.step()


def step_for(relay: Relay, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        relay.step()


def open_places(broker: Broker) -> list[kafka.TopicPartition]:
    with TopicWatch(broker, broker.topics.relayed()) as watch:
        return sorted(relay_unended.unended(watch, 0.5))


def test_what_somebody_else_has_left_open_is_told_and_not_touched(
    book: Announcing, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay_all(book.store, broker)
    producer = broker.transactional_producer("somebody")
    producer.begin_transaction()
    await_sent([producer.send(broker.topics.ledger_events, b"{}", key=b"k", partition=0)])
    try:
        with Relay(book.store, broker, MESSAGES) as relay, pytest.raises(BrokerUnreachable, match="not the relay's"):
            relay.step()
        assert open_in(broker) == {broker.topics.ledger_events}
    finally:
        abandon(producer)


def test_marks_that_come_a_little_late_are_waited_for(
    book: Announcing, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay_all(book.store, broker)
    looks = iter([{"a partition": (1, 2)}, {"a partition": (1, 2)}, {}])
    with TopicWatch(broker, broker.topics.relayed()) as watch:
        monkeypatch.setattr(watch, "open_transactions", lambda: next(looks))
        assert relay_unended.unended(watch) == {}
