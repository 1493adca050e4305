"""One topic of announcements as a subscriber hears it: which topic it is, and where it is read on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from csat_ledger_client.kafka.broker import Broker
from csat_ledger_client.kafka.incarnations import Incarnation
from csat_ledger_client.kafka.places import Place, Resume, TopicPlaces, require_places, require_topic
from csat_ledger_client.kafka.start import Kind, Start, bounds_of, find_places, read_snapshot
from csat_ledger_client.messages.announced import Announced, MessageKind

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

logger = logging.getLogger("csat_ledger.subscribe")


class Told(NamedTuple):
    """A status of a snapshot, its cursor, and the id of the topic whose end it stands for."""

    status: Any
    cursor: str
    topic: str


class HeardTopic:
    """A topic that is heard, over all connections. Its owner is the subscriber."""

    def __init__(self, broker: Broker, kind: MessageKind[Announced]) -> None:
        self.kind = kind
        self.name = broker.topics.named(kind.topics.changed)
        """On the broker."""
        self.status_name = broker.topics.named(kind.topics.status)
        self.found = Incarnation("", 0)
        self.places: dict[int, Place] = {}
        self.kept: TopicPlaces | None = None
        """Up to where was read, as soon as that is known."""
        self._broker = broker
        self._told: dict[str, int] = {}
        """who -> position of the announcement that the snapshot has told of"""
        self._since_us: int | None = None

    def find_start(self, consumer: KafkaConsumer, partitions: list[TopicPartition], start: Start) -> list[Told]:
        """Fills `places`, and returns the snapshot if there is to be one; or proves that they are what they were.

        Raises MessagesLost, TopicsUnfit.
        """
        kept = self.kept or _kept_of(start.resume, self.kind)
        if start.resume is not None and kept is None:
            start = start.unheard or Start.beginning()
        if kept is not None and kept.id != self.found.id:
            if start.anew is None:
                require_topic(self.found, kept.id, self.name)
            logger.warning("topic made anew", extra={"fields": {"found": self.found.id, "expected": kept.id}})
            kept, start = None, start.anew or start
        told: list[Told] = []
        if kept is not None:
            require_places(consumer, partitions, kept.places, bounds_of(consumer, partitions))
            self.places = dict(kept.places)
        elif start.kind is Kind.STATUS:
            snapshot = read_snapshot(self._broker, consumer, self.kind, partitions)
            self._told = {status.who: status.position for status, _ in snapshot.statuses}
            self.places = dict(snapshot.follow_from)
            told = [Told(status, cursor, self.found.id) for status, cursor in snapshot.statuses]
        else:
            self._since_us = start.time_us if start.kind is Kind.TIME else None
            self.places = find_places(consumer, partitions, start)
        return told

    def is_known(self, message: Announced) -> bool:
        """Whether the snapshot has told of it, or it was recorded before the instant that was asked for.

        The broker knows milliseconds; within the first one there may be some from before the instant.
        """
        if self._told and message.position <= self._told.get(message.who, 0):
            return True
        return self._since_us is not None and message.recorded_us < self._since_us

    def keep(self) -> None:
        """After a failure reading goes on where `places` are by then."""
        self.kept = TopicPlaces(self.found.id, self.places)


def resume_of(heard: Sequence[HeardTopic]) -> Resume:
    """Where to go on in all of some topics."""
    return Resume({one.kind.topics.changed: TopicPlaces(one.found.id, dict(one.places)) for one in heard})


def _kept_of(resume: Resume | None, kind: MessageKind[Announced]) -> TopicPlaces | None:
    return None if resume is None else resume.topics.get(kind.topics.changed)
