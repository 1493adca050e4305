"""The inbox against a real broker: every fact once into the book, every refusal told, nothing that stops it."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.servers.fixtures import without_server

try:
    import kafka
except ImportError as missing:
    without_server(missing)

from console.answering import Answering
from console.vault_place import VaultPlace
from consumers.broker.partitioner import partition_of
from consumers.broker.topics import remake_topics
from consumers.roles.inbox import FAULT_CODE, KEY_MAX, ORIGINAL_MAX, Inbox, open_inbox
from consumers.roles.service import Service
from csat_ledger_client.kafka.broker import Broker, await_sent
from csat_ledger_client.kafka.incarnations import TopicWatch
from csat_ledger_client.kafka.places import Place, kept_text
from csat_ledger_client.messages.cloudevents import RefusedFact
from ledger.errors import StoreUnreachable
from ledger.fact import Fact
from ledger.programmes.registry import PROGRAMMES
from ledger.store.refusal_rows import Wanted
from ledger.store.sqlite import SQLiteStore
from ledger.vault.columns import columns
from ledger.vault.keys import make_key_file
from ledger.vault.vault import Vault
from ledger.writing.refused import RefusalKeeper
from ledger.writing.writer import Outcome, Writer
from tests.consumers.role_processes import Running, running
from tests.consumers.support import broker_with_topics, committed, damage, eventually, wall_us
from tests.servers.kafka import KafkaBroker


class Book:
    """A ledger in a file, and an inbox that fills it."""

    def __init__(self, path: Path, broker: Broker) -> None:
        self.store = SQLiteStore(path)
        self.broker = broker
        self.record: Callable[[Writer, Sequence[Fact]], list[Outcome]] = lambda writer, facts: writer.record(facts)

    @contextmanager
    def connect(self, service: Service) -> Iterator[Inbox]:
        book = self

        class Recording(Writer):
            def record(self, facts: Sequence[Fact]) -> list[Outcome]:
                return book.record(super(), facts)  # type: ignore[arg-type]

        writer = Recording(self.store, wall_us, PROGRAMMES)
        keeper = RefusalKeeper(self.store, PROGRAMMES.facts, wall_us, pytest.fail)
        with open_inbox(service, self.store, writer, self.broker, wall_us, keeper, session_timeout_s=2) as inbox:
            yield inbox

    def inbox(self) -> AbstractContextManager[Running]:
        return running("inbox", self.connect)

    def restore(self, copy: Path) -> None:
        """Puts another file in the place of the book, as its operator would: a running inbox finds it when it connects."""
        before, self.store = self.store, SQLiteStore(copy)
        before.close()

    def facts(self) -> list[str]:
        """The ids of the facts in the book, in its order, once for each event that is not an announcement."""
        events = [PROGRAMMES.decode(row.stored) for row in self.store.read_feed(0, 100_000)]
        return [str(event.fact) for event in events if event.type not in ("RulebookPublished", "EligibilityChanged")]

    def refused(self) -> list[RefusedFact]:
        records = committed(self.broker, self.broker.topics.facts_refused)
        return [RefusedFact.from_value(record.value) for record in records]


def original_of(broker: Broker, told: RefusedFact) -> bytes:
    """The message at the place that a refusal names."""
    records = {(record.partition, record.offset): record.value for record in committed(broker, told.topic)}
    return bytes(records[told.partition, told.offset] or b"")


@pytest.fixture
def book(tmp_path: Path, broker: Broker) -> Iterator[Book]:
    found = Book(tmp_path / "book.db", broker)
    yield found
    found.store.close()


def send(broker: Broker, *values: bytes | dict[str, Any]) -> None:
    producer = broker.producer("test")
    try:
        sent = []
        for value in values:
            key = value["membership"].encode() if isinstance(value, dict) else b"m-1"
            content = json.dumps(value).encode() if isinstance(value, dict) else value
            sent.append(producer.send(broker.topics.facts, content, key=key))
        await_sent(sent)
    finally:
        producer.close(timeout=2)


def enrolment(membership: str) -> dict[str, Any]:
    return fact("enrol-membership", f"e-{membership}", membership, name="A partner", level="gold")


def fact(kind: str, identity: str, membership: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "id": identity, "membership": membership, "occurred_at": "2014-01-01T09:00:00Z", **fields}


def response(number: int, membership: str = "m-1") -> dict[str, Any]:
    return fact("record-response", f"f-{number}", membership, response=f"r-{number}", customer_org="An organisation")


def copy_ledger(store: SQLiteStore, path: Path) -> None:
    with closing(sqlite3.connect(store.path)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)


def test_facts_are_recorded_once_however_often_they_come(book: Book) -> None:
    send(book.broker, enrolment("m-1"), *(response(number) for number in range(20)))
    with book.inbox() as inbox:
        eventually(lambda: len(book.facts()) == 21, "all facts are in the book")
        send(book.broker, *(response(number) for number in range(30)))
        eventually(lambda: len(book.facts()) == 31, "the new ones are there, too")
        eventually(lambda: inbox.figure("csat_ledger_done_total", what="duplicate") == 20, "the others were duplicates")
    assert book.facts() == ["e-m-1", *(f"f-{number}" for number in range(30))]
    assert book.refused() == []


def test_refused_facts_are_told_with_code_and_sentence_and_of_bytes_that_are_no_fact_where_they_stand(
    book: Book,
) -> None:
    raw = b'\xff\xfe{"id"'
    unknown = response(1, "nobody")
    send(book.broker, raw, b"[]", unknown, b'{"id":"f-9","membership":"m-9","type":"x"}', enrolment("m-1"))
    with book.inbox() as inbox:
        eventually(lambda: book.facts() == ["e-m-1"], "what is right is recorded")
        eventually(lambda: len(book.refused()) == 4, "what is not is told")
        assert inbox.figure("csat_ledger_refusals_total", code="malformed") == 3
        assert inbox.figure("csat_ledger_refusals_total", code="unknown-membership") == 1
        assert not any("sentence" in line or "original" in line for line in inbox.log)
    by_code = {told.code: told for told in book.refused()}
    told = by_code["unknown-membership"]
    assert (told.original_bytes(), told.complete) == (json.dumps(unknown).encode(), True)
    assert (told.fact, told.membership) == ("f-1", "nobody")
    assert told.sentence
    assert told.topic == book.broker.topics.facts
    assert len({told.id for told in book.refused()}) == 4
    kept = {row.code: row for row in book.store.refusals.page(Wanted(), 10)}
    assert kept["unknown-membership"].source == f"kafka:{told.id}"
    assert kept["unknown-membership"].whole
    assert json.loads(kept["unknown-membership"].original or "") == unknown
    assert sum(row.times for row in book.store.refusals.page(Wanted(), 10)) == 4
    malformed = [told for told in book.refused() if told.code == "malformed"]
    assert [(told.original, told.complete) for told in malformed] == [("", False)] * 3
    assert {original_of(book.broker, told) for told in malformed} >= {raw, b"[]"}, "there the operator finds it"


def test_what_cannot_be_kept_beside_the_book_comes_again(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    keeping, tries = SQLiteStore.keeping_refusals, []

    def locked(store: SQLiteStore) -> Any:
        tries.append(1)
        if len(tries) < 3:
            raise StoreUnreachable("of the test")
        return keeping(store)

    monkeypatch.setattr(SQLiteStore, "keeping_refusals", locked)
    send(book.broker, response(1, "nobody"), enrolment("m-1"))
    with book.inbox():
        eventually(lambda: book.store.refusals.last_number() == 1, "what is refused is kept in the end", 60)
    assert book.facts() == ["e-m-1"]


def test_message_without_value_and_one_that_is_far_too_long_stop_nothing(book: Book) -> None:
    producer = book.broker.producer("test")
    producer.send(book.broker.topics.facts, None, key=b"m-1").get(10)
    producer.close()
    garbage = b'"' * 900_000
    long = json.dumps({**enrolment("m-2"), "name": "Alderbrook", "competencies": ["x" * 60] * 15_000}).encode()
    send(book.broker, garbage, long, enrolment("m-1"))
    with book.inbox():
        eventually(lambda: book.facts() == ["e-m-1"], "the fact behind them is recorded")
        eventually(lambda: len(book.refused()) == 3, "all are told")
    empty, untold, cut = sorted(book.refused(), key=lambda told: (len(told.original), len(told.sentence)))
    assert (empty.original, untold.original) == ("", "")
    assert "900,000" in untold.sentence
    assert (cut.original_bytes(), cut.complete) == (long[:ORIGINAL_MAX], False)
    assert f"{len(long):,}" in cut.sentence


def test_message_whose_key_leaves_no_room_for_its_refusal_stops_nothing(book: Book) -> None:
    producer = book.broker.producer("test")
    value = json.dumps({**enrolment("m-2"), "name": "Alderbrook", "competencies": ["x" * 60] * 1_500}).encode()
    key = b"k" * 800_000
    producer.send(book.broker.topics.facts, value, key=key).get(10)
    producer.close()
    send(book.broker, enrolment("m-1"))
    with book.inbox():
        eventually(lambda: book.facts() == ["e-m-1"], "the fact behind it is recorded")
        eventually(lambda: len(book.refused()) == 1, "it is told")
    (told,) = committed(book.broker, book.broker.topics.facts_refused)
    assert told.key == key[:KEY_MAX]
    assert RefusedFact.from_value(told.value).original_bytes() == value


def test_what_is_told_of_a_refusal_has_the_token_of_an_invitation_and_never_the_invitation_beside_a_response(
    book: Book,
) -> None:
    consent = {"type": "record-consent", "id": "c", "subject": "s-1", "customer_org": "An organisation"}
    invitation = {
        "type": "record-invitation",
        "id": "i",
        "subject": "s-1",
        "customer_org": "An organisation",
        "channel": "operator",
    }
    of_m1 = {"membership": "m-1", "occurred_at": "2010-02-01T00:00:00Z"}
    named = {"invitation": "i-secret"}
    answers = [{**response(number), **named} for number in (1, 2)]
    reminder = {"type": "record-reminder", "id": "r", **named, **of_m1, "occurred_at": "2014-02-01T00:00:00Z"}
    spoilt = [
        {**answers[0], "id": "x", "strange i-secret": "i-secret"},
        {**answers[0], "id": "y", "anonymous": {"is": "i-secret"}},
    ]
    told_facts = [consent | of_m1, invitation | of_m1 | named]
    send(book.broker, enrolment("m-1"), *told_facts, *answers, {**answers[0], "id": "again"}, reminder, *spoilt)
    with book.inbox() as inbox:
        eventually(lambda: len(book.refused()) == 5, "what is refused is told")
    events = [PROGRAMMES.decode(row.stored) for row in book.store.read_feed(0, 100)]
    (token,) = {event.data["answer_token"] for event in events if event.type == "ResponseReceived"}
    told = {one.fact: json.loads(one.original_bytes()) | {"code": one.code} for one in book.refused()}
    assert told["f-2"] == {**answers[1], "invitation": token, "code": "already-answered"}
    assert told["again"] == {**answers[0], "id": "again", "invitation": token, "code": "already-answered"}
    assert told["r"] == {**reminder, "invitation": None, "code": "already-answered"}
    # Of what is malformed nobody knows what is whose: the company's name could be the author's.
    assert told["x"] == {**answers[0], "id": "x", "invitation": None, "customer_org": None, "code": "malformed"}
    assert told["y"]["invitation"] is None
    assert not any(one.complete for one in book.refused())
    assert not any("i-secret" in one.model_dump_json() for one in book.refused())
    assert not any("i-secret" in line for line in inbox.log)


def test_without_its_link_key_an_inbox_puts_off_what_names_an_invitation_and_takes_all_else(book: Book) -> None:
    answer = {**response(1), "invitation": "i-secret"}
    with book.store.writing() as transaction:
        transaction.save_link_key_id("0123456789abcdef")
    send(book.broker, enrolment("m-1"), answer, response(2))
    with book.inbox() as inbox:
        eventually(lambda: book.facts() == ["e-m-1", "f-2"], "all else is recorded")
        eventually(lambda: len(book.refused()) == 1, "it is told")
        assert inbox.figure("csat_ledger_set_aside_streams") == 0
    (told,) = book.refused()
    assert (told.code, told.fact, told.complete) == ("link-key-missing", "f-1", False)
    assert json.loads(told.original) == {**answer, "invitation": None}
    assert json.loads(original_of(book.broker, told)) == answer, "there the operator finds it, and sends it again"


def test_what_is_redelivered_after_a_lost_commit_changes_nothing_and_has_the_same_ids(book: Book) -> None:
    send(book.broker, enrolment("m-1"), b"no fact", response(1))
    with book.inbox() as inbox:
        inbox.service.log.info("first")
        eventually(lambda: len(book.facts()) == 2 and len(book.refused()) == 1, "the first time")
    forget_offsets(book.broker)
    with book.inbox() as inbox:
        eventually(lambda: inbox.figure("csat_ledger_done_total", what="duplicate") == 2, "both come again")
        eventually(lambda: len(book.refused()) == 2, "the refusal is told again")
    assert book.facts() == ["e-m-1", "f-1"]
    assert len({told.id for told in book.refused()}) == 1


def forget_offsets(broker: Broker) -> None:
    """As if the process had been killed before it committed its offsets."""
    from kafka import OffsetAndMetadata

    from csat_ledger_client.kafka.broker import partitions_of

    consumer = broker.consumer("test", group_id=f"{broker.prefix}csat-inbox")
    try:
        partitions = partitions_of(consumer, broker.topics.facts)
        consumer.assign(partitions)
        consumer.commit({partition: OffsetAndMetadata(0, "", -1) for partition in partitions}, timeout_ms=5_000)
    finally:
        consumer.close()


def test_fact_over_which_the_program_fails_is_refused_as_fault_and_the_others_are_recorded(book: Book) -> None:
    def record(writer: Writer, facts: Sequence[Fact]) -> list[Outcome]:
        if any(fact.id == "f-2" for fact in facts):
            raise ZeroDivisionError
        return writer.record(facts)

    book.record = record
    send(book.broker, enrolment("m-1"), *(response(number) for number in range(5)))
    with book.inbox() as inbox:
        eventually(lambda: len(book.facts()) == 5, "the others are recorded")
        eventually(book.refused, "it is told")
        assert [line["fact"] for line in inbox.events("fault")] == ["f-2"]
    (told,) = book.refused()
    assert (told.code, told.fact) == (FAULT_CODE, "f-2")
    assert book.facts() == ["e-m-1", "f-0", "f-1", "f-3", "f-4"]


def test_lost_store_loses_no_fact(book: Book) -> None:
    from ledger.errors import StoreUnreachable

    failures = iter([True, False, True, True, False])

    def record(writer: Writer, facts: Sequence[Fact]) -> list[Outcome]:
        outcomes = writer.record(facts) if next(failures, False) else None  # recorded, but nobody hears of it
        if outcomes is not None or next(failures, False):
            raise StoreUnreachable("a store that is lost")
        return writer.record(facts)

    book.record = record
    send(book.broker, enrolment("m-1"), *(response(number) for number in range(10)))
    with book.inbox() as inbox:
        eventually(lambda: len(book.facts()) == 11 and inbox.events("back"), "all facts are there")
        assert {line["what"] for line in inbox.events("lost")} == {"store"}
    assert sorted(set(book.facts())) == sorted(book.facts())


def test_two_inboxes_share_the_topic_and_record_each_fact_once(book: Book) -> None:
    memberships = [f"m-{number}" for number in range(12)]
    send(book.broker, *(enrolment(membership) for membership in memberships))
    with book.inbox() as first, book.inbox() as second:
        eventually(lambda: len(book.facts()) == 12, "all are enrolled")
        eventually(lambda: len(shares(first)) == len(shares(second)) == 2, "each has two partitions")
        facts = [response(place * 100 + number, m) for number in range(40) for place, m in enumerate(memberships)]
        feeder = threading.Thread(target=send, args=(book.broker, *facts))
        feeder.start()
        first.stop()
        feeder.join()
        eventually(lambda: len(book.facts()) == 12 + 480, "all are recorded, also after one went")
    assert len(set(book.facts())) == len(book.facts())


def shares(inbox: Running) -> list[str]:
    return [place for place in "0123" if inbox.figure("csat_ledger_lag", of=place) is not None]


def test_lost_broker_is_waited_for(tmp_path: Path, own_kafka: KafkaBroker) -> None:
    broker = broker_with_topics(own_kafka.bootstrap)
    book = Book(tmp_path / "book.db", broker)
    send(broker, enrolment("m-1"))
    with nullcontext(), book.inbox() as inbox:
        eventually(lambda: book.facts() == ["e-m-1"], "it is recorded")
        own_kafka.kill()
        eventually(lambda: not inbox.ready, "it says that the broker is lost")
        own_kafka.start()
        send(broker, response(1), b"no fact")
        eventually(lambda: len(book.facts()) == 2 and inbox.ready, "it is back")
        assert {line["what"] for line in inbox.events("lost")} == {"broker"}
        eventually(lambda: len(book.refused()) == 1, "what was refused is told")
    book.store.close()


def test_facts_of_a_topic_that_was_made_anew_are_all_taken_in(book: Book) -> None:
    send(book.broker, enrolment("m-1"), *(response(number) for number in range(5)))
    with book.inbox():
        eventually(lambda: len(book.facts()) == 6, "the first are recorded")
        remake_topics(book.broker, [book.broker.topics.facts])
        send(book.broker, *(response(number) for number in range(3, 12)))
        eventually(lambda: len(book.facts()) == 13, "a running inbox takes in what comes in the other topic")
    remake_topics(book.broker, [book.broker.topics.facts])
    keep_offsets(book.broker, 4, "00000000-1111-2222-3333-444444444444")  # as a member that was left behind would
    send(book.broker, *(response(number) for number in range(10, 20)))
    with book.inbox() as inbox:
        eventually(lambda: len(book.facts()) == 21, "so does one that starts")
        assert "made anew" in inbox.events("read again")[0]["why"]
    assert book.facts() == ["e-m-1", *(f"f-{number}" for number in range(20))]


@pytest.mark.parametrize("running", [True, False])
def test_facts_that_an_older_copy_of_the_book_lacks_are_taken_in_again(
    book: Book, tmp_path: Path, running: bool
) -> None:
    """Kafka keeps how far the group is, and knows nothing of the book: without a proof the facts in between were lost."""
    send(book.broker, enrolment("m-1"), *(response(number) for number in range(5)))
    with book.inbox() as inbox:
        eventually(lambda: len(book.facts()) == 6, "the first are recorded")
        copy_ledger(book.store, tmp_path / "older.db")
        send(book.broker, *(response(number) for number in range(5, 9)))
        eventually(lambda: len(book.facts()) == 10 and inbox.figure("csat_ledger_lag", of="0") == 0, "all are")
        if running:
            book.restore(tmp_path / "older.db")
            eventually(lambda: len(book.facts()) == 10, "a running inbox takes in again what the book lacks")
    if not running:
        book.restore(tmp_path / "older.db")
        with book.inbox() as inbox:
            eventually(lambda: len(book.facts()) == 10, "so does one that starts")
            assert "older copy that was restored" in inbox.events("read again")[0]["why"]
    assert book.facts() == ["e-m-1", *(f"f-{number}" for number in range(9))]


def test_facts_of_a_partition_that_lost_its_end_and_was_filled_again_are_all_taken_in(book: Book) -> None:
    send(book.broker, enrolment("m-1"), *(response(number) for number in range(5)))
    keep_offsets(book.broker, 4, mark="0123456789abcdef")  # there was another message before this place
    with book.inbox() as inbox:
        eventually(lambda: len(book.facts()) == 6, "all are recorded")
        assert "has lost its end" in inbox.events("read again")[0]["why"]


def test_facts_that_were_deleted_before_they_were_read_are_said_to_be_lost_and_stop_nobody(book: Book) -> None:
    from kafka import TopicPartition

    send(book.broker, enrolment("m-1"), response(0))
    with book.inbox():
        eventually(lambda: len(book.facts()) == 2, "the first are recorded")
    send(book.broker, *(response(number) for number in range(1, 5)))
    with book.broker.admin() as admin:
        admin.delete_records({TopicPartition(book.broker.topics.facts, partition): -1 for partition in range(4)})
    send(book.broker, response(5))
    with book.inbox() as inbox:
        eventually(lambda: book.facts() == ["e-m-1", "f-0", "f-5"], "what is there is recorded")
        assert [line["facts_lost"] for line in inbox.events("read again")] == [4]
        assert inbox.figure("csat_ledger_done_total", what="lost") == 4


def test_partitions_that_are_added_to_the_facts_are_read(book: Book) -> None:
    send(book.broker, enrolment("m-1"))
    with book.inbox():
        eventually(lambda: book.facts() == ["e-m-1"], "the first is recorded")
        with book.broker.admin() as admin:
            admin.create_partitions({book.broker.topics.facts: 12})
        send(book.broker, *(enrolment(f"n-{number}") for number in range(30)))
        eventually(lambda: len(book.facts()) == 31, "all are recorded, wherever they are")


def keep_offsets(broker: Broker, offset: int, topic: str | None = None, mark: str | None = None) -> None:
    """Offsets of the inbox in the partition of m-1, as if another topic, or another message, had been read."""
    from kafka import OffsetAndMetadata, TopicPartition

    with TopicWatch(broker, [broker.topics.facts]) as watch:
        known = watch.known[broker.topics.facts]
    consumer = broker.consumer("test", group_id=f"{broker.prefix}csat-inbox")
    partition = TopicPartition(broker.topics.facts, partition_of("membership-m-1", known.partitions))
    text = kept_text(topic or known.id, Place(offset, offset - 1 if mark else None, mark or ""))
    consumer.assign([partition])
    consumer.commit({partition: OffsetAndMetadata(offset, text, -1)}, timeout_ms=5_000)
    consumer.close()


def test_facts_of_a_membership_that_cannot_be_read_are_put_off_and_the_others_go_on(book: Book) -> None:
    send(book.broker, enrolment("m-1"), enrolment("m-2"))
    with book.inbox():
        eventually(lambda: len(book.facts()) == 2, "both are enrolled")
    last = list(book.store.read_stream("membership-m-1"))[-1]
    damage(book.store, last.position, last.stored[:-9])
    with book.inbox() as inbox:
        send(book.broker, response(1), response(2, "m-2"))
        eventually(lambda: book.store.read_feed(0, 99)[-1].type == "ResponseReceived", "the other goes on")
        eventually(lambda: [told.code for told in book.refused()] == ["stream-set-aside"], "it is told")
        eventually(lambda: inbox.figure("csat_ledger_set_aside_streams") == 1, "and shown")
        assert inbox.ready
        assert inbox.service.health("/readyz")[1]["set_aside"]["streams"] == ["membership-m-1"]
        damage(book.store, last.position, last.stored)
        send(book.broker, json.loads(book.refused()[0].original_bytes()))
        eventually(lambda: "f-1" in book.facts(), "sent again after the mend it is recorded")
        eventually(lambda: inbox.figure("csat_ledger_set_aside_streams") == 0, "and nothing waits")


def test_partitions_that_are_taken_away_before_their_place_is_known_stop_nothing() -> None:
    """The client's own thread tells of partitions, at any moment."""
    nothing: Any = SimpleNamespace(
        figures=lambda _: SimpleNamespace(waiting=set()),
        show_set_aside=lambda _: None,
        pause=lambda _: None,
        seek=lambda *_: None,
        poll=lambda *_: {},
        beginning_offsets=lambda *_, **__: {},
        end_offsets=lambda *_, **__: {},
    )
    inbox = Inbox(nothing, nothing, nothing, nothing, nothing, nothing, nothing, "refused", wall_us, nothing)
    inbox._looked_at = time.monotonic()
    inbox.assigned([kafka.TopicPartition("facts", 0)])

    class TakenAway:
        def __enter__(self) -> None:
            inbox._fresh.clear()

        def __exit__(self, *_: object) -> None: ...

    inbox._guard = cast(Any, TakenAway())
    assert inbox.step() == 0.0


