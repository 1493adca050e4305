"""What a downstream service uses to hear of eligibility changes: every announcement, in order for each membership.

    broker = Broker("kafka:9092")
    for change in EligibilitySubscriber(broker, start=Start.beginning()):
        print(change.membership, change.satisfied, change.effective_at)

Where it starts:
    Start.beginning()         with the first announcement ever
    Start.at(instant_us)      with the first that was recorded at or after an instant
    Start.offsets(resume)     where the service has left off: `Delivery.resume`, also as `Resume.parse(text)`
    Start.status()            with where every membership stands (`EligibilityStatus`), then what changes, without a gap
    Start.end()               with what is announced from now on

How often a message comes:
    with `consumers.effects`  exactly once, for a service that keeps its effects in a database of its own
    with a `group`            at least once: Kafka keeps the offsets, which are committed after the caller has asked for
                              the next message, and shares the partitions between all that use the same group
    otherwise                 once for each subscriber, which starts anew where it is told to

Offsets alone are never believed: a topic that was made anew has others, one that was cut has other messages there. So the
topic's id is compared, and the message before the place, at each connection; the id once more after each fetch.

A lost broker is waited for, and reading goes on where it was. A heartbeat asks the broker for the end of the topic, so
that a connection that died without a word, and a client that is stuck, are noticed and replaced.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from consumers.broker.clients import give_up
from consumers.broker.incarnations import Incarnation, TopicWatch
from consumers.broker.kafka import ANSWER_TIMEOUT_MS, Broker, broker_errors, partitions_of
from consumers.broker.topic_bookmark import Place, Resume, kept_text, require_places, require_topic
from consumers.errors import BadMessage, BrokerUnreachable, TopicsChanged, TopicsUnfit
from consumers.messages.cloudevents import EligibilityChanged, EligibilityStatus
from consumers.roles.relay_positions import require_filled
from consumers.subscriber_start import Kind, Start, bounds_of, find_places, read_snapshot, seed_group

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

__all__ = ["Delivery", "EligibilitySubscriber", "Heartbeat", "Resume", "Start"]

POLL_MS: Final = 250
HEARTBEAT_S: Final = 10.0
COMMIT_EVERY_S: Final = 1.0
BACKOFF_MIN_S: Final = 0.2
BACKOFF_MAX_S: Final = 15.0

logger = logging.getLogger("csat_ledger.subscribe")


class Delivery(NamedTuple):
    """A message, and where to go on once it is dealt with (see `Start.offsets`); None while a snapshot is delivered.

    `cursor` says where the announcement stands in the book, and that it is this one; `topic` is the id of the topic.
    """

    message: EligibilityChanged | EligibilityStatus
    resume: Resume | None
    cursor: str
    topic: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The broker has answered: how many offsets lie between what was read and the end, and in which partitions."""

    lag: int
    partitions: tuple[int, ...]


