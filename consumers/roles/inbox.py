"""The inbox: facts from csat.facts.v1 into the book, each once, and what is refused onto csat.facts-refused.v1.

What is told of a refused fact ties no answer to an invitation, and has no person's details (`ledger.telling`).

A batch of messages is recorded in one transaction; then what was refused of it is delivered, and kept beside the book
(`ledger.writing.refused`); only then are the offsets committed. Whatever ends the process in between, the messages come
again: a fact that is in the book is a duplicate, which changes nothing, and a refusal is delivered again under the same id
(topic/partition/offset), so that its readers can tell.

Beside each offset the topic's id and the message before it are kept. Where they are not what they were (the topic was made
anew, or has lost its end), the partition is read again from its beginning, which changes nothing but time.

Nothing stops it for good. Bytes that are no fact are refused as `malformed`. A fact over which the program itself fails
is found out, refused as `fault`, and said loudly in the log (`ledger.writing.faults`); the message can be sent again once
the fault is mended.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, Final

import orjson

from consumers.broker.groups import SESSION_TIMEOUT_S, client, group_member, listener_of
from consumers.broker.kept_book import kept_bookmark, kept_with_book
from consumers.messages.cloudevents import encode_original, refused_message
from consumers.roles.metrics import Metrics
from consumers.roles.service import Service
from csat_ledger_client.errors import BrokerUnreachable, TopicsChanged
from csat_ledger_client.kafka.broker import ANSWER_TIMEOUT_MS, Broker, await_sent, broker_errors, partitions_of
from csat_ledger_client.kafka.clients import abandon
from csat_ledger_client.kafka.incarnations import TopicWatch
from csat_ledger_client.kafka.places import Place, kept_place, wrong_places
from csat_ledger_client.kafka.start import bounds_of
from csat_ledger_client.messages.cloudevents import RefusedFact
from ledger.errors import DifferentBook, Refused
from ledger.fact import Fact
from ledger.store.base import Store
from ledger.store.bookmark import Bookmark, BookmarkWatch, require_same
from ledger.telling import as_told, clean, key_as_told
from ledger.writing.faults import FAULT_CODE, FAULT_SENTENCE, record_apart
from ledger.writing.group_commit import Recorder
from ledger.writing.refused import RefusalKeeper, TurnedAway
from ledger.writing.setting_aside import SET_ASIDE_CODE
from ledger.writing.writer import Outcome, Writer

if TYPE_CHECKING:
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition

ROLE: Final = "inbox"
BATCH_MAX: Final = 1_000
POLL_MS: Final = 500
LOOK_AROUND_S: Final = 1.0
FIELD_MAX: Final = 200
ORIGINAL_MAX: Final = 128 * 1024
"""Of a longer message only the beginning is told on: as JSON it might not fit into one. A fact is half of that."""
KEY_MAX: Final = 1_024
"""Of a longer key likewise: the name of a membership is far shorter."""


Refusal = tuple[Any, Fact | None, str, str]
"""A message of Kafka, the fact in it (None where it is malformed), the code and the sentence with which it was refused."""


class Inbox:
    """The role of `csat-ledger inbox`; see the module. `consumer` is subscribed, `producer` is not transactional."""

    def __init__(
        self,
        service: Service,
        store: Store,
        writer: Writer,
        consumer: KafkaConsumer,
        watcher: KafkaConsumer,
        watch: TopicWatch,
        producer: KafkaProducer,
        refused_topic: str,
        clock: Callable[[], int],
        keeper: RefusalKeeper,
        recorder: Recorder | None = None,
    ) -> None:
        """`watcher` is in no group, and looks at partitions before they are read. `writer` writes into `store`.

        `keeper` keeps what is refused beside the book. `recorder` records with the writer, where facts carry more than goes
        into the book.
        """
        self._service = service
        self._store = store
        self._book = BookmarkWatch(store, "the inbox", "the facts are read again, and what the book lacks is recorded")
        self._writer = writer
        self._recorder: Recorder = writer if recorder is None else recorder
        self._consumer = consumer
        self._watcher = watcher
        self._watch = watch
        self._guard = Lock()
        self._fresh: set[TopicPartition] = set()
        """Assigned, but the place where the group goes on is not proven yet."""
        self._producer = producer
        self._refused_topic = refused_topic
        self._keeper = keeper
        self._clock = clock
        self._figures = service.figures(InboxFigures)
        service.show_set_aside(lambda: list(self._figures.waiting))
        self._looked_at = 0.0

    def step(self) -> float:
        """Records what has come, delivers what was refused of it, and commits the offsets; in that order."""
        with self._guard:
            fresh = sorted(self._fresh)
        if fresh:
            self._put_in_place(fresh)
        polled = self._poll()
        if polled:
            self._watch.check()  # what was fetched before is of this topic, and not of another of its name
            started = time.monotonic()
            self._take([record for records in polled.values() for record in records])
            self._move_bookmark()
            self._commit(polled)
            self._service.metrics.step.observe(time.monotonic() - started)
        if time.monotonic() - self._looked_at >= LOOK_AROUND_S:
            self._look_around()
        return 0.0

    def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """Called on the client's own thread: nothing is fetched before the place is proven."""
        for partition in partitions:
            self._consumer.pause(partition)
            self._consumer.seek(partition, 0)  # any offset will do: without one, the client complains
            with self._guard:
                self._fresh.add(partition)

    def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        """Called on the client's own thread."""
        with self._guard:
            self._fresh.difference_update(partitions)

    def _put_in_place(self, fresh: list[TopicPartition]) -> None:
        """Goes on where the group was, in partitions that are new here, if that can be proven; else from their beginning.

        Facts that come a second time are duplicates. Those that were deleted before they were read are lost here, and
        only their source can send them again: that is said loudly, and stops nobody.
        """
        kept: dict[TopicPartition, tuple[str, Place]] = {}
        marks: dict[TopicPartition, Bookmark] = {}
        self._move_bookmark()
        with broker_errors("offsets of the inbox not known"):
            for partition in fresh:
                one = self._consumer.committed(partition, metadata=True, timeout_ms=ANSWER_TIMEOUT_MS)
                if one is not None:
                    kept[partition] = kept_place(one.offset, one.metadata) or ("", Place(one.offset))
                    marks[partition] = kept_bookmark(one.metadata)
        bounds = bounds_of(self._watcher, fresh)
        topic = self._watch.known[fresh[0].topic].id
        same = {partition: place for partition, (known, place) in kept.items() if known in ("", topic)}
        places = {partition.partition: place for partition, place in same.items()}
        wrong = wrong_places(self._watcher, list(same), places, bounds)
        wrong |= {p.partition: f"found topic {topic}, expected {kept[p][0]}: made anew" for p in kept if p not in same}
        wrong |= self._of_another_book(marks)
        for partition in fresh:
            number, (begin, _) = partition.partition, bounds[partition.partition]
            start = begin if number in wrong or partition not in same else same[partition].next_offset
            if number in wrong:
                lost = max(0, begin - same[partition].next_offset) if partition in same else 0
                self._service.log.error("read again", partition=number, why=wrong[number], facts_lost=lost)
                self._service.metrics.done.labels("lost").inc(lost)
            with self._guard:
                if partition not in self._fresh:
                    continue  # taken away meanwhile
                self._fresh.discard(partition)
            with suppress(ValueError, KeyError):  # taken away this very moment
                self._consumer.seek(partition, start)
                self._consumer.resume(partition)

    def _of_another_book(self, marks: Mapping[TopicPartition, Bookmark]) -> dict[int, str]:
        """The partitions whose facts before the offset were recorded in a book that is not this one, each with why."""
        wrong = {}
        for partition, mark in marks.items():
            try:
                require_same(self._store, mark, f"partition {partition.partition} of the facts")
            except DifferentBook as error:
                wrong[partition.partition] = str(error)
        return wrong

    def _move_bookmark(self) -> None:
        """Takes the end of the book, and proves after that that it still is the book of before.

        In this order: a book that is put in its place meanwhile does not have that end, which is noticed then or later.
        """
        last = self._store.last_event()
        self._book.check(now=True)
        if last is not None:
            self._book.move(last)

    def _poll(self) -> Mapping[TopicPartition, Sequence[Any]]:
        """What has come. Where the topic does not have what comes next, the role is opened anew, and finds out why."""
        from kafka.errors import OffsetOutOfRangeError

        try:
            with broker_errors("facts not read"):
                found: Mapping[TopicPartition, Sequence[Any]] = self._consumer.poll(POLL_MS, BATCH_MAX)
                return found
        except BrokerUnreachable as error:
            if isinstance(error.__cause__, OffsetOutOfRangeError):
                raise TopicsChanged(f"found that the facts that come next are not there: {error}") from error
            raise

    def _take(self, records: Sequence[Any]) -> None:
        facts: list[Fact] = []
        senders: list[Any] = []
        refusals: list[Refusal] = []
        for record in records:
            try:
                facts.append(self._writer.programmes.facts.parse(record.value or b""))
                senders.append(record)
            except Refused as refusal:
                refusals.append((record, None, refusal.code, refusal.sentence))
        outcomes = self._record(facts)
        self._note_put_off(facts, outcomes)
        for record, fact, outcome in zip(senders, facts, outcomes, strict=True):
            if outcome.status in ("refused", "put-off"):  # with its code, under which it can be sent again
                refusals.append((record, fact, outcome.code or FAULT_CODE, outcome.sentence or FAULT_SENTENCE))
        self._deliver(refusals)
        self._keep(refusals)
        self._count(outcomes, refusals)

    def _note_put_off(self, facts: Sequence[Fact], outcomes: Sequence[Outcome]) -> None:
        """Which memberships cannot be read by the ledger now, as far as facts for them have come."""
        waiting = self._figures.waiting
        for fact, outcome in zip(facts, outcomes, strict=True):
            if outcome.code == SET_ASIDE_CODE:
                waiting.add(fact.stream)
            elif outcome.status == "accepted":
                waiting.discard(fact.stream)
        self._figures.set_aside.set(len(waiting))

    def _record(self, facts: list[Fact]) -> list[Outcome]:
        """The outcomes of a batch. Where the program fails over it, all but the fact that it is."""
        return record_apart(self._recorder.record, facts, self._note_fault, self._service.check)

    def _note_fault(self, fact: Fact, error: Exception) -> None:
        place = extract_tb(error.__traceback__)[-1]  # and not what it says, which may quote the fact
        where = f"{place.filename}:{place.lineno}"
        self._service.log.error("fault", fact=fact.id, error=type(error).__name__, where=where)

    def _deliver(self, refusals: Sequence[Refusal]) -> None:
        """Sends refusals and waits for every acknowledgement."""
        if not refusals:
            return
        now_us = self._clock()
        with broker_errors("refused facts not delivered"):
            sent = []
            for record, fact, code, sentence in refusals:
                key = key_as_told((record.key or b"")[:KEY_MAX])
                told = as_told(record.value or b"", self._writer.programmes.facts, fact)
                message = refused_message(refused_fact(record, told, code, sentence), now_us, key)
                sent.append(
                    self._producer.send(
                        self._refused_topic,
                        message.value,
                        key=message.key,
                        headers=message.headers,
                        timestamp_ms=message.timestamp_ms,
                    )
                )
            await_sent(sent)
        for record, _, code, _ in refusals:
            self._service.log.info("refused", code=code, partition=record.partition, offset=record.offset)

    def _keep(self, refusals: Sequence[Refusal]) -> None:
        """Keeps refusals beside the book. Where that fails, the messages come again, and nothing of it is lost."""
        if refusals:
            self._keeper.require_kept(
                [
                    TurnedAway(
                        record.value or b"", fact, code, sentence, None,
                        f"kafka:{record.topic}/{record.partition}/{record.offset}",
                    )
                    for record, fact, code, sentence in refusals
                ]
            )  # fmt: skip

    def _commit(self, polled: Mapping[TopicPartition, Sequence[Any]]) -> None:
        from kafka import OffsetAndMetadata, errors

        offsets = {}
        for partition, records in polled.items():
            place = Place.after(records[-1])
            text = kept_with_book(self._watch.known[partition.topic].id, place, self._book.mark)
            offsets[partition] = OffsetAndMetadata(place.next_offset, text, -1)
        try:
            with broker_errors("offsets not committed"):
                self._consumer.commit(offsets, timeout_ms=ANSWER_TIMEOUT_MS)
        except BrokerUnreachable as error:
            dealt_anew = (errors.CommitFailedError, errors.IllegalGenerationError, errors.UnknownMemberIdError)
            if not isinstance(error.__cause__, (*dealt_anew, errors.RebalanceInProgressError)):
                raise
            # The partitions are another's, or are being dealt out anew: the messages come again, as duplicates.
            self._service.log.info("rebalanced", uncommitted=sum(map(len, polled.values())))

    def _count(self, outcomes: Sequence[Outcome], refusals: Sequence[Refusal]) -> None:
        done = self._service.metrics.done
        for status in ("accepted", "duplicate"):
            number = sum(outcome.status == status for outcome in outcomes)
            if number:
                done.labels(status).inc(number)
        for _, _, code, _ in refusals:
            done.labels("refused").inc()
            self._figures.refusals.labels(code).inc()
        accepted = [outcome for outcome in outcomes if outcome.status == "accepted"]
        owners = Counter(self._writer.programmes.of(outcome.stream or "") for outcome in accepted)
        for programme, number in owners.items():
            if programme is not None:
                self._figures.facts.labels(programme.name).inc(number)
        if accepted:
            self._figures.position.set(max(outcome.position for outcome in accepted))

    def _look_around(self) -> None:
        """How far behind each partition is; and whether the broker is there, which an empty poll does not tell."""
        self._looked_at = time.monotonic()
        self._watch.check()
        self._book.check()
        lag, assigned = self._figures.lag, set(self._consumer.assignment())
        for partition in self._figures.assigned - assigned:
            lag.forget(partition.partition)
        self._figures.assigned = assigned
        with broker_errors("the broker does not answer"):
            topics = {partition.topic for partition in assigned} or self._consumer.subscription()
            known = [partition for topic in topics for partition in partitions_of(self._consumer, topic)]
            ends = self._consumer.end_offsets(known, timeout_ms=ANSWER_TIMEOUT_MS)
            for partition in assigned:
                position = self._consumer.position(partition, timeout_ms=ANSWER_TIMEOUT_MS)
                if position is not None:
                    lag.labels(partition.partition).set(max(0, ends[partition] - position))