def test_facts_of_both_programmes_are_recorded_and_refused_alike_and_counted_by_programme(book: Book) -> None:
    designation = {"area": "business-applications", "occurred_at": "2024-06-20T00:00:00Z"}
    usage = {"customer": "c-1", "workload": "power-bi", "month": "2024-05", "association": "pal"}
    reports = [fact("report-usage", f"u-{n}", "m-1", **usage, units=n) | designation for n in range(5)]
    opened = fact("open-designation", "o-1", "m-1", name="A partner") | designation
    early = fact("close-month", "c-1", "m-1", month="2024-06") | designation
    unknown = fact("close-month", "c-2", "m-2", month="2024-05") | designation
    send(book.broker, opened, enrolment("m-1"), *reports, response(1), early, unknown, reports[0])
    with book.inbox() as inbox:
        eventually(lambda: len(book.refused()) == 2, "what is refused is told")
        eventually(lambda: inbox.figure("csat_ledger_done_total", what="duplicate") == 1, "all is taken")
        assert inbox.figure("csat_ledger_facts_total", programme="capability") == 6
        assert inbox.figure("csat_ledger_facts_total", programme="survey") == 2
    assert sorted(set(book.facts()) - {"None"}) == sorted(
        ["csat-ledger:edition:business-applications/2023-06", "o-1", "e-m-1", *(f"u-{n}" for n in range(5)), "f-1"]
    )
    assert {(told.fact, told.code, told.membership) for told in book.refused()} == {
        ("c-1", "month-not-over", "m-1"),
        ("c-2", "unknown-designation", "m-2"),
    }


