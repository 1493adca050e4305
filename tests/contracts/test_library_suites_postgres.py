"""The library's own conformance suites, run against our PostgreSQL recorders, our factory, and its example applications."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from unittest import TestCase
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    ProcessRecorder,
    ProgrammingError,
    StoredEvent,
    TrackingRecorder,
)
from eventsourcing.postgres import (
    PostgresAggregateRecorder,
    PostgresDatastore,
    PostgresTrackingRecorder,
)
from eventsourcing.tests import application, persistence
from eventsourcing.utils import Environment, get_topic

from ledger.store.postgres import Factory
from ledger.store.postgres_recorders import LedgerApplicationRecorder, LedgerProcessRecorder

PERSISTENCE_MODULE = "ledger.store.postgres"


@pytest.fixture
def _database(request: pytest.FixtureRequest, postgres_url: str) -> Iterator[None]:
    request.instance.url = postgres_url
    yield
    for opened in getattr(request.instance, "opened", []):
        opened.close()


def settings(url: str) -> dict[str, str]:
    """The library's settings for a database."""
    parts = urlsplit(url)
    return {
        "PERSISTENCE_MODULE": PERSISTENCE_MODULE,
        "POSTGRES_DBNAME": parts.path[1:],
        "POSTGRES_HOST": parts.hostname or "",
        "POSTGRES_PORT": str(parts.port),
        "POSTGRES_USER": parts.username or "",
        "POSTGRES_PASSWORD": parts.password or "",
    }


@pytest.mark.usefixtures("_database")
class InDatabase(TestCase):
    """A database of its own for each test."""

    test_performance = None  # prints durations and asserts nothing: `make bench` measures

    url: str

    def datastore(self, **options: Any) -> PostgresDatastore:
        found = settings(self.url)
        opened = PostgresDatastore(
            found["POSTGRES_DBNAME"],
            found["POSTGRES_HOST"],
            found["POSTGRES_PORT"],
            found["POSTGRES_USER"],
            found["POSTGRES_PASSWORD"],
            pool_size=2,
            max_overflow=20,
            **options,
        )
        self.addCleanup(opened.close)
        return opened

    def create_recorder(self) -> Any:
        recorder = LedgerApplicationRecorder(self.datastore())
        recorder.create_table()
        return recorder


class TestAggregateRecorder(InDatabase, persistence.AggregateRecorderTestCase):
    """Ours tells the positions of what was inserted, where a plain aggregate recorder has none to tell."""

    def create_recorder(self) -> AggregateRecorder:
        class WithoutPositions(LedgerApplicationRecorder):
            def insert_events(self, stored_events: Any, **kwargs: Any) -> None:
                super().insert_events(stored_events, **kwargs)

        recorder = WithoutPositions(self.datastore())
        recorder.create_table()
        return recorder


class TestApplicationRecorder(InDatabase, persistence.ApplicationRecorderTestCase[ApplicationRecorder]):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()

    def test_the_librarys_functions_are_refused_since_they_omit_the_lock(self) -> None:
        with pytest.raises(ProgrammingError):
            LedgerApplicationRecorder(self.datastore(enable_db_functions=True))


class TestApplicationRecorderWithTextIds(TestApplicationRecorder):
    def datastore(self, **options: Any) -> PostgresDatastore:
        return super().datastore(**{"originator_id_type": "text", **options})

    def new_originator_id(self) -> UUID | str:
        return f"membership-{super().new_originator_id()}"

    test_concurrent_no_conflicts = None  # takes long, and knows nothing of ids: once, above, is enough


class TestProcessRecorder(InDatabase, persistence.ProcessRecorderTestCase):
    def create_recorder(self) -> ProcessRecorder:
        recorder = LedgerProcessRecorder(self.datastore())
        recorder.create_table()
        return recorder


class TestTrackingRecorder(InDatabase, persistence.TrackingRecorderTestCase):
    def create_recorder(self) -> TrackingRecorder:
        recorder = LedgerProcessRecorder(self.datastore())
        recorder.create_table()
        return recorder


class TestPositionsAreInTheOrderOfCommits(InDatabase, persistence.NonInterleavingNotificationIDsBaseCase):
    insert_num = 1_000


class TestGaps(InDatabase):
    def test_an_insertion_that_fails_leaves_no_hole(self) -> None:
        recorder = self.create_recorder()
        first, second = (StoredEvent(UUID(int=number), 1, "t", b"s") for number in (1, 2))
        assert recorder.insert_events([first]) == [1]
        for _ in range(3):
            with pytest.raises(persistence.IntegrityError):
                recorder.insert_events([second, first])
        assert recorder.insert_events([second]) == [2]


class OwnTrackingRecorder(PostgresTrackingRecorder):
    """A subclass as an application would bring it along."""


class TestFactory(InDatabase, persistence.InfrastructureFactoryTestCase[Factory]):
    def setUp(self) -> None:
        self.env = Environment("TestCase")
        for name, value in settings(self.url).items():
            self.env[name] = value
        super().setUp()
        self.addCleanup(self.factory.close)

    def expected_factory_class(self) -> type[Factory]:
        return Factory

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return PostgresAggregateRecorder

    def expected_application_recorder_class(self) -> type[ApplicationRecorder]:
        return LedgerApplicationRecorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        return PostgresTrackingRecorder

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        return OwnTrackingRecorder

    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        return LedgerProcessRecorder


class WithSettings(InDatabase):
    """The library's applications read their settings from the environment."""

    def setUp(self) -> None:
        super().setUp()
        patch = pytest.MonkeyPatch()
        self.addCleanup(patch.undo)
        for name, value in settings(self.url).items():
            patch.setenv(name, value)
        assert os.environ["PERSISTENCE_MODULE"] == PERSISTENCE_MODULE


class TestExampleApplication(WithSettings, application.ExampleApplicationTestCase):
    expected_factory_topic = get_topic(Factory)


class TestApplication(WithSettings, application.ApplicationTestCase):
    pass
