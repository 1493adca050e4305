"""Whether topics are those that the relay fills, for a reader that may read what the relay keeps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from csat_ledger_client.errors import TopicsUnfit
from csat_ledger_client.kafka.broker import Broker, partitions_of
from csat_ledger_client.kafka.clients import give_up
from csat_ledger_client.kafka.incarnations import RELAY_ANEW, TopicWatch
from csat_ledger_client.kafka.topic_end import last_record

if TYPE_CHECKING:
    from kafka import KafkaConsumer


UNPLACED: Final = "but no position in {}, expected both or none: relaying from the start would repeat them"


def require_filled(broker: Broker, watch: TopicWatch) -> None:
    """Proves that topics are those that the relay fills, for a reader that may read what the relay keeps.

    Raises TopicsUnfit: a topic that somebody has made anew by itself is empty, and says nothing about the ledger.
    """
    consumer = broker.consumer("relay-positions")
    try:
        try:
            (partition,) = partitions_of(consumer, broker.topics.relay_positions)
            record = last_record(consumer, partition)
            own = [broker.topics.ledger_events, *broker.topics.announced()]
            filled = first_filled(consumer, own) if record is None else None
        except TopicsUnfit:  # not there for this reader
            return
    finally:
        give_up(consumer)
    if filled is not None:
        raise TopicsUnfit(f"found messages in {filled} {UNPLACED.format(broker.topics.relay_positions)}; {RELAY_ANEW}")
    known = {} if record is None else _filled_by_relay(record)
    for name, found in watch.known.items():
        if name in known and known[name] != found.id:
            raise TopicsUnfit(
                f"found topic {name} with id {found.id}, expected {known[name]}, which the relay has filled; {RELAY_ANEW}"
            )


def first_filled(consumer: KafkaConsumer, topics: Sequence[str]) -> str | None:
    """The first of some topics that holds a message; None where none does. Raises TopicsUnfit where one is missing."""
    for topic in topics:
        if any(last_record(consumer, own) is not None for own in partitions_of(consumer, topic)):
            return topic
    return None


def _filled_by_relay(record: Any) -> dict[str, str]:
    """The ids of the topics that the relay has filled. Raises TopicsUnfit."""
    try:
        topics: dict[str, str] = json.loads(record.value or b"")["topics"]
        return dict(topics)
    except (ValueError, KeyError, TypeError) as error:
        raise TopicsUnfit(
            f"found no position of a relay in {(record.value or b'')[:80]!r} ({error!r}); {RELAY_ANEW}"
        ) from error
