"""A long outage: whatever is opened half is closed, so that a process can still work when the outage is over."""

from __future__ import annotations

import gc
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from io import StringIO
from pathlib import Path

import pytest

from tests.servers.fixtures import without_server

try:
    import kafka  # noqa: F401
except ImportError as missing:
    without_server(missing)

from consumers.messages.registry import MESSAGES
from consumers.roles import service as services
from consumers.roles.inbox import open_inbox
from consumers.roles.relay import Relay
from consumers.roles.service import LIVE_FOR_S, Service, has_means
from consumers.roles.worker import open_worker
from csat_ledger_client.errors import BrokerUnreachable
from csat_ledger_client.kafka.broker import Broker
from csat_ledger_client.kafka.clients import abandon, give_up, opened
from csat_ledger_client.kafka.subscriber import Subscriber
from ledger.errors import StoreUnreachable
from ledger.programmes.registry import PROGRAMMES
from ledger.store.sqlite import SQLiteStore
from ledger.writing.refused import RefusalKeeper
from ledger.writing.writer import Writer
from projections.database import SQLiteDatabase
from projections.registry import all_projections
from tests.consumers.support import broker_with_topics, eventually, wall_us
from tests.servers.kafka import KafkaBroker

TRIES = 10
QUICK = {"bootstrap_timeout_ms": 30, "reconnect_backoff_ms": 5}


@pytest.fixture(autouse=True)
def _no_log_records() -> Iterator[None]:
    """A test's capture of the log keeps the errors that stand in it, and with them their sockets."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@contextmanager
def refusing() -> Iterator[str]:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def silent() -> Iterator[str]:
    """A port that accepts, and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(200)
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def descriptors() -> int:
    gc.collect()  # sockets of failed connections lie in cycles of the client until then
    return len(list(Path("/proc/self/fd").iterdir()))


def assert_nothing_is_left(attempt: Callable[[], None], tries: int = TRIES) -> None:
    attempt()  # what the first one imports and opens for good is no leak
    threads, files = threading.active_count(), descriptors()
    for _ in range(tries):
        attempt()
    eventually(
        lambda: threading.active_count() <= threads and descriptors() <= files,
        f"after {tries} tries: {threads} threads and {files} descriptors as before, "
        f"found {threading.active_count()} and {descriptors()}",
        timeout_s=5,
    )


@pytest.mark.parametrize("port", [refusing, silent])
@pytest.mark.parametrize("role", ["inbox", "worker", "relay", "subscriber", "topics", "producer"])
def test_role_that_does_not_find_its_broker_leaves_nothing_behind(
    role: str, port: Callable[[], AbstractContextManager[str]], tmp_path: Path
) -> None:
    store = SQLiteStore(tmp_path / "book.db")
    database = SQLiteDatabase(str(tmp_path / "projections.db"))
    service = Service("test", stream=StringIO())
    with port() as bootstrap:
        broker = Broker(bootstrap, client_options=QUICK)

        def inbox() -> None:
            keeper = RefusalKeeper(store, PROGRAMMES.facts, wall_us, pytest.fail)
            with open_inbox(service, store, Writer(store, wall_us, PROGRAMMES), broker, wall_us, keeper):
                pass

        def worker() -> None:
            with open_worker(service, store, database, all_projections(), broker):
                pass

        def relay() -> None:
            with Relay(store, broker, MESSAGES) as found:
                found.step()

        def subscriber() -> None:
            next(Subscriber(broker)._session(False))

        def topics() -> None:
            with broker.admin():
                pass

        def producer() -> None:
            broker.transactional_producer("relay")

        def attempt() -> None:
            with pytest.raises(BrokerUnreachable):
                {
                    "inbox": inbox, "worker": worker, "relay": relay, "subscriber": subscriber, "topics": topics,
                    "producer": producer,
                }[role]()  # fmt: skip

        assert_nothing_is_left(attempt)
    database.close()
    store.close()


def test_clients_whose_broker_dies_or_falls_silent_under_them_leave_nothing_behind(own_kafka: KafkaBroker) -> None:
    broker = broker_with_topics(own_kafka.bootstrap)
    threads, files = threading.active_count(), descriptors()
    clients = [broker.consumer("test", group_id="g"), broker.consumer("test")]
    producers = [broker.producer("test"), broker.transactional_producer("test")]
    clients[0].subscribe([broker.topics.facts])
    with suppress(Exception):  # nothing is committed yet
        clients[0].poll(300)
    for producer in producers:
        producer.partitions_for(broker.topics.facts)
    producers[1].begin_transaction()
    own_kafka.pause()
    for producer in producers:
        producer.send(broker.topics.facts, b"{}")
    for client in clients:
        give_up(client)
    abandon(producers[0])
    own_kafka.kill()
    abandon(producers[1])
    eventually(lambda: threading.active_count() <= threads and descriptors() <= files, "all is closed", timeout_s=8)


def test_client_whose_own_close_fails_is_closed_all_the_same(kafka_broker: KafkaBroker) -> None:
    from kafka import KafkaConsumer

    class Broken(KafkaConsumer):  # type: ignore[misc]
        def close(self, *_: object, **__: object) -> None:
            raise RuntimeError("half-way")

    threads = threading.active_count()
    client = opened(Broken, {"bootstrap_servers": kafka_broker.bootstrap})
    assert threading.active_count() > threads
    give_up(client)
    eventually(lambda: threading.active_count() <= threads, "its thread has ended", timeout_s=5)


class Failing:
    """A role that cannot be opened."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self) -> AbstractContextManager[services.Role]:
        raise self.error


@pytest.mark.parametrize(
    ("error", "means", "alive"),
    [
        (StoreUnreachable("away"), True, 200),
        (BrokerUnreachable("too many open files, says the client"), False, 503),
        (ZeroDivisionError("a fault"), True, 503),
    ],
)
def test_process_that_can_only_fail_by_itself_is_not_alive_for_long(
    error: Exception, means: bool, alive: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "has_means", lambda: means)
    service = Service("test", stream=StringIO())
    turning = threading.Thread(target=service.run, args=(Failing(error),))
    turning.start()
    try:
        eventually(lambda: service.health("/readyz")[1]["trouble"] != "starting", "it has failed")
        assert service.health("/livez")[0] == 200, "once may happen"
        clock = time.monotonic
        monkeypatch.setattr(services.time, "monotonic", lambda: clock() + LIVE_FOR_S)
        service.beat()
        assert service.health("/livez")[0] == alive
    finally:
        monkeypatch.undo()
        service.stop()
        turning.join(20)


def test_process_without_descriptors_left_knows_it() -> None:
    assert has_means()
    held = []
    import resource

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors() + 3, limit[1]))
    try:
        with suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        assert not has_means()
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert has_means()
