"""Reading a topic up to its end: the last message of a partition, and everything that there is now.

Ends are compared with the consumer's position, never with the offset of the last message: every commit and every abort
of a transaction leaves a mark that takes an offset and is never delivered.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from csat_ledger_client.errors import BrokerUnreachable
from csat_ledger_client.kafka.broker import ANSWER_TIMEOUT_MS, broker_errors

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

POLL_MS: Final = 200
SILENCE_MAX_S: Final = 20.0
"""For so long a partition that has more to read may deliver nothing."""
FIRST_STEP: Final = 8
STEP_GROWTH: Final = 16


def read_to(consumer: KafkaConsumer, ends: Mapping[TopicPartition, int]) -> Iterator[Any]:
    """The records from where an assigned consumer stands to the given ends, in order within each partition.

    Raises BrokerUnreachable where nothing comes for SILENCE_MAX_S although an end is not reached.
    """
    left = {partition for partition, end in ends.items() if _position(consumer, partition) < end}
    deadline = time.monotonic() + SILENCE_MAX_S
    while left:
        with broker_errors("topic not read"):
            polled = consumer.poll(timeout_ms=POLL_MS)
        before = len(left)
        for partition, records in polled.items():
            end = ends.get(partition, 0)
            yield from (record for record in records if record.offset < end)
        left = {partition for partition in left if _position(consumer, partition) < ends[partition]}
        if polled or len(left) < before:
            deadline = time.monotonic() + SILENCE_MAX_S
        elif time.monotonic() > deadline:
            stuck = ", ".join(
                f"{partition} at {_position(consumer, partition)} of {ends[partition]}" for partition in left
            )
            raise BrokerUnreachable(
                f"nothing came for {SILENCE_MAX_S:g} s of {stuck}: the broker is slow, or a transaction there was never "
                "ended (kafka-transactions.sh find-hanging tells, and abort ends it)"
            )


def last_record(consumer: KafkaConsumer, partition: TopicPartition) -> Any | None:
    """The last committed record of a partition; None where there is none.

    Looks backwards from the end in growing steps: a compacted topic still holds what was written since the last
    compaction, and reading all of that would delay whoever takes over.
    """
    with broker_errors(f"{partition}: last message not read"):
        consumer.assign([partition])
        first = consumer.beginning_offsets([partition], timeout_ms=ANSWER_TIMEOUT_MS)[partition]
        end = consumer.end_offsets([partition], timeout_ms=ANSWER_TIMEOUT_MS)[partition]
    step = FIRST_STEP
    start = end
    while start > first:
        start = max(first, end - step)
        consumer.seek(partition, start)
        last = None
        for record in read_to(consumer, {partition: end}):
            last = record
        if last is not None:
            return last
        step *= STEP_GROWTH
    return None


def _position(consumer: KafkaConsumer, partition: TopicPartition) -> int:
    with broker_errors(f"{partition}: position not known"):
        position: int | None = consumer.position(partition, timeout_ms=ANSWER_TIMEOUT_MS)
    return 0 if position is None else position
