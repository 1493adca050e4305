"""Books in PostgreSQL for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from ledger.store.postgres import PostgresStore
from tests.servers.fixtures import starting_postgres

if TYPE_CHECKING:
    from tests.servers.postgres import PostgresServer


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    opened = PostgresStore(postgres_url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def stoppable() -> Iterator[PostgresServer]:
    """A server that each test may stop, and starts again."""
    with starting_postgres() as server:
        yield server


@pytest.fixture
def own_postgres(stoppable: PostgresServer) -> PostgresServer:
    if not stoppable.running:
        stoppable.start()
    return stoppable


@pytest.fixture
def own(own_postgres: PostgresServer) -> Iterator[PostgresStore]:
    """A book on a server that the test may stop."""
    opened = PostgresStore(own_postgres.create_database())
    yield opened
    opened.close()