class EligibilitySubscriber:
    """Announcements from one broker. Iterate over it, or over `deliveries`; `stop` from any thread ends that."""

    def __init__(
        self,
        broker: Broker,
        *,
        start: Start | None = None,
        group: str | None = None,
        heartbeat_s: float = HEARTBEAT_S,
        on_heartbeat: Callable[[Heartbeat], None] | None = None,
        on_bad_message: Callable[[BadMessage], None] | None = None,
    ) -> None:
        self._broker = broker
        self._start = start or Start.beginning()
        if group is not None and self._start.kind is Kind.STATUS:
            raise ValueError("a group shares the partitions, so none of its members can start with everybody's status")
        self._group = group
        self._heartbeat_s = heartbeat_s
        self._on_heartbeat = on_heartbeat
        self._on_bad_message = on_bad_message
        self._stop = threading.Event()
        self._resume: Resume | None = None
        """Up to where was read, as soon as that is known."""
        self._places: dict[int, Place] = {}
        self._topic = Incarnation("", 0)
        self._known: dict[str, int] = {}
        """membership -> position of the announcement that the snapshot has told of"""
        self._revoked: set[TopicPartition] = set()
        self._done: dict[int, Place] = {}

    def __iter__(self) -> Iterator[EligibilityChanged | EligibilityStatus]:
        """The messages alone. `EligibilityStatus` come only with Start.status(), and before all others."""
        return (delivery.message for delivery in self.deliveries())

    def stop(self) -> None:
        """Ends the iteration within a fraction of a second."""
        self._stop.set()

    def deliveries(self, *, until_end: bool = False) -> Iterator[Delivery]:
        """The messages with what is needed to go on after them; with `until_end` those alone that are there by now.

        Raises MessagesLost where what comes next was deleted, or the topic is another one than was read, BadMessage
        (unless there is a handler for it) where a message is not readable, TopicsUnfit where there is no such topic at the
        start, or the relay does not fill it. A lost broker raises nothing, and is logged.
        """
        failures = 0
        while not self._stop.is_set():
            try:
                for delivery in self._session(until_end):
                    if failures:
                        logger.info("back", extra={"fields": {"failures": failures}})
                        failures = 0
                    if delivery is not None:
                        yield delivery
                return
            except (BrokerUnreachable, TopicsChanged, TopicsUnfit) as error:
                if isinstance(error, TopicsUnfit) and self._resume is None:
                    raise  # later on, topics that are being made anew are waited for
                failures += 1
                pause_s = min(BACKOFF_MAX_S, BACKOFF_MIN_S * 2.0 ** min(failures - 1, 20)) * random.uniform(0.5, 1)
                fields = {"error": str(error), "failures": failures, "retry_in_s": round(pause_s, 3)}
                logger.warning("lost", extra={"fields": fields})
                self._stop.wait(pause_s)

    def _session(self, until_end: bool) -> Iterator[Delivery | None]:
        """Deliveries over one connection; None where the broker has answered and nothing was there."""
        topic = self._broker.topics.eligibility_changed
        options: dict[str, Any] = {"max_poll_records": 100, "group_id": self._group} if self._group else {}
        watch = TopicWatch(self._broker, [topic, self._broker.topics.eligibility_status])
        self._topic = watch.known[topic]
        consumer = None
        try:
            require_filled(self._broker, watch)
            consumer = self._broker.consumer("subscriber", **options)
            partitions = partitions_of(consumer, topic)
            if self._group is None:
                yield from self._find_start(consumer, partitions)
                consumer.assign(partitions)
                for partition in partitions:
                    consumer.seek(partition, self._places[partition.partition].next_offset)
            else:
                seed_group(self._broker, self._group, self._start, partitions, self._topic)
                self._done.clear()
                self._revoked.clear()
                consumer.subscribe([topic], listener=_listener(self._revoked, self._done))
            with broker_errors(f"{topic}: end not known"):
                ends = consumer.end_offsets(partitions, timeout_ms=ANSWER_TIMEOUT_MS) if until_end else {}
            yield from self._follow(consumer, watch, ends)
        finally:
            watch.close()
            if consumer is not None:
                if self._group is not None:
                    self._commit(consumer)
                give_up(consumer)

    def _find_start(self, consumer: KafkaConsumer, partitions: list[TopicPartition]) -> Iterator[Delivery]:
        """Fills `_places`, and delivers the snapshot if there is to be one; or proves that they are what they were."""
        topic, start = self._topic, self._start
        kept = self._resume or start.resume
        if kept is not None and kept.topic != topic.id:
            if start.anew is None:
                require_topic(topic, kept.topic, partitions[0].topic)
            logger.warning("topic made anew", extra={"fields": {"found": topic.id, "expected": kept.topic}})
            kept, start = None, start.anew or start
        if kept is not None:
            require_places(consumer, partitions, kept.places, bounds_of(consumer, partitions))
            self._places = dict(kept.places)
        elif start.kind is Kind.STATUS:
            snapshot = read_snapshot(self._broker, consumer, partitions)
            self._known = {status.membership: status.position for status, _ in snapshot.statuses}
            for status, cursor in snapshot.statuses:
                yield Delivery(status, None, cursor, topic.id)
            self._places = dict(snapshot.follow_from)
        else:
            self._places = find_places(consumer, partitions, start)
        self._resume = Resume(topic.id, self._places)

    def _follow(
        self, consumer: KafkaConsumer, watch: TopicWatch, ends: Mapping[TopicPartition, int]
    ) -> Iterator[Delivery | None]:
        beat = _Beat(consumer, self._heartbeat_s)
        next_commit = time.monotonic() + COMMIT_EVERY_S
        while not self._stop.is_set():
            polled = _poll(consumer)
            if polled:
                watch.check()  # what was fetched before is of this topic, and not of another of its name
            for partition, records in polled.items():
                yield from self._deliver(partition, records)
            if self._group is not None and (not polled or time.monotonic() >= next_commit):
                self._commit(consumer)
                next_commit = time.monotonic() + COMMIT_EVERY_S
            heartbeat = beat.due()
            if heartbeat is not None:
                watch.check()
                yield None
                if self._on_heartbeat is not None:
                    self._on_heartbeat(heartbeat)
            if ends and _all_read(consumer, ends):
                return

    def _deliver(self, partition: TopicPartition, records: list[Any]) -> Iterator[Delivery]:
        number = partition.partition
        for record in records:
            if self._stop.is_set() or partition in self._revoked:
                return  # if revoked: another member has it now, and starts where we have committed
            message = self._read(record)
            place = self._places[number] = Place.after(record)
            if message is not None and not self._is_known(message):
                yield Delivery(message, Resume(self._topic.id, dict(self._places)), place.mark, self._topic.id)
            if partition in self._revoked:
                return
            self._done[number] = place  # the caller has asked for the next one

    def _read(self, record: Any) -> EligibilityChanged | None:
        try:
            return EligibilityChanged.from_value(record.value)
        except BadMessage as error:
            place = f"{record.topic}, partition {record.partition}, offset {record.offset}"
            bad = BadMessage(f"{place}: {error}")
            if self._on_bad_message is None:
                raise bad from None
            self._on_bad_message(bad)
            return None

    def _is_known(self, message: EligibilityChanged) -> bool:
        """Whether the snapshot has told of it, or it was recorded before the instant that was asked for."""
        if self._known and message.position <= self._known.get(message.membership, 0):
            return True
        # The broker knows milliseconds; within the first one there may be some from before the instant.
        return self._start.kind is Kind.TIME and self._group is None and message.recorded_us < self._start.time_us

    def _commit(self, consumer: KafkaConsumer) -> None:
        """Tells Kafka how far the caller has come. Where that fails, some messages come a second time."""
        from kafka import TopicPartition
        from kafka.errors import KafkaError
        from kafka.structs import OffsetAndMetadata

        topic = self._broker.topics.eligibility_changed
        held = consumer.assignment()
        done = {TopicPartition(topic, number): place for number, place in dict(self._done).items()}
        offsets = {
            tp: OffsetAndMetadata(place.next_offset, kept_text(self._topic.id, place), -1)
            for tp, place in done.items()
            if tp in held
        }
        self._done.clear()
        if not offsets:
            return
        try:
            consumer.commit(offsets, timeout_ms=ANSWER_TIMEOUT_MS)
        except KafkaError as error:
            logger.warning("offsets not committed", extra={"fields": {"error": f"{type(error).__name__}: {error}"}})


