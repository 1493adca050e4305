"""Pytest fixtures for real servers. Each test process (each xdist worker) starts its own when a test first asks for it.

| fixture           | scope    | is                                                                                |
|-------------------|----------|-----------------------------------------------------------------------------------|
| `postgres_server` | session  | the shared server; tests may fill it, but must not stop it                        |
| `postgres_url`    | function | a fresh, empty database on it, as a URL; dropped afterwards                       |
| `own_postgres`    | function | a server of the test's own, to stop, kill and start again                         |
| `kafka_broker`    | session  | the shared broker; tests may fill it, but must not stop it                        |
| `kafka_topic`     | function | `kafka_topic("facts", partitions=4, config={...})`: a new topic, uniquely named   |
| `own_kafka`       | function | a broker of the test's own, without topics, to stop, kill and start again         |

Where a server can't be had the test is skipped, with the reason; with `CI=true` it fails instead.
`CSAT_LEDGER_TEST_POSTGRES` (a URL) and `CSAT_LEDGER_TEST_KAFKA` (host:port) name servers to use in place of the shared
ones.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from tests.servers.kafka import ForeignKafka, KafkaBroker
    from tests.servers.postgres import ForeignPostgres, PostgresServer


def without_server(reason: object) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI needs this server: {reason}", pytrace=False)
    pytest.skip(str(reason), allow_module_level=True)


@contextlib.contextmanager
def starting_postgres() -> Iterator["PostgresServer"]:
    try:
        from tests.servers.postgres import PostgresServer, PostgresUnavailable
    except ImportError as missing:
        without_server(missing)
    try:
        server = PostgresServer()
        server.start()
    except PostgresUnavailable as reason:
        without_server(reason)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def starting_kafka(settings: Mapping[str, str] | None = None, *, secure: bool = False) -> Iterator["KafkaBroker"]:
    try:
        from tests.servers.kafka import KafkaBroker, KafkaUnavailable
        from tests.servers.secure_kafka import SecureKafkaBroker
    except ImportError as missing:
        without_server(missing)
    try:
        broker = SecureKafkaBroker() if secure else KafkaBroker(settings)
        broker.start()
    except KafkaUnavailable as reason:
        without_server(reason)
    try:
        yield broker
    finally:
        broker.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator["PostgresServer | ForeignPostgres"]:
    if named := os.environ.get("CSAT_LEDGER_TEST_POSTGRES"):
        from tests.servers.postgres import ForeignPostgres

        yield ForeignPostgres(named)
        return
    with starting_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: "PostgresServer | ForeignPostgres") -> Iterator[str]:
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def own_postgres() -> Iterator["PostgresServer"]:
    with starting_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator["KafkaBroker | ForeignKafka"]:
    if named := os.environ.get("CSAT_LEDGER_TEST_KAFKA"):
        from tests.servers.kafka import ForeignKafka

        yield ForeignKafka(named)
        return
    with starting_kafka() as broker:
        yield broker


@pytest.fixture
def kafka_topic(kafka_broker: "KafkaBroker | ForeignKafka") -> Iterator[Callable[..., str]]:
    created: list[str] = []

    def create(stem: str = "test", partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        created.append(kafka_broker.create_topic(kafka_broker.fresh_name(stem), partitions, config))
        return created[-1]

    yield create
    for name in created:
        kafka_broker.delete_topic(name)


@pytest.fixture
def own_kafka() -> Iterator["KafkaBroker"]:
    with starting_kafka() as broker:
        yield broker
