"""A real UmaDB server, which its wheel brings with it, on a free port and with its database in a folder that is given.

    with UmaServer(folder) as server:
        client = umadb.Client(server.url)

Leaving the `with` block ends the process, and a guard does so if the test process is killed.
"""

import contextlib
import importlib
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.servers.guard import Guard
from tests.servers.postgres import free_port

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
PORT_ATTEMPTS_MAX = 3
RUN = "import sys; from umadb.umadb_server_cli import main; sys.argv[0] = 'umadb'; main()"


class UmaUnavailable(Exception):
    """No server can be had here; the text says why."""


def import_umadb() -> Any:
    """The module of the wheel. It takes SIGINT for itself when it is imported, which is undone."""
    interrupted = signal.getsignal(signal.SIGINT)
    try:
        return importlib.import_module("umadb")
    except ImportError as error:  # not installed, or made for another machine
        raise UmaUnavailable(f"the wheel umadb cannot be used: {error}") from error
    finally:
        signal.signal(signal.SIGINT, interrupted)


class UmaServer:
    """One server: its folder, its port and, while it runs, its process. A commit of it is on disk when it answers."""

    def __init__(self, folder: Path) -> None:
        self._umadb = import_umadb()
        self._folder = folder
        self._log = folder / "umadb.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        for attempt in range(PORT_ATTEMPTS_MAX):
            self._spawn()
            try:
                self._await_ready()
                break
            except BaseException as error:
                taken = isinstance(error, UmaUnavailable) and "in use" in str(error)
                self.close()
                if attempt + 1 == PORT_ATTEMPTS_MAX or not taken:
                    raise
                self.port = free_port()  # somebody took the port between our look and the start
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the server, by force where it does not end by itself."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        Guard.get().forget(self._process.pid)
        self._process = None

    def _spawn(self) -> None:
        command = [
            sys.executable,
            "-c",
            RUN,
            "--listen",
            f"127.0.0.1:{self.port}",
            "--db-path",
            str(self._folder / "uma.db"),
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        Guard.get().watch(self._process.pid)

    def _await_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(Exception):  # the client's own errors, until somebody listens
                client = self._umadb.Client(self.url)
                if client.check_health() == self._umadb.ServingStatus.SERVING:
                    return
            time.sleep(0.05)
        raise UmaUnavailable(f"the server does not answer: {self._log.read_text(errors='replace')[-2000:]}")
