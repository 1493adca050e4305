"""A server that only lets read: what reads works all the same, and nothing else is tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from ledger.errors import StoreUnreachable
from ledger.store.postgres import PostgresStore
from tests.ledger.store.postgres_rows import append

if TYPE_CHECKING:
    from tests.servers.postgres import PostgresServer


def read_it(store: PostgresStore) -> None:
    assert store.read_only
    assert store.max_position() == store.count_events() == len(store.read_feed(0, 10)) == 1
    assert (store.reviews(), store.read_due(), store.set_aside(), store.next_due()) == ([], [], [], None)
    assert store.wait(0, 1)
    assert not store.wait(1, 0.05)
    with pytest.raises(StoreUnreachable, match=r"read-only|recovery|permission"):
        append(store)


def test_a_database_that_is_read_only_by_default_is_read(postgres_url: str) -> None:
    writable = PostgresStore(postgres_url)
    append(writable)
    assert not writable.read_only
    writable.close()
    name = postgres_url.rpartition("/")[2]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    store = PostgresStore(postgres_url, create=False)
    read_it(store)
    lock = store.try_lock("relay")
    assert lock is not None
    lock.release()
    store.close()


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
def test_a_standby_is_read_and_gives_no_role(own_postgres: PostgresServer, isolation: str) -> None:
    """One whose transactions are serializable by default answers nothing else."""
    url = own_postgres.create_database()
    store = PostgresStore(url)
    append(store)
    store.close()
    with psycopg.connect(url, autocommit=True) as connection:
        name = url.rpartition("/")[2]
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'")
    own_postgres.stop()
    (own_postgres.folder / "data" / "standby.signal").touch()
    own_postgres.start()
    try:
        store = PostgresStore(own_postgres.url(url.rpartition("/")[2]), create=False)
        read_it(store)
        for refused in (lambda: store.try_lock("relay"), lambda: store.try_lock("clock")):
            with pytest.raises(StoreUnreachable, match="found a standby, expected the primary"):
                refused()
        store.close()
    finally:
        own_postgres.stop()
        (own_postgres.folder / "data" / "standby.signal").unlink()
        own_postgres.start()


def test_a_role_without_rights_to_write_is_read_only(postgres_url: str) -> None:
    writable = PostgresStore(postgres_url)
    append(writable)
    writable.close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE onlooker LOGIN")
        try:
            connection.execute("GRANT USAGE ON SCHEMA ledger TO onlooker")
            connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO onlooker")
            store = PostgresStore(f"postgresql://onlooker@{postgres_url.rpartition('@')[2]}", create=False)
            read_it(store)
            store.close()
        finally:
            connection.execute("DROP OWNED BY onlooker; DROP ROLE onlooker")
