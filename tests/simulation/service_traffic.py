"""What flows through a simulated service: clients that hand in facts, followers of the changes, and a flaky receiver.

Each is a thread (or a server with threads) that goes on whatever becomes of the service: it asks again until it has an
answer. An error of its own is the test's.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import orjson

Fact = dict[str, Any]
TIMEOUT_S = 10.0
PAUSE_S = 0.05
AWAY_S = 0.5
"""How long at most nobody asks a service that does not listen: asking it in vain takes from it what it starts with."""
PACE_S = 0.08
"""A client waits so long between two requests: many of them share a machine with what they ask."""
WHOLE = httpx.Timeout(TIMEOUT_S)
SINGLE_ANSWERS = (200, 201, 422)
AGAIN = (429, 503, 504)


class Beside:
    """A thread that goes on until it is told to stop."""

    def __init__(self, listening: threading.Event) -> None:
        """`listening` is set while the service listens."""
        self.stopping = threading.Event()
        self._listening = listening
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._guarded, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Waits for the end. Raises what ended it, or TimeoutError."""
        self._thread.join(timeout_s)
        if self._error is not None:
            raise self._error
        if self._thread.is_alive():
            raise TimeoutError(f"{type(self).__name__} has not ended within {timeout_s:g} s")

    def run(self) -> None:
        raise NotImplementedError

    def pause(self) -> None:
        """What comes before asking again: until the service listens, or for a while."""
        time.sleep(PAUSE_S)
        self._listening.wait(AWAY_S)

    def _guarded(self) -> None:
        try:
            self.run()
        except BaseException as error:
            self._error = error


class Sender(Beside):
    """Hands in its facts in order, one at a time or some lines at once, each until it has an answer.

    What it has told it tells again from the beginning for as long as the others are killed: all of that is a duplicate, and
    what was refused for want of another fact may be accepted now.
    """

    def __init__(
        self, url: str, headers: dict[str, str], facts: Sequence[Fact], lines: int, listening: threading.Event
    ) -> None:
        super().__init__(listening)
        self._url = f"{url}/v1/facts"
        self._headers = headers
        self._facts = facts
        self._lines = lines
        self.acknowledged: set[str] = set()
        """The ids of what was said to be recorded."""
        self.receipts: list[bytes] = []
        """The receipts of these, each as it was given."""
        self.last_round = threading.Event()
        self.failures = 0

    def run(self) -> None:
        with httpx.Client(timeout=WHOLE, headers=self._headers) as client:
            while True:
                is_last = self.last_round.is_set()
                for start in range(0, len(self._facts), self._lines):
                    self._tell(client, self._facts[start : start + self._lines])
                    if not is_last:
                        self.last_round.wait(PACE_S)
                if is_last:
                    return

    def _tell(self, client: httpx.Client, facts: Sequence[Fact]) -> None:
        while not self.stopping.is_set():
            try:
                outcomes = self._asked(client, facts)
            except httpx.HTTPError:
                self.failures += 1
                self.pause()
                continue
            if outcomes is None:
                self.pause()
                continue
            for fact, outcome in zip(facts, outcomes, strict=True):
                if outcome.get("status") in ("accepted", "duplicate"):
                    assert outcome["id"] == fact["id"]
                    self.acknowledged.add(fact["id"])
                    if "receipt" in outcome:
                        self.receipts.append(orjson.dumps(outcome["receipt"]))
            return

    def _asked(self, client: httpx.Client, facts: Sequence[Fact]) -> list[dict[str, Any]] | None:
        if self._lines == 1:
            answer = client.post(self._url, content=orjson.dumps(facts[0]))
            assert answer.status_code in (*SINGLE_ANSWERS, *AGAIN), (answer.status_code, answer.text)
            return [answer.json()] if answer.status_code in SINGLE_ANSWERS else None
        lines = b"".join(orjson.dumps(fact) + b"\n" for fact in facts)
        answer = client.post(self._url, content=lines, headers={"Content-Type": "application/x-ndjson"})
        assert answer.status_code in (200, *AGAIN), (answer.status_code, answer.text)
        if answer.status_code != 200:
            return None
        outcomes = [orjson.loads(line) for line in answer.content.splitlines()]
        put_off = len(outcomes) < len(facts) or any(one["status"] == "put-off" for one in outcomes)
        return None if put_off else outcomes


