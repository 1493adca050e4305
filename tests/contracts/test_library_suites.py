"""The library's own conformance suites, run against our SQLite recorders, our factory, and its example applications."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import TestCase

import pytest
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    IntegrityError,
    ProcessRecorder,
    StoredEvent,
    Tracking,
    TrackingRecorder,
)
from eventsourcing.sqlite import SQLiteAggregateRecorder, SQLiteTrackingRecorder
from eventsourcing.tests import application, persistence
from eventsourcing.utils import Environment, get_topic

from ledger.store.sqlite import Factory
from ledger.store.sqlite_recorders import LedgerApplicationRecorder, LedgerDatastore, LedgerProcessRecorder
from tests.support.real_book import MEMORY

PERSISTENCE_MODULE = "ledger.store.sqlite"


class InFolder(TestCase):
    """A file of its own for each test, in memory where the machine has room for that."""

    test_performance = None  # prints durations and asserts nothing: `make bench` measures

    def setUp(self) -> None:
        folder = TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.addCleanup(folder.cleanup)
        self.path = str(Path(folder.name) / "book.db")
        self.threads_before = set(threading.enumerate())
        super().setUp()

    def datastore(self, **options: Any) -> LedgerDatastore:
        opened = LedgerDatastore(self.path, lock_timeout=60, **options)
        self.addCleanup(opened.close)
        self.addCleanup(self.join_threads)
        return opened

    def join_threads(self) -> None:
        """The suites leave readers behind; under them no connection must be closed."""
        for thread in set(threading.enumerate()) - self.threads_before:
            thread.join(timeout=30)

    def create_recorder(self) -> Any:
        recorder = LedgerApplicationRecorder(self.datastore())
        recorder.create_table()
        return recorder


class TestAggregateRecorder(InFolder, persistence.AggregateRecorderTestCase):
    """Ours tells the positions of what was inserted, where a plain aggregate recorder has none to tell."""

    def create_recorder(self) -> AggregateRecorder:
        class WithoutPositions(LedgerApplicationRecorder):
            def insert_events(self, stored_events: Any, **kwargs: Any) -> None:
                super().insert_events(stored_events, **kwargs)

        recorder = WithoutPositions(self.datastore())
        recorder.create_table()
        return recorder


class TestApplicationRecorder(InFolder, persistence.ApplicationRecorderTestCase[ApplicationRecorder]):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestProcessRecorder(InFolder, persistence.ProcessRecorderTestCase):
    def create_recorder(self) -> ProcessRecorder:
        recorder = LedgerProcessRecorder(self.datastore())
        recorder.create_table()
        return recorder

    def test_a_position_tracked_twice_leaves_nothing_of_the_events_beside_it(self) -> None:
        recorder: Any = self.create_recorder()
        name = self.new_originator_id()
        event = StoredEvent(originator_id=name, originator_version=1, topic="t", state=b"s")
        recorder.insert_events([], tracking=Tracking("upstream", 1))
        with pytest.raises(IntegrityError):
            recorder.insert_events([event], tracking=Tracking("upstream", 1))
        assert recorder.select_events(name) == []
        assert recorder.max_notification_id() is None


class TestTrackingRecorder(InFolder, persistence.TrackingRecorderTestCase):
    def create_recorder(self) -> TrackingRecorder:
        recorder = LedgerProcessRecorder(self.datastore())
        recorder.create_table()
        return recorder


class TestPositionsAreInTheOrderOfCommits(InFolder, persistence.NonInterleavingNotificationIDsBaseCase):
    insert_num = 1_000


class OwnTrackingRecorder(SQLiteTrackingRecorder):
    """A subclass as an application would bring it along."""


class TestFactory(InFolder, persistence.InfrastructureFactoryTestCase[Factory]):
    def setUp(self) -> None:
        self.env = Environment("TestCase")
        self.env[Factory.PERSISTENCE_MODULE] = PERSISTENCE_MODULE
        self.env[Factory.SQLITE_DBNAME] = ":memory:"
        super().setUp()

    def expected_factory_class(self) -> type[Factory]:
        return Factory

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return SQLiteAggregateRecorder

    def expected_application_recorder_class(self) -> type[ApplicationRecorder]:
        return LedgerApplicationRecorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        return SQLiteTrackingRecorder

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        return OwnTrackingRecorder

    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        return LedgerProcessRecorder


class WithSettings(InFolder):
    """The library's applications read their settings from the environment."""

    def setUp(self) -> None:
        super().setUp()
        settings = {"PERSISTENCE_MODULE": PERSISTENCE_MODULE, "SQLITE_DBNAME": self.path}
        before = {name: os.environ.get(name) for name in settings}
        os.environ.update(settings)
        self.addCleanup(self.restore, before)

    @staticmethod
    def restore(before: dict[str, str | None]) -> None:
        for name, value in before.items():
            with suppress(KeyError):
                del os.environ[name]
            if value is not None:
                os.environ[name] = value


class TestExampleApplication(WithSettings, application.ExampleApplicationTestCase):
    expected_factory_topic = get_topic(Factory)


class TestApplication(WithSettings, application.ApplicationTestCase):
    pass
