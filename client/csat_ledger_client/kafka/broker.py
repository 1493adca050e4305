"""Where the broker is, the names of the topics, and clients of Kafka with defaults that lose nothing.

A prefix (CSAT_LEDGER_TOPIC_PREFIX) goes before every name, and before the transactional ids, so that several ledgers
may share a broker.

`kafka` is imported inside the functions, so that this module costs nothing to import.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from csat_ledger_client.errors import BadRequest, BrokerUnreachable, ExtraMissing, TopicsUnfit
from csat_ledger_client.kafka.client_log import connection_failures
from csat_ledger_client.kafka.clients import abandon, give_up, opened
from csat_ledger_client.messages.topic_names import ANNOUNCEMENT_TOPICS, AnnouncementTopics

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

BOOTSTRAP_TIMEOUT_MS: Final = 5_000
REQUEST_TIMEOUT_MS: Final = 5_000
DELIVERY_TIMEOUT_MS: Final = 10_000
DELIVERY_TIMEOUT_S: Final = 12.0
"""How long a future is waited for: a little longer than the client itself tries."""
TRANSACTION_TIMEOUT_MS: Final = 30_000
ANSWER_TIMEOUT_MS: Final = 5_000


@dataclass(frozen=True)
class Topics:
    """The names of the topics."""

    prefix: str = ""
    announcements: tuple[AnnouncementTopics, ...] = ANNOUNCEMENT_TOPICS

    def named(self, topic: str) -> str:
        """A topic's name on the broker: with the prefix."""
        return self.prefix + topic

    @property
    def facts(self) -> str:
        """Facts, in."""
        return f"{self.prefix}csat.facts.v1"

    @property
    def facts_refused(self) -> str:
        """Facts that were refused."""
        return f"{self.prefix}csat.facts-refused.v1"

    @property
    def ledger_events(self) -> str:
        """Every event of the book, as it is stored."""
        return f"{self.prefix}csat.ledger-events.v1"

    @property
    def relay_positions(self) -> str:
        """Up to where the book has been relayed."""
        return f"{self.prefix}csat.relay-positions.v1"

    def changed(self) -> list[str]:
        """The announcements of each programme."""
        return [self.named(pair.changed) for pair in self.announcements]

    def statuses(self) -> list[str]:
        """The latest announcements of each programme."""
        return [self.named(pair.status) for pair in self.announcements]

    def announced(self) -> list[str]:
        """What is announced, pair by pair."""
        return [self.named(name) for pair in self.announcements for name in pair]

    def relayed(self) -> list[str]:
        """Those that the relay fills, and where it keeps how far it has come."""
        return [self.ledger_events, *self.announced(), self.relay_positions]


