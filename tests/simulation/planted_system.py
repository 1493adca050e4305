"""A whole system in a folder, in which people are planted: book, vault, log, service, inbox, relay, a receiver of webhooks."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final, NamedTuple

import httpx
import orjson
from joserfc.jwk import KeySet

from tests.console.http.process import PATIENCE_S, environment
from tests.console.http.support import ISSUER, KEY, token
from tests.console.http.test_one_process import keys
from tests.console.support import met
from tests.consumers.support import eventually

AT: Final = "2010-07-01T00:00:00Z"
JSON: Final = {"Content-Type": "application/json"}


class Said(NamedTuple):
    """Something that was said: by whom, and what."""

    where: str
    data: bytes


class System:
    """A ledger with all that belongs to it, in a folder; every command's words are kept to be searched."""

    def __init__(self, folder: Path, store: str, vault: str) -> None:
        self.folder = folder
        self.store = store
        self.said: list[Said] = []
        self.kafka: Any = None
        self.broker: Any = None
        self.postgres: Any = None
        self.webhook: list[bytes] = []
        self.url = ""
        self.client = httpx.Client(timeout=PATIENCE_S)
        (folder / "handed-in").mkdir()
        self.settings = {
            "CSAT_LEDGER_STORE": store,
            "CSAT_LEDGER_VAULT": vault,
            "CSAT_LEDGER_VAULT_KEY_FILE": "vault-key",
            "CSAT_LEDGER_LINK_KEY_FILE": "link-key",
        }

    def run(self, *arguments: str, codes: tuple[int, ...] = (0,), stdin: bytes = b"") -> bytes:
        """Runs a command, with and without --json as far as that makes a difference; what it printed."""
        ran = subprocess.run(
            [sys.executable, "-m", "console", *arguments], cwd=self.folder, env=environment(**self.settings),
            input=stdin, capture_output=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        self.said.append(Said(" ".join(arguments[:3]), ran.stdout + ran.stderr))
        assert ran.returncode in codes, (arguments, ran.returncode, ran.stdout[-500:], ran.stderr[-2000:])
        return ran.stdout

    def file(self, name: str, content: bytes) -> str:
        """A file that an operator has; its name from the folder on."""
        (self.folder / "handed-in" / name).write_bytes(content)
        return f"handed-in/{name}"

    def ask(
        self, method: str, path: str, content: bytes = b"", role: str = "operator", **headers: str
    ) -> httpx.Response:
        """Asks the service, and keeps the answer to be searched."""
        sent = JSON | {"Authorization": f"Bearer {bearer(role)}", **headers}
        answer = self.client.request(method, f"{self.url}{path}", content=content, headers=sent)
        told = "\n".join(f"{name}: {value}" for name, value in answer.headers.items()).encode()
        self.said.append(Said(f"{method} {path.partition('?')[0]}", told + b"\n\n" + answer.content))
        return answer


def bearer(role: str, sub: str | None = None) -> str:
    return token(role, sub=sub or f"the-{role}", exp=int(time.time()) + 3_600)


@contextmanager
def system_in(folder: Path, store: str, vault: str, *, kafka: Any = None, broker: Any = None) -> Iterator[System]:
    """A ledger with a history that announces, a vault, a log, a service that seals and sends webhooks, and with a broker
    an inbox and a relay; all of it runs."""
    system = System(folder, store, vault)
    system.kafka, system.broker = kafka, broker
    keys(folder)
    (folder / "jwks.json").write_bytes(orjson.dumps(KeySet([KEY]).as_dict(private=False)))
    system.run("migrate", "--link-key", "link-key")
    system.run("vault", "migrate", "--make-key")
    base = system.file("base.jsonl", b"".join(orjson.dumps(one) + b"\n" for one in met()))
    system.run("record", base, "--receipts", "receipts.jsonl", "--receipt-key", "keys/receipt-1.key")
    with ExitStack() as stack:
        stack.enter_context(system.client)
        receiver = stack.enter_context(receiving(system.webhook))
        secret = folder / "hook.secret"
        secret.touch(mode=0o600)
        secret.write_text("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")
        system.run("webhook", "add", receiver, "--secret-file", str(secret), "--allow-private", "--after", "0")
        serving = ("serve", "--listen", "127.0.0.1:0", "--jwks", "jwks.json", "--issuer", ISSUER, "--access-log", "access.log",
                   "--tiles", "log", "--key", "keys/log.key", "--receipt-key", "keys/receipt-1.key", "--webhooks")  # fmt: skip
        stack.enter_context(running(system, "service", "--json", *serving))
        eventually(lambda: (folder / "service.out").read_bytes().endswith(b"\n"), "the service listens")
        system.url = orjson.loads((folder / "service.out").read_bytes())["listening"]
        if kafka is not None:
            system.settings |= {"CSAT_LEDGER_KAFKA": kafka.bootstrap, "CSAT_LEDGER_TOPIC_PREFIX": kafka.prefix}
            stack.enter_context(running(system, "inbox", "inbox", "--session-timeout", "2"))
            stack.enter_context(running(system, "relay", "relay"))
        yield system


@contextmanager
def running(system: System, name: str, *arguments: str) -> Iterator[None]:
    """A process that goes on, whose words stand in files of the folder."""
    with (system.folder / f"{name}.out").open("wb") as out, (system.folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "console", *arguments], cwd=system.folder, env=environment(**system.settings),
            stdin=subprocess.DEVNULL, stdout=out, stderr=log,
        )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def receiving(bodies: list[bytes]) -> Iterator[str]:
    """A receiver of webhooks that keeps what it is sent; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            bodies.append(str(self.headers).encode() + body)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
            """Tests look at what was got."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hooks"
        server.shutdown()
