"""The topics that are made at the broker, and what a caller hears of the client's failures."""

from __future__ import annotations

import pytest

from tests.servers.fixtures import without_server

try:
    from kafka import TopicPartition
    from kafka.errors import KafkaTimeoutError
except ImportError as missing:
    without_server(missing)

from consumers.broker.topics import check_topics, ensure_topics, specs
from consumers.messages.registry import MESSAGES
from csat_ledger_client.errors import BrokerUnreachable
from csat_ledger_client.kafka.broker import Broker, Topics, broker_errors
from csat_ledger_client.messages.topic_names import ANNOUNCEMENT_TOPICS, ELIGIBILITY_TOPICS
from tests.servers.kafka import KafkaBroker


def test_a_broker_names_the_topics_of_all_programmes_whose_messages_we_have() -> None:
    assert Broker("kafka:9092").topics.announcements == MESSAGES.topics == ANNOUNCEMENT_TOPICS
    topics = Topics("t.")
    assert topics.announced() == [
        "t.csat.eligibility-changed.v1",
        "t.csat.eligibility-status.v1",
        "t.csat.designation-changed.v1",
        "t.csat.designation-status.v1",
    ]
    assert {name for name, spec in specs(topics).items() if spec.config["cleanup.policy"] == "compact"} == {
        *topics.statuses(),
        topics.relay_positions,
    }


def test_topics_of_a_programme_that_comes_later_are_made_beside_those_that_are_there(kafka_broker: KafkaBroker) -> None:
    before = Broker(kafka_broker.bootstrap, f"{kafka_broker.fresh_name('t')}.", announcements=(ELIGIBILITY_TOPICS,))
    assert len(ensure_topics(before, partitions=3)) == 6
    broker = Broker(before.bootstrap, before.prefix)
    added = [f"{before.prefix}csat.designation-{what}.v1" for what in ("changed", "status")]
    assert sorted(ensure_topics(broker, partitions=3)) == added
    assert ensure_topics(broker, partitions=3) == []
    assert [check_topics(broker)[name] for name in added] == [3, 3]


def test_a_partition_that_the_client_has_no_answer_for_is_a_broker_that_does_not_answer() -> None:
    with (
        pytest.raises(BrokerUnreachable, match="ends not known: found no answer for t, partition 3"),
        broker_errors("ends not known"),
    ):
        raise KeyError(TopicPartition("t", 3))
    with pytest.raises(BrokerUnreachable, match=r"ends not known: .*too slow"), broker_errors("ends not known"):
        raise KafkaTimeoutError("too slow")
    with pytest.raises(KeyError, match="name"), broker_errors("ends not known"):
        raise KeyError("name")
