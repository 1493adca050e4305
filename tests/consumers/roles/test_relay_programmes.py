"""The relay with the announcements of several programmes: beside one another, one that comes later, and one made up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import orjson
import pytest

from tests.servers.fixtures import without_server

try:
    import kafka  # noqa: F401
except ImportError as missing:
    without_server(missing)

from consumers.broker.topics import ensure_topics
from consumers.errors import RelayStopped
from consumers.messages.announcements import MessageKinds
from consumers.messages.registry import MESSAGES
from consumers.roles.relay import Relay
from consumers.roles.relay_positions import POSITION_KEY
from consumers.roles.relay_state import RelayState
from csat_ledger_client.errors import TopicsUnfit
from csat_ledger_client.kafka.broker import Broker, await_sent
from csat_ledger_client.kafka.subscriber import Start, Subscriber
from csat_ledger_client.messages.announced import Announced, MessageKind
from csat_ledger_client.messages.survey import ELIGIBILITY
from csat_ledger_client.messages.topic_names import ANNOUNCEMENT_TOPICS, ELIGIBILITY_TOPICS, AnnouncementTopics
from ledger.instants import parse_instant
from ledger.programmes.programme import Programmes
from ledger.programmes.registry import PROGRAMMES
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer
from tests.consumers.support import (
    Announcing,
    announcing,
    assert_relayed_exactly_once,
    by_membership,
    committed,
    relay_all,
)
from tests.ledger.programmes.lamps import LAMPS
from tests.servers.kafka import KafkaBroker

BEFORE = MessageKinds(PROGRAMMES, [ELIGIBILITY])
"""What a relay knew before the second programme came."""


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Announcing]:
    with announcing(tmp_path / "book.db") as book:
        yield book


@pytest.fixture
def before(kafka_broker: KafkaBroker) -> Broker:
    """A broker with the topics of the first programme alone, as that programme's relay sees it."""
    broker = Broker(
        kafka_broker.bootstrap, f"{kafka_broker.fresh_name('before')}.", announcements=(ELIGIBILITY_TOPICS,)
    )
    ensure_topics(broker)
    return broker


def after(before: Broker) -> Broker:
    """The same one as a relay of today sees it."""
    return Broker(before.bootstrap, before.prefix)


def relay_before(book: Announcing, before: Broker) -> None:
    with Relay(book.store, before, BEFORE, wait_s=0.001) as relay:
        while relay.state.phase != "active" or relay.state.position < book.store.max_position():
            relay.step()


def write_both(book: Announcing) -> None:
    book.record(book.enrol("m-1") + book.qualify("m-1") + book.qualify("m-2"))
    for number in (2, 3, 1):
        book.record(book.flips("m-1", number) + book.restate("m-1", number) + book.restate("m-2", 1))


def test_each_programme_has_its_topics_and_all_of_a_membership_has_one_key(book: Announcing, broker: Broker) -> None:
    write_both(book)
    counted: list[dict[str, int]] = []
    with Relay(
        book.store, broker, MESSAGES, wait_s=0.001, on_batch=lambda _, told, __: counted.append(dict(told))
    ) as relay:
        while relay.state.position < book.store.max_position():
            relay.step()
    assert_relayed_exactly_once(book, broker)
    told = len(book.announcements()), len(book.designations())
    assert min(told) >= 6
    assert (
        tuple(sum(one.get(name, 0) for one in counted) for name in ("EligibilityChanged", "DesignationChanged")) == told
    )
    assert relay.state.announcements == sum(told)
    partitions = {}
    for record in committed(broker, broker.topics.ledger_events):
        partitions.setdefault(record.key, set()).add(record.partition)
    assert all(len(found) == 1 for found in partitions.values())
    assert {b"m-1", b"m-2", b"programme", b"scorebook/business-applications"} == partitions.keys()


def test_a_programme_that_comes_later_has_its_topics_filled_with_what_was_announced_before(
    book: Announcing, before: Broker
) -> None:
    write_both(book)
    relay_before(book, before)
    broker = after(before)
    with (
        Relay(book.store, broker, MESSAGES) as relay,
        pytest.raises(TopicsUnfit, match=r"csat\.designation-changed\.v1"),
    ):
        relay.step()
    ensure_topics(broker)
    book.record(book.restate("m-1", 1))
    with Relay(book.store, broker, MESSAGES, batch_events_max=2, wait_s=0.001) as relay:
        for _ in range(3):
            relay.step()
        filled = relay.state.announcements
    assert 0 < filled < len(book.designations()), "it was killed while it filled them"
    kept = orjson.loads(committed(broker, broker.topics.relay_positions)[-1].value)
    assert kept["behind"]["DesignationChanged"] < kept["position"] < book.store.max_position()
    state = relay_all(book.store, broker, RelayState())
    assert state.announcements == len(book.designations()) - filled
    assert_relayed_exactly_once(book, broker)
    write_later(book)
    relay_all(book.store, broker)
    assert_relayed_exactly_once(book, broker)
    assert orjson.loads(committed(broker, broker.topics.relay_positions)[-1].value)["behind"] == {}


def write_later(book: Announcing) -> None:
    book.record(book.flips("m-1", 2) + book.restate("m-2", 3))


