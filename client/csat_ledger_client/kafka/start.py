"""Where a subscriber starts: from the beginning, a time, kept offsets, or where all stand.

The snapshot and what follows it have no gap between them. The relay writes an announcement and the status that goes
with it in one transaction, but the two topics show it one after the other. So the end of the announcements is noted
first; then the end of the statuses, committed or not; and the statuses are read until that. Whatever stands before
the first end was acknowledged in the status topic before it was committed, so it lies before the second. What follows
starts at the first end, and leaves out what a membership's status has already told of.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from csat_ledger_client.errors import BrokerUnreachable, MessagesLost
from csat_ledger_client.kafka.broker import ANSWER_TIMEOUT_MS, Broker, broker_errors, partitions_of
from csat_ledger_client.kafka.clients import give_up
from csat_ledger_client.kafka.incarnations import RELAY_ANEW, Incarnation
from csat_ledger_client.kafka.places import LOST, Bounds, Place, Resume, kept_place, require_places
from csat_ledger_client.kafka.topic_end import read_to
from csat_ledger_client.messages.announced import Announced, MessageKind
from csat_ledger_client.messages.cloudevents import mark_of

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
    resume: Resume | None = None
    anew: Start | None = None
    unheard: Start | None = None

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
    def offsets(cls, resume: Resume, anew: Start | None = None, unheard: Start | None = None) -> Self:
        """Where `Delivery.resume` says. Where a topic was made anew since, `anew` says where; without it that is an error.

        A topic that `resume` does not name was not heard before, and starts with `unheard`: its beginning, unless given.
        """
        return cls(Kind.OFFSETS, resume=resume, anew=anew, unheard=unheard)

    @classmethod
    def status(cls) -> Self:
        """With where all stand, then what changes."""
        return cls(Kind.STATUS)


class StatusSnapshot(NamedTuple):
    """Where all stand, in the order of the ledger, and the places from which on to follow."""

    statuses: list[tuple[Any, str]]
    """Each (a message of the kind that was asked for) with its cursor."""
    follow_from: dict[int, Place]


def bounds_of(consumer: KafkaConsumer, partitions: list[TopicPartition]) -> Bounds:
    """The beginning and the committed end of each partition."""
    with broker_errors("ends of partitions not known"):
        begins = consumer.beginning_offsets(partitions, timeout_ms=ANSWER_TIMEOUT_MS)
        ends = consumer.end_offsets(partitions, timeout_ms=ANSWER_TIMEOUT_MS)
    return {partition.partition: (begins[partition], ends[partition]) for partition in partitions}


def find_places(consumer: KafkaConsumer, partitions: list[TopicPartition], start: Start) -> dict[int, Place]:
    """The first message to be read, by partition.

    Raises MessagesLost where it is one of the beginning, and the beginning was deleted.
    """
    bounds = bounds_of(consumer, partitions)
    if start.kind is Kind.END:
        return {number: Place(end) for number, (_, end) in bounds.items()}
    firsts = dict.fromkeys(bounds, 0)
    if start.kind is Kind.TIME:
        with broker_errors("start not found"):
            times = dict.fromkeys(partitions, max(0, start.time_us // 1_000))
            at = consumer.offsets_for_times(times, timeout_ms=ANSWER_TIMEOUT_MS)
        for partition in partitions:
            # Up to the committed end at most: what is found beyond it belongs to a transaction that is still open.
            end = bounds[partition.partition][1]
            firsts[partition.partition] = min(at[partition].offset, end) if at.get(partition) else end
    for number, (begin, _) in bounds.items():
        if firsts[number] <= begin and begin > 0:
            raise MessagesLost(
                f"found the beginning of {partitions[0].topic}, partition {number}, at offset {begin}, expected 0: messages "
                f"from where reading was to start were deleted; {LOST}"
            )
    return {number: Place(first) for number, first in firsts.items()}


def read_snapshot(
    broker: Broker, consumer: KafkaConsumer, kind: MessageKind[Announced], changed: list[TopicPartition]
) -> StatusSnapshot:
    """Where all stand by one kind of announcements, and where these are to be followed from (see the module)."""
    topic = broker.topics.named(kind.topics.status)
    with broker_errors("end of the announcements not known"):
        follow_from = consumer.end_offsets(changed, timeout_ms=ANSWER_TIMEOUT_MS)
    uncommitted = broker.consumer("subscriber", isolation_level="read_uncommitted")
    try:
        partitions = partitions_of(uncommitted, topic)
        with broker_errors("end of the statuses not known"):
            ends = uncommitted.end_offsets(partitions, timeout_ms=ANSWER_TIMEOUT_MS)
        if any(begin for begin, _ in bounds_of(uncommitted, partitions).values()):
            raise MessagesLost(f"found that the beginning of {topic} was deleted; {RELAY_ANEW}")
    finally:
        give_up(uncommitted)
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    latest: dict[str, tuple[Announced, str]] = {}
    for record in read_to(consumer, ends):
        if record.value is None:
            latest.pop(record.key.decode(), None)
            continue
        status = kind.status.from_value(record.value)
        latest[status.who] = (status, mark_of(record))
    statuses = sorted(latest.values(), key=lambda found: found[0].position)
    return StatusSnapshot(statuses, {p.partition: Place(offset) for p, offset in follow_from.items()})


def seed_group(broker: Broker, group: str, start: Start, partitions: list[TopicPartition], topic: Incarnation) -> None:
    """Commits where the group is to start, for the partitions in which it has not read yet, or has read another topic.

    The broker refuses that while the group has members; then one of them has done it before it joined. Raises
    MessagesLost where the group has read this topic, and the place where it goes on is not what it was.
    """
    from kafka.errors import CommitFailedError, IllegalGenerationError, UnknownMemberIdError
    from kafka.structs import OffsetAndMetadata

    consumer = broker.consumer("subscriber", group_id=group)
    try:
        consumer.assign(partitions)
        kept = {}
        with broker_errors(f"offsets of group {group} not known"):
            for partition in partitions:
                kept[partition] = consumer.committed(partition, metadata=True, timeout_ms=ANSWER_TIMEOUT_MS)
        new = [partition for partition, one in kept.items() if one is None or _of_another(one, topic)]
        consumer.unsubscribe()
        old = [partition for partition in partitions if partition not in new]
        places = {one.partition: (kept_place(kept[one].offset, kept[one].metadata) or ("", Place(kept[one].offset)))[1]
                  for one in old}  # fmt: skip
        if old:
            require_places(consumer, old, places, bounds_of(consumer, old))
        if not new:
            return
        found = find_places(consumer, new, start)
        wanted = {p: OffsetAndMetadata(found[p.partition].next_offset, topic.id, -1) for p in new}
        consumer.assign(partitions)
        try:
            with broker_errors(f"start of group {group} not kept"):
                consumer.commit(wanted, timeout_ms=ANSWER_TIMEOUT_MS)
        except BrokerUnreachable as error:
            if not isinstance(error.__cause__, (CommitFailedError, IllegalGenerationError, UnknownMemberIdError)):
                raise
            if any(kept[one] is not None for one in new):  # members that read the other topic notice it, and leave
                raise
    finally:
        give_up(consumer)


def _of_another(kept: Any, topic: Incarnation) -> bool:
    place = kept_place(kept.offset, kept.metadata)
    return place is not None and place[0] != topic.id
