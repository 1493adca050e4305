"""A subscriber whose topic was made anew, cut, or emptied from its beginning; and a service whose ledger was set back."""

from __future__ import annotations

import copy
import json
import sqlite3
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.servers.fixtures import without_server

try:
    from kafka import TopicPartition
except ImportError as missing:
    without_server(missing)

from console.cli.main import main
from consumers.broker.topics import remake_topics
from csat_ledger_client.errors import BadRequest, HistoryChanged, MessagesLost, TopicsUnfit
from csat_ledger_client.kafka.broker import Broker
from csat_ledger_client.kafka.effects import Effects
from csat_ledger_client.kafka.places import Place, Resume, TopicPlaces
from csat_ledger_client.kafka.subscriber import Delivery, Start, Subscriber
from csat_ledger_client.messages.survey import EligibilityChanged
from tests.consumers.support import (
    Announcing,
    announce,
    announcing,
    by_membership,
    eventually,
    relay_all,
)


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "crm.db", timeout=30, check_same_thread=False)
    connection.execute("CREATE TABLE effect (membership TEXT, seq BIGINT)")
    yield connection
    connection.close()


def now(broker: Broker, start: Start | None = None, group: str | None = None) -> list[Delivery]:
    return list(Subscriber(broker, start=start, group=group).deliveries(until_end=True))


def follow(crm: sqlite3.Connection, broker: Broker, otherwise: Start | None = None) -> None:
    effects = Effects(crm, "crm")
    for delivery in Subscriber(broker, start=effects.start(otherwise)).deliveries(until_end=True):
        with effects.once(delivery) as fresh:
            if fresh:
                crm.execute("INSERT INTO effect VALUES (?, ?)", (delivery.message.membership, delivery.message.seq))


def effects_of(crm: sqlite3.Connection) -> list[tuple[str, int]]:
    return crm.execute("SELECT membership, seq FROM effect ORDER BY membership, seq").fetchall()


def expected(book: Announcing) -> list[tuple[str, int]]:
    return sorted((change.membership, change.seq) for change in book.announcements())


def relayed_anew(book: Announcing, broker: Broker) -> None:
    remake_topics(broker, broker.topics.relayed())
    relay_all(book.store, broker)


def test_service_with_effects_goes_on_in_topics_made_anew_without_gap_or_repeat(
    book: Announcing, broker: Broker, crm: sqlite3.Connection
) -> None:
    announce(book, broker, "m-1", "m-2", "m-3", flips=6)
    follow(crm, broker)
    book.record(book.flips("m-1", 5) + book.flips("m-2", 5))
    relayed_anew(book, broker)
    follow(crm, broker)
    assert effects_of(crm) == expected(book)
    announce(book, broker, "m-3", "m-4", flips=2)
    follow(crm, broker)
    assert effects_of(crm) == expected(book)


def test_running_service_notices_that_its_topic_was_made_anew(
    book: Announcing, broker: Broker, crm: sqlite3.Connection
) -> None:
    announce(book, broker, "m-1", "m-2", flips=4)
    effects = Effects(crm, "crm")
    subscriber = Subscriber(broker, start=effects.start(), heartbeat_s=0.3)

    def run() -> None:
        for delivery in subscriber.deliveries():
            with effects.once(delivery) as fresh:
                if fresh:
                    crm.execute("INSERT INTO effect VALUES (?, ?)", (delivery.message.membership, delivery.message.seq))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        eventually(lambda: effects._kept is not None and len(_eligibility(effects._kept).places) == 4, "it has begun")
        book.record(book.flips("m-1", 3) + book.flips("m-3", 0) + book.enrol("m-3") + book.flips("m-3", 3))
        subscriber._start = subscriber._start._replace(anew=Start.beginning())
        relayed_anew(book, broker)
        with sqlite3.connect(f"file:{crm.execute('PRAGMA database_list').fetchone()[2]}?mode=ro", uri=True) as reader:
            eventually(lambda: effects_of(reader) == expected(book), "all is there, once")
    finally:
        subscriber.stop()
        thread.join(20)


def test_subscriber_without_effects_is_told_that_its_topic_is_another_and_the_way_out_goes_on(
    book: Announcing, broker: Broker
) -> None:
    announce(book, broker, "m-1", "m-2", flips=4)
    kept = now(broker)[-3].resume
    assert kept is not None
    book.record(book.flips("m-1", 9))
    relayed_anew(book, broker)
    with pytest.raises(MessagesLost, match=r"it was made anew.*--from status"):
        now(broker, Start.offsets(kept))
    statuses = now(broker, Start.status())
    told = by_membership(book.announcements())
    assert {one.message.membership: one.message.position for one in statuses} == {
        name: changes[-1].position for name, changes in told.items()
    }