def test_a_subscriber_hears_of_a_programme_that_came_later_from_its_beginning(book: Announcing, before: Broker) -> None:
    write_both(book)
    relay_before(book, before)
    heard = list(Subscriber(before, hear=[ELIGIBILITY]).deliveries(until_end=True))
    broker = after(before)
    with pytest.raises(TopicsUnfit, match="found no topic"):
        list(Subscriber(broker).deliveries(until_end=True))
    ensure_topics(broker)
    relay_all(book.store, broker)
    assert heard[-1].resume is not None
    rest = list(Subscriber(broker, start=Start.offsets(heard[-1].resume)).deliveries(until_end=True))
    assert by_membership([one.message for one in rest]) == by_membership(book.designations())  # type: ignore[misc]


def test_an_older_relay_that_does_not_know_a_programme_does_not_go_on(book: Announcing, before: Broker) -> None:
    broker = after(before)
    ensure_topics(broker)
    write_both(book)
    relay_all(book.store, broker)
    write_later(book)
    with Relay(book.store, before, BEFORE) as older, pytest.raises(RelayStopped, match="a newer relay was here"):
        older.step()
    relay_all(book.store, broker)
    assert_relayed_exactly_once(book, broker)


def test_new_topics_that_are_not_empty_stop_the_relay(book: Announcing, before: Broker) -> None:
    write_both(book)
    relay_before(book, before)
    broker = after(before)
    ensure_topics(broker)
    producer = broker.producer()
    await_sent([producer.send(broker.topics.named("csat.designation-status.v1"), b"{}", key=b"m-1/a")])
    producer.close()
    with (
        Relay(book.store, broker, MESSAGES) as relay,
        pytest.raises(RelayStopped, match="position says nothing") as why,
    ):
        relay.step()
    assert "topics --relay-anew" in str(why.value)


def test_a_position_that_speaks_of_one_of_two_topics_stops_the_relay(book: Announcing, broker: Broker) -> None:
    write_both(book)
    relay_all(book.store, broker)
    kept = orjson.loads(committed(broker, broker.topics.relay_positions)[-1].value)
    status = broker.topics.named("csat.designation-status.v1")
    del kept["topics"][status], kept["before"]["ends"][status]
    producer = broker.producer()
    await_sent([producer.send(broker.topics.relay_positions, orjson.dumps(kept), key=POSITION_KEY)])
    producer.close()
    with Relay(book.store, broker, MESSAGES) as relay, pytest.raises(RelayStopped, match="both topics of"):
        relay.step()


def test_messages_for_other_topics_than_the_brokers_are_refused(book: Announcing, broker: Broker) -> None:
    with pytest.raises(ValueError, match="expected"):
        Relay(book.store, broker, BEFORE)


class _Lamp(Announced):
    """A lamp becomes bright, or dark; it stands where others have a membership."""

    bright: bool

    @property
    def stream(self) -> str:
        return f"lamp-{self.membership}"

    @property
    def who(self) -> str:
        return self.membership

    @property
    def holds(self) -> bool:
        return self.bright


class LampChanged(_Lamp):
    type: ClassVar[str] = "csat.lamp-changed.v1"


class LampStatus(_Lamp):
    type: ClassVar[str] = "csat.lamp-status.v1"
    is_status: ClassVar[bool] = True


LAMP = MessageKind("LampChanged", AnnouncementTopics(LampChanged.type, LampStatus.type), LampChanged, LampStatus)


def test_a_third_programmes_announcements_go_out_and_are_heard_without_a_change_to_the_house(
    kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    three = Programmes([*PROGRAMMES.all, LAMPS])
    topics = (*ANNOUNCEMENT_TOPICS, LAMP.topics)
    broker = Broker(kafka_broker.bootstrap, f"{kafka_broker.fresh_name('lamps')}.", announcements=topics)
    ensure_topics(broker)
    store = SQLiteStore(tmp_path / "book.db")
    writer = Writer(store, lambda: parse_instant("2020-01-01T00:00:00Z"), three, rehearsal=True)
    bulb = {"type": "light-bulb", "occurred_at": "2019-12-01T00:00:00Z", "hours": 10}
    facts = [three.facts.from_object({**bulb, "id": f"f-{lamp}", "lamp": lamp}) for lamp in ("a", "b")]
    assert [outcome.status for outcome in writer.record(facts)] == ["accepted"] * 2
    with Relay(store, broker, MessageKinds(three, [*MESSAGES.all, LAMP]), wait_s=0.001) as relay:
        while relay.state.position < store.max_position():
            relay.step()
    rows = store.read_type("LampChanged", 0, 100)
    assert [row.stream for row in rows] == ["lamp-a", "lamp-b"]
    ids = [f"{row.stream}/{row.seq}" for row in rows]
    for start, kind in ((Start.beginning(), LampChanged), (Start.status(), LampStatus)):
        heard = list(Subscriber(broker, hear=[LAMP], start=start).deliveries(until_end=True))
        assert sorted(one.message.id for one in heard) == ids
        assert all(isinstance(one.message, kind) and one.message.bright for one in heard)
    writer.close()
    store.close()
