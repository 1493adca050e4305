"""A worker: keeps the projections up from csat.ledger-events.v1, as one of a group that shares the topic's partitions.

A batch of a partition is one transaction in the projections' database: the rows, and the place in the partition that they
bring each projection to (`projections.worker_progress`). The place is moved only from where this worker believes it to be. So
it does not matter who owns a partition, or believes to: of two, one finds the place moved, undoes its transaction, and
goes on from where the place is now. Kafka's own committed offsets play no part.

Messages of different partitions are different memberships: several workers write at the same time. Memberships do not
depend on one another; the editions of the rules, which all depend on, are rows with a position like all others.

A worker sends nothing. A projection that is new, or of another version, is built beside from the feed of the book by one
process while the others wait (or go on with the old one, if that is what they know), and swapped in; the places are
carried over. A topic from which messages were deleted before they were read is no harm either, nor one that was made
anew, or has another name or another number of partitions: what is missing is read from the book, and the topic's id is
compared after each fetch. A topic of another book is noticed before anything of it is applied: the last event of each
batch must stand in the book. Where events are missing all the same, the projections are built anew from the book.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from consumers.broker.groups import SESSION_TIMEOUT_S, client, group_member, listener_of
from consumers.roles.metrics import Metrics
from consumers.roles.partition_progress import Elsewhere, Keeper, row_of
from consumers.roles.service import Service
from csat_ledger_client.kafka.broker import ANSWER_TIMEOUT_MS, Broker, broker_errors, partitions_of
from csat_ledger_client.kafka.incarnations import TopicWatch
from ledger.errors import LedgerError
from ledger.store.base import Store
from projections.database import Database
from projections.projection import Projection
from projections.worker_progress import Source

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

ROLE: Final = "worker"
BATCH_MAX: Final = 5_000
FETCH_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of one partition at a time: the client's default is about a thousand events, and each batch has a price of its own."""
POLL_MS: Final = 250
LOOK_AROUND_S: Final = 0.5


