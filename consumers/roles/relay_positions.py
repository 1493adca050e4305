"""What the relay keeps in csat.relay-positions.v1: up to where the book is relayed, and what proves that Kafka has it.

    {"announced":2,"aside":{},"before":{"ends":{"csat.ledger-events.v1":[17,4,0,9],…},"position":4709},"behind":{},
     "head":"9f…","position":4711,"topics":{"csat.ledger-events.v1":"5ba2a1e1-…",…}}

    position, head    the last event relayed, and its leaf hash: the book must still have it
    topics            the ids of the topics that hold what was relayed
    aside             streams whose announcements could not be read, and from which position on they wait
    behind            types of announcements whose topics came later than the others, and up to which position of the book
                      these were filled; nothing where all are as far as `position`
    before            where the transaction began that wrote this: the position, and ends of partitions below which nothing
                      of it is. So all that it wrote lies behind them, and can be counted: events of the positions from
                      there on, and so many announcements

It is written in the transaction that it speaks of. A topic that was made anew has another id, one with more partitions
has more ends, one that was cut has its end before what is kept, or lacks messages of the last transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import orjson

from consumers.errors import RelayStopped
from csat_ledger_client.kafka.broker import Broker, partitions_of
from csat_ledger_client.kafka.clients import give_up
from csat_ledger_client.kafka.incarnations import RELAY_ANEW, TopicWatch
from csat_ledger_client.kafka.relayed import UNPLACED, first_filled
from csat_ledger_client.kafka.topic_end import last_record, read_to
from csat_ledger_client.messages.cloudevents import POSITION_HEADER
from csat_ledger_client.messages.topic_names import AnnouncementTopics
from ledger.store.bookmark import Bookmark

if TYPE_CHECKING:
    from kafka import KafkaConsumer

POSITION_KEY: Final = b"relay"
Ends = Mapping[str, Sequence[int]]
"""topic -> by partition an offset that its end is not before."""
Bounds = Mapping[str, Sequence[tuple[int, int]]]
"""topic -> by partition its beginning and its end."""


class Relayed(NamedTuple):
    """Up to where the book has been relayed, and into what."""

    mark: Bookmark
    topics: Mapping[str, str]
    before: int
    ends: Ends
    announced: int
    aside: Mapping[str, int]
    """stream -> position of its first announcement that waits, since it could not be read."""
    behind: Mapping[str, int]
    """type of announcements -> position up to which their topics are filled, where that is not all."""

    def to_value(self) -> bytes:
        """As the value of a message."""
        return orjson.dumps(
            {
                "announced": self.announced,
                "aside": self.aside,
                "before": {"ends": self.ends, "position": self.before},
                "behind": self.behind,
                "head": self.mark.head,
                "position": self.mark.position,
                "topics": self.topics,
            },
            option=orjson.OPT_SORT_KEYS,
        )

    @classmethod
    def from_value(cls, value: bytes) -> Self:
        """Raises RelayStopped where it is none."""
        try:
            found = orjson.loads(value)
            mark = Bookmark(found["position"], found["head"])
            return cls(mark, found["topics"], found["before"]["position"], found["before"]["ends"], found["announced"],
                       found["aside"], found.get("behind", {}))  # fmt: skip
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise RelayStopped(f"found no position of a relay in {value[:80]!r} ({error!r}); {RELAY_ANEW}") from error


def last_relayed(broker: Broker) -> Relayed | None:
    """What the last relay has kept; None where there is nothing. Only final after its producer was fenced.

    Raises RelayStopped where it cannot be read.
    """
    consumer = broker.consumer("relay-positions")
    try:
        (partition,) = partitions_of(consumer, broker.topics.relay_positions)
        record = last_record(consumer, partition)
        return None if record is None else Relayed.from_value(record.value or b"")
    finally:
        give_up(consumer)


def read_relayed(broker: Broker) -> Relayed | None:
    """The same. Raises RelayStopped also where messages were relayed and their position is not known."""
    relayed = last_relayed(broker)
    if relayed is not None:
        return relayed
    topics = broker.topics
    consumer = broker.consumer("relay-positions")
    try:
        require_empty(
            consumer,
            [topics.ledger_events, *topics.announced()],
            UNPLACED.format(topics.relay_positions),
        )
        return None
    finally:
        give_up(consumer)


def require_empty(consumer: KafkaConsumer, topics: Sequence[str], why: str) -> None:
    """Raises RelayStopped where one of the topics holds a message."""
    if filled := first_filled(consumer, topics):
        raise RelayStopped(f"found messages in {filled} {why}; {RELAY_ANEW}")


def topics_to_fill(broker: Broker, relayed: Relayed, kinds: Sequence[tuple[str, AnnouncementTopics]]) -> dict[str, int]:
    """The types of announcements whose topics hold less than the position says, each with how far they are filled.

    A programme that is new to the relay has topics of which the position says nothing; what was announced before they
    were there is still to go into them. Raises RelayStopped where they are not empty: nobody knows what is missing then.
    """
    behind = {event_type: relayed.behind[event_type] for event_type, _ in kinds if event_type in relayed.behind}
    consumer = broker.consumer("relay-positions")
    try:
        for event_type, names in kinds:
            new = [name for name in map(broker.topics.named, names) if name not in relayed.topics]
            if len(new) == 1:
                raise RelayStopped(
                    f"found a position of the relay that does not speak of {new[0]}, expected it to speak of both topics of "
                    f"{event_type} or of none; {RELAY_ANEW}"
                )
            if new:
                require_empty(
                    consumer, new, "of which the relay's position says nothing, expected none",
                )  # fmt: skip
                behind[event_type] = 0
    finally:
        give_up(consumer)
    return behind


def require_whole(broker: Broker, relayed: Relayed, watch: TopicWatch) -> dict[str, list[int]]:
    """Proves that the topics hold what was relayed, up to the last transaction; returns the ends of their partitions.

    Raises RelayStopped, with both sides.
    """
    if unknown := sorted(relayed.topics.keys() - watch.known.keys()):
        raise RelayStopped(
            f"found that {', '.join(unknown)} was filled as well, expected only topics that this program knows: a newer relay "
            "was here, and this one would leave out what it announces; start that one"
        )
    for name, known in relayed.topics.items():
        found = watch.known[name]
        if found.id != known:
            raise RelayStopped(
                f"found topic {name} with id {found.id}, expected {known}, into which the book was relayed up to "
                f"position {relayed.mark.position}: it was made anew, and lacks what the other had; {RELAY_ANEW}"
            )
        if found.partitions != len(relayed.ends[name]):
            raise RelayStopped(
                f"found {found.partitions} partitions of topic {name}, expected {len(relayed.ends[name])}: messages of "
                f"a membership would lie in two of them, and lose their order; {RELAY_ANEW}"
            )
    bounds = watch.bounds()
    require_ends(relayed.ends, bounds)
    consumer = broker.consumer("relay-ends")
    try:
        _require_last_transaction(broker, consumer, relayed, bounds)
    finally:
        give_up(consumer)
    return {topic: [end for _, end in by_partition] for topic, by_partition in bounds.items()}


def require_ends(known: Ends, now: Bounds) -> None:
    """Raises RelayStopped where a partition ends before what is known to have been in it."""
    for topic, by_partition in known.items():
        for partition, (before, (_, end)) in enumerate(zip(by_partition, now[topic], strict=True)):
            if end < before:
                raise RelayStopped(
                    f"found the end of partition {partition} of {topic} at offset {end}, expected at least {before}: it "
                    f"has lost messages; {RELAY_ANEW}"
                )


def _require_last_transaction(broker: Broker, consumer: KafkaConsumer, relayed: Relayed, bounds: Bounds) -> None:
    topics, end = broker.topics, relayed.mark.position
    events = _positions(consumer, topics.ledger_events, relayed.ends, bounds)
    if events is not None:
        missing = sorted(set(range(relayed.before + 1, end + 1)) - set(events))
        surplus = sorted(position for position in events if position > end)
        if missing or surplus:
            what = f"lacks positions {_some(missing)}" if missing else f"also has positions {_some(surplus)}"
            raise RelayStopped(
                f"found {len(events)} events at the end of {topics.ledger_events}, expected the {end - relayed.before} up "
                f"to position {end}: it {what}; {RELAY_ANEW}"
            )
    changed = [topic for topic in topics.changed() if topic in relayed.topics]
    found = [_positions(consumer, topic, relayed.ends, bounds) for topic in changed]
    if None in found:
        return
    announced = [position for positions in found for position in positions or ()]
    if len(announced) < relayed.announced or max(announced, default=0) > end:
        raise RelayStopped(
            f"found {len(announced)} announcements at the end of {', '.join(changed)}, expected "
            f"{relayed.announced} up to position {end}; {RELAY_ANEW}"
        )


def _positions(consumer: KafkaConsumer, topic: str, before: Ends, bounds: Bounds) -> list[int] | None:
    """The positions in the messages of ours from some offsets on; None where some messages were deleted since."""
    partitions = partitions_of(consumer, topic)
    wanted = {}
    for partition in partitions:
        first, (begin, end) = before[topic][partition.partition], bounds[topic][partition.partition]
        if begin > first:
            return None
        if first < end:
            wanted[partition] = end
    if not wanted:
        return []
    consumer.assign(list(wanted))
    for partition in wanted:
        consumer.seek(partition, before[topic][partition.partition])
    found = (dict(record.headers).get(POSITION_HEADER, b"") for record in read_to(consumer, wanted))
    return [int(position) for position in found if position.isdigit()]


def _some(positions: Sequence[int]) -> str:
    return ", ".join(map(str, positions[:3])) + (", …" if len(positions) > 3 else "")