@dataclass(frozen=True, slots=True)
class Heard:
    """An event of the changes."""

    cursor: str
    type: str
    data: dict[str, Any]

    @property
    def position(self) -> int:
        return int(self.cursor.partition("-")[0])

    @property
    def announces(self) -> bool:
        """Whether it is an announcement, and not only how far the feed has come."""
        return self.type != "position"


class Follower(Beside):
    """Follows the changes, and goes on behind the last one that it has heard."""

    def __init__(self, url: str, headers: dict[str, str], listening: threading.Event) -> None:
        super().__init__(listening)
        self._url = f"{url}/v1/changes"
        self._headers = headers | {"Accept": "text/event-stream"}
        self.heard: list[Heard] = []
        self.connections = 0

    def run(self) -> None:
        with httpx.Client(timeout=WHOLE) as client:  # one for all connections: what it reads at its start is much
            while not self.stopping.is_set():
                last = self.heard[-1].cursor if self.heard else None
                where = {} if last is None else {"Last-Event-ID": last}
                query = {"after": "0"} if last is None else {}
                with suppress(httpx.HTTPError):
                    self._follow(client, query, where)
                self.pause()

    def _follow(self, client: httpx.Client, query: dict[str, str], where: dict[str, str]) -> None:
        with client.stream("GET", self._url, params=query, headers=self._headers | where) as answer:
            if answer.status_code in AGAIN:
                return
            assert answer.status_code == 200, (answer.status_code, answer.read())
            self.connections += 1
            for heard in events(answer.iter_lines()):
                self.heard.append(heard)
                if self.stopping.is_set():
                    return


def events(lines: Iterator[str]) -> Iterator[Heard]:
    """The events of a stream that have an id; one that breaks off before its empty line is none."""
    found: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            if name:
                found[name] = value.removeprefix(" ")
            continue
        if "id" in found:
            yield Heard(found["id"], found["event"], orjson.loads(found["data"]))
        found = {}


@dataclass
class Delivery:
    """What a receiver was sent."""

    id: str
    body: bytes
    headers: dict[str, str]


@dataclass
class Receiver:
    """A receiver of webhooks that fails now and then: with 500, by hanging up, or after it has taken the message."""

    seed: int
    failing: float = 0.2
    taken: list[Delivery] = field(default_factory=list)
    """What it said 204 to, or took and then said nothing, in order."""
    refused: int = 0
    calm: threading.Event = field(default_factory=threading.Event)
    """Once set, it does not fail any more."""

    def __post_init__(self) -> None:
        chance, lock = random.Random(self.seed), threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = TIMEOUT_S

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:  # the sender was killed under way: nothing was delivered
                    self.close_connection = True
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                with lock:
                    kind = 1.0 if receiver.calm.is_set() else chance.random() / receiver.failing
                    if kind < 0.7:
                        receiver.refused += 1
                    else:
                        receiver.taken.append(Delivery(headers["webhook-id"], body, headers))
                if kind < 0.4:
                    self._say(500)
                elif kind < 1.0:  # hangs up, with the message taken or not
                    self.close_connection = True
                else:
                    self._say(204)

            def _say(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A sender that is killed leaves a connection that is reset."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def until(found: Callable[[], bool], what: str, within_s: float) -> None:
    """Waits until something is so. Raises TimeoutError."""
    deadline_s = time.monotonic() + within_s
    while not found():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"not within {within_s:g} s: {what}")
        time.sleep(PAUSE_S)


def receiving(seed: int) -> closing[Receiver]:
    """A receiver for as long as it is needed."""
    return closing(Receiver(seed))
