"""The inbox: facts from csat.facts.v1 into the book, each once, and what is refused onto csat.facts-refused.v1.

A batch of messages is recorded in one transaction; then what was refused of it is delivered; only then are the offsets
committed. Whatever ends the process in between, the messages come again: a fact that is in the book is a duplicate,
which changes nothing, and a refusal is delivered again under the same id (topic/partition/offset), so that its readers
can tell.

Nothing stops it for good. Bytes that are no fact are refused as `malformed`. A fact over which the program itself fails
is found out by recording the batch fact by fact, refused as `fault`, and said loudly in the log; that code is none of
the ledger's refusal codes, and the message can be sent again once the fault is mended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import orjson

from consumers.clients import abandon
from consumers.errors import BrokerUnreachable
from consumers.groups import SESSION_TIMEOUT_S, group_member
from consumers.kafka import ANSWER_TIMEOUT_MS, Broker, await_sent, broker_errors, partitions_of
from consumers.messages import RefusedFact, encode_original, refused_message
from consumers.metrics import Metrics
from consumers.service import Service
from ledger.errors import LedgerError, Refused
from ledger.facts import Fact, parse_fact
from ledger.writer import Outcome, Writer

if TYPE_CHECKING:
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition

ROLE: Final = "inbox"
BATCH_MAX: Final = 1_000
POLL_MS: Final = 500
LOOK_AROUND_S: Final = 1.0
FAULT_CODE: Final = "fault"
FAULT_SENTENCE: Final = "the ledger's program failed over this fact; it can be sent again once that is mended"
FIELD_MAX: Final = 200
ORIGINAL_MAX: Final = 128 * 1024
"""Of a longer message only the beginning is told on: as JSON it might not fit into one. A fact is half of that."""


Refusal = tuple[Any, str, str]
"""A message of Kafka, the code and the sentence with which it was refused."""


class Inbox:
    """The role of `csat-ledger inbox`; see the module. `consumer` is subscribed, `producer` is not transactional."""

    def __init__(
        self,
        service: Service,
        writer: Writer,
        consumer: KafkaConsumer,
        producer: KafkaProducer,
        refused_topic: str,
        clock: Callable[[], int],
    ) -> None:
        self._service = service
        self._writer = writer
        self._consumer = consumer
        self._producer = producer
        self._refused_topic = refused_topic
        self._clock = clock
        self._figures = service.figures(InboxFigures)
        self._looked_at = 0.0

    def step(self) -> float:
        """Records what has come, delivers what was refused of it, and commits the offsets; in that order."""
        polled = self._poll()
        if polled:
            started = time.monotonic()
            self._take([record for records in polled.values() for record in records])
            self._commit(polled)
            self._service.metrics.step.observe(time.monotonic() - started)
        if time.monotonic() - self._looked_at >= LOOK_AROUND_S:
            self._look_around()
        return 0.0

    def _poll(self) -> Mapping[TopicPartition, Sequence[Any]]:
        """What has come. A partition of which nothing was committed yet is read from its beginning."""
        from kafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError

        try:
            with broker_errors("facts not read"):
                found: Mapping[TopicPartition, Sequence[Any]] = self._consumer.poll(POLL_MS, BATCH_MAX)
                return found
        except BrokerUnreachable as error:
            cause = error.__cause__
            if isinstance(cause, OffsetOutOfRangeError):
                self._service.log.error("facts lost", why="deleted from the topic before they were read", at=str(cause))
            elif not isinstance(cause, NoOffsetForPartitionError):
                raise
            # A partition may be taken away at the same moment: then it starts with whoever has it now.
            with suppress(ValueError):
                self._consumer.seek_to_beginning(*cause.args[0])
            return {}

    def _take(self, records: Sequence[Any]) -> None:
        facts: list[Fact] = []
        senders: list[Any] = []
        refusals: list[Refusal] = []
        for record in records:
            try:
                facts.append(parse_fact(record.value or b""))
                senders.append(record)
            except Refused as refusal:
                refusals.append((record, refusal.code, refusal.sentence))
        outcomes = self._record(facts)
        for record, outcome in zip(senders, outcomes, strict=True):
            if outcome.status in ("refused", "put-off"):  # with its code, under which it can be sent again
                refusals.append((record, outcome.code or FAULT_CODE, outcome.sentence or FAULT_SENTENCE))
        self._deliver(refusals)
        self._count(outcomes, refusals)

    def _record(self, facts: list[Fact]) -> list[Outcome]:
        """The outcomes of a batch. Where the program fails over it, each fact is recorded by itself."""
        if not facts:
            return []
        try:
            return self._writer.record(facts)
        except (LedgerError, OSError):
            raise  # the store is lost: all of it comes again
        except Exception as error:
            if _is_of_the_store(error):
                raise
            if len(facts) == 1:
                self._service.log.error("fault", fact=facts[0].id, error=repr(error))
                return [Outcome("refused", 0, FAULT_CODE, FAULT_SENTENCE)]
        outcomes = []
        for fact in facts:
            self._service.check()
            outcomes += self._record([fact])
        return outcomes

    def _deliver(self, refusals: Sequence[Refusal]) -> None:
        """Sends refusals and waits for every acknowledgement."""
        if not refusals:
            return
        now_us = self._clock()
        with broker_errors("refused facts not delivered"):
            sent = []
            for record, code, sentence in refusals:
                message = refused_message(refused_fact(record, code, sentence), now_us, record.key)
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
        for record, code, _ in refusals:
            self._service.log.info("refused", code=code, partition=record.partition, offset=record.offset)

    def _commit(self, polled: Mapping[TopicPartition, Sequence[Any]]) -> None:
        from kafka import OffsetAndMetadata, errors

        ends = {partition: records[-1].offset + 1 for partition, records in polled.items()}
        offsets = {partition: OffsetAndMetadata(end, "", -1) for partition, end in ends.items()}
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
        for _, code, _ in refusals:
            done.labels("refused").inc()
            self._figures.refusals.labels(code).inc()
        positions = [outcome.position for outcome in outcomes if outcome.status == "accepted"]
        if positions:
            self._figures.position.set(max(positions))

    def _look_around(self) -> None:
        """How far behind each partition is; and whether the broker is there, which an empty poll does not tell."""
        self._looked_at = time.monotonic()
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
        self.lag = metrics.gauges("lag", "messages not taken in yet, by partition", "of")
        self.position = metrics.gauge("position", "position of the last event recorded here")
        self.assigned: set[Any] = set()


def refused_fact(record: Any, code: str, sentence: str) -> RefusedFact:
    """A message that was refused, as it is told on; its bytes are kept as they came."""
    value: bytes = record.value or b""
    found = _object_in(value)
    if len(value) > ORIGINAL_MAX:
        sentence += f"; of its {len(value):,} bytes the first {ORIGINAL_MAX:,} are kept here"
    original, encoding = encode_original(value[:ORIGINAL_MAX])
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
    )


def _object_in(value: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str | None:
    return value[:FIELD_MAX] if isinstance(value, str) else None


def _is_of_the_store(error: Exception) -> bool:
    """Whether the store's driver failed for a reason of its own; imported late, since the writer knows no driver."""
    import sqlite3

    from eventsourcing.persistence import IntegrityError, PersistenceError

    return isinstance(error, (sqlite3.OperationalError, PersistenceError)) and not isinstance(error, IntegrityError)


@contextmanager
def open_inbox(
    service: Service,
    writer: Writer,
    broker: Broker,
    clock: Callable[[], int],
    *,
    session_timeout_s: float = SESSION_TIMEOUT_S,
) -> Iterator[Inbox]:
    """An inbox between a broker and a writer, for as long as it is used."""
    with group_member(broker, ROLE, session_timeout_s, max_poll_records=BATCH_MAX) as consumer:
        partitions_of(consumer, broker.topics.facts)  # raises TopicsUnfit where there is no such topic
        producer = broker.producer(ROLE)
        try:
            consumer.subscribe([broker.topics.facts])
            yield Inbox(service, writer, consumer, producer, broker.topics.facts_refused, clock)
        finally:
            abandon(producer)