def test_running_subscriber_stops_when_its_topic_is_made_anew(book: Announcing, broker: Broker) -> None:
    announce(book, broker, "m-1", flips=4)
    deliveries = Subscriber(broker, heartbeat_s=0.3).deliveries()
    assert len(list(islice(deliveries, 4))) == 4
    book.record(book.flips("m-1", 20))
    relayed_anew(book, broker)
    with pytest.raises(MessagesLost, match="it was made anew"):
        next(deliveries)


def test_group_starts_again_in_a_topic_that_was_made_anew(book: Announcing, broker: Broker) -> None:
    announce(book, broker, "m-1", "m-2", flips=4)
    assert len(now(broker, group="crm")) == 8
    book.record(book.flips("m-1", 9))
    remake_topics(broker, broker.topics.relayed())
    stale = dict.fromkeys(range(4), Place(3))
    commit(broker, "crm", "00000000-1111-2222-3333-444444444444", stale)  # as a member that was left behind would
    relay_all(book.store, broker)
    assert by_membership([one.message for one in now(broker, group="crm")]) == by_membership(book.announcements())  # type: ignore[misc]


def _eligibility(resume: Resume) -> TopicPlaces:
    return resume.topics[EligibilityChanged.type]


def _with(resume: Resume, places: TopicPlaces) -> Resume:
    return Resume({**resume.topics, EligibilityChanged.type: places})


def commit(broker: Broker, group: str, topic: str, places: dict[int, Place]) -> None:
    from kafka import OffsetAndMetadata

    from csat_ledger_client.kafka.places import kept_text

    consumer = broker.consumer("test", group_id=group)
    name = broker.topics.named(EligibilityChanged.type)
    consumer.assign([TopicPartition(name, number) for number in places])
    consumer.commit(
        {
            TopicPartition(name, number): OffsetAndMetadata(place.next_offset, kept_text(topic, place), -1)
            for number, place in places.items()
        },
        timeout_ms=5_000,
    )
    consumer.close()


def test_place_after_another_message_is_not_gone_on_from(book: Announcing, broker: Broker) -> None:
    """What a partition looks like that has lost its end, and was filled again."""
    announce(book, broker, "m-1", flips=6)
    resume = now(broker)[-1].resume
    assert resume is not None
    kept = _eligibility(resume)
    partition, place = next((number, place) for number, place in kept.places.items() if place.before is not None)
    other = Place(place.next_offset, place.before, "12-0123456789abcdef")
    wrong = _with(resume, TopicPlaces(kept.id, {**kept.places, partition: other}))
    with pytest.raises(MessagesLost, match="has lost its end, and was filled again"):
        now(broker, Start.offsets(wrong))
    commit(broker, "crm", kept.id, {partition: other})
    with pytest.raises(MessagesLost, match="has lost its end"):
        now(broker, group="crm")
    later = Place(place.next_offset + 50, place.before, place.mark)
    beyond = _with(resume, TopicPlaces(kept.id, {**kept.places, partition: later}))
    with pytest.raises(MessagesLost, match="messages were deleted"):
        now(broker, Start.offsets(beyond))


