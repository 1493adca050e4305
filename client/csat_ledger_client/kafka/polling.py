"""How a subscriber reads: polls, beats, and listens to what a group takes away."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from csat_ledger_client.errors import BrokerUnreachable, TopicsChanged
from csat_ledger_client.kafka.broker import ANSWER_TIMEOUT_MS, broker_errors
from csat_ledger_client.kafka.places import Place

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

POLL_MS: Final = 250


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The broker has answered: how many offsets lie between what was read and the end, and which partitions are read,

    by topic (its name on the broker).
    """

    lag: int
    partitions: Mapping[str, tuple[int, ...]]


class Beat:
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
        return Heartbeat(lag, _by_topic(held))


def poll(consumer: KafkaConsumer) -> dict[TopicPartition, list[Any]]:
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


def all_read(consumer: KafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    held = consumer.assignment()
    with broker_errors("position not known"):
        return bool(held) and all(
            (consumer.position(partition, timeout_ms=ANSWER_TIMEOUT_MS) or 0) >= end
            for partition, end in ends.items()
            if partition in held
        )


def listener(revoked: set[TopicPartition], done: dict[TopicPartition, Place]) -> Any:
    """Notes which partitions were taken away, and forgets how far we were there: another member may be further by now.

    Called on the client's own thread, which must not be held up, so what was done and not committed comes again.
    """
    from kafka import ConsumerRebalanceListener

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
        def on_partitions_revoked(self, partitions: Any) -> None:
            revoked.update(partitions)
            for partition in partitions:
                done.pop(partition, None)

        def on_partitions_assigned(self, partitions: Any) -> None:
            revoked.difference_update(partitions)

    return Listener()


def _by_topic(held: Iterable[TopicPartition]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for partition in held:
        found[partition.topic] = (*found.get(partition.topic, ()), partition.partition)
    return found
