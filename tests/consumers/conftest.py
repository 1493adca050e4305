"""What most tests of consumers begin with: topics of their own at the shared broker, and a book that announces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.consumers.support import Announcing, announcing, broker_with_topics

if TYPE_CHECKING:
    from csat_ledger_client.kafka.broker import Broker
    from tests.servers.kafka import KafkaBroker


@pytest.fixture
def broker(kafka_broker: KafkaBroker) -> Broker:
    return broker_with_topics(kafka_broker.bootstrap)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Announcing]:
    with announcing(tmp_path / "book.db") as book:
        yield book
