"""The relay against a real broker: what arrives, who is active, and where it refuses to go on."""

from __future__ import annotations

import threading
from pathlib import Path

import orjson
import pytest

from tests.servers.fixtures import without_server

try:
    import kafka
    from kafka import KafkaProducer
except ImportError as missing:
    without_server(missing)

from consumers.broker.commits import Undecided, commit
from consumers.broker.topics import check_topics, ensure_topics
from consumers.errors import RelayStopped
from consumers.messages.registry import MESSAGES
from consumers.roles.relay import FATAL, Relay
from consumers.roles.relay_state import RelayState
from csat_ledger_client.errors import BrokerUnreachable, ClientError, TopicsUnfit
from csat_ledger_client.kafka.broker import Broker, await_sent
from csat_ledger_client.messages.survey import EligibilityChanged
from ledger.errors import DifferentBook, LedgerError
from ledger.event import leaf_hash
from ledger.store.base import Row
from ledger.store.sqlite import SQLiteStore
from tests.consumers.support import (
    Announcing,
    announcing,
    assert_relayed_exactly_once,
    await_ended_transactions,
    broker_with_topics,
    changes,
    committed,
    eventually,
    relay_all,
    wall_us,
)
from tests.servers.kafka import KafkaBroker


def fill(book: Announcing, *memberships: str, flips: int = 3) -> None:
    for membership in memberships:
        book.record(book.enrol(membership))
        book.record(book.flips(membership, flips))


def test_every_event_and_announcement_arrives_once_and_in_order(book: Announcing, broker: Broker) -> None:
    fill(book, "m-1", "m-2", "m-3")
    state = relay_all(book.store, broker)
    assert_relayed_exactly_once(book, broker)
    assert (state.events, state.announcements, state.lag) == (book.store.max_position(), 9, 0)


def test_messages_carry_the_stored_bytes_the_key_and_when_they_were_recorded(book: Announcing, broker: Broker) -> None:
    fill(book, "m-1")
    relay_all(book.store, broker)
    for record in committed(broker, broker.topics.ledger_events):
        raw = orjson.loads(record.value)
        headers = dict(record.headers)
        assert headers["ce_id"].decode() == f"{raw['stream']}/{raw['seq']}"
        assert record.key.decode() == raw["stream"].removeprefix("membership-")
        (row,) = book.store.read_feed(int(headers["ledger-position"]) - 1, 1)
        assert row.stored == record.value
    (first, *_) = changes(broker)
    (record, *_) = committed(broker, broker.topics.named(EligibilityChanged.type))
    assert record.timestamp == first.recorded_us // 1_000


def test_relay_that_starts_again_goes_on_where_the_last_one_was(book: Announcing, broker: Broker) -> None:
    for _ in range(3):
        fill(book, f"m-{book.store.max_position()}")
        relay_all(book.store, broker)
    assert_relayed_exactly_once(book, broker)


def test_position_is_found_behind_many_others(book: Announcing, broker: Broker) -> None:
    fill(book, "m-1", flips=20)
    with Relay(book.store, broker, MESSAGES, batch_events_max=1, wait_s=0.001) as relay:
        while relay.state.phase != "active" or relay.state.position < book.store.max_position():
            relay.step()
    assert relay_all(book.store, broker).events == 0
    assert_relayed_exactly_once(book, broker)


def test_position_and_messages_become_visible_together(book: Announcing, broker: Broker) -> None:
    fill(book, "m-1")
    relay_all(book.store, broker)
    last = committed(broker, broker.topics.relay_positions)[-1]
    head = book.store.read_feed(book.store.max_position() - 1, 1)[0]
    kept = orjson.loads(last.value)
    assert (kept["position"], kept["head"], kept["aside"]) == (head.position, leaf_hash(head.stored), {})
    assert sorted(kept["topics"]) == sorted(kept["before"]["ends"]) == sorted(broker.topics.relayed())


def test_second_relay_stands_by_and_takes_over(book: Announcing, broker: Broker, tmp_path: Path) -> None:
    fill(book, "m-1")
    with Relay(book.store, broker, MESSAGES, wait_s=0.001) as first, announcing(tmp_path / "book.db") as other:
        while first.state.position < book.store.max_position():
            first.step()
        second = Relay(other.store, broker, MESSAGES, wait_s=0.001)
        assert second.step() > 0
        assert second.state.phase == "standby"
        fill(book, "m-2")
        first.close()
        second.step()
        assert second.state.phase == "active"
        while second.state.position < book.store.max_position():
            second.step()
        second.close()
    assert_relayed_exactly_once(book, broker)


