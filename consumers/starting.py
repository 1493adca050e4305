"""Where a subscriber starts: from the beginning, a time, kept offsets, or the status of every membership.

The snapshot and what follows it have no gap between them. The relay writes an announcement and the status that goes
with it in one transaction, but the two topics show it one after the other. So the end of the announcements is noted
first; then the end of the statuses, committed or not; and the statuses are read until that. Whatever stands before
the first end was acknowledged in the status topic before it was committed, so it lies before the second. What follows
starts at the first end, and leaves out what a membership's status has already told of.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Self

from consumers.clients import give_up
from consumers.kafka import ANSWER_TIMEOUT_MS, Broker, broker_errors, partitions_of
from consumers.messages import EligibilityStatus
from consumers.reading import read_to

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition


class Kind(Enum):
    """What a start goes by."""

    BEGINNING = "beginning"
    END = "end"
    TIME = "time"
    OFFSETS = "offsets"
    STATUS = "status"


class Start(NamedTuple):
    """Where a subscriber starts."""

    kind: Kind
    time_us: int = 0
    by_partition: Mapping[int, int] = {}

    @classmethod
    def beginning(cls) -> Self:
        """With the first announcement ever."""
        return cls(Kind.BEGINNING)

    @classmethod
    def end(cls) -> Self:
        """With what is announced from now on."""
        return cls(Kind.END)

    @classmethod
    def at(cls, instant_us: int) -> Self:
        """With the first announcement recorded at or after an instant."""
        return cls(Kind.TIME, time_us=instant_us)

    @classmethod
    def offsets(cls, by_partition: Mapping[int, int]) -> Self:
        """Where `Delivery.resume` says; a partition that is not named is read from its beginning."""
        return cls(Kind.OFFSETS, by_partition=dict(by_partition))

    @classmethod
    def status(cls) -> Self:
        """With where every membership stands, then what changes."""
        return cls(Kind.STATUS)


class StatusSnapshot(NamedTuple):
    """Where every membership stands, in the order of the ledger, and the offsets from which on to follow."""

    statuses: list[EligibilityStatus]
    follow_from: dict[int, int]


def find_offsets(consumer: KafkaConsumer, partitions: list[TopicPartition], start: Start) -> dict[int, int]:
    """The first offset to be read, by partition."""
    with broker_errors("start not found"):
        first = consumer.beginning_offsets(partitions, timeout_ms=ANSWER_TIMEOUT_MS)
        if start.kind is Kind.OFFSETS:
            return {p.partition: start.by_partition.get(p.partition, first[p]) for p in partitions}
        if start.kind is Kind.BEGINNING:
            return {p.partition: first[p] for p in partitions}
        ends = consumer.end_offsets(partitions, timeout_ms=ANSWER_TIMEOUT_MS)
        if start.kind is not Kind.TIME:
            return {p.partition: ends[p] for p in partitions}
        time_ms = max(0, start.time_us // 1_000)
        found = consumer.offsets_for_times(dict.fromkeys(partitions, time_ms), timeout_ms=ANSWER_TIMEOUT_MS)
    # Up to the committed end at most: what is found beyond it belongs to a transaction that is still open.
    return {p.partition: ends[p] if found.get(p) is None else min(found[p].offset, ends[p]) for p in partitions}


def read_snapshot(broker: Broker, consumer: KafkaConsumer, changed: list[TopicPartition]) -> StatusSnapshot:
    """The status of every membership, and where the announcements are to be followed from (see the module)."""
    with broker_errors("end of the announcements not known"):
        follow_from = consumer.end_offsets(changed, timeout_ms=ANSWER_TIMEOUT_MS)
    uncommitted = broker.consumer("subscriber", isolation_level="read_uncommitted")
    try:
        partitions = partitions_of(uncommitted, broker.topics.eligibility_status)
        with broker_errors("end of the statuses not known"):
            ends = uncommitted.end_offsets(partitions, timeout_ms=ANSWER_TIMEOUT_MS)
    finally:
        give_up(uncommitted)
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    latest: dict[str, EligibilityStatus] = {}
    for record in read_to(consumer, ends):
        if record.value is None:
            latest.pop(record.key.decode(), None)
            continue
        status = EligibilityStatus.from_value(record.value)
        latest[status.membership] = status
    statuses = sorted(latest.values(), key=lambda status: status.position)
    return StatusSnapshot(statuses, {p.partition: offset for p, offset in follow_from.items()})


def seed_group(broker: Broker, group: str, start: Start, partitions: list[TopicPartition]) -> None:
    """Commits where the group is to start, for the partitions in which it has not read yet.

    The broker refuses that while the group has members; then one of them has done it before it joined.
    """
    from kafka.errors import CommitFailedError, IllegalGenerationError, UnknownMemberIdError
    from kafka.structs import OffsetAndMetadata

    consumer = broker.consumer("subscriber", group_id=group)
    try:
        consumer.assign(partitions)
        with broker_errors(f"offsets of group {group} not known"):
            new = [p for p in partitions if consumer.committed(p, timeout_ms=ANSWER_TIMEOUT_MS) is None]
            if not new:
                return
            offsets = find_offsets(consumer, new, start)
            wanted = {p: OffsetAndMetadata(offsets[p.partition], "", -1) for p in new}
            try:
                consumer.commit(wanted, timeout_ms=ANSWER_TIMEOUT_MS)
            except (CommitFailedError, IllegalGenerationError, UnknownMemberIdError):
                return
    finally:
        give_up(consumer)