class Worker:
    """The role of `csat-ledger worker`; see the module.

    `consumer` is in the group; `watcher` reads nothing, it asks for ends of partitions, committed or not.
    """

    def __init__(
        self,
        service: Service,
        keeper: Keeper,
        consumer: KafkaConsumer,
        watcher: KafkaConsumer,
        partitions: Sequence[TopicPartition],
        watch: TopicWatch,
    ) -> None:
        self._service = service
        self._watch = watch
        self._keeper = keeper
        self._consumer = consumer
        self._watcher = watcher
        self._partitions = {partition.partition: partition for partition in partitions}
        self._guard = Lock()
        self._fresh: set[int] = set()
        """Assigned, but not yet put where the projections are."""
        self._read_up_to: dict[int, int] = {}
        """Of each partition that is this worker's: all before this offset has been applied by somebody."""
        self._looked_at = 0.0
        self._figures = service.figures(WorkerFigures)
        service.show_set_aside(lambda: keeper.parked)

    def step(self) -> float:
        """Applies what has come, a transaction for each partition."""
        with self._guard:
            fresh = sorted(self._fresh)
        if fresh:
            self._put_in_place(fresh)
        with broker_errors("events not read"):
            polled = self._consumer.poll(timeout_ms=POLL_MS, max_records=BATCH_MAX)
        if polled:
            self._watch.check()  # what was fetched before is of this topic, and not of another of its name
        for partition, records in polled.items():
            first = self._read_before(partition.partition)
            if first is not None:
                self._apply(partition.partition, first, records)
        if time.monotonic() - self._looked_at >= LOOK_AROUND_S:
            self._look_around()
        return 0.0

    def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """Called on the client's own thread: nothing is fetched before the projections were asked where to start."""
        for partition in partitions:
            self._consumer.pause(partition)
            self._consumer.seek(partition, 0)  # any offset will do: without one, the client complains
            with self._guard:
                self._fresh.add(partition.partition)

    def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        """Called on the client's own thread. A batch at hand may be applied all the same: the place decides."""
        with self._guard:
            for partition in partitions:
                self._fresh.discard(partition.partition)
                self._read_up_to.pop(partition.partition, None)

    def _read_before(self, partition: int) -> int | None:
        """Up to where a partition has been read; None where it is not this worker's, or not in its place yet."""
        with self._guard:
            return None if partition in self._fresh else self._read_up_to.get(partition)

    def _put_in_place(self, fresh: Sequence[int]) -> None:
        """Starts to read the partitions that are new where the projections stand in them."""
        asked = [self._partitions[partition] for partition in fresh]
        with broker_errors("ends of partitions not known"):
            begins = self._watcher.beginning_offsets(asked, timeout_ms=ANSWER_TIMEOUT_MS)
            ends = self._watcher.end_offsets(asked, timeout_ms=ANSWER_TIMEOUT_MS)
        starts = {}
        for partition, asked_for in zip(fresh, asked, strict=True):
            with suppress(Elsewhere):  # it is asked again in the next round
                starts[partition] = self._keeper.start_of(partition, begins[asked_for], ends[asked_for])
        for partition, start in starts.items():
            with self._guard:
                if partition not in self._fresh:
                    continue  # taken away meanwhile
                self._fresh.discard(partition)
                self._read_up_to[partition] = start
            with suppress(ValueError, KeyError):  # taken away this very moment
                self._consumer.seek(self._partitions[partition], start)
                self._consumer.resume(self._partitions[partition])
        self._service.log.info("reading", **{f"partition_{partition}": start for partition, start in starts.items()})

    def _apply(self, partition: int, first: int, records: Sequence[Any]) -> None:
        rows = [row for row in map(row_of, records) if row is not None]
        if len(rows) < len(records):
            self._service.log.warning("foreign messages", partition=partition, number=len(records) - len(rows))
            self._service.metrics.done.labels("foreign").inc(len(records) - len(rows))
        started, end = time.monotonic(), records[-1].offset + 1
        try:
            applied = self._keeper.apply(partition, first, end, rows)
        except Elsewhere:
            self._start_again(partition)
            return
        with self._guard:
            if partition in self._read_up_to:
                self._read_up_to[partition] = end
        self._service.metrics.step.observe(time.monotonic() - started)
        self._service.metrics.done.labels("applied").inc(applied)

    def _start_again(self, partition: int) -> None:
        """The place is not where it was left: another worker has moved it, or another generation is live."""
        self._service.log.info("moved elsewhere", partition=partition)
        self._keeper.load()
        with suppress(ValueError, KeyError):
            self._consumer.pause(self._partitions[partition])
        with self._guard:
            if partition in self._read_up_to:
                self._fresh.add(partition)

    def _look_around(self) -> None:
        """How far behind each partition is, and which of them have nothing outstanding; whether the broker is there.

        Raises TopicsChanged where the topic is another one, LedgerError where events are missing: the role is opened anew,
        and what the projections lack is read from the book.
        """
        self._watch.check()
        reached = self._keeper.reached()
        with broker_errors("the broker does not answer"):
            ends = self._watcher.end_offsets(list(self._partitions.values()), timeout_ms=ANSWER_TIMEOUT_MS)
            for partition, place in self._partitions.items():
                first = self._read_before(partition)
                if first is None or place not in self._consumer.assignment():
                    self._figures.lag.forget(partition)
                    continue
                position = self._consumer.position(place, timeout_ms=ANSWER_TIMEOUT_MS) or 0
                self._figures.lag.labels(partition).set(max(0, ends[place] - position))
                if position < ends[place]:
                    continue
                if not self._keeper.nothing_outstanding(partition, first, position, reached):
                    self._start_again(partition)
        standing = self._keeper.standing()
        self._figures.show(standing)
        for one in standing:
            if one.gaps:
                raise LedgerError(
                    f"projection {one.projection}: found {one.gaps} events missing or applied twice up to position "
                    f"{one.position}, expected none; it is built anew from the book"
                )
        self._looked_at = time.monotonic()


class WorkerFigures:
    """What a worker tells Prometheus."""

    def __init__(self, metrics: Metrics) -> None:
        self.lag = metrics.gauges("lag", "offsets not read yet, by partition that is this worker's", "of")
        self._position = metrics.gauges("position", "up to where nothing is missing", "projection")
        self._gaps = metrics.gauges("gaps", "events that are missing", "projection")
        self._parked = metrics.gauges("parked_streams", "streams that wait behind a failed event", "projection")

    def show(self, standing: Collection[tuple[str, int, int, int]]) -> None:
        """(projection, position, gaps, parked streams) of all workers together."""
        for name, position, gaps, parked in standing:
            self._position.labels(name).set(position)
            self._gaps.labels(name).set(gaps)
            self._parked.labels(name).set(parked)


@contextmanager
def open_worker(
    service: Service,
    store: Store,
    database: Database,
    projections: Sequence[Projection[Any]],
    broker: Broker,
    *,
    session_timeout_s: float = SESSION_TIMEOUT_S,
) -> Iterator[Worker]:
    """A worker between a broker and the projections' database, for as long as it is used."""
    topic = broker.topics.ledger_events
    with (
        TopicWatch(broker, [topic]) as watch,
        client(broker, "worker-watcher", isolation_level="read_uncommitted") as watcher,
    ):
        partitions = partitions_of(watcher, topic)
        keeper = Keeper(store, database, projections, Source(topic, *watch.known[topic]), service.check)
        keeper.prepare()
        limits = {"max_poll_records": BATCH_MAX, "max_partition_fetch_bytes": FETCH_BYTES_MAX}
        with group_member(broker, ROLE, session_timeout_s, **limits) as consumer:
            worker = Worker(service, keeper, consumer, watcher, partitions, watch)
            consumer.subscribe([topic], listener=listener_of(worker))
            yield worker
