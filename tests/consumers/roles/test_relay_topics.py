"""The relay whose topics are made anew, cut, or changed: it stops before it leaves a gap, and the way out is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.fixtures import without_server

try:
    import kafka
except ImportError as missing:
    without_server(missing)

from console.cli.main import main
from consumers.broker.topics import check_topics, ensure_topics, remake_topics
from consumers.errors import RelayStopped
from consumers.messages.announcements import MessageKinds
from consumers.messages.cloudevents import Outgoing
from consumers.messages.registry import MESSAGES
from consumers.roles.relay import Relay
from csat_ledger_client.errors import BrokerUnreachable, MessagesLost, TopicsChanged, TopicsUnfit
from csat_ledger_client.kafka.broker import Broker, await_sent
from csat_ledger_client.kafka.subscriber import Start, Subscriber
from csat_ledger_client.messages.survey import EligibilityChanged
from ledger.errors import DifferentBook
from ledger.store.base import Row
from tests.consumers.support import (
    Announcing,
    announcing,
    assert_relayed_exactly_once,
    await_ended_transactions,
    broker_with_topics,
    by_membership,
    changes,
    committed,
    relay_all,
)
from tests.servers.kafka import KafkaBroker


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Announcing]:
    with announcing(tmp_path / "book.db") as book:
        book.record(book.enrol("m-1") + book.enrol("m-2"))
        book.record(book.flips("m-1", 3) + book.flips("m-2", 3))
        yield book


def stops(book: Announcing, broker: Broker, why: str) -> None:
    with Relay(book.store, broker, MESSAGES) as relay, pytest.raises(RelayStopped, match=why) as stopped:
        relay.step()
    assert "topics --relay-anew" in str(stopped.value)


def relay_anew(broker: Broker, monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    """What the relay says to do."""
    monkeypatch.setenv("CSAT_LEDGER_TOPIC_PREFIX", broker.prefix)
    assert main(["topics", "--kafka", broker.bootstrap, "--relay-anew", *options]) == 0


def step_until_it_fails(relay: Relay) -> None:
    while True:
        relay.step()


TORN_BYTES = 20
"""Less than the head of a batch: however the producer has cut its messages into batches, the broker drops all of the last
transaction. With its first batch kept and its end lost it would be open for ever, and hide what is missing."""
TOPICS = ["ledger-events", "eligibility-changed", "eligibility-status", "relay-positions"]


@pytest.mark.parametrize("topic", TOPICS)
def test_one_topic_made_anew_stops_the_relay_and_the_way_out_brings_everything_back(
    topic: str, book: Announcing, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay_all(book.store, broker)
    remake_topics(broker, [broker.topics.named(f"csat.{topic}.v1")])
    book.record(book.flips("m-1", 1))
    stops(book, broker, "but no position" if topic == "relay-positions" else "it was made anew")
    relay_anew(broker, monkeypatch)
    relay_all(book.store, broker)
    assert_relayed_exactly_once(book, broker)


@pytest.mark.parametrize("topic", TOPICS[:3])
def test_nothing_is_committed_to_a_topic_that_was_made_anew_under_a_running_relay(
    topic: str, book: Announcing, broker: Broker
) -> None:
    with Relay(book.store, broker, MESSAGES, wait_s=0.001) as relay:
        while relay.state.position < book.store.max_position():
            relay.step()
        remake_topics(broker, [broker.topics.named(f"csat.{topic}.v1")])
        book.record(book.flips("m-1", 1))
        with pytest.raises((TopicsChanged, BrokerUnreachable)):  # the client may notice first, in its own words
            step_until_it_fails(relay)
        with pytest.raises(RelayStopped, match="it was made anew"):
            relay.step()
    assert committed(broker, broker.topics.named(f"csat.{topic}.v1")) == []


def test_all_topics_made_anew_under_an_idle_relay_are_filled_from_the_beginning(
    book: Announcing, broker: Broker
) -> None:
    with Relay(book.store, broker, MESSAGES, wait_s=0.001) as relay:
        while relay.state.position < book.store.max_position():
            relay.step()
        remake_topics(broker, broker.topics.relayed())
        relay._next_watch = 0.0
        with pytest.raises(TopicsChanged, match="it was made anew"):
            relay.step()
        while relay.state.phase != "active" or relay.state.position < book.store.max_position():
            relay.step()
    assert_relayed_exactly_once(book, broker)


def test_partitions_that_were_added_stop_the_relay_and_get_no_message(
    book: Announcing, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay_all(book.store, broker)
    with broker.admin() as admin:
        admin.create_partitions({broker.topics.ledger_events: 6, broker.topics.named(EligibilityChanged.type): 6})
    stops(book, broker, "found 6 partitions of topic .*, expected 4")
    relay_anew(broker, monkeypatch, "--partitions", "6")
    relay_all(book.store, broker)
    assert_relayed_exactly_once(book, broker)


def test_partitions_that_were_added_under_a_running_relay_stop_it(book: Announcing, broker: Broker) -> None:
    with Relay(book.store, broker, MESSAGES, wait_s=0.001) as relay:
        relay.step()
        with broker.admin() as admin:
            admin.create_partitions({broker.topics.ledger_events: 6})
        relay._next_watch = 0.0
        with pytest.raises(TopicsChanged, match="6 partitions"):
            step_until_it_fails(relay)
        with pytest.raises(RelayStopped, match="lose their order"):
            relay.step()
    assert {record.partition for record in committed(broker, broker.topics.ledger_events)} <= {0, 1, 2, 3}


def test_messages_of_a_further_relay_behind_the_last_position_stop_the_relay(book: Announcing, broker: Broker) -> None:
    relay_all(book.store, broker)
    send(broker, headers=[("ledger-position", b"99")])
    stops(book, broker, "it also has positions 99")


def test_messages_that_are_none_of_ours_stop_nobody(book: Announcing, broker: Broker) -> None:
    relay_all(book.store, broker)
    send(broker, headers=[])
    book.record(book.flips("m-1", 1))
    assert relay_all(book.store, broker).position == book.store.max_position()


def send(broker: Broker, headers: list[tuple[str, bytes]]) -> None:
    producer = broker.producer("test")
    topics = (broker.topics.ledger_events, broker.topics.named(EligibilityChanged.type))
    await_sent([producer.send(topic, b"{}", key=b"m-1", headers=headers) for topic in topics])
    producer.close()


def test_topic_that_forgets_or_compacts_is_refused(book: Announcing, kafka_broker: KafkaBroker) -> None:
    for topic, config in (
        ("eligibility-changed", {"cleanup.policy": "compact"}),
        ("ledger-events", {"retention.ms": "-1", "retention.bytes": "1000"}),
        ("facts", {"cleanup.policy": "compact"}),
    ):
        broker = Broker(kafka_broker.bootstrap, f"{kafka_broker.fresh_name('forgets')}.")
        kafka_broker.create_topic(broker.topics.named(f"csat.{topic}.v1"), 4, config)
        ensure_topics(broker)
        with pytest.raises(TopicsUnfit, match="it would lose messages"):
            check_topics(broker)


def test_book_that_becomes_an_older_one_under_a_running_relay_stops_it(
    book: Announcing, broker: Broker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Restored:
        """The store, with an older copy in its place from some moment on."""

        now = book.store

        def __getattr__(self, name: str) -> object:
            return getattr(self.now, name)

    store = Restored()
    with announcing(tmp_path / "older.db") as older, Relay(store, broker, MESSAGES, wait_s=0.001) as relay:  # type: ignore[arg-type]
        while relay.state.position < book.store.max_position():
            relay.step()
        older.record(older.enrol("m-9"))
        store.now = older.store
        with pytest.raises(DifferentBook, match=r"expected at least .* --relay-anew"):
            relay.step()
        relay.close()
        relay_anew(broker, monkeypatch)
        relay_all(older.store, broker)
        assert_relayed_exactly_once(older, broker)


def test_unreadable_announcement_waits_with_its_stream_and_comes_when_it_can_be_read(
    book: Announcing, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = next(row for row in book.store.read_type("EligibilityChanged", 0, 9) if row.stream == "membership-m-1")
    readable = MessageKinds.of

    def read_by_older(messages: MessageKinds, row: Row) -> list[Outgoing]:
        if row.position == first.position:
            row = row._replace(stored=row.stored.replace(b'"v":1', b'"v":99'))
        return readable(messages, row)

    with Relay(book.store, broker, MESSAGES, wait_s=0.001) as relay:
        with monkeypatch.context() as older_program:
            older_program.setattr(MessageKinds, "of", read_by_older)
            while relay.state.position < book.store.max_position():
                relay.step()
            assert relay.state.aside == {"membership-m-1": first.position}
            assert {change.membership for change in changes(broker)} == {"m-2"}
            assert len(committed(broker, broker.topics.ledger_events)) == book.store.max_position()
            relay._next_aside_try = 0.0
            relay.step()
            assert relay.state.aside, "it cannot be read yet"
        relay.close()
    assert relay_all(book.store, broker).position == book.store.max_position()
    with Relay(book.store, broker, MESSAGES, wait_s=0.001) as newer:
        newer.step()
        assert newer.state.aside == {}
    assert by_membership(changes(broker)) == by_membership(book.announcements())
    assert relay_all(book.store, broker).events == 0
    assert_relayed_exactly_once(book, broker)
    assert kafka.__version__


def test_partition_that_lost_its_end_stops_the_relay_and_a_subscriber_and_the_way_out_brings_it_back(
    book: Announcing, own_kafka: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after the election of a replica that lagged: the broker has forgotten what it had acknowledged."""
    broker = broker_with_topics(own_kafka.bootstrap, partitions=1)
    relay_all(book.store, broker)
    await_ended_transactions(broker, *broker.topics.relayed())
    kept = {}
    for topic in (broker.topics.ledger_events, broker.topics.named(EligibilityChanged.type)):
        (log,) = own_kafka.folder.glob(f"data/{topic}-0/*.log")
        kept[log] = log.stat().st_size
    book.record(book.flips("m-1", 3))
    relay_all(book.store, broker)
    (*_, last) = Subscriber(broker).deliveries(until_end=True)
    assert last.resume is not None
    await_ended_transactions(broker, *broker.topics.relayed())
    own_kafka.kill()
    for log, size in kept.items():
        assert log.stat().st_size > size + TORN_BYTES
        os.truncate(log, size + TORN_BYTES)
    own_kafka.start()
    stops(book, broker, "it has lost messages|it lacks positions")
    with pytest.raises(MessagesLost, match="--relay-anew"):
        list(Subscriber(broker, start=Start.offsets(last.resume)).deliveries(until_end=True))
    relay_anew(broker, monkeypatch)
    relay_all(book.store, broker)
    assert_relayed_exactly_once(book, broker)