def test_zombie_that_lost_its_lock_without_notice_is_fenced(book: Announcing, broker: Broker, tmp_path: Path) -> None:
    fill(book, "m-1")
    with announcing(tmp_path / "book.db") as other:
        zombie = Relay(book.store, broker, MESSAGES, wait_s=0.001)
        zombie.step()
        assert zombie._lock is not None
        zombie._lock.release()  # its database session was cut off; it does not know
        zombie._next_lock_check = float("inf")
        fill(book, "m-2")
        successor = Relay(other.store, broker, MESSAGES, wait_s=0.001)
        successor.step()
        assert successor.state.phase == "active"
        with pytest.raises(BrokerUnreachable):
            zombie.step()
        zombie.close()
        fill(book, "m-3")
        while successor.state.position < book.store.max_position():
            successor.step()
        successor.close()
    assert_relayed_exactly_once(book, broker)


def test_relay_that_lost_its_lock_stands_by(book: Announcing, broker: Broker, tmp_path: Path) -> None:
    fill(book, "m-1")
    with Relay(book.store, broker, MESSAGES, wait_s=0.001) as relay, announcing(tmp_path / "book.db") as other:
        relay.step()
        assert relay._lock is not None
        relay._lock.release()
        taken = other.store.try_lock("relay")
        relay._next_lock_check = 0.0
        relay.step()
        assert relay.state.phase in ("closed", "standby")
        relay.step()
        assert relay.state.phase == "standby"
        assert taken is not None
        taken.release()
        relay.step()
        assert relay.state.phase == "active"


class Holed:
    """A store whose feed lacks a position."""

    def __init__(self, store: SQLiteStore, hole: int) -> None:
        self._store = store
        self._hole = hole

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def read_feed(self, after: int, limit: int) -> list[Row]:
        return [row for row in self._store.read_feed(after, limit) if row.position != self._hole]


def test_hole_in_the_feed_stops_the_relay_before_it(book: Announcing, broker: Broker) -> None:
    fill(book, "m-1")
    holed = Holed(book.store, 7)  # type: ignore[arg-type]
    with Relay(holed, broker, MESSAGES) as relay:  # type: ignore[arg-type]
        relay.step()
        with pytest.raises(RelayStopped, match="found position 8 in the book where 7 was expected"):
            relay.step()
    assert len(committed(broker, broker.topics.ledger_events)) == 6
    relay_all(book.store, broker)
    assert_relayed_exactly_once(book, broker)


def test_another_book_and_an_older_copy_are_not_relayed(book: Announcing, broker: Broker, tmp_path: Path) -> None:
    fill(book, "m-1")
    relay_all(book.store, broker)
    with announcing(tmp_path / "other.db") as other:
        other.record(other.enrol("m-1")[:1])
        with (
            Relay(other.store, broker, MESSAGES) as relay,
            pytest.raises(DifferentBook, match="another book, or an older copy"),
        ):
            relay.step()
        fill(other, "m-2", "m-3")
        with Relay(other.store, broker, MESSAGES) as relay, pytest.raises(DifferentBook, match="this is another book"):
            relay.step()


def test_messages_without_a_position_are_not_repeated(book: Announcing, broker: Broker) -> None:
    fill(book, "m-1")
    relay_all(book.store, broker)
    with broker.admin() as admin:
        admin.delete_topics([broker.topics.relay_positions])
    eventually(lambda: ensure_topics(broker) or _is_there(broker), "the topic is there again")
    with Relay(book.store, broker, MESSAGES) as relay, pytest.raises(RelayStopped, match="but no position"):
        relay.step()


def _is_there(broker: Broker) -> bool:
    with broker.admin() as admin:
        return broker.topics.relay_positions in admin.list_topics()


def test_positions_in_a_topic_that_forgets_are_refused(book: Announcing, kafka_broker: KafkaBroker) -> None:
    broker = Broker(kafka_broker.bootstrap, "forgets.")
    with pytest.raises(TopicsUnfit, match="found no topic"):
        check_topics(broker)
    kafka_broker.create_topic(broker.topics.relay_positions)
    ensure_topics(broker)
    with Relay(book.store, broker, MESSAGES) as relay, pytest.raises(TopicsUnfit, match=r"cleanup\.policy=delete"):
        relay.step()


