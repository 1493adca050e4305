"""Transactions of the relay that its broker has forgotten to end, and how the next relay ends them.

A commit returns when the coordinator has written it down; its marks in the partitions come after. A partition that has no
leader just then (its broker stops, is taken for dead for a moment, or starts) gets none: Kafka 4 takes it for deleted and calls
the transaction complete (KAFKA-20734). What was sent there stays open for ever, and no reader of committed messages gets
past it: no subscriber, and no relay that proves what Kafka has.

A relay that takes over has fenced every other, and its coordinator holds nothing open. So what is open in its topics was
forgotten, and it can end that: a transaction of the same id that names the partitions, and holds nothing, leaves its mark in
them. Which mark, the relay's position says, which is only visible where its own transaction is committed:

    committed   what the position says is relayed: the other partitions of the transaction have their marks
    aborted     what it does not say is relayed: it is sent again

A partition that holds both can be ended in neither way: RelayStopped.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from consumers.broker.commits import end_in
from consumers.errors import RelayStopped
from consumers.roles.relay_positions import Relayed, last_relayed
from csat_ledger_client.errors import BrokerUnreachable
from csat_ledger_client.kafka.broker import Broker, broker_errors
from csat_ledger_client.kafka.clients import give_up
from csat_ledger_client.kafka.incarnations import RELAY_ANEW, TopicWatch
from csat_ledger_client.kafka.topic_end import read_to
from csat_ledger_client.messages.cloudevents import POSITION_HEADER

if TYPE_CHECKING:
    from kafka import KafkaProducer, TopicPartition

PATIENCE_S: Final = 2.0
"""So long the marks of a transaction that was ended may take to be everywhere."""
LOOK_S: Final = 0.05
ID_HEADER: Final = "ce_id"
Open = Mapping["TopicPartition", tuple[int, int]]
"""Partition -> where its open transaction begins, and its end."""

logger = logging.getLogger("csat_ledger.relay")


def unended(watch: TopicWatch, patience_s: float = PATIENCE_S) -> Open:
    """The partitions in which a transaction is open, and still is after a while. To be asked between transactions."""
    deadline = time.monotonic() + patience_s
    while found := watch.open_transactions():
        if time.monotonic() >= deadline:
            return found
        time.sleep(LOOK_S)
    return {}


def end_unended(broker: Broker, producer: KafkaProducer, watch: TopicWatch, types: Mapping[str, str]) -> None:
    """Ends what is open in the relay's topics; `producer` is the one that has fenced all others.

    `types` maps each topic of announcements to the type of event that it tells of. Raises RelayStopped where a partition can be
    ended in neither way, BrokerUnreachable where it stays open: it is the transaction of somebody else then.
    """
    found = unended(watch)
    if not found:
        return
    relayed = last_relayed(broker)
    committed = _done(broker, found, relayed, types)
    for outcome in (True, False):
        places = [place for place in found if committed[place] is outcome]
        if places:
            with broker_errors("a transaction that was never ended was not ended"):
                end_in(producer, places, committed=outcome)
            fields = {
                "partitions": sorted(f"{place.topic}/{place.partition}" for place in places),
                "committed": outcome,
            }
            logger.warning("transaction ended", extra={"fields": fields})
    if left := unended(watch):
        raise BrokerUnreachable(
            f"found a transaction open in {_some(left)} that is not the relay's, or cannot be ended by it "
            "(kafka-transactions.sh find-hanging tells, and abort ends it)"
        )


def _done(broker: Broker, found: Open, relayed: Relayed | None, types: Mapping[str, str]) -> dict[TopicPartition, bool]:
    """Of each partition, whether what is open in it belongs to what the position says is relayed."""
    from kafka import TopicPartition

    consumer = broker.consumer("relay-unended", isolation_level="read_uncommitted")
    seen: dict[TopicPartition, set[bool]] = {place: set() for place in found}
    try:
        consumer.assign(list(found))
        for place, (first, _) in found.items():
            consumer.seek(place, first)
        for record in read_to(consumer, {place: end for place, (_, end) in found.items()}):
            seen[TopicPartition(record.topic, record.partition)].add(_is_relayed(broker, record, relayed, types))
    finally:
        give_up(consumer)
    if mixed := {place: found[place] for place, kinds in seen.items() if len(kinds) > 1}:
        raise RelayStopped(
            f"found a transaction open in {_some(mixed)} that holds what was relayed and what was not, expected one of them: "
            f"the broker has forgotten to end two transactions in a row; {RELAY_ANEW}"
        )
    return {place: kinds == {True} for place, kinds in seen.items()}


def _is_relayed(broker: Broker, record: Any, relayed: Relayed | None, types: Mapping[str, str]) -> bool:
    """Whether the position says that a record is relayed. A position that is not visible says nothing of itself."""
    if relayed is None or record.topic == broker.topics.relay_positions:
        return False
    headers = dict(record.headers)
    text = headers.get(POSITION_HEADER, b"")
    if not text.isdigit() or int(text) > relayed.mark.position:
        return False
    event_type = types.get(record.topic)
    if event_type is None:
        return True
    stream = headers.get(ID_HEADER, b"").decode().rpartition("/")[0]
    waits_from = relayed.aside.get(stream, int(text) + 1)
    return int(text) <= relayed.behind.get(event_type, relayed.mark.position) and int(text) < waits_from


def _some(places: Open) -> str:
    named = sorted(
        f"{place.topic}, partition {place.partition} (from {first} on)" for place, (first, _) in places.items()
    )
    return "; ".join(named[:3]) + ("; …" if len(named) > 3 else "")
