"""Something between us and the server: a session of our own is insisted on."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
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
    program = shutil.which("pgbouncer")
    if program is None:
        pytest.skip("found no pgbouncer on this machine; the small pooler of the tests stands in for it")
    append(first := PostgresStore(postgres_url))
    first.close()
    address, _, database = postgres_url.rpartition("/")
    server_port = address.rpartition(":")[2]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "users").write_text('"postgres" ""\n')
    settings = tmp_path / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host=127.0.0.1 port={server_port} user=postgres\n"
        f"[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port={port}\n"
        f"auth_type=any\nauth_file={tmp_path}/users\npool_mode={mode}\nunix_socket_dir=\nuser=nobody\n"
        "ignore_startup_parameters=extra_float_digits\n"
    )
    settings.chmod(0o644)
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
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
        if refused:
            with pytest.raises(StoreUnreachable, match="found a pooler"):
                PostgresStore(url)
        else:
            PostgresStore(url).close()
    finally:
        process.terminate()
        process.wait()