@dataclass(frozen=True)
class Broker:
    """Where the broker is (HOST:PORT, several with commas), and the prefix of our names on it.

    `client_options` go to every client as they are: `security_protocol`, `sasl_mechanism`, `ssl_cafile` and the like.
    `announcements` names the topics in which is announced.
    """

    bootstrap: str
    prefix: str = ""
    client_options: Mapping[str, Any] = field(default_factory=dict, repr=False)  # a password may be among them
    announcements: tuple[AnnouncementTopics, ...] = ANNOUNCEMENT_TOPICS

    @cached_property
    def topics(self) -> Topics:
        """The names of the topics."""
        return Topics(self.prefix, self.announcements)

    def _options(self, role: str) -> dict[str, Any]:
        need_client()
        return {
            "bootstrap_servers": self.bootstrap.split(","),
            "client_id": f"csat-ledger-{role}",
            "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
            "reconnect_backoff_max_ms": 500,
            **self.client_options,
        }

    def consumer(self, role: str = "consumer", **overrides: Any) -> KafkaConsumer:
        """A consumer that sees committed messages only, starts nowhere by itself, and commits only what it is told to.

        Give `group_id` to have offsets kept, then `subscribe` or `assign`. Without a committed offset, `poll` raises
        NoOffsetForPartitionError: pass `auto_offset_reset="earliest"` where starting from the beginning is meant.
        """
        options = self._options(role) | {
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "isolation_level": "read_committed",
            "allow_auto_create_topics": False,
            "metrics_enabled": False,
        }
        from kafka import KafkaConsumer

        with broker_errors(f"{self.bootstrap}: no consumer"):
            return opened(KafkaConsumer, options | overrides)

    def producer(self, role: str = "producer", **overrides: Any) -> KafkaProducer:
        """A producer that is not transactional: idempotent, acknowledged by all replicas, nothing held back.

        Wait for every future that `send` returns (`await_sent`): nothing else tells of a message not delivered.
        """
        options = self._options(role) | _PRODUCER_OPTIONS | {"enable_idempotence": True, "acks": "all"}
        from kafka import KafkaProducer

        with broker_errors(f"{self.bootstrap}: no producer"):
            return opened(KafkaProducer, options | overrides)

    def transactional_producer(self, role: str, **overrides: Any) -> KafkaProducer:
        """A producer whose transactional id is that of the role; every older one of the id is fenced when this returns,

        and what that one had left open is committed or aborted for good: read positions after this call, not before.
        After any error `abandon` the producer and make a new one: most errors leave it unable to commit or abort.
        """
        options = self._options(role) | _PRODUCER_OPTIONS
        options |= {"transactional_id": f"{self.prefix}csat-{role}", "transaction_timeout_ms": TRANSACTION_TIMEOUT_MS}
        from kafka import KafkaProducer

        with broker_errors(f"{self.bootstrap}: no transactional producer"):
            producer = opened(KafkaProducer, options | overrides)
            try:
                producer.init_transactions()
            except BaseException:
                abandon(producer)
                raise
        return producer

    @contextmanager
    def admin(self, role: str = "admin") -> Iterator[KafkaAdminClient]:
        """An admin client for as long as it is used."""
        client = self.administrator(role)
        try:
            with broker_errors(f"{self.bootstrap}: not administered"):
                yield client
        finally:
            give_up(client)

    def administrator(self, role: str = "admin") -> KafkaAdminClient:
        """An admin client, to be given up."""
        options = self._options(role) | {"request_timeout_ms": REQUEST_TIMEOUT_MS}
        from kafka import KafkaAdminClient

        with broker_errors(f"{self.bootstrap}: not administered"):
            return opened(KafkaAdminClient, options)


_PRODUCER_OPTIONS: Final = {
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
    "max_block_ms": 10_000,  # the limit of init_transactions() and of the wait for metadata
    "retry_backoff_ms": 5,  # slept on every CONCURRENT_TRANSACTIONS; the default, 100, is the p99 of a transaction then
    "request_timeout_ms": REQUEST_TIMEOUT_MS,
    "delivery_timeout_ms": DELIVERY_TIMEOUT_MS,
    "batch_size": 262_144,
    "linger_ms": 0,
}


@contextmanager
def broker_errors(what: str) -> Iterator[None]:
    """Whatever the client raises, the caller hears BrokerUnreachable (BadRequest for options) and what was being done.

    With why connections failed in the meantime, if some did.
    """
    from kafka import TopicPartition
    from kafka.errors import KafkaConfigurationError, KafkaError

    failures = connection_failures()
    before = failures.count
    try:
        yield
    except KafkaConfigurationError as error:
        raise BadRequest(f"{what}: {error}") from error
    except KafkaError as error:
        why = [str(error) or type(error).__name__, *failures.since(before)]
        raise BrokerUnreachable(f"{what}: {'; '.join(why)}") from error
    except (
        KeyError
    ) as error:  # of several partitions that it is asked for, the client forgets those of a topic that is gone
        missing = error.args[0] if error.args else None
        if not isinstance(missing, TopicPartition):
            raise
        raise BrokerUnreachable(
            f"{what}: found no answer for {missing.topic}, partition {missing.partition}"
        ) from error


def await_sent(futures: Iterable[Any], timeout_s: float = DELIVERY_TIMEOUT_S) -> list[Any]:
    """Waits until every message is acknowledged; returns where each is: topic, partition and offset.

    To be called before a commit, too: a batch that expired does not fail its transaction.
    """
    with broker_errors("a message was not delivered"):
        return [future.get(timeout=timeout_s) for future in futures]


def partitions_of(consumer: KafkaConsumer, topic: str) -> list[TopicPartition]:
    """The partitions of a topic, in order. Raises TopicsUnfit where there is no such topic."""
    from kafka import TopicPartition

    with broker_errors(f"{topic}: partitions not known"):
        found = consumer.partitions_for_topic(topic)
    if not found:
        raise TopicsUnfit(f"found no topic {topic!r} at the broker; `csat-ledger topics` creates it")
    return [TopicPartition(topic, number) for number in sorted(found)]


def need_client() -> None:
    """Raises ExtraMissing where the client library is not installed."""
    if find_spec("kafka") is None:
        raise ExtraMissing("kafka", "kafka")
