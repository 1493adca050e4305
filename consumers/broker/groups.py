"""Membership of a consumer group: how the inbox and the workers share the partitions of a topic.

Cooperative: when a member comes or goes, only the partitions that must move are taken from the others. The partitions
of a killed member wait for the session's time-out; one that says good-bye gives them back at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from csat_ledger_client.kafka.broker import Broker
from csat_ledger_client.kafka.clients import give_up

if TYPE_CHECKING:
    from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition

SESSION_TIMEOUT_S: Final = 10.0
"""For so long the partitions of a killed member wait for it."""
HEARTBEATS: Final = 8
"""In a session; the client asks for at least three."""
POLL_INTERVAL_MAX_MS: Final = 600_000
"""A batch may wait as long as this for a lock of the store before its member is given up."""


@contextmanager
def group_member(broker: Broker, role: str, session_timeout_s: float, **options: Any) -> Iterator[KafkaConsumer]:
    """A consumer in the role's group, for as long as it is used. It starts nowhere but at what is committed."""
    with client(broker, role, **_group_options(broker, role, session_timeout_s), **options) as consumer:
        yield consumer


@contextmanager
def client(broker: Broker, role: str, **options: Any) -> Iterator[KafkaConsumer]:
    """A consumer that says good-bye at the end, but does not wait long for a broker that is lost."""
    consumer = broker.consumer(role, **options)
    try:
        yield consumer
    finally:
        give_up(consumer)


class Member(Protocol):
    """Who is told which partitions are its own; called on the client's own thread, which must not be held up."""

    def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """They are its own from now on."""
        ...

    def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        """They are not any more."""
        ...


def listener_of(member: Member) -> ConsumerRebalanceListener:
    """What tells a member of its partitions."""
    from kafka import ConsumerRebalanceListener

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
        def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
            member.assigned(assigned)

        def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
            member.revoked(revoked)

        def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
            member.revoked(lost)

    return Listener()


def _group_options(broker: Broker, role: str, session_timeout_s: float) -> dict[str, Any]:
    from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

    session_ms = int(session_timeout_s * 1_000)
    return {
        "group_id": f"{broker.prefix}csat-{role}",
        "session_timeout_ms": session_ms,
        "heartbeat_interval_ms": session_ms // HEARTBEATS,
        "max_poll_interval_ms": max(POLL_INTERVAL_MAX_MS, session_ms),
        "partition_assignment_strategy": (CooperativeStickyAssignor,),
    }
