"""`changes --follow` and `seal --follow` go on when their database was away, or has cut them off."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING

import pytest

from tests.console.support import Program, met
from tests.servers.fixtures import without_server

try:
    import psycopg

    from ledger.store.postgres import PostgresStore
except ImportError as missing:
    without_server(missing)

if TYPE_CHECKING:
    from tests.servers.postgres import PostgresServer

WAIT_S = 20.0


class Followed:
    """A process that follows, and the lines that it prints."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._lines: Queue[bytes] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def line(self) -> dict[str, object]:
        try:
            found: dict[str, object] = json.loads(self._lines.get(timeout=WAIT_S))
        except Empty:
            self.process.kill()
            assert self.process.stderr is not None
            pytest.fail(f"no line within {WAIT_S:g} s; it said:\n{self.process.stderr.read().decode()}")
        return found

    def stop(self) -> str:
        """Ends it as operations do; what it said beside its lines."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(WAIT_S) == 0
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)


@contextmanager
def following(program: Program, url: str, *arguments: str) -> Iterator[Followed]:
    process = program.start("--json", "--store", url, *arguments, "--follow")
    try:
        yield Followed(process)
    finally:
        process.kill()
        process.wait()


def cut_off(url: str) -> None:
    """Ends every session of the database, as an idle time-out or an administrator does."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_followers_survive_a_session_that_is_ended_and_a_server_that_is_restarted(
    program: Program, own_postgres: PostgresServer
) -> None:
    url = own_postgres.create_database()
    PostgresStore(url, create=True).close()
    assert program.run_bare("keygen", "--name", "ledger.example/renewals", "--out", "keys").code == 0

    def record(membership: str) -> None:
        file = program.write("facts.jsonl", met(membership))
        assert program.run_bare("--store", url, "record", file).code == 0

    record("m-1")
    seal = ("seal", "--key", "keys/log.key", "--tiles", "log", "--every", "1s")
    with following(program, url, "changes") as changes, following(program, url, *seal) as sealed:
        assert changes.line()["membership"] == "m-1"
        size = sealed.line()["size"]
        for name, fault in (("m-2", lambda: cut_off(url)), ("m-3", own_postgres.restart)):
            fault()
            record(name)
            assert changes.line()["membership"] == name
            grown = sealed.line()["size"]
            while grown == size:  # said once more when it opens the log again
                grown = sealed.line()["size"]
            size = grown
        changes.stop()
        said = sealed.stop()
    assert "Traceback" not in said


def test_a_follower_stops_when_its_book_becomes_an_older_one(program: Program, tmp_path: Path) -> None:
    program.record(*met())
    older = tmp_path / "older.db"
    program.run_bare("copy", "--from", str(program.store), "--to", str(older))
    program.record(*met("m-2"))
    with following(program, str(program.store), "changes") as changes:
        assert [changes.line()["membership"] for _ in range(2)] == ["m-1", "m-2"]
        program.store.write_bytes(older.read_bytes())
        for name in ("-wal", "-shm"):
            Path(f"{program.store}{name}").unlink(missing_ok=True)
        assert changes.process.wait(WAIT_S) in (1, 4)


def test_a_store_that_is_named_wrongly_is_not_waited_for(program: Program) -> None:
    assert program.run("changes", "--follow").code == 4


def test_a_position_beyond_the_end_is_not_followed_in_silence(program: Program) -> None:
    program.record(*met())
    assert program.run("changes", "--after", "999", "--follow").code == 2
