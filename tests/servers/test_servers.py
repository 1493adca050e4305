"""The servers that the other tests lean on, and what those tests may take for granted about them."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.servers.fixtures import without_server
from tests.servers.guard import started_at

try:
    import kafka
    import psycopg
    from kafka.errors import KafkaError, ProducerFencedError

    from tests.servers.kafka import KafkaBroker
    from tests.servers.postgres import PostgresServer
except ImportError as missing:
    without_server(missing)

POSITIONS_CONFIG = {"cleanup.policy": "compact"}
READ_TIMEOUT_S = 20.0


@contextmanager
def transactional_producer(bootstrap: str, transactional_id: str) -> Iterator[Any]:
    producer = kafka.KafkaProducer(
        bootstrap_servers=bootstrap,
        transactional_id=transactional_id,
        retry_backoff_ms=5,
        reconnect_backoff_max_ms=500,
        request_timeout_ms=5_000,
        delivery_timeout_ms=15_000,
    )
    try:
        producer.init_transactions()
        yield producer
    finally:
        producer.close(timeout=2)


def committed_values(bootstrap: str, topic: str, isolation_level: str = "read_committed") -> list[bytes]:
    """All values in the topic's only partition, up to the end that a reader of this isolation level sees now."""
    partition = kafka.TopicPartition(topic, 0)
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level=isolation_level,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        end = consumer.end_offsets([partition])[partition]
        values: list[bytes] = []
        deadline = time.monotonic() + READ_TIMEOUT_S
        while consumer.position(partition) < end:
            assert time.monotonic() < deadline, f"read {len(values)} values of {topic}, not up to offset {end}"
            for records in consumer.poll(timeout_ms=200).values():
                values += [record.value for record in records]
        return values
    finally:
        consumer.close()


def eventually(condition: Callable[[], bool], what: str, timeout_s: float = READ_TIMEOUT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.02)


