"""The relay: the book, event by event, onto Kafka, each exactly once for a reader of committed messages.

How it keeps that promise:

* One Kafka transaction carries a batch of events, what is announced in them, and the position of the last one
  (csat.relay-positions.v1). They become visible together or not at all.
* After any error the producer is given up and a new one is made. Making it fences every older producer of the same
  transactional id and settles what that one had left open; only then is the position read, and so it is final.
* Every message is acknowledged before the commit (a batch that expired would not fail its transaction), and the commit
  has a time limit of ours (the client's call may never return when the broker is lost under it).
* The position says which event it belongs to (its leaf hash): a relay that is given another book, or an older copy, at the
  start or under way, stops. So it does where the positions of the book have a hole. It never skips.
* The position says which topics it belongs to (their ids, and where they ended): a relay whose topics were made anew, cut
  or given more partitions stops. The ids are asked for between the last acknowledgement and the commit, so nothing is
  ever committed to a topic that is not the one that was proven (`consumers.roles.relay_positions`).
* What a broker has forgotten to end is looked for at the start and now and then, and ended (`consumers.roles.relay_unended`).

* A programme that is new to the relay has topics that the position says nothing of. What was announced before they were
  there goes into them first, page by page, each with how far that has come; then the relay goes on with all.

An event is relayed as the bytes that it is, whatever they are. Which announcements become which messages is handed in
(`consumers.messages.announcements.MessageKinds`). An announcement that cannot be read (of a newer version,
or damaged) sets the announcements of its stream aside: the others go on, and they follow once they can be read.

One relay is active, the one that holds the store's lock `relay`; the others stand by and take over when it is free. Two
that are active all the same (a lock lost without notice) fence each other and do no harm: that is Kafka's doing, not
the lock's. A relay that fails is closed and gives the lock back, in case another has a better way to the broker.

`Relay` is a role of `consumers.roles.service`, which turns its `step` and opens it anew after a failure.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from consumers.broker.commits import commit
from consumers.broker.partitioner import partition_of_key
from consumers.broker.topics import check_topics
from consumers.errors import RelayStopped
from consumers.messages.announcements import MessageKinds
from consumers.messages.cloudevents import Outgoing, event_message
from consumers.roles.relay_batch import WAY_OUT, ends_after, read_batch, recorded_us, without_superseded
from consumers.roles.relay_positions import (
    POSITION_KEY,
    Relayed,
    read_relayed,
    require_ends,
    require_whole,
    topics_to_fill,
)
from consumers.roles.relay_state import Phase, RelayState
from consumers.roles.relay_unended import end_unended, unended
from csat_ledger_client.errors import BrokerUnreachable
from csat_ledger_client.kafka.broker import Broker, await_sent, broker_errors
from csat_ledger_client.kafka.clients import abandon
from csat_ledger_client.kafka.incarnations import TopicWatch
from ledger.errors import BrokenHistory, DifferentBook
from ledger.store.base import Row, Store
from ledger.store.bookmark import START, Bookmark, bookmark_of, require_same

if TYPE_CHECKING:
    from kafka import KafkaProducer

    from ledger.store.base import RoleLock

ROLE: Final = "relay"
BATCH_EVENTS_MAX: Final = 1_000
WAIT_S: Final = 0.05
"""The store is waited on in slices: short enough that one that polls with growing pauses still answers quickly."""
STANDBY_POLL_S: Final = 0.5
LOCK_CHECK_S: Final = 1.0

WATCH_S: Final = 5.0
"""So often the ends of the topics are compared with what is known of them."""
ASIDE_TRY_S: Final = 30.0
"""So often announcements that were set aside are tried again."""
ASIDE_MAX: Final = 1_000

FATAL: Final = (RelayStopped, BrokenHistory, DifferentBook)
"""What trying again does not mend: the process ends with it, and somebody has to look."""

OnBatch = Callable[[int, Mapping[str, int], float], None]
"""Called with the number of events and that of announcements by type that were committed, and how many seconds it took."""

logger = logging.getLogger("csat_ledger.relay")


class Relay:
    """Relays one book to one broker, from when `step` is first called until `close`. For one thread."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        messages: MessageKinds,
        state: RelayState | None = None,
        *,
        batch_events_max: int = BATCH_EVENTS_MAX,
        wait_s: float = WAIT_S,
        on_batch: OnBatch | None = None,
    ) -> None:
        """Raises ValueError where the broker's topics are not those of the messages."""
        if broker.topics.announcements != messages.topics:
            raise ValueError(f"found messages for {messages.topics}, expected {broker.topics.announcements}")
        self._store = store
        self._broker = broker
        self._messages = messages
        self._batch_events_max = batch_events_max
        self._wait_s = wait_s
        self._on_batch = on_batch
        self._lock: RoleLock | None = None
        self._producer: KafkaProducer | None = None
        self._watch: TopicWatch | None = None
        self._next_lock_check = self._next_watch = self._next_aside_try = 0.0
        self._mark = START
        self._ends: dict[str, list[int]] = {}
        """Offsets before which no partition ends."""
        self._aside: dict[str, int] = {}
        """stream -> position of its first announcement that waits, since it cannot be read."""
        self._behind: dict[str, int] = {}
        """type of announcements -> position up to which topics that came later than the others are filled."""
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
        watch, self._watch = self._watch, None
        lock, self._lock = self._lock, None
        try:
            if producer is not None:
                abandon(producer)
            if watch is not None:
                watch.close()
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
        """Becomes the active relay: fences the one before, and finds out how far it has come, and whether Kafka has that."""
        check_topics(self._broker, self._broker.topics.relayed())
        self._watch = TopicWatch(self._broker, self._broker.topics.relayed())
        producer = self._broker.transactional_producer(ROLE)
        try:
            end_unended(self._broker, producer, self._watch, self._types())
            relayed = read_relayed(self._broker)
            if relayed is None:
                self._mark, self._aside, self._behind = START, {}, {}
                self._ends = {name: [end for _, end in bounds] for name, bounds in self._watch.bounds().items()}
            else:
                self._ends = require_whole(self._broker, relayed, self._watch)
                self._mark, self._aside = relayed.mark, dict(relayed.aside)
                kinds = [(kind.event_type, kind.topics) for kind in self._messages.all]
                self._behind = topics_to_fill(self._broker, relayed, kinds)
            require_same(self._store, self._mark, "the relay", WAY_OUT)
            self._warm_up(producer)
        except BaseException:
            abandon(producer)
            raise
        self.state.position = self._mark.position
        self.state.takeovers += 1
        self._enter("active")
        return producer

    def _relay_next(self, producer: KafkaProducer) -> None:
        """Sends what is there, at once; waits a little where nothing is."""
        state = self.state
        self._look_around(producer)
        if self._behind:
            self._fill_next(producer)
            return
        rows = read_batch(self._store, self._mark, self._batch_events_max)
        if not rows:
            state.book_position = state.position
            state.oldest_waiting_us = None
            self._store.wait(state.position, self._wait_s)
            return
        started = time.monotonic()
        announced = [row for row in rows if self._messages.announces(row.type)]
        full = len(rows) >= self._batch_events_max
        state.book_position = self._store.max_position() if full else rows[-1].position
        if announced and state.oldest_waiting_us is None:
            state.oldest_waiting_us = recorded_us(announced[0])
        aside = dict(self._aside)
        messages = [message for row in rows for message in (event_message(row), *self._announced(row, aside))]
        self._send(producer, messages, bookmark_of(rows[-1]), aside)
        state.position = rows[-1].position
        state.oldest_waiting_us = None
        self._note_batch(len(rows), announced, started)

    def _fill_next(self, producer: KafkaProducer) -> None:
        """The next announcements of a type whose topics came later than the others: up to where these are, no further."""
        started = time.monotonic()
        event_type, after = next(iter(self._behind.items()))
        page = self._store.read_type(event_type, after, self._batch_events_max)
        rows = [row for row in page if row.position <= self._mark.position]
        behind, aside = dict(self._behind), dict(self._aside)
        if len(rows) < self._batch_events_max:
            del behind[event_type]
            logger.info("topics filled", extra={"fields": {"type": event_type, "position": self._mark.position}})
        else:
            behind[event_type] = rows[-1].position
        self._send(
            producer, [message for row in rows for message in self._announced(row, aside)], self._mark, aside, behind
        )
        self._note_batch(0, rows, started)

    def _note_batch(self, events: int, announced: Sequence[Row], started: float) -> None:
        self.state.events += events
        self.state.announcements += len(announced)
        if self._on_batch is not None:
            self._on_batch(events, Counter(row.type for row in announced), time.monotonic() - started)

    def _look_around(self, producer: KafkaProducer) -> None:
        """Now and then: whether the topics still hold what they held, and what was set aside can be read."""
        now = time.monotonic()
        if now >= self._next_watch:
            self._next_watch = now + WATCH_S
            if self._watch is not None:
                self._watch.check()
                require_ends(self._ends, self._watch.bounds())
                if unended(self._watch):
                    raise BrokerUnreachable(
                        "found a transaction that the broker has not ended, expected none between two"
                    )
        if self._aside and not self._behind and now >= self._next_aside_try:
            self._next_aside_try = now + ASIDE_TRY_S
            self._take_up(producer)

    def _take_up(self, producer: KafkaProducer) -> None:
        """Sends the announcements that were set aside and can be read by now."""
        aside: dict[str, int] = {}
        messages: list[Outgoing] = []
        for stream, position in self._aside.items():
            for row in self._store.read_stream(stream, through=self._mark.position):
                if row.position >= position:
                    messages += self._announced(row, aside)
        if aside != self._aside:
            self._send(producer, messages, self._mark, aside)

    def _send(
        self,
        producer: KafkaProducer,
        messages: Sequence[Outgoing],
        mark: Bookmark,
        aside: Mapping[str, int],
        behind: Mapping[str, int] | None = None,
    ) -> None:
        """One transaction: the messages, and the position that goes with them."""
        topics, watch = self._broker.topics, self._watch
        if watch is None:
            raise RelayStopped("found no watch over the topics, expected to have taken over")
        if len(aside) > ASIDE_MAX:
            raise BrokenHistory(
                f"found {len(aside)} streams with unreadable announcements, expected {ASIDE_MAX} at most"
            )
        behind = self._behind if behind is None else behind
        changed = {pair.changed for pair in self._messages.topics}
        announced = sum(message.topic in changed for message in messages)
        ids = {name: known.id for name, known in watch.known.items()}
        relayed = Relayed(mark, ids, self._mark.position, self._ends, announced, aside, behind)
        with broker_errors(f"not relayed up to position {mark.position}"):
            producer.begin_transaction()
            sent = []
            for message in without_superseded(messages, {pair.status for pair in self._messages.topics}):
                topic = topics.named(message.topic)
                sent.append(
                    producer.send(
                        topic,
                        message.value,
                        key=message.key,
                        headers=message.headers,
                        partition=partition_of_key(message.key, watch.known[topic].partitions),
                        timestamp_ms=message.timestamp_ms,
                    )
                )
            sent.append(producer.send(topics.relay_positions, relayed.to_value(), key=POSITION_KEY, partition=0))
            acknowledged = await_sent(sent)
            watch.check()  # what was acknowledged is in these topics, and not in others of their names
            commit(producer)
        self.state.transactions += 1
        self._mark, self._ends, self._behind = mark, ends_after(self._ends, acknowledged), dict(behind)
        self._note_aside(aside)

    def _types(self) -> dict[str, str]:
        """The type of event that each topic of announcements tells of."""
        named = self._broker.topics.named
        return {named(name): kind.event_type for kind in self._messages.all for name in kind.topics}

    def _note_aside(self, aside: Mapping[str, int]) -> None:
        for stream in aside.keys() - self._aside.keys():
            fields = {"stream": stream, "position": aside[stream]}
            logger.error("announcements set aside", extra={"fields": fields})
        for stream in self._aside.keys() - aside.keys():
            logger.info("announcements taken up", extra={"fields": {"stream": stream}})
        self._aside = dict(aside)
        self.state.aside = dict(aside)

    def _warm_up(self, producer: KafkaProducer) -> None:
        """Writes the position again: the first transaction of a producer is slow, and nobody shall wait for it."""
        with broker_errors("topics not known"):
            for topic in self._broker.topics.relayed():
                producer.partitions_for(topic)
        self._send(producer, [], self._mark, self._aside)
        self._next_watch = time.monotonic() + WATCH_S
        self._next_aside_try = 0.0

    def _look_at_what_waits(self) -> None:
        state = self.state
        state.book_position = self._store.max_position()
        if state.position and state.oldest_waiting_us is None:
            found = [self._store.read_type(kind.event_type, state.position, 1) for kind in self._messages.all]
            waiting = min((rows[0] for rows in found if rows), key=lambda row: row.position, default=None)
            state.oldest_waiting_us = recorded_us(waiting) if waiting else None

    def _announced(self, row: Row, aside: dict[str, int]) -> list[Outgoing]:
        """What is said of an event; sets the announcements of its stream aside where that cannot be told."""
        if row.stream in aside:
            return []
        try:
            return self._messages.of(row)
        except BrokenHistory:
            aside[row.stream] = row.position
            return []

    def _enter(self, phase: Phase) -> None:
        if self.state.phase != phase:
            self.state.phase = phase
            logger.info(phase, extra={"fields": {"position": self.state.position}})
