"""Opening a book in PostgreSQL: versions, roles, addresses; and nothing of it where no URL asks for it."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from ledger.errors import StoreOutdated, StoreUnreachable
from ledger.store import postgres_tables
from ledger.store.migrations import newest_version
from ledger.store.postgres import PostgresStore
from ledger.store.urls import without_password
from tests.ledger.store.postgres_rows import append

if TYPE_CHECKING:
    from tests.servers.postgres import PostgresServer

PASSWORD = "s3cret-Geheimnis"
ROOT = Path(__file__).parents[3]


# Opening


def test_a_writer_stops_when_the_tables_are_migrated_under_it(
    postgres_url: str, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(store)
    steps = [*postgres_tables.STEPS, lambda connection: connection.execute("ALTER TABLE ledger.due ADD note text")]
    with monkeypatch.context() as newer:
        newer.setattr(postgres_tables, "STEPS", steps)
        with pytest.raises(StoreOutdated, match="csat-ledger migrate"):
            PostgresStore(postgres_url)
        migrated = PostgresStore(postgres_url, migrate=True)
        assert (migrated.found_version, migrated.tables_version) == (newest_version(steps) - 1, newest_version(steps))
        append(migrated)
        migrated.close()
    with pytest.raises(StoreOutdated, match="migrated while this process was running"):
        append(store)


def test_processes_that_open_an_empty_database_at_once_make_the_tables_once(postgres_url: str) -> None:
    failures: list[BaseException] = []

    def open_it() -> None:
        try:
            PostgresStore(postgres_url).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_question_makes_no_tables(postgres_url: str) -> None:
    with pytest.raises(StoreUnreachable, match="found no ledger"):
        PostgresStore(postgres_url, create=False)
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT to_regnamespace('ledger')").fetchone() == (None,)


def test_a_server_is_reached_by_its_socket(own_postgres: PostgresServer) -> None:
    name = own_postgres.create_database().rpartition("/")[2]
    store = PostgresStore(own_postgres.socket_url(name))
    append(store)
    lock = store.try_lock("sealer")
    assert lock is not None
    assert lock.held()
    lock.release()
    store.close()


# Passwords


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://someone:{PASSWORD}@127.0.0.1:1/ledger",
        f"postgresql://someone@127.0.0.1:1/ledger?password={PASSWORD}",
        f"postgresql://someone:{PASSWORD}@127.0.0.1:1/ledger?sslmode=verify-full&sslpassword={PASSWORD}",
        f"postgresql://someone:{PASSWORD}/more@127.0.0.1:1/ledger",
        f"postgresql://someone:12/{PASSWORD}@127.0.0.1:1/ledger",
        f"postgresql://someone:{PASSWORD} @127.0.0.1:1/ledger",
        f"postgresql://someone:{PASSWORD}%zz@127.0.0.1:1/ledger",
        f"postgresql://someone:{PASSWORD}@127.0.0.1:1/ledger?nonsense=1",
        f"postgresql://someone:x?{PASSWORD}@127.0.0.1:1/ledger",
        f"postgresql://someone:x#{PASSWORD}@127.0.0.1:1/ledger",
    ],
)
def test_no_error_shows_a_password(url: str) -> None:
    with pytest.raises(StoreUnreachable) as caught:
        PostgresStore(url)
    found: BaseException | None = caught.value
    while found is not None:
        assert PASSWORD not in str(found)
        found = found.__cause__
    assert PASSWORD not in without_password(url)


def test_the_name_of_a_store_has_no_password(postgres_url: str) -> None:
    scheme, _, rest = postgres_url.partition("://")
    user, _, place = rest.partition("@")
    store = PostgresStore(f"{scheme}://{user}:{PASSWORD}@{place}")
    assert store.name == f"postgresql://{user}@{place}"
    store.close()


# Without PostgreSQL


def test_nothing_of_postgresql_is_imported_before_a_url_of_it_is_used(tmp_path: Path) -> None:
    code = f"""
import sys
from console.cli.main import COMMANDS, main
import importlib
for command in COMMANDS.values():
    importlib.import_module(f"console.cli.commands.{{command.module}}")
import console.wiring, ledger.store.sqlite, ledger.store.copying, projections.runner, projections.questions.status
facts = {str(tmp_path / "facts.jsonl")!r}
open(facts, "w").write('{{"type":"enrol-membership","id":"e","membership":"m","occurred_at":"2010-01-01T00:00:00Z",'
                       '"name":"P","level":"gold"}}\\n')
store = {str(tmp_path / "book.db")!r}
assert main(["--store", store, "record", facts]) == 0
assert main(["--store", store, "status", "m"]) == 0
assert main(["copy", "--from", store, "--to", store + ".copy"]) == 0
print(sorted(name for name in sys.modules if name.startswith("psycopg") or name == "eventsourcing.postgres"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr
