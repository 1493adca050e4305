"""Something between us and the server: a session of our own is insisted on."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from ledger.errors import StoreUnreachable
from ledger.store.postgres import PostgresStore
from projections.postgres import PostgresDatabase
from tests.ledger.store.postgres_rows import append
from tests.servers.pooler import pooled


def test_a_pooler_by_the_transaction_is_refused_with_a_sentence(postgres_url: str, store: PostgresStore) -> None:
    with pooled(postgres_url) as url:
        for opened in (PostgresStore, PostgresDatabase):
            with pytest.raises(StoreUnreachable, match=r"found a pooler .* expected a session for each connection"):
                opened(url)


def test_a_pooler_by_the_connection_does_no_harm(postgres_url: str) -> None:
    with pooled(postgres_url, "session") as url:
        store = PostgresStore(url)
        lock = store.try_lock("clock")
        assert lock is not None
        assert lock.held()
        direct = PostgresStore(postgres_url)
        assert direct.try_lock("clock") is None
        lock.release()
        store.close()
        direct.close()


def test_a_lock_that_the_server_does_not_know_of_is_not_held(postgres_url: str, store: PostgresStore) -> None:
    lock = store.try_lock("clock")
    assert lock is not None
    assert lock.held()
    assert lock._connection is not None
    lock._connection.execute("SELECT pg_advisory_unlock_all()")  # as a pooler does between two users of a session
    assert not lock.held()
    again = store.try_lock("clock")
    assert again is not None
    again.release()


@pytest.mark.parametrize(("mode", "refused"), [("transaction", True), ("statement", True), ("session", False)])
def test_pgbouncer_is_told_apart_by_its_mode(postgres_url: str, tmp_path: Path, mode: str, refused: bool) -> None:
    append(first := PostgresStore(postgres_url))
    first.close()
    with pgbouncer(postgres_url, tmp_path, f"pool_mode={mode}") as url:
        if refused:
            with pytest.raises(StoreUnreachable, match="found a pooler that gives a connection another session"):
                PostgresStore(url)
        else:
            PostgresStore(url).close()


def test_pgbouncer_with_too_few_sessions_is_not_told_to_pool_by_the_session(postgres_url: str, tmp_path: Path) -> None:
    append(first := PostgresStore(postgres_url))
    first.close()
    few = "pool_mode=session\ndefault_pool_size=1\nquery_wait_timeout=1"
    with (
        pgbouncer(postgres_url, tmp_path, few) as url,
        pytest.raises(StoreUnreachable, match=r"found a pooler that has no session left .*query_wait_timeout"),
    ):
        PostgresStore(url)


@contextmanager
def pgbouncer(postgres_url: str, folder: Path, how: str) -> Iterator[str]:
    """The URL of a database through a pgbouncer with some settings."""
    program = shutil.which("pgbouncer")
    if program is None:
        pytest.skip("found no pgbouncer on this machine; the small pooler of the tests stands in for it")
    address, _, database = postgres_url.rpartition("/")
    server_port = address.rpartition(":")[2]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "users").write_text('"postgres" ""\n')
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host=127.0.0.1 port={server_port} user=postgres\n"
        f"[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port={port}\n"
        f"auth_type=any\nauth_file={folder}/users\n{how}\nunix_socket_dir=\nuser=nobody\n"
        "ignore_startup_parameters=extra_float_digits\n"
    )
    settings.chmod(0o644)
    for one in (folder, *list(folder.parents)[:2]):
        one.chmod(0o755)
    process = subprocess.Popen([program, str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"postgresql://postgres@127.0.0.1:{port}/{database}"
        deadline = time.monotonic() + 10
        while True:
            try:
                psycopg.connect(url, connect_timeout=2).close()
                break
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.02)
        yield url
    finally:
        process.terminate()
        process.wait()
