"""What a downstream service gets, wherever it starts and however often it or the broker goes down."""

from __future__ import annotations

import threading
import time
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.servers.fixtures import without_server

try:
    import kafka  # noqa: F401
except ImportError as missing:
    without_server(missing)

from consumers.messages.registry import MESSAGES
from consumers.roles.relay import Relay
from csat_ledger_client.errors import BadMessage, MessagesLost, TopicsUnfit
from csat_ledger_client.kafka.broker import Broker, await_sent
from csat_ledger_client.kafka.places import Place, Resume
from csat_ledger_client.kafka.subscriber import Delivery, Heartbeat, Start, Subscriber
from csat_ledger_client.messages.capability import DesignationChanged
from csat_ledger_client.messages.survey import EligibilityChanged, EligibilityStatus
from tests.consumers.support import (
    Announcing,
    announce,
    announcing,
    await_ended_transactions,
    broker_with_topics,
    by_membership,
    eventually,
)
from tests.servers.kafka import KafkaBroker


def all_now(broker: Broker, start: Start | None = None, **options: Any) -> list[Any]:
    subscriber = Subscriber(broker, start=start, **options)
    return [delivery.message for delivery in subscriber.deliveries(until_end=True)]


def test_from_the_beginning_every_announcement_comes_in_order(book: Announcing, broker: Broker) -> None:
    announce(book, broker, "m-1", "m-2", "m-3")
    assert by_membership(all_now(broker)) == by_membership(book.announcements())


def test_following_goes_on_with_what_comes(book: Announcing, broker: Broker) -> None:
    announce(book, broker, "m-1", flips=2)
    messages = iter(Subscriber(broker))
    assert list(islice(messages, 2)) == book.announcements()
    announce(book, broker, "m-1", flips=2)
    assert list(islice(messages, 2)) == book.announcements()[2:]


def test_from_the_end_only_what_is_announced_from_now_on_comes(book: Announcing, broker: Broker) -> None:
    announce(book, broker, "m-1")
    heard: list[Any] = []
    beating = threading.Event()
    subscriber = Subscriber(broker, start=Start.end(), heartbeat_s=0.2, on_heartbeat=lambda _: beating.set())
    thread = threading.Thread(target=lambda: heard.extend(subscriber))
    thread.start()
    assert beating.wait(20)
    announce(book, broker, "m-1", flips=1)
    eventually(lambda: heard, "what is announced from now on is heard")
    beating.clear()
    assert beating.wait(20), "everything up to the end has been read once more"
    subscriber.stop()
    thread.join(10)
    assert heard == book.announcements()[-1:]


def test_from_a_time_what_was_recorded_since_then_comes(book: Announcing, broker: Broker) -> None:
    announce(book, broker, "m-1", "m-2", "m-3", flips=4)
    time.sleep(0.01)  # the broker finds a time by its milliseconds: some are to lie between the two announcements
    announce(book, broker, "m-1", "m-2", flips=3)
    told = book.announcements()
    for since in (told[0], told[5], told[-6], told[-1]):
        found = all_now(broker, Start.at(since.recorded_us))
        expected = [change for change in told if change.recorded_us >= since.recorded_us]
        assert by_membership(found) == by_membership(expected)
        assert by_membership(all_now(broker, Start.at(since.recorded_us + 1))) == by_membership(
            [change for change in told if change.recorded_us > since.recorded_us]
        )


def test_from_kept_offsets_it_goes_on_after_the_last(book: Announcing, broker: Broker) -> None:
    announce(book, broker, "m-1", "m-2", "m-3", "m-4", "m-5")
    taken: list[Delivery] = list(islice(Subscriber(broker).deliveries(), 7))
    assert taken[-1].resume is not None
    rest = all_now(broker, Start.offsets(taken[-1].resume))
    heard = [delivery.message for delivery in taken] + rest
    assert by_membership(heard) == by_membership(book.announcements())