def test_beginning_that_was_deleted_is_told_wherever_a_subscriber_starts(
    book: Announcing, broker: Broker, crm: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce(book, broker, "m-1", flips=4)
    follow(crm, broker)
    kept = now(broker)[0].resume
    announce(book, broker, "m-1", flips=3)
    with broker.admin() as admin:
        topic = broker.topics.named(EligibilityChanged.type)
        admin.delete_records({TopicPartition(topic, partition): -1 for partition in range(4)})
    assert kept is not None
    for start in (Start.beginning(), Start.at(0), Start.offsets(kept)):
        with pytest.raises(MessagesLost, match=r"were deleted.*Start.status.*--relay-anew"):
            now(broker, start)
    with pytest.raises(MessagesLost, match="were deleted"):
        follow(crm, broker)
    assert now(broker, Start.end()) == []
    monkeypatch.setenv("CSAT_LEDGER_TOPIC_PREFIX", broker.prefix)
    assert main(["topics", "--kafka", broker.bootstrap, "--relay-anew"]) == 0
    relay_all(book.store, broker)
    follow(crm, broker)
    assert effects_of(crm) == expected(book)


@pytest.mark.parametrize("topic", ["eligibility-changed", "eligibility-status"])
def test_empty_topic_that_somebody_made_is_not_read_as_if_nothing_had_happened(
    topic: str, book: Announcing, broker: Broker
) -> None:
    announce(book, broker, "m-1")
    remake_topics(broker, [broker.topics.named(f"csat.{topic}.v1")])
    for start in (Start.beginning(), Start.status()):
        with pytest.raises(TopicsUnfit, match="which the relay has filled"):
            now(broker, start)


def test_partitions_that_were_added_stop_a_subscriber(book: Announcing, broker: Broker) -> None:
    announce(book, broker, "m-1")
    kept = now(broker)[-1].resume
    assert kept is not None
    with broker.admin() as admin:
        admin.create_partitions({broker.topics.named(EligibilityChanged.type): 6})
    with pytest.raises(TopicsUnfit, match="found 6 partitions"):
        now(broker, Start.offsets(kept))


def test_service_that_has_seen_more_than_a_restored_book_has_stops_and_the_way_out_is_one(
    book: Announcing, broker: Broker, crm: sqlite3.Connection, tmp_path: Path
) -> None:
    announce(book, broker, "m-1", "m-2", flips=3)
    restored = tmp_path / "older.db"
    with sqlite3.connect(book.store.name) as source, sqlite3.connect(restored) as target:
        source.backup(target)
    responses = copy.deepcopy(book._responses)
    announce(book, broker, "m-1", flips=4)
    follow(crm, broker)
    seen = len(effects_of(crm))
    with announcing(restored) as older:
        older._responses, older._day = responses, book._day
        older.record(older.flips("m-1", 4) + older.flips("m-2", 2))
        relayed_anew(older, broker)
        with pytest.raises(HistoryChanged, match=r"expected .* which was seen.*Effects\.forget"):
            follow(crm, broker)
        assert len(effects_of(crm)) <= seen + 2
        Effects(crm, "crm").forget()
        crm.execute("DELETE FROM effect")
        crm.commit()
        follow(crm, broker, Start.status())
        assert effects_of(crm) == sorted((n, told[-1].seq) for n, told in by_membership(older.announcements()).items())
        announce(older, broker, "m-1", flips=2)
        follow(crm, broker, Start.status())
        assert ("m-1", by_membership(older.announcements())["m-1"][-1].seq) in effects_of(crm)
        assert len(set(effects_of(crm))) == len(effects_of(crm))


@pytest.mark.parametrize(
    "places", [{0: Place(17, 15, "4711-5f0c22b1a4e9d377"), 1: Place(4)}, {3: Place(1, 0, "0123456789abcdef")}]
)
def test_resume_is_read_as_it_was_written(places: dict[int, Place]) -> None:
    one = TopicPlaces("5ba2a1e1-18d6-48de-a73d-97382dc0acea", places)
    for resume in (Resume({EligibilityChanged.type: one}), Resume({EligibilityChanged.type: one, "other.v1": one})):
        assert Resume.parse(str(resume)) == resume


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0=17",
        "n:t/",
        "n:t/0",
        "n:t/0=x",
        "n:t/0=1@",
        "n:t/0=1@2",
        "n:t/0=1,",
        "t/0=1",
        ":t/0=1",
        "n:t/0=1;n:t/0=1",
        "n:t/0=1;",
    ],
)
def test_text_that_is_no_resume_says_what_was_expected(text: str) -> None:
    with pytest.raises(BadRequest, match="expected TOPIC:ID/PARTITION=OFFSET"):
        Resume.parse(text)


def test_command_goes_on_after_a_line_and_says_when_the_topic_is_another(
    book: Announcing, broker: Broker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CSAT_LEDGER_KAFKA", broker.bootstrap)
    monkeypatch.setenv("CSAT_LEDGER_TOPIC_PREFIX", broker.prefix)
    announce(book, broker, "m-1", flips=3)

    def lines(*arguments: str) -> list[dict[str, Any]]:
        main(["--json", "subscribe", "--until-end", *arguments])
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    first = lines()[0]
    assert len(lines("--resume", first["resume"])) == 2
    relayed_anew(book, broker)
    (error,) = lines("--resume", first["resume"])
    assert error["error"] == "messages-lost"
    assert [line["kind"] for line in lines("--from", "status")] == ["status"]