def test_postgres_keeps_what_was_written(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE fact (id text PRIMARY KEY, body bytea)")
        connection.execute("INSERT INTO fact VALUES ('f-1', %s)", (b"\x00\xff",))
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT * FROM fact").fetchall() == [("f-1", b"\x00\xff")]


@pytest.mark.parametrize("round_number", [1, 2])
def test_postgres_database_is_fresh_for_each_test(postgres_url: str, round_number: int) -> None:
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        assert tables == (0,), f"round {round_number} found tables of another test"
        connection.execute("CREATE TABLE leftover ()")


def test_postgres_keeps_commits_and_only_commits_over_restart_and_kill(own_postgres: PostgresServer) -> None:
    url = own_postgres.create_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE fact (id int)")
        connection.execute("INSERT INTO fact VALUES (1)")
    own_postgres.restart()
    committed, open_ended = psycopg.connect(url), psycopg.connect(url)
    committed.execute("INSERT INTO fact VALUES (2)")
    committed.commit()
    open_ended.execute("INSERT INTO fact VALUES (3)")
    own_postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        open_ended.commit()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    committed.close()
    open_ended.close()
    own_postgres.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT id FROM fact ORDER BY id").fetchall() == [(1,), (2,)]


def test_postgres_answers_on_its_unix_socket_too(own_postgres: PostgresServer) -> None:
    with psycopg.connect(own_postgres.socket_url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_kafka_delivers_key_headers_and_timestamp(kafka_broker: KafkaBroker, kafka_topic: Callable[..., str]) -> None:
    topic = kafka_topic("facts", partitions=3)
    producer = kafka.KafkaProducer(bootstrap_servers=kafka_broker.bootstrap)
    sent = producer.send(topic, b"{}", key=b"m-1", headers=[("ce_id", b"f-1")], timestamp_ms=1_276_597_353_123).get(10)
    producer.close()
    partition = kafka.TopicPartition(topic, sent.partition)
    consumer = kafka.KafkaConsumer(bootstrap_servers=kafka_broker.bootstrap, enable_auto_commit=False)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    records: list[Any] = []
    eventually(lambda: bool(records.extend(consumer.poll(200).get(partition, [])) or records), "the record arrives")
    consumer.close()
    assert [(record.key, record.value, record.headers) for record in records] == [(b"m-1", b"{}", [("ce_id", b"f-1")])]
    assert records[0].timestamp == 1_276_597_353_123


def test_kafka_shows_committed_transactions_only(kafka_broker: KafkaBroker, kafka_topic: Callable[..., str]) -> None:
    topic = kafka_topic("events")
    with transactional_producer(kafka_broker.bootstrap, f"writer-{topic}") as producer:
        for value, ends in ((b"kept", "commit"), (b"dropped", "abort"), (b"kept too", "commit")):
            producer.begin_transaction()
            producer.send(topic, value).get(10)
            producer.commit_transaction() if ends == "commit" else producer.abort_transaction()
        producer.begin_transaction()
        producer.send(topic, b"open").get(10)
        assert committed_values(kafka_broker.bootstrap, topic) == [b"kept", b"kept too"]
        everything = committed_values(kafka_broker.bootstrap, topic, "read_uncommitted")
        assert everything == [b"kept", b"dropped", b"kept too", b"open"]
        producer.abort_transaction()


def test_kafka_position_rides_in_the_transaction_of_its_messages(
    kafka_broker: KafkaBroker, kafka_topic: Callable[..., str]
) -> None:
    topic, positions = kafka_topic("events"), kafka_topic("positions", config=POSITIONS_CONFIG)
    with transactional_producer(kafka_broker.bootstrap, f"relay-{topic}") as producer:
        for position, ends in ((1, "commit"), (2, "commit"), (3, "abort")):
            producer.begin_transaction()
            sent = [
                producer.send(topic, b"event %d" % position, key=b"m-1"),
                producer.send(positions, b"%d" % position, key=b"relay"),
            ]
            for future in sent:
                future.get(10)
            producer.commit_transaction() if ends == "commit" else producer.abort_transaction()
    with transactional_producer(kafka_broker.bootstrap, f"relay-{topic}"):  # init first: it ends what was left open
        assert committed_values(kafka_broker.bootstrap, positions)[-1] == b"2"
        assert committed_values(kafka_broker.bootstrap, topic) == [b"event 1", b"event 2"]


def test_kafka_second_producer_of_the_same_transactional_id_fences_the_first(
    kafka_broker: KafkaBroker, kafka_topic: Callable[..., str]
) -> None:
    topic = kafka_topic("events")
    with transactional_producer(kafka_broker.bootstrap, f"relay-{topic}") as first:
        first.begin_transaction()
        first.send(topic, b"of the first").get(10)
        with transactional_producer(kafka_broker.bootstrap, f"relay-{topic}") as second:
            with pytest.raises(ProducerFencedError):
                first.commit_transaction()
            with pytest.raises(KafkaError):  # for good: there is no way back but a new producer
                first.begin_transaction()
            second.begin_transaction()
            second.send(topic, b"of the second").get(10)
            second.commit_transaction()
    assert committed_values(kafka_broker.bootstrap, topic) == [b"of the second"]


def test_kafka_group_shares_partitions_between_two_members_and_gives_them_back(
    kafka_broker: KafkaBroker, kafka_topic: Callable[..., str]
) -> None:
    topic = kafka_topic("events", partitions=4)
    assigned: dict[str, set[int]] = {}
    leave = {name: threading.Event() for name in ("one", "two")}

    def consume(name: str) -> None:
        consumer = kafka.KafkaConsumer(
            topic,
            bootstrap_servers=kafka_broker.bootstrap,
            group_id=f"group-{topic}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            heartbeat_interval_ms=200,
            session_timeout_ms=6_000,
        )
        while not leave[name].is_set():
            consumer.poll(timeout_ms=100)
            assigned[name] = {partition.partition for partition in consumer.assignment()}
        consumer.close()
        assigned[name] = set()

    members = {name: threading.Thread(target=consume, args=(name,), daemon=True) for name in leave}
    members["one"].start()
    eventually(lambda: assigned.get("one") == {0, 1, 2, 3}, "the only member has all partitions")
    members["two"].start()
    eventually(
        lambda: len(assigned["one"]) == 2 and assigned.get("two") == {0, 1, 2, 3} - assigned["one"],
        "each of two members has two partitions",
    )
    leave["one"].set()
    eventually(lambda: assigned["two"] == {0, 1, 2, 3}, "the member that stays has all partitions")
    leave["two"].set()
    for member in members.values():
        member.join(10)


def test_kafka_keeps_what_was_committed_over_kill_and_restart(own_kafka: KafkaBroker) -> None:
    topic = own_kafka.create_topic("events")
    bootstrap = own_kafka.bootstrap
    with transactional_producer(bootstrap, "writer") as producer:
        producer.begin_transaction()
        producer.send(topic, b"committed").get(10)
        producer.commit_transaction()
        producer.begin_transaction()
        producer.send(topic, b"open when the broker dies").get(10)
        own_kafka.kill()
    own_kafka.start()
    assert own_kafka.bootstrap == bootstrap
    with transactional_producer(bootstrap, "writer") as producer:
        producer.begin_transaction()
        producer.send(topic, b"after the restart").get(10)
        producer.commit_transaction()
    own_kafka.restart()
    assert committed_values(bootstrap, topic) == [b"committed", b"after the restart"]


def test_servers_end_when_the_process_that_started_them_is_killed(kafka_broker: KafkaBroker) -> None:
    script = """
import time
from tests.servers.kafka import KafkaBroker
from tests.servers.postgres import PostgresServer
for server in (PostgresServer(), KafkaBroker()):
    server.start()
    print(server.pid, server.folder, flush=True)
time.sleep(600)
"""
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", script], cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        started = [process.stdout.readline().split() for _ in range(2)]
        process.send_signal(signal.SIGKILL)
    for pid, folder in started:
        eventually(lambda pid=pid: started_at(int(pid)) is None, f"process {pid} has ended")
        eventually(lambda folder=folder: not Path(folder).exists(), f"{folder} is gone")
