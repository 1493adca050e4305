"""The topics of a ledger, what each must be like, and how they are made.

    topic                           key              partitions  kept            what
    csat.facts.v1                   membership       4           30 days         facts, in
    csat.facts-refused.v1           membership       1           30 days         facts that were refused, and why
    csat.ledger-events.v1           membership       4           for ever        every event of the book
    csat.…-changed.v1               membership       4           for ever        the announcements of a programme
    csat.…-status.v1                who has a status 4           latest per key  the last announcement of each
    csat.relay-positions.v1         "relay"          1           latest per key  up to where the book has been relayed

The topics of announcements are named in `csat_ledger_client.messages.topic_names`: a pair for each programme.

The number of partitions must not be changed while a topic is in use: a membership's messages would
be spread over two partitions, and lose their order.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from consumers.broker.partitioner import PARTITIONS
from csat_ledger_client.errors import BrokerUnreachable, TopicsUnfit
from csat_ledger_client.kafka.broker import Broker, Topics

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

REMAKE_S: Final = 30.0

FOR_EVER: Final = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
THIRTY_DAYS: Final = {"cleanup.policy": "delete", "retention.ms": str(30 * 86_400_000)}
LATEST_PER_KEY: Final = {"cleanup.policy": "compact"}
# A message's timestamp is the instant at which its event was recorded; a rehearsal may have a clock of its own.
ANY_TIMESTAMP: Final = {"message.timestamp.type": "CreateTime", "message.timestamp.after.max.ms": str(2**63 - 1)}


class TopicSpec(NamedTuple):
    """What a topic must be like."""

    partitions: int
    config: Mapping[str, str]


def specs(topics: Topics, partitions: int = PARTITIONS) -> dict[str, TopicSpec]:
    """All topics by name."""
    return {
        topics.facts: TopicSpec(partitions, THIRTY_DAYS | ANY_TIMESTAMP),
        topics.facts_refused: TopicSpec(1, THIRTY_DAYS | ANY_TIMESTAMP),
        topics.ledger_events: TopicSpec(partitions, FOR_EVER | ANY_TIMESTAMP),
        **dict.fromkeys(topics.changed(), TopicSpec(partitions, FOR_EVER | ANY_TIMESTAMP)),
        **dict.fromkeys(topics.statuses(), TopicSpec(partitions, LATEST_PER_KEY | ANY_TIMESTAMP)),
        topics.relay_positions: TopicSpec(1, LATEST_PER_KEY | ANY_TIMESTAMP),
    }


def ensure_topics(
    broker: Broker,
    names: Sequence[str] | None = None,
    *,
    partitions: int = PARTITIONS,
    replication: int = -1,
) -> list[str]:
    """Creates those of the topics that are missing (all of ours, unless named); returns their names.

    `replication` -1 is the broker's own default. Two processes may call this at the same time.
    """
    from kafka.errors import TopicAlreadyExistsError

    due = _specs_of(broker, names, partitions)
    with broker.admin() as admin:
        present = set(admin.list_topics())
        missing = [name for name in due if name not in present]
        for name in missing:
            spec = due[name]
            wanted = {
                "num_partitions": spec.partitions,
                "replication_factor": replication,
                "configs": dict(spec.config),
            }
            with suppress(TopicAlreadyExistsError):
                admin.create_topics({name: wanted}, wait_for_metadata=True)
    return missing


def remake_topics(broker: Broker, names: Sequence[str], *, partitions: int = PARTITIONS, replication: int = -1) -> None:
    """Deletes topics with all that is in them, and creates them anew."""
    from kafka.errors import UnknownTopicOrPartitionError

    with broker.admin() as admin:
        before = {topic["topic_id"] for topic in admin.describe_topics(list(names)) if topic["topic_id"] is not None}
        for name in names:
            with suppress(UnknownTopicOrPartitionError):
                admin.delete_topics([name])
        deadline = time.monotonic() + REMAKE_S
        while True:  # a topic may be listed for a while after it was deleted
            ensure_topics(broker, names, partitions=partitions, replication=replication)
            now = {topic["topic_id"] for topic in admin.describe_topics(list(names)) if topic["partitions"]}
            if len(now) == len(names) and not now & before:
                return
            if time.monotonic() > deadline:
                raise BrokerUnreachable(f"found topics that are not made anew within {REMAKE_S:g} s; run it again")
            time.sleep(0.2)


def check_topics(broker: Broker, names: Sequence[str] | None = None) -> dict[str, int]:
    """The number of partitions of each topic that is there as it must be.

    Raises TopicsUnfit where one is missing, or would lose messages: a topic that the broker has created by itself
    forgets what is older than a week, and with it the position up to which the book was relayed.
    """
    due = _specs_of(broker, names)
    with broker.admin() as admin:
        present = set(admin.list_topics())
        if absent := [name for name in due if name not in present]:
            raise TopicsUnfit(f"found no topic {', '.join(absent)}; `csat-ledger topics` creates what is missing")
        counts = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(list(due))}
        found = _configs(admin, list(due))
    for name, spec in due.items():
        for key in ("cleanup.policy", "retention.ms", "retention.bytes"):
            wanted = spec.config.get(key)
            if wanted is not None and found[name].get(key) != wanted and (wanted == "-1" or key == "cleanup.policy"):
                raise TopicsUnfit(
                    f"found {key}={found[name].get(key)} at topic {name}, expected {wanted}: it would lose messages"
                )
        if spec.partitions == 1 and counts[name] != 1:
            raise TopicsUnfit(f"found {counts[name]} partitions of topic {name}, expected 1")
    return counts


def _specs_of(broker: Broker, names: Sequence[str] | None, partitions: int = PARTITIONS) -> dict[str, TopicSpec]:
    """What the named topics must be like; all of ours where none are named."""
    return {name: spec for name, spec in specs(broker.topics, partitions).items() if names is None or name in names}


def _configs(admin: KafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    from kafka.admin import ConfigResource, ConfigResourceType

    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    (described,) = admin.describe_configs(resources, config_filter="all").values()
    return {name: {key: entry["value"] for key, entry in entries.items()} for name, entries in described.items()}