def test_batches_are_as_large_as_what_waits_and_no_larger(book: Announcing, broker: Broker) -> None:
    fill(book, "m-1", flips=8)
    with Relay(book.store, broker, MESSAGES, batch_events_max=10) as relay:
        sizes = []
        while relay.state.position < book.store.max_position() or not sizes:
            before = relay.state.position
            relay.step()
            sizes.append(relay.state.position - before)
        total = book.store.max_position()
        assert sizes == [10] * (total // 10) + ([total % 10] if total % 10 else [])


def test_nothing_of_an_aborted_batch_is_seen(book: Announcing, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(book, "m-1")
    state = RelayState()
    with Relay(book.store, broker, MESSAGES, state) as relay:
        relay.step()
        fill(book, "m-2")

        def fails(*_: object) -> None:
            raise BrokerUnreachable("one message was not delivered")

        with monkeypatch.context() as broken:
            broken.setattr("consumers.roles.relay.await_sent", fails)
            with pytest.raises(BrokerUnreachable):
                relay.step()
    assert state.oldest_waiting_us is not None
    assert {change.membership for change in changes(broker)} == {"m-1"}
    relay_all(book.store, broker, state)
    assert state.oldest_waiting_us is None
    assert_relayed_exactly_once(book, broker)


def test_broker_that_is_not_there_is_said_to_be_unreachable(book: Announcing) -> None:
    with (
        Relay(book.store, Broker("127.0.0.1:1"), MESSAGES) as relay,
        pytest.raises(BrokerUnreachable, match=r"127\.0\.0\.1:1"),
    ):
        relay.step()
    assert book.store.try_lock("relay") is not None


def test_age_of_what_waits_is_known_while_the_broker_is_away(book: Announcing, broker: Broker) -> None:
    fill(book, "m-1")
    state = relay_all(book.store, broker)
    assert (state.lag, state.oldest_waiting_s(wall_us())) == (0, 0.0)
    book.record(book.flips("m-1", 2))
    with Relay(book.store, Broker("127.0.0.1:1"), MESSAGES, state) as relay, pytest.raises(BrokerUnreachable):
        relay.step()
    first, _ = book.announcements()[-2:]
    assert state.oldest_waiting_us == first.recorded_us
    assert state.oldest_waiting_s(first.recorded_us + 2_500_000) == 2.5
    assert state.lag == 4


def test_relay_that_failed_takes_over_anew_with_the_next_step(
    book: Announcing, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(book, "m-1")
    calls = [Undecided("the commit did not return")]

    def commits_and_says_it_does_not_know(producer: KafkaProducer) -> None:
        commit(producer)
        if relay.state.phase == "active" and calls:
            raise calls.pop()

    monkeypatch.setattr("consumers.roles.relay.commit", commits_and_says_it_does_not_know)
    with Relay(book.store, broker, MESSAGES, wait_s=0.001) as relay:
        with pytest.raises(Undecided):
            relay.step()
        assert relay.state.position == 0, "it does not know"
        relay.step()
        assert (relay.state.position, relay.state.takeovers) == (book.store.max_position(), 2)
    assert_relayed_exactly_once(book, broker)


def test_relay_recovers_from_a_broker_restart(book: Announcing, own_kafka: KafkaBroker) -> None:
    broker = broker_with_topics(own_kafka.bootstrap)
    fill(book, "m-1")
    state = RelayState()
    stop = threading.Event()
    errors: list[BaseException] = []
    ended: list[BaseException] = []

    def relay() -> None:
        """As the service does: only what trying again does not mend is the end of it."""
        while not stop.is_set():
            try:
                with Relay(book.store, broker, MESSAGES, state) as relay:
                    while not stop.is_set():
                        relay.step()
            except FATAL as error:
                ended.append(error)
                return
            except (LedgerError, ClientError) as error:
                errors.append(error)
                stop.wait(0.2)

    thread = threading.Thread(target=relay)
    thread.start()
    try:
        eventually(lambda: state.position == book.store.max_position(), "relayed before the restart")
        await_ended_transactions(broker, *broker.topics.relayed())
        own_kafka.kill()
        fill(book, "m-2")
        eventually(lambda: errors, "the relay says that the broker is lost", 60)
        own_kafka.start()
        eventually(lambda: ended or state.position == book.store.max_position(), "relayed after the restart", 120)
    finally:
        stop.set()
        thread.join(30)
    assert ended == []
    assert_relayed_exactly_once(book, broker)


def test_producer_of_ours_waits_for_what_it_sends(broker: Broker) -> None:
    producer = broker.producer()
    await_sent([producer.send(broker.topics.facts, b"{}", key=b"m-1")])
    producer.close()
    (record,) = committed(broker, broker.topics.facts)
    assert (record.key, record.value) == (b"m-1", b"{}")
    assert kafka.__version__.startswith("3.")
