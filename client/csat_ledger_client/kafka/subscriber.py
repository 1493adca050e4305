"""What a downstream service uses to hear what is announced: every announcement, in order for each membership.

    broker = Broker("kafka:9092")
    for message in Subscriber(broker, start=Start.beginning()):
        match message:
            case EligibilityChanged():
                print(message.membership, message.satisfied, message.effective_at)
            case DesignationChanged():
                print(message.membership, message.area, message.qualified, message.effective_at)

What it hears: the announcements of all programmes, unless `hear` names some: `Subscriber(broker, hear=[ELIGIBILITY])`
yields `EligibilityChanged` and `EligibilityStatus` alone, and its type says so. Each programme has a topic of its own. Within
a topic a membership's announcements come in the order of the ledger; how those of two topics fall between one another is
not promised, since Kafka orders nothing beyond a partition. Whoever needs that order sorts by `position`.

Where it starts:
    Start.beginning()         with the first announcement ever
    Start.at(instant_us)      with the first that was recorded at or after an instant
    Start.offsets(resume)     where the service has left off: `Delivery.resume`, also as `Resume.parse(text)`
    Start.status()            with where all stand (`EligibilityStatus`, `DesignationStatus`), then what changes, without a gap
    Start.end()               with what is announced from now on

How often a message comes:
    with `csat_ledger_client.kafka.effects`  exactly once, for a service that keeps its effects in a database of its own
    with a `group`            at least once: Kafka keeps the offsets, which are committed after the caller has asked for
                              the next message, and shares the partitions between all that use the same group; all its
                              members hear the same
    otherwise                 once for each subscriber, which starts anew where it is told to

Offsets alone are never believed: a topic that was made anew has others, one that was cut has other messages there. So the
topic's id is compared, and the message before the place, at each connection; the id once more after each fetch.

A lost broker is waited for, and reading goes on where it was. A heartbeat asks the broker for the end of the topics, so
that a connection that died without a word, and a client that is stuck, are noticed and replaced.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar, overload

from csat_ledger_client.errors import BadMessage, BrokerUnreachable, TopicsChanged, TopicsUnfit
from csat_ledger_client.kafka.broker import ANSWER_TIMEOUT_MS, Broker, broker_errors, partitions_of
from csat_ledger_client.kafka.clients import give_up
from csat_ledger_client.kafka.heard_topic import HeardTopic, resume_of
from csat_ledger_client.kafka.incarnations import TopicWatch
from csat_ledger_client.kafka.places import Place, Resume, kept_text
from csat_ledger_client.kafka.polling import Beat, Heartbeat, all_read, listener, poll
from csat_ledger_client.kafka.relayed import require_filled
from csat_ledger_client.kafka.start import Kind, Start, seed_group
from csat_ledger_client.messages.announced import Announced, MessageKind
from csat_ledger_client.messages.kinds import KINDS, OurMessage
from csat_ledger_client.pauses import Pauses

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

__all__ = ["Delivery", "Heartbeat", "Resume", "Start", "Subscriber"]

HEARTBEAT_S: Final = 10.0
COMMIT_EVERY_S: Final = 1.0
PAUSES: Final = Pauses()

logger = logging.getLogger("csat_ledger.subscribe")

AnyMessage_co = TypeVar("AnyMessage_co", bound=Announced, covariant=True)


class Delivery(NamedTuple, Generic[AnyMessage_co]):
    """A message, and where to go on once it is dealt with (see `Start.offsets`); None while a snapshot is delivered.

    `cursor` says where the announcement stands in the book, and that it is this one; `topic` is the id of the topic.
    """

    message: AnyMessage_co
    resume: Resume | None
    cursor: str
    topic: str


class Subscriber(Generic[AnyMessage_co]):
    """Announcements from one broker. Iterate over it, or over `deliveries`; `stop` from any thread ends that."""

    @overload
    def __init__(
        self: Subscriber[OurMessage],
        broker: Broker,
        *,
        hear: None = None,
        start: Start | None = None,
        group: str | None = None,
        heartbeat_s: float = HEARTBEAT_S,
        on_heartbeat: Callable[[Heartbeat], None] | None = None,
        on_bad_message: Callable[[BadMessage], None] | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self,
        broker: Broker,
        *,
        hear: Sequence[MessageKind[AnyMessage_co]],
        start: Start | None = None,
        group: str | None = None,
        heartbeat_s: float = HEARTBEAT_S,
        on_heartbeat: Callable[[Heartbeat], None] | None = None,
        on_bad_message: Callable[[BadMessage], None] | None = None,
    ) -> None: ...

    def __init__(
        self,
        broker: Broker,
        *,
        hear: Sequence[MessageKind[Any]] | None = None,
        start: Start | None = None,
        group: str | None = None,
        heartbeat_s: float = HEARTBEAT_S,
        on_heartbeat: Callable[[Heartbeat], None] | None = None,
        on_bad_message: Callable[[BadMessage], None] | None = None,
    ) -> None:
        """`hear` names the kinds of messages; all of ours, unless given. Raises ValueError where it names none."""
        self._broker = broker
        self._start = start or Start.beginning()
        if group is not None and self._start.kind is Kind.STATUS:
            raise ValueError("a group shares the partitions, so none of its members can start with everybody's status")
        self._group = group
        self._heartbeat_s = heartbeat_s
        self._on_heartbeat = on_heartbeat
        self._on_bad_message = on_bad_message
        self._stop = threading.Event()
        self._heard = [HeardTopic(broker, kind) for kind in (KINDS if hear is None else hear)]
        if not self._heard:
            raise ValueError("found nothing to hear, expected one kind of messages at least")
        self._by_name = {one.name: one for one in self._heard}
        self._begun = False
        """Whether it is known where reading goes on."""
        self._revoked: set[TopicPartition] = set()
        self._done: dict[TopicPartition, Place] = {}

    def __iter__(self) -> Iterator[AnyMessage_co]:
        """The messages alone. Statuses come only with Start.status(), and before all others."""
        return (delivery.message for delivery in self.deliveries())

    def stop(self) -> None:
        """Ends the iteration within a fraction of a second."""
        self._stop.set()

    def deliveries(self, *, until_end: bool = False) -> Iterator[Delivery[AnyMessage_co]]:
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
                        logger.info("reading announcements again", extra={"fields": {"failures": failures}})
                        failures = 0
                    if delivery is not None:
                        yield delivery
                return
            except (BrokerUnreachable, TopicsChanged, TopicsUnfit) as error:
                if isinstance(error, TopicsUnfit) and not self._begun:
                    raise  # later on, topics that are being made anew are waited for
                failures += 1
                pause_s = PAUSES.after(failures)
                fields = {"error": str(error), "failures": failures, "retry_in_s": round(pause_s, 3)}
                # In whole words: where nobody has set up logging, Python prints the message alone.
                logger.warning("lost the broker (%s), going on in %.1f s", error, pause_s, extra={"fields": fields})
                self._stop.wait(pause_s)

    def _session(self, until_end: bool) -> Iterator[Delivery[AnyMessage_co] | None]:
        """Deliveries over one connection; None where the broker has answered and nothing was there."""
        options: dict[str, Any] = {"max_poll_records": 100, "group_id": self._group} if self._group else {}
        watch = TopicWatch(self._broker, [name for one in self._heard for name in (one.name, one.status_name)])
        consumer = None
        try:
            for heard in self._heard:
                heard.found = watch.known[heard.name]
            require_filled(self._broker, watch)
            consumer = self._broker.consumer("subscriber", **options)
            partitions = {one.name: partitions_of(consumer, one.name) for one in self._heard}
            everywhere = [partition for found in partitions.values() for partition in found]
            if self._group is None:
                yield from self._find_starts(consumer, partitions)
                consumer.assign(everywhere)
                for partition in everywhere:
                    place = self._by_name[partition.topic].places[partition.partition]
                    consumer.seek(partition, place.next_offset)
            else:
                for heard in self._heard:
                    seed_group(self._broker, self._group, self._start, partitions[heard.name], heard.found)
                self._done.clear()
                self._revoked.clear()
                consumer.subscribe(list(partitions), listener=listener(self._revoked, self._done))
            with broker_errors("end of what is announced not known"):
                ends = consumer.end_offsets(everywhere, timeout_ms=ANSWER_TIMEOUT_MS) if until_end else {}
            yield from self._follow(consumer, watch, ends)
        finally:
            watch.close()
            if consumer is not None:
                if self._group is not None:
                    self._commit(consumer)
                give_up(consumer)

    def _find_starts(
        self, consumer: KafkaConsumer, partitions: Mapping[str, list[TopicPartition]]
    ) -> Iterator[Delivery[AnyMessage_co]]:
        """Finds where to read on in every topic, and delivers the snapshots, if there are to be some, as one."""
        told = [one for heard in self._heard for one in heard.find_start(consumer, partitions[heard.name], self._start)]
        for status, cursor, topic in sorted(told, key=lambda one: one.status.position):
            yield Delivery(status, None, cursor, topic)
        for heard in self._heard:
            heard.keep()
        self._begun = True

    def _follow(
        self, consumer: KafkaConsumer, watch: TopicWatch, ends: Mapping[TopicPartition, int]
    ) -> Iterator[Delivery[AnyMessage_co] | None]:
        beat = Beat(consumer, self._heartbeat_s)
        next_commit = time.monotonic() + COMMIT_EVERY_S
        while not self._stop.is_set():
            polled = poll(consumer)
            if polled:
                watch.check()  # what was fetched before is of these topics, and not of others of their names
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
            if ends and all_read(consumer, ends):
                return

    def _deliver(self, partition: TopicPartition, records: list[Any]) -> Iterator[Delivery[AnyMessage_co]]:
        heard = self._by_name[partition.topic]
        for record in records:
            if self._stop.is_set() or partition in self._revoked:
                return  # if revoked: another member has it now, and starts where we have committed
            message = self._read(heard, record)
            place = heard.places[partition.partition] = Place.after(record)
            if message is not None and not heard.is_known(message):
                yield Delivery(message, resume_of(self._heard), place.mark, heard.found.id)
            if partition in self._revoked:
                return
            self._done[partition] = place  # the caller has asked for the next one

    def _read(self, heard: HeardTopic, record: Any) -> Any:
        try:
            return heard.kind.changed.from_value(record.value)
        except BadMessage as error:
            place = f"{record.topic}, partition {record.partition}, offset {record.offset}"
            bad = BadMessage(f"{place}: {error}")
            if self._on_bad_message is None:
                raise bad from None
            self._on_bad_message(bad)
            return None

    def _commit(self, consumer: KafkaConsumer) -> None:
        """Tells Kafka how far the caller has come. Where that fails, some messages come a second time."""
        from kafka.errors import KafkaError
        from kafka.structs import OffsetAndMetadata

        held = consumer.assignment()
        offsets = {
            tp: OffsetAndMetadata(place.next_offset, kept_text(self._by_name[tp.topic].found.id, place), -1)
            for tp, place in dict(self._done).items()
            if tp in held
        }
        self._done.clear()
        if not offsets:
            return
        try:
            consumer.commit(offsets, timeout_ms=ANSWER_TIMEOUT_MS)
        except KafkaError as error:
            logger.warning("offsets not committed", extra={"fields": {"error": f"{type(error).__name__}: {error}"}})
