"""The service as a process of its own, on a free port, and a client of it."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson

from tests.console.support import ROOT

PATIENCE_S = 60.0
JSON = {"Content-Type": "application/json"}
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""In the place of all authorities' certificates, which httpx reads for each client (20 ms): this is HTTP without TLS."""


class Running:
    """A service that answers."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, environment: dict[str, str]) -> None:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=PATIENCE_S)
        self.said = orjson.loads(line)
        self.process = process
        self._folder = folder
        self._environment = environment

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self.said["listening"])

    def token(self, *options: str) -> dict[str, str]:
        """The headers of a caller, with a token that the command makes."""
        made = subprocess.run(
            [sys.executable, "-m", "console", "--store", "ledger.db", "token", *options],
            cwd=self._folder, env=self._environment, capture_output=True, check=True, timeout=PATIENCE_S, text=True,
        )  # fmt: skip
        return JSON | {"Authorization": f"Bearer {made.stdout.strip()}"}

    def client(self) -> httpx.Client:
        """A client with connections of its own."""
        return httpx.Client(base_url=self.url, timeout=PATIENCE_S, verify=PLAIN)

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", headers=headers, timeout=PATIENCE_S, verify=PLAIN)

    def post(self, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        content = orjson.dumps(body)
        return httpx.post(f"{self.url}{path}", content=content, headers=headers, timeout=PATIENCE_S, verify=PLAIN)

    def stop(self) -> tuple[int, bytes]:
        """Ends it with SIGTERM; its exit code, and what it said on stderr."""
        self.process.terminate()
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, errors


def environment(**others: str) -> dict[str, str]:
    """Of a process that has no settings but these."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("CSAT_LEDGER_")}
    return {**kept, "PYTHONPATH": str(ROOT), **others}


@contextmanager
def service_process(
    folder: Path, *options: str, store: str = "ledger.db", program: Sequence[str] = ("-m", "console"), **settings: str
) -> Iterator[Running]:
    """`csat-ledger serve` in a folder, on `ledger.db` there unless another store is named; it has ended when this has."""
    own = environment(**settings)
    process = subprocess.Popen(
        [sys.executable, *program, "--store", store, "--json", "serve", "--listen", "127.0.0.1:0", *options],
        cwd=folder, env=own, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Running(process, folder, own)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.communicate(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
