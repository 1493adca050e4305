"""Which topics stand behind their names: a topic that was deleted and made anew has the name, and another id.

Whatever is kept outside of Kafka about a topic (an offset, a position) is kept with the topic's id, and says nothing about
another topic of the same name. A broker that is asked for the id *after* messages were fetched, or acknowledged, and gives
the one that was known before, proves that they are of that topic: ids never come back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from csat_ledger_client.errors import TopicsChanged, TopicsUnfit
from csat_ledger_client.kafka.broker import Broker, broker_errors
from csat_ledger_client.kafka.clients import give_up

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, TopicPartition

NO_ID: Final = "00000000-0000-0000-0000-000000000000"
EARLIEST: Final = -2
LATEST: Final = -1
RELAY_ANEW: Final = (
    "stop the relays, let `csat-ledger topics --relay-anew` make the relayed topics anew, and start the relays again: they "
    "fill them from the book, workers and services with `Effects` go on from what they have, other subscribers start with "
    "the status topic"
)
"""What to do where the relayed topics do not hold what they should any more."""


class Incarnation(NamedTuple):
    """A topic that stands behind a name now."""

    id: str
    partitions: int


class TopicWatch:
    """Asks the broker which topics stand behind some names, again and again; each answer takes about a millisecond."""

    def __init__(self, broker: Broker, names: Iterable[str]) -> None:
        """The first answer is `known`. Raises TopicsUnfit where a topic is missing."""
        self._names = list(names)
        self._admin: KafkaAdminClient = broker.administrator("watch")
        try:
            self.known = self.look()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def look(self) -> Mapping[str, Incarnation]:
        """Which topics there are now. Raises TopicsUnfit where one is missing."""
        with broker_errors("topics not known"):
            described = self._admin.describe_topics(self._names)
        found = {}
        for topic in described:
            if topic["topic_id"] not in (None, NO_ID) and topic["partitions"]:
                found[topic["name"]] = Incarnation(topic["topic_id"], len(topic["partitions"]))
            elif not topic["error_code"] and topic["partitions"]:
                raise TopicsUnfit(f"found no id of topic {topic['name']}, expected a broker of Kafka 2.8 or later")
        if missing := [name for name in self._names if name not in found]:
            raise TopicsUnfit(f"found no topic {', '.join(missing)}; `csat-ledger topics` creates what is missing")
        return found

    def check(self) -> None:
        """Raises TopicsChanged where not all topics are those that are known."""
        try:
            now = self.look()
        except TopicsUnfit as error:
            raise TopicsChanged(str(error)) from error
        for name, known in self.known.items():
            if now[name] != known:
                raise TopicsChanged(
                    f"found topic {name} with id {now[name].id} and {now[name].partitions} partitions, expected "
                    f"{known.id} and {known.partitions}: it was made anew, or changed"
                )

    def bounds(self) -> dict[str, list[tuple[int, int]]]:
        """The beginning and the end of every partition now, of whatever is committed or not."""
        from kafka import TopicPartition

        places = self._places()
        with broker_errors("ends of partitions not known"):
            begins = self._admin.list_partition_offsets(dict.fromkeys(places, EARLIEST))
            ends = self._admin.list_partition_offsets(dict.fromkeys(places, LATEST))
        return {
            name: [
                (begins[place].offset, ends[place].offset)
                for place in (TopicPartition(name, number) for number in range(known.partitions))
            ]
            for name, known in self.known.items()
        }

    def open_transactions(self) -> dict[TopicPartition, tuple[int, int]]:
        """The partitions in which a transaction is open now: where the first of them begins, and the end.

        The marks of a transaction may come a moment after its commit has returned.
        """
        from kafka.protocol.consumer import IsolationLevel

        latest = dict.fromkeys(self._places(), LATEST)
        with broker_errors("ends of partitions not known"):
            ends = self._admin.list_partition_offsets(latest)
            settled = self._admin.list_partition_offsets(latest, IsolationLevel.READ_COMMITTED)
        return {
            place: (settled[place].offset, end.offset)
            for place, end in ends.items()
            if settled[place].offset < end.offset
        }

    def _places(self) -> list[TopicPartition]:
        from kafka import TopicPartition

        return [TopicPartition(name, number) for name, one in self.known.items() for number in range(one.partitions)]

    def close(self) -> None:
        """Gives the connection back."""
        give_up(self._admin)