def test_answers_go_into_the_vault_and_are_told_to_nobody(book: Book, tmp_path: Path) -> None:
    said = {"answers": {"overall": 9, "own": {"wish": "Zwetschge"}}, "comment": "Quirina was friendly"}
    place = VaultPlace(str(tmp_path / "people.db"), tmp_path / "key")
    make_key_file(tmp_path / "key")
    with place.database(create=True) as database:
        Vault(database, place.keyring(), create=True)

    @contextmanager
    def connect(service: Service) -> Iterator[Inbox]:
        writer = Writer(book.store, wall_us, PROGRAMMES)
        keeper = RefusalKeeper(book.store, PROGRAMMES.facts, wall_us, pytest.fail)
        with (
            closing(Answering(writer, book.store, wall_us, place, 90, pytest.fail)) as answering,
            open_inbox(service, book.store, writer, book.broker, wall_us, keeper, recorder=answering) as inbox,
        ):
            yield inbox

    send(
        book.broker,
        enrolment("m-1"),
        response(1) | said,
        response(1) | said,
        response(2, "m-9") | said,
        response(3) | said | {"comment": 5},
    )
    with running("inbox", connect) as inbox:
        eventually(lambda: book.facts() == ["e-m-1", "f-1"], "what is right is recorded")
        eventually(lambda: len(book.refused()) == 2, "what is not is told")
        assert not any("Quirina" in line or "Zwetschge" in line for line in inbox.log)
    with place.vault() as vault:
        assert [(one.fact, one.overall) for one in columns(vault)] == [("f-1", 9)]
    for told in book.refused():
        assert b"Quirina" not in told.original_bytes()
        assert b"Zwetschge" not in told.original_bytes()
        assert not told.complete or b"answers" not in told.original_bytes()
    kept = {row.code: row for row in book.store.refusals.page(Wanted(), 10)}
    assert json.loads(kept["unknown-membership"].original or "") == {**response(2, "m-9"), "answers": "in the vault"}
