"""The relay: the book, event by event, onto Kafka, each exactly once for a reader of committed messages.

How it keeps that promise:

* One Kafka transaction carries a batch of events, what is announced in them, and the position of the last one
  (csat.relay-positions.v1). They become visible together or not at all.
* After any error the producer is given up and a new one is made. Making it fences every older producer of the same
  transactional id and settles what that one had left open; only then is the position read, and so it is final.
* Every message is acknowledged before the commit (a batch that expired would not fail its transaction), and the commit
  has a time limit of ours (the client's call may never return when the broker is lost under it).
* The position says which event it belongs to (its leaf hash): a relay that is given another book, or an older copy,
  stops. So it does where the positions of the book have a hole. It never skips.

One relay is active, the one that holds the store's lock `relay`; the others stand by and take over when it is free. Two
that are active all the same (a lock lost without notice) fence each other and do no harm: that is Kafka's doing, not
the lock's. A relay that fails is closed and gives the lock back, in case another has a better way to the broker.

`Relay` is a role of `consumers.service`, which turns its `step` and opens it anew after a failure.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import orjson

from consumers.clients import abandon, commit, give_up
from consumers.errors import RelayStopped
from consumers.kafka import (
    ANSWER_TIMEOUT_MS,
    Broker,
    await_sent,
    broker_errors,
    check_topics,
    partitions_of,
)
from consumers.messages import Outgoing, messages_of
from consumers.reading import last_record
from consumers.relay_state import Phase, RelayState
from ledger.errors import BrokenHistory
from ledger.events import decode_event, leaf_hash
from ledger.store.base import Row, Store

if TYPE_CHECKING:
    from kafka import KafkaProducer

    from ledger.store.base import RoleLock

ROLE: Final = "relay"
POSITION_KEY: Final = b"relay"
BATCH_EVENTS_MAX: Final = 1_000
BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
WAIT_S: Final = 0.05
"""The store is waited on in slices: short enough that one that polls with growing pauses still answers quickly."""
STANDBY_POLL_S: Final = 0.5
LOCK_CHECK_S: Final = 1.0

FATAL: Final = (RelayStopped, BrokenHistory)
"""What trying again does not mend: the process ends with it, and somebody has to look."""

OnBatch = Callable[[int, int, float], None]
"""Called with the numbers of events and of announcements that were committed, and how many seconds that took."""

logger = logging.getLogger("csat_ledger.relay")


class Relayed(NamedTuple):
    """Up to where the book has been relayed: a position, and the leaf hash of the event there ("" for position 0)."""

    position: int
    head: str

    def to_value(self) -> bytes:
        """As the value of a message."""
        return orjson.dumps({"head": self.head, "position": self.position})


class Relay:
    """Relays one book to one broker, from when `step` is first called until `close`. For one thread."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        state: RelayState | None = None,
        *,
        batch_events_max: int = BATCH_EVENTS_MAX,
        wait_s: float = WAIT_S,
        on_batch: OnBatch | None = None,
    ) -> None:
        self._store = store
        self._broker = broker
        self._batch_events_max = batch_events_max
        self._wait_s = wait_s
        self._on_batch = on_batch
        self._lock: RoleLock | None = None
        self._producer: KafkaProducer | None = None
        self._next_lock_check = 0.0
        self.state = state or RelayState()
        self.state.phase = "starting"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def step(self) -> float:
        """Sends what is there, or waits a little for more; a standby looks for the lock. Returns the pause after it.

        Raises one of FATAL where the relay must not go on. After any other error (the broker or the store is lost, a
        topic is missing) the next step may do better: it takes over anew.
        """
        if not self._holds_lock():
            self._enter("standby")
            return STANDBY_POLL_S
        try:
            if self._producer is None:
                self._producer = self._take_over()
            self._relay_next(self._producer)
        except BaseException:
            self.close()  # what this producer has done is known only to the next one
            with suppress(Exception):  # the store may be what failed
                self._look_at_what_waits()
            raise
        return 0.0

    def close(self) -> None:
        """Ends being active, in whatever state the relay is; what is not committed is undone by the next to take over."""
        producer, self._producer = self._producer, None
        lock, self._lock = self._lock, None
        try:
            if producer is not None:
                abandon(producer)
        finally:
            if lock is not None:
                with suppress(Exception):  # with its connection the lock is gone as well
                    lock.release()
        self._enter("closed")

    def _holds_lock(self) -> bool:
        """Whether this is the active relay, or becomes it now."""
        if self._lock is None:
            self._lock = self._store.try_lock(ROLE)
            self._next_lock_check = time.monotonic() + LOCK_CHECK_S
        elif time.monotonic() >= self._next_lock_check:
            self._next_lock_check = time.monotonic() + LOCK_CHECK_S
            if not self._lock.held():
                logger.warning("lock lost", extra={"fields": {"position": self.state.position}})
                self.close()
        return self._lock is not None

    def _take_over(self) -> KafkaProducer:
        """Becomes the active relay: fences the one before, and finds out how far it has come."""
        check_topics(self._broker, self._topic_names())
        producer = self._broker.transactional_producer(ROLE)
        try:
            relayed = self._read_relayed()
            self._check_book(relayed)
            self._warm_up(producer, relayed)
        except BaseException:
            abandon(producer)
            raise
        self.state.position = relayed.position
        self.state.takeovers += 1
        self._enter("active")
        return producer

    def _relay_next(self, producer: KafkaProducer) -> None:
        """Sends what is there, at once; waits a little where nothing is."""
        state = self.state
        rows = self._read_batch(state.position)
        if not rows:
            state.book_position = state.position
            state.oldest_waiting_us = None
            self._store.wait(state.position, self._wait_s)
            return
        started = time.monotonic()
        messages = [message for row in rows for message in messages_of(row)]
        announced = [row for row in rows if row.type == "EligibilityChanged"]
        full = len(rows) >= self._batch_events_max
        state.book_position = self._store.max_position() if full else rows[-1].position
        if announced and state.oldest_waiting_us is None:
            state.oldest_waiting_us = decode_event(announced[0].stored).recorded_us
        self._send(producer, messages, Relayed(rows[-1].position, leaf_hash(rows[-1].stored)))
        state.position = rows[-1].position
        state.events += len(rows)
        state.announcements += len(announced)
        state.oldest_waiting_us = None
        if self._on_batch is not None:
            self._on_batch(len(rows), len(announced), time.monotonic() - started)

    def _read_batch(self, after: int) -> list[Row]:
        """The next events, without a hole between them. Raises RelayStopped where there is one."""
        rows = self._store.read_feed(after, self._batch_events_max)
        size = 0
        for place, row in enumerate(rows):
            expected = after + place + 1
            if row.position != expected:
                if place:
                    return rows[:place]
                raise RelayStopped(
                    f"found position {row.position} in the book where {expected} was expected: relaying on would skip"
                )
            size += len(row.stored)
            if size > BATCH_BYTES_MAX and place:
                return rows[:place]
        return rows

    def _send(self, producer: KafkaProducer, messages: Sequence[Outgoing], relayed: Relayed) -> None:
        """One transaction: the messages, and the position that goes with them."""
        topics = self._broker.topics
        with broker_errors(f"not relayed up to position {relayed.position}"):
            producer.begin_transaction()
            sent = [
                producer.send(
                    getattr(topics, message.topic),
                    message.value,
                    key=message.key,
                    headers=message.headers,
                    timestamp_ms=message.timestamp_ms,
                )
                for message in _without_superseded(messages)
            ]
            sent.append(producer.send(topics.relay_positions, relayed.to_value(), key=POSITION_KEY))
            await_sent(sent)
            commit(producer)
        self.state.transactions += 1

    def _read_relayed(self) -> Relayed:
        """Up to where the book has been relayed, by whatever relay. Only final after the producer was made."""
        topics = self._broker.topics
        consumer = self._broker.consumer("relay-positions")
        try:
            (partition,) = partitions_of(consumer, topics.relay_positions)
            record = last_record(consumer, partition)
            if record is not None:
                value = orjson.loads(record.value)
                return Relayed(value["position"], value["head"])
            for topic in (topics.ledger_events, topics.eligibility_changed):
                partitions = partitions_of(consumer, topic)
                with broker_errors(f"{topic}: end not known"):
                    ends = consumer.end_offsets(partitions, timeout_ms=ANSWER_TIMEOUT_MS)
                if any(ends.values()):
                    raise RelayStopped(
                        f"found messages in {topic} but no position in {topics.relay_positions}: relaying from the "
                        f"start would repeat them; delete both or give this ledger another topic prefix"
                    )
            return Relayed(0, "")
        finally:
            give_up(consumer)

    def _check_book(self, relayed: Relayed) -> None:
        """Raises RelayStopped where the book is not the one that has been relayed so far."""
        if relayed.position == 0:
            return
        rows = self._store.read_feed(relayed.position - 1, 1)
        found = leaf_hash(rows[0].stored) if rows and rows[0].position == relayed.position else None
        if found is None:
            raise RelayStopped(
                f"found a book up to position {self._store.max_position()}, expected at least {relayed.position}, "
                f"which Kafka has: this is another book, or an older copy"
            )
        if found != relayed.head:
            raise RelayStopped(
                f"found leaf hash {found} at position {relayed.position}, expected {relayed.head}, which Kafka has: "
                f"this is another book"
            )

    def _warm_up(self, producer: KafkaProducer, relayed: Relayed) -> None:
        """Writes the position again: the first transaction of a producer is slow, and nobody shall wait for it."""
        with broker_errors("topics not known"):
            for topic in self._topic_names():
                producer.partitions_for(topic)
        self._send(producer, [], relayed)

    def _topic_names(self) -> list[str]:
        topics = self._broker.topics
        return [topics.ledger_events, topics.eligibility_changed, topics.eligibility_status, topics.relay_positions]

    def _look_at_what_waits(self) -> None:
        state = self.state
        state.book_position = self._store.max_position()
        if state.position and state.oldest_waiting_us is None:
            waiting = self._store.read_type("EligibilityChanged", state.position, 1)
            state.oldest_waiting_us = decode_event(waiting[0].stored).recorded_us if waiting else None

    def _enter(self, phase: Phase) -> None:
        if self.state.phase != phase:
            self.state.phase = phase
            logger.info(phase, extra={"fields": {"position": self.state.position}})


def _without_superseded(messages: Sequence[Outgoing]) -> list[Outgoing]:
    """Without the statuses that another in the same batch takes the place of: that topic keeps the latest alone."""
    latest = {message.key: place for place, message in enumerate(messages) if message.topic == "eligibility_status"}
    return [
        message
        for place, message in enumerate(messages)
        if message.topic != "eligibility_status" or latest[message.key] == place
    ]