def test_snapshot_then_what_follows_has_no_gap_while_the_relay_is_at_work(
    book: Announcing, broker: Broker, tmp_path: Path
) -> None:
    """Snapshots taken at any moment: the status first, then exactly what the membership was told after that."""
    memberships = [f"m-{number}" for number in range(6)]
    announce(book, broker, *memberships, flips=2)
    stop = threading.Event()

    def work() -> None:
        with (
            announcing(tmp_path / "book.db") as worker,
            Relay(worker.store, broker, MESSAGES, batch_events_max=3) as relay,
        ):
            while not stop.is_set() or relay.state.position < worker.store.max_position():
                relay.step()

    thread = threading.Thread(target=work)
    thread.start()
    heard: list[list[Any]] = []
    try:
        for _ in range(4):
            for membership in memberships:
                book.record(book.flips(membership, 5))
            heard.append(all_now(broker, Start.status()))
    finally:
        stop.set()
        thread.join(30)
    told = by_membership(book.announcements())
    for messages in heard:
        for membership, all_told in told.items():
            own = [message for message in messages if message.membership == membership]
            assert isinstance(own[0], EligibilityStatus)
            assert all(isinstance(message, EligibilityChanged) for message in own[1:])
            first = next(place for place, change in enumerate(all_told) if change.position == own[0].position)
            assert own[1:] == all_told[first + 1 : first + len(own)]
    assert any(isinstance(message, EligibilityChanged) for messages in heard for message in messages)


def test_status_is_the_announcement_in_force_at_the_end_of_the_folded_history(book: Announcing, broker: Broker) -> None:
    announce(book, broker, "m-1", "m-2", flips=5)
    for status in all_now(broker, Start.status()):
        folded: list[EligibilityChanged] = []
        for change in by_membership(book.announcements())[status.membership]:
            folded = [before for before in folded if before.effective_us < change.effective_us] + [change]
        last = max(folded, key=lambda change: change.effective_us)
        assert (status.position, status.satisfied, status.effective_at) == (
            last.position, last.satisfied, last.effective_at,
        )  # fmt: skip


def test_group_goes_on_where_it_was_and_repeats_at_most_what_was_not_done(book: Announcing, broker: Broker) -> None:
    announce(book, broker, "m-1", "m-2", flips=5)
    first = Subscriber(broker, group="crm").deliveries()
    taken = [delivery.message for delivery in islice(first, 4)]
    first.close()
    rest = all_now(broker, group="crm")
    assert rest[0] == taken[-1] or taken[-1] in rest, "the fourth was not known to be done, so it comes again"
    heard = taken[:3] + rest
    assert by_membership(heard) == by_membership(book.announcements())
    assert all_now(broker, group="crm") == []


def test_group_starts_at_a_time_where_it_has_no_offsets(book: Announcing, broker: Broker) -> None:
    announce(book, broker, "m-1")
    time.sleep(0.01)  # as above
    announce(book, broker, "m-1")
    since = Start.at(book.announcements()[3].recorded_us)
    assert all_now(broker, since, group="late") == book.announcements()[3:]
    assert all_now(broker, Start.beginning(), group="late") == []


def test_group_cannot_start_with_everybodys_status(broker: Broker) -> None:
    with pytest.raises(ValueError, match="a group shares the partitions"):
        Subscriber(broker, start=Start.status(), group="crm")