class InboxFigures:
    """What an inbox tells Prometheus; it outlives the role, which is opened anew after a failure."""

    def __init__(self, metrics: Metrics) -> None:
        self.refusals = metrics.counter("refusals", "facts refused, by code", "code")
        self.facts = metrics.counter("facts", "facts accepted, by programme", "programme")
        self.lag = metrics.gauges("lag", "messages not taken in yet, by partition", "of")
        self.position = metrics.gauge("position", "position of the last event recorded here")
        self.set_aside = metrics.gauge(
            "set_aside_streams", "memberships whose facts were put off, and none taken since"
        )
        self.waiting: set[str] = set()
        self.assigned: set[Any] = set()


def refused_fact(record: Any, told: bytes | None, code: str, sentence: str) -> RefusedFact:
    """A message that was refused, as it is told on: `told` is what may be told of its bytes, None for nothing."""
    value: bytes = record.value or b""
    found = clean(_object_in(value), well_formed=False) if told is None else _object_in(told)
    if told is None:
        told = b""
        sentence += f"; its {len(value):,} bytes are not told on, since what they say is not known"
    elif len(told) > ORIGINAL_MAX:
        sentence += f"; of its {len(told):,} bytes the first {ORIGINAL_MAX:,} are kept here"
    original, encoding = encode_original(told[:ORIGINAL_MAX])
    return RefusedFact(
        code=code,
        sentence=sentence,
        fact=_text(found.get("id")),
        membership=_text(found.get("membership")),
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        original=original,
        original_encoding=encoding,
        complete=told[:ORIGINAL_MAX] == value,
    )


def _object_in(value: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str | None:
    return value[:FIELD_MAX] if isinstance(value, str) else None


@contextmanager
def open_inbox(
    service: Service,
    store: Store,
    writer: Writer,
    broker: Broker,
    clock: Callable[[], int],
    keeper: RefusalKeeper,
    *,
    session_timeout_s: float = SESSION_TIMEOUT_S,
    recorder: Recorder | None = None,
) -> Iterator[Inbox]:
    """An inbox between a broker and the writer of a store, for as long as it is used."""
    topics = broker.topics
    with (
        TopicWatch(broker, [topics.facts]) as watch,
        client(broker, "inbox-watcher") as watcher,
        group_member(broker, ROLE, session_timeout_s, max_poll_records=BATCH_MAX) as consumer,
    ):
        producer = broker.producer(ROLE)
        try:
            inbox = Inbox(
                service,
                store,
                writer,
                consumer,
                watcher,
                watch,
                producer,
                topics.facts_refused,
                clock,
                keeper,
                recorder,
            )
            consumer.subscribe([topics.facts], listener=listener_of(inbox))
            yield inbox
        finally:
            abandon(producer)
