"""A place where the ledger runs in processes of its own, and clients that hand facts in while something happens to it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson

from tests.console.http.process import PATIENCE_S, Running, environment, service_process
from tests.console.http.support import AUDIENCE, ISSUER, KEY, NOW, bearer
from tests.console.support import Fact, enrolment, fact

ORIGIN = "ledger.example/renewals"
ISSUED = ("--jwks", "jwks.json", "--issuer", ISSUER, "--audience", AUDIENCE)
CLIENTS = 4


class Place:
    """A machine on which the ledger runs: a folder, and where the book is."""

    def __init__(self, folder: Path, store: str = "ledger.db", **settings: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.store = store
        self.settings = {"CSAT_LEDGER_NOW": NOW, "CSAT_LEDGER_STORE": store, **settings}
        (folder / "jwks.json").write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command to its end."""
        return subprocess.run(
            self._command(arguments), cwd=self.folder, env=environment(**self.settings), capture_output=True, text=True,
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip

    def done(self, *arguments: str) -> Any:
        """What a command prints with --json that has to succeed."""
        ran = self.run("--json", *arguments)
        assert ran.returncode == 0, (arguments, ran.stdout, ran.stderr)
        return orjson.loads(ran.stdout.splitlines()[-1]) if ran.stdout else None

    @contextmanager
    def sealing(self) -> Iterator[None]:
        """A sealer that follows the book."""
        process = subprocess.Popen(
            self._command(("seal", "--key", "keys/log.key", "--tiles", "log", "--follow", "--every", "1s")),
            cwd=self.folder, env=environment(**self.settings), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE_S)

    @contextmanager
    def serving(self, *options: str) -> Iterator[Running]:
        """The service, on a free port."""
        with service_process(self.folder, *ISSUED, *options, store=self.store, **self.settings) as served:
            yield served

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-W", "ignore", "-m", "console", *arguments]


def facts_of(membership: str) -> list[Fact]:
    """What a membership hands in: among it an answer to an invitation, which needs the link key."""
    at = "2010-06-20T10:00:00Z"
    named = {"customer_org": "Brontegard", "invitation": f"i-{membership}"}
    return [
        *enrolment(membership),
        fact("record-consent", f"c-{membership}", at, membership, subject="s-1", customer_org="Brontegard"),
        fact("record-invitation", f"v-{membership}", at, membership, subject="s-1", channel="operator", **named),
        fact(
            "record-response",
            f"r-{membership}",
            "2010-06-21T10:00:00Z",
            membership,
            response=f"r-{membership}",
            **named,
        ),
    ]


class Load:
    """Clients that hand in facts until they are told to stop; what was acknowledged is remembered."""

    def __init__(self, served: Running) -> None:
        self.sent: list[str] = []
        """Memberships whose facts were sent, acknowledged or not."""
        self.acknowledged: list[str] = []
        self._served = served
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._client, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def await_more(self, number: int) -> None:
        """Returns when so many more were acknowledged."""
        enough = len(self.acknowledged) + number
        eventually(lambda: len(self.acknowledged) >= enough, "facts are acknowledged")

    def _client(self, number: int) -> None:
        with self._served.client() as client:
            for turn in range(100_000):
                if self._stop.is_set():
                    return
                membership = f"m-{number}-{turn}"
                self.sent.append(membership)
                try:
                    found = client.post("/v1/facts", json=facts_of(membership), headers=bearer("operator"))
                except httpx.TransportError:  # the machine is gone
                    return
                assert {one["status"] for one in found.json()} == {"accepted"}, found.text
                self.acknowledged.append(membership)


def eventually(so: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def kill(served: Running) -> None:
    served.process.kill()
    served.process.wait(PATIENCE_S)
