"""What the tests of webhooks share: a receiver on the loopback that misbehaves as told, a clock that is set, a sender."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from standardwebhooks import Webhook as Check

from consumers.broker.backoff import Backoff
from consumers.webhooks.line import Rules
from consumers.webhooks.network import Bounds
from consumers.webhooks.registry import Webhook, add, start_after
from consumers.webhooks.secrets import make_secret_file
from consumers.webhooks.sender import Sender
from ledger.store.base import Store

TIMEOUT_S = 60.0
HOUR_US = 3_600 * 1_000_000


class Got(NamedTuple):
    """One request that was verified."""

    id: str
    timestamp: int
    payload: dict[str, Any]
    status: int

    @property
    def membership(self) -> str:
        return str(self.payload["data"]["membership"])

    @property
    def position(self) -> int:
        return int(self.payload["data"]["position"])


Behave = Callable[[str, int], int | str]
"""(membership, position) -> a status, or "hang", "close", "huge", "drip", "endless"."""


class Inbox:
    """A receiver: takes what is signed, answers as `behave` says, and keeps what it got in order."""

    def __init__(self, secret: str, behave: Behave = lambda _membership, _position: 204) -> None:
        self.behave = behave
        self.got: list[Got] = []
        self.wrong: list[str] = []
        """What did not verify."""
        self.secret = secret
        self.clock: TowerClock | None = None
        """By which the receiver goes; the wall clock, as the library has it, where none is given."""
        self.retry_after: str | None = None
        self.let_go = threading.Event()
        """Ends whatever hangs."""
        self.lock = threading.Lock()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = self.rfile.read(length)
                if len(body) == length:  # else the sender was killed under way
                    inbox.take(self, body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
                """Tests look at what was got."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A sender that hangs up is no fault of the receiver."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hooks?site=3"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def take(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        headers = dict(request.headers.items())
        try:
            payload = self._verified(body, headers)
        except Exception as error:
            with self.lock:
                self.wrong.append(f"{error}: {headers}")
            _answer(request, 400)
            return
        data = payload["data"]
        way = self.behave(data["membership"], data["position"])
        status = way if isinstance(way, int) else {"huge": 200, "endless": 200}.get(way, 0)
        found = Got(headers["webhook-id"], int(headers["webhook-timestamp"]), payload, status)
        with self.lock:
            self.got.append(found)
        self._respond(request, way)

    def _verified(self, body: bytes, headers: dict[str, str]) -> Any:
        if self.clock is None:
            return Check(self.secret).verify(body, headers)
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        assert abs(at.timestamp() - self.clock() / 1_000_000) < 300, "too old or too new"
        assert Check(self.secret).sign(headers["webhook-id"], at, body.decode()) in headers["webhook-signature"]
        return json.loads(body)

    def _respond(self, request: BaseHTTPRequestHandler, way: int | str) -> None:
        match way:
            case "hang":
                self.let_go.wait(TIMEOUT_S)
            case "close":
                request.connection.close()
            case "drip":
                with suppress(OSError):
                    while not self.let_go.wait(0.05):
                        request.wfile.write(b"H")
                        request.wfile.flush()
            case "huge":
                request.send_response(200)
                request.send_header("content-length", str(1 << 30))
                request.end_headers()
                with suppress(OSError):
                    for _ in range(1 << 10):
                        request.wfile.write(b"x" * (1 << 16))
            case "endless":
                request.send_response(200)
                request.send_header("content-length", "1000")
                request.end_headers()
                self.let_go.wait(TIMEOUT_S)
            case int():
                _answer(request, way, self.retry_after)

    def taken(self) -> list[Got]:
        """What was answered with 2xx."""
        with self.lock:
            return [one for one in self.got if 200 <= one.status < 300]

    def by_membership(self) -> dict[str, list[int]]:
        """The positions taken of each membership, each the first time that it was."""
        found: dict[str, list[int]] = defaultdict(list)
        for one in self.taken():
            if one.position not in found[one.membership]:
                found[one.membership].append(one.position)
        return found

    def close(self) -> None:
        self.let_go.set()
        self.server.shutdown()
        self.server.server_close()


def _answer(request: BaseHTTPRequestHandler, status: int, retry_after: str | None = None) -> None:
    with suppress(OSError):
        request.send_response(status)
        if 300 <= status < 400:
            request.send_header("location", f"http://127.0.0.1:{request.server.server_address[1]}/elsewhere")  # type: ignore[attr-defined]
        if retry_after is not None:
            request.send_header("retry-after", retry_after)
        request.send_header("content-length", "0")
        request.end_headers()


class TowerClock:
    """The wall clock, which a test sets ahead."""

    def __init__(self) -> None:
        self.ahead_us = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000 + self.ahead_us


@contextmanager
def inbox(folder: Path, behave: Behave = lambda _membership, _position: 204) -> Iterator[Inbox]:
    """A receiver whose secret lies in the file `hook.secret` of a folder."""
    found = Inbox(make_secret_file(folder / "hook.secret"), behave)
    try:
        yield found
    finally:
        found.close()


def register(store: Store, url: str, secret_file: Path, name: str = "wh-1", **options: Any) -> Webhook:
    """A webhook from the beginning of the book on, which may be sent to the loopback."""
    found = Webhook(
        name, url, options.pop("types", ()), str(secret_file), options.pop("allow_private", True), "", 0,
        start_after(store, options.pop("after", 0)),
    )  # fmt: skip
    assert not options
    add(store, found)
    return found


def quick(**options: Any) -> Rules:
    """Rules with short pauses and deadlines."""
    chance = Random(1)
    return Rules(
        **{
            "bounds": Bounds(whole_s=1.0, connect_s=1.0),
            "backoff": Backoff(first_s=0.05, max_s=0.2, chance=chance),
            "gate": Backoff(first_s=0.05, max_s=0.2, chance=chance),
            **options,
        }
    )


def drive(sender: Sender, until: Callable[[], object], what: str, seconds: float = TIMEOUT_S) -> None:
    """Turns a sender's loop until something is so."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, f"{what}: {sender.state}"
        sender.step()


def drive_on(sender: Sender, seconds: float) -> None:
    """Turns a sender's loop for a while, in which nothing should happen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sender.step()


def announced(store: Store) -> dict[str, list[int]]:
    """The positions of the announcements in the book, of each membership in order."""
    from ledger.membership import membership_or_stream
    from ledger.programmes.registry import PROGRAMMES

    found: dict[str, list[int]] = defaultdict(list)
    rows = [row for kind in PROGRAMMES.announcements for row in store.read_type(kind, 0, 1_000_000)]
    for row in sorted(rows, key=lambda row: row.position):
        found[membership_or_stream(row.stream)].append(row.position)
    return dict(found)