class _Beat:
    """Asks the broker for the ends now and then, and sees whether reading goes on."""

    def __init__(self, consumer: KafkaConsumer, every_s: float) -> None:
        self._consumer = consumer
        self._every_s = every_s
        self._next = time.monotonic() + every_s
        self._before: dict[TopicPartition, tuple[int, int]] = {}

    def due(self) -> Heartbeat | None:
        """A heartbeat where one is due. Raises BrokerUnreachable where nobody answers or the client is stuck."""
        if time.monotonic() < self._next:
            return None
        self._next = time.monotonic() + self._every_s
        with broker_errors("no heartbeat"):
            held = sorted(self._consumer.assignment())
            ends = self._consumer.end_offsets(held, timeout_ms=ANSWER_TIMEOUT_MS) if held else {}
            now = {
                partition: (self._consumer.position(partition, timeout_ms=ANSWER_TIMEOUT_MS) or 0, ends[partition])
                for partition in held
            }
        for partition, (position, _) in now.items():
            if partition in self._before:
                position_before, end_before = self._before[partition]
                if position == position_before < end_before:
                    raise BrokerUnreachable(
                        f"{partition}: found nothing after offset {position} for {self._every_s:g} s, expected "
                        f"messages up to {end_before}"
                    )
        self._before = now
        lag = sum(max(0, end - position) for position, end in now.values())
        return Heartbeat(lag, tuple(partition.partition for partition in held))


def _poll(consumer: KafkaConsumer) -> dict[TopicPartition, list[Any]]:
    from kafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

    try:
        polled: dict[TopicPartition, list[Any]] = consumer.poll(timeout_ms=POLL_MS)
    except OffsetOutOfRangeError as error:  # the next connection finds out what became of the topic
        raise TopicsChanged(f"found that the topic does not have what comes next: {error}") from error
    except NoOffsetForPartitionError as error:  # a partition new to the group: it is given a start on reconnecting
        raise BrokerUnreachable(f"a partition has no offset: {error}") from error
    except KafkaError as error:
        raise BrokerUnreachable(f"nothing read: {error or type(error).__name__}") from error
    return polled


def _all_read(consumer: KafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    held = consumer.assignment()
    with broker_errors("position not known"):
        return bool(held) and all(
            (consumer.position(partition, timeout_ms=ANSWER_TIMEOUT_MS) or 0) >= end
            for partition, end in ends.items()
            if partition in held
        )


def _listener(revoked: set[TopicPartition], done: dict[int, Place]) -> Any:
    """Notes which partitions were taken away, and forgets how far we were there: another member may be further by now.

    Called on the client's own thread, which must not be held up, so what was done and not committed comes again.
    """
    from kafka import ConsumerRebalanceListener

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
        def on_partitions_revoked(self, partitions: Any) -> None:
            revoked.update(partitions)
            for partition in partitions:
                done.pop(partition.partition, None)

        def on_partitions_assigned(self, partitions: Any) -> None:
            revoked.difference_update(partitions)

    return Listener()
