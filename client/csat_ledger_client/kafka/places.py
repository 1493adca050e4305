"""Where a reader of a topic has left off, as it is kept outside of Kafka, and the proof that it is still that place.

An offset alone says nothing: a topic that was made anew, or lost its end and was filled again, has other messages there. So
a place has the topic's id, and the message before it: its offset, and its mark (`mark_of` in
`csat_ledger_client.messages.cloudevents`).

    csat.eligibility-changed.v1:5ba2a1e1-18d6-48de-a73d-97382dc0acea/0=17@15:4711-5f0c22b1a4e9d377,1=4,2=0,3=9@8:4690-…

is how that is written: the topic's name (before any prefix) and id, then partition, next offset, and after @ the message
before it. Where several topics are read, each follows after a semicolon.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from csat_ledger_client.errors import BadRequest, MessagesLost, TopicsUnfit
from csat_ledger_client.kafka.incarnations import RELAY_ANEW, Incarnation
from csat_ledger_client.kafka.topic_end import read_to
from csat_ledger_client.messages.cloudevents import mark_of

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

LOST: Final = f"either start anew from the status topic (Start.status(), --from status), or {RELAY_ANEW}"
"""What to do where messages are lost."""
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_PLACE: Final = re.compile(r"(\d{1,9})=(\d{1,19})(?:@(\d{1,19}):([0-9a-f-]{1,64}))?")
_KEPT: Final = re.compile(r"([0-9a-f-]{36})(?:@(\d{1,19}):([0-9a-f-]{1,64}))?(?:/.{1,90})?")

Bounds = Mapping[int, tuple[int, int]]
"""By partition, its beginning and its end."""


class Place(NamedTuple):
    """Where a partition is read on, and the message that was read before; None where none was."""

    next_offset: int
    before: int | None = None
    mark: str = ""

    @classmethod
    def after(cls, record: object) -> Self:
        """Behind a message."""
        offset: int = record.offset  # type: ignore[attr-defined]
        return cls(offset + 1, offset, mark_of(record))


class TopicPlaces(NamedTuple):
    """Where to go on in all partitions of a topic; `id` is that of the topic that was read."""

    id: str
    places: Mapping[int, Place]


class Resume(NamedTuple):
    """Where to go on in all topics that are read, by their names before any prefix."""

    topics: Mapping[str, TopicPlaces]

    def __str__(self) -> str:
        return ";".join(f"{name}:{id_}/{_written(places)}" for name, (id_, places) in sorted(self.topics.items()))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads what `str` gives. Raises BadRequest."""
        topics: dict[str, TopicPlaces] = {}
        for one in text.split(";"):
            name, _, kept = one.partition(":")
            id_, _, rest = kept.partition("/")
            if not _NAME.fullmatch(name) or name in topics:
                raise _no_resume(text)
            places: dict[int, Place] = {}
            for part in rest.split(","):
                found = _PLACE.fullmatch(part)
                if not found:
                    raise _no_resume(text)
                partition, offset, before, mark = found.groups()
                places[int(partition)] = Place(int(offset), None if before is None else int(before), mark or "")
            topics[name] = TopicPlaces(id_, places)
        return cls(topics)


def _written(places: Mapping[int, Place]) -> str:
    return ",".join(
        f"{number}={place.next_offset}" + ("" if place.before is None else f"@{place.before}:{place.mark}")
        for number, place in sorted(places.items())
    )


def _no_resume(text: str) -> BadRequest:
    return BadRequest(f"found {text!r}, expected TOPIC:ID/PARTITION=OFFSET@…, as a line before has it in `resume`")


def kept_text(topic: str, place: Place) -> str:
    """What is kept beside an offset that Kafka keeps itself."""
    return topic + ("" if place.before is None else f"@{place.before}:{place.mark}")


def kept_place(offset: int, text: str) -> tuple[str, Place] | None:
    """The topic and the place that `kept_text` has kept; None where it was not that which kept the offset.

    Whoever keeps more beside an offset writes it behind a slash.
    """
    found = _KEPT.fullmatch(text)
    if not found:
        return None
    topic, before, mark = found.groups()
    return topic, Place(offset, None if before is None else int(before), mark or "")


def require_places(
    consumer: KafkaConsumer,
    partitions: Sequence[TopicPartition],
    places: Mapping[int, Place],
    bounds: Bounds,
) -> None:
    """Proves that places in the present topic are where they were, with nothing lost before or behind them.

    Raises MessagesLost, TopicsUnfit.
    """
    if sorted(places) != [partition.partition for partition in partitions]:
        raise TopicsUnfit(
            f"found {len(partitions)} partitions of topic {partitions[0].topic}, expected the {len(places)} in which was "
            f"read: messages of a membership would lie in two of them; {RELAY_ANEW}"
        )
    wrong = wrong_places(consumer, partitions, places, bounds)
    if wrong:
        raise MessagesLost(f"{'; '.join(wrong.values())}; {LOST}")


def wrong_places(
    consumer: KafkaConsumer, partitions: Sequence[TopicPartition], places: Mapping[int, Place], bounds: Bounds
) -> dict[int, str]:
    """The partitions in which a place is not what it was, each with what was found and expected."""
    wrong, to_read = {}, {}
    for partition in partitions:
        number, place = partition.partition, places[partition.partition]
        begin, end = bounds[number]
        if not begin <= place.next_offset <= end:
            wrong[number] = (
                f"found offsets {begin} to {end} in {partition.topic}, partition {number}, expected {place.next_offset}, "
                "where reading goes on: messages were deleted"
            )
        elif place.before is not None and place.before >= begin:
            to_read[partition] = place
    marks = _marks(consumer, to_read)
    for partition, place in to_read.items():
        if marks.get(partition) != place.mark:
            wrong[partition.partition] = (
                f"found message {marks.get(partition)} at offset {place.before} of {partition.topic}, partition "
                f"{partition.partition}, expected {place.mark}, after which reading goes on: the partition has lost its end, "
                "and was filled again"
            )
    return wrong


def _marks(consumer: KafkaConsumer, places: Mapping[TopicPartition, Place]) -> dict[TopicPartition, str]:
    """The marks of the messages before some places. The consumer is assigned to them for it, and to nothing after."""
    if not places:
        return {}
    consumer.assign(list(places))
    ends = {}
    for partition, place in places.items():
        if place.before is not None:
            consumer.seek(partition, place.before)
            ends[partition] = place.before + 1
    found = {}
    for record in read_to(consumer, ends):
        found[_partition_of(record)] = mark_of(record)
    consumer.unsubscribe()
    return found


def _partition_of(record: object) -> TopicPartition:
    from kafka import TopicPartition

    return TopicPartition(record.topic, record.partition)  # type: ignore[attr-defined]


def require_topic(found: Incarnation, expected: str, name: str) -> None:
    """Raises MessagesLost where a topic is another one."""
    if found.id != expected:
        raise MessagesLost(
            f"found topic {name} with id {found.id}, expected {expected}, in which was read: it was made anew, and its "
            f"offsets are others; start anew from the status topic (Start.status(), --from status)"
        )