def test_two_members_of_a_group_share_the_partitions(book: Announcing, broker: Broker) -> None:
    heard: dict[str, list[Any]] = {"one": [], "two": []}
    beats: dict[str, Heartbeat] = {}
    members = {
        name: Subscriber(
            broker, group="shared", heartbeat_s=0.2, on_heartbeat=lambda beat, name=name: beats.update({name: beat})
        )
        for name in heard
    }
    threads = [threading.Thread(target=lambda name=name: heard[name].extend(members[name])) for name in heard]
    for thread in threads:
        thread.start()
    try:
        eventually(
            lambda: [[*map(len, beat.partitions.values())] for beat in beats.values()] == [[2, 2], [2, 2]],
            "two of each topic",
        )
        announce(book, broker, *(f"m-{number}" for number in range(12)), flips=2)
        eventually(lambda: sum(map(len, heard.values())) >= 24, "all is heard")
    finally:
        for member in members.values():
            member.stop()
        for thread in threads:
            thread.join(15)
    assert by_membership(heard["one"] + heard["two"]) == by_membership(book.announcements())
    assert not {c.membership for c in heard["one"]} & {c.membership for c in heard["two"]}


def test_heartbeat_tells_the_lag_and_comes_without_messages(book: Announcing, broker: Broker) -> None:
    announce(book, broker, "m-1")
    beats: list[Heartbeat] = []
    subscriber = Subscriber(broker, heartbeat_s=0.2, on_heartbeat=beats.append)
    thread = threading.Thread(target=lambda: list(subscriber))
    thread.start()
    eventually(lambda: len(beats) >= 3, "three heartbeats")
    subscriber.stop()
    thread.join(10)
    heard = [broker.topics.named(change.type) for change in (DesignationChanged, EligibilityChanged)]
    assert beats[-1] == Heartbeat(0, dict.fromkeys(heard, (0, 1, 2, 3)))


def test_missing_topic_and_deleted_messages_are_said_aloud(book: Announcing, broker: Broker) -> None:
    with pytest.raises(TopicsUnfit, match="found no topic"):
        all_now(Broker(broker.bootstrap, "nowhere."))
    announce(book, broker, "m-1")
    (first, *_) = Subscriber(broker).deliveries(until_end=True)
    assert first.resume is not None
    (name, kept), *_ = first.resume.topics.items()
    beyond = Resume({**first.resume.topics, name: kept._replace(places=dict.fromkeys(range(4), Place(10_000)))})
    with pytest.raises(MessagesLost, match="start anew from the status topic"):
        list(islice(Subscriber(broker, start=Start.offsets(beyond)), 1))


def test_unreadable_message_stops_the_reader_or_goes_to_its_handler(book: Announcing, broker: Broker) -> None:
    announce(book, broker, "m-1")
    producer = broker.producer()
    await_sent([producer.send(broker.topics.named(EligibilityChanged.type), b"{}", key=b"m-1")])
    producer.close()
    announce(book, broker, "m-1")
    with pytest.raises(BadMessage, match=r"partition ., offset \d+: found no EligibilityChanged"):
        all_now(broker)
    bad: list[BadMessage] = []
    assert all_now(broker, on_bad_message=bad.append) == book.announcements()
    assert len(bad) == 1


def test_subscriber_outlives_a_broker_that_is_killed_and_one_that_does_not_answer(
    book: Announcing, own_kafka: KafkaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    broker = broker_with_topics(own_kafka.bootstrap)
    announce(book, broker, "m-1", flips=2)
    heard: list[Any] = []
    subscriber = Subscriber(broker, heartbeat_s=1)
    thread = threading.Thread(target=lambda: heard.extend(subscriber))
    thread.start()
    try:
        eventually(lambda: len(heard) == 2, "heard before")
        await_ended_transactions(broker, *broker.topics.relayed())
        own_kafka.kill()
        own_kafka.start()
        announce(book, broker, "m-1", flips=2)
        eventually(lambda: len(heard) == 4, "heard after the kill", 60)
        caplog.clear()
        own_kafka.pause()
        lost = "lost the broker ("
        eventually(lambda: any(one.startswith(lost) for one in caplog.messages), "the silence is noticed", 60)
        own_kafka.resume()
        announce(book, broker, "m-1", flips=2)
        eventually(lambda: len(heard) == 6, "heard after the pause", 60)
    finally:
        subscriber.stop()
        thread.join(30)
    assert heard == book.announcements()
