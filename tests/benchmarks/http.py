"""How fast the service is over HTTP, each figure against the bare framework's echo on the same server in the same run.

    python -m tests.benchmarks.http [--seconds 4] [--rounds 3] [--memberships 50000]

    single facts    64 clients, one fact each at a time, into a book of 500 memberships, and into one of 50,000; the echo
                    gives the same body back
    batches         4 clients, arrays of 1,000 facts; the echo gives the same body back
    status, score   64 clients, one question at a time; the echo gives a body of the answer's length back
    a page          of the board of 50,000 memberships, one client: p95

The echo is FastAPI as its documentation has it, behind uvicorn as `csat-ledger serve` sets it up. Services are processes of
their own; the clients are one process with a connection each, which do no more than send bytes and count those that
come. Service and echo take turns in each round, and the median of the rounds' ratios counts.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from console.wiring import Ledger, open_store, wall_clock
from ledger.instants import DAY_US, format_instant, parse_instant
from ledger.programmes.registry import fact_from_object
from tests.console.designation_story import AREA, qualified
from tests.console.http.process import service_process

CLIENTS = 64
BATCH = 1_000
BATCH_CLIENTS = 4
ORGANISATIONS = 20
BEGAN_US = parse_instant("2010-01-01T00:00:00Z")
MEMBERSHIPS = 500
"""Among so many memberships single facts are spread, so that none has a history longer than the others."""
ANSWER_TIMEOUT_S = 30.0
CONNECTING_S = 0.5
PAGE_MS = 100.0
NO_HEADERS = ""
FAST = {"CSAT_LEDGER_HTTP_RATE": "1000000/second"}
"""One caller may ask as often as it can."""


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured, and what it is to reach."""

    what: str
    ours: float
    baseline: float
    ratio: float
    reach: str
    ratios: Sequence[float] = field(default=())


Requests = Iterator[bytes]


def request(method: str, path: str, headers: str, body: bytes = b"") -> bytes:
    """The bytes of a request."""
    said = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{said}{headers}\r\n".encode() + body


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: bytes) -> tuple[int, int]:
    """Sends a request and reads its answer: the status, and how long its body is."""
    writer.write(said)
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = (line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length))
    return int(head[9:12]), int(length)


class Client(asyncio.Protocol):
    """A client with a connection of its own, that asks again when it has an answer; with as little as can be."""

    def __init__(self, requests: Requests, end_s: float, done: Callable[[int], None]) -> None:
        """`done` is told how many answers it had by the end."""
        self._requests = requests
        self._end_s = end_s
        self._done = done
        self._answered = 0
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self) -> None:
        """The next request."""
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._got = got = self._got + data if self._got else data
        head = got.find(b"\r\n\r\n")
        if head < 0 or len(got) < head + 4 + _length_in(got[:head]):
            return
        assert got[9:12] in (b"200", b"201"), got[:head]
        self._got = b""
        self._answered += 1
        if time.perf_counter() < self._end_s:
            self.ask()
        else:
            self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        self._done(self._answered)


def _length_in(head: bytes) -> int:
    begin = head.lower().index(b"content-length:") + 15
    return int(head[begin:].split(b"\r\n", 1)[0])


async def _rate(url: str, requests: Sequence[Requests], seconds: float) -> float:
    """Answers a second to clients that each have a connection, and ask again when they have an answer."""
    place = urlsplit(url)
    loop = asyncio.get_running_loop()
    counts: list[int] = []
    ended = asyncio.Event()
    end_s = time.perf_counter() + CONNECTING_S + seconds

    def done(answered: int) -> None:
        counts.append(answered)
        if len(counts) == len(requests):
            ended.set()

    clients = []
    for one in requests:
        _, client = await loop.create_connection(partial(Client, one, end_s, done), place.hostname, place.port)
        clients.append(client)
    await asyncio.sleep(max(0.0, end_s - seconds - time.perf_counter()))
    began = time.perf_counter()
    for client in clients:
        client.ask()
    async with asyncio.timeout(seconds + ANSWER_TIMEOUT_S):
        await ended.wait()
    return sum(counts) / (time.perf_counter() - began)


def rate(url: str, requests: Sequence[Requests], seconds: float) -> float:
    """As `_rate`, outside of a loop."""
    return asyncio.run(_rate(url, requests, seconds))


def latencies(url: str, said: Requests, number: int) -> list[float]:
    """Milliseconds of so many answers to one client."""

    async def ask() -> list[float]:
        place = urlsplit(url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port, limit=1 << 24)
        found = []
        for _ in range(number):
            began = time.perf_counter()
            status, _ = await _ask(reader, writer, next(said))
            found.append(1_000 * (time.perf_counter() - began))
            assert status == 200, status
        writer.close()
        return found

    return asyncio.run(ask())


@contextmanager
def echo_process() -> Iterator[str]:
    """The bare framework, on a port of its own."""
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.http_echo"], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
    finally:
        process.terminate()
        process.wait(30)


class Source:
    """Responses that no other has: each has an id of its own, and its organisation is one of twenty."""

    def __init__(self, memberships: int = MEMBERSHIPS) -> None:
        """They are spread among so many memberships."""
        self._memberships = memberships
        self._numbers = count()

    def fact(self) -> dict[str, str]:
        """The next one."""
        number = next(self._numbers)
        at_us = BEGAN_US + DAY_US + number * 1_000
        return {
            "type": "record-response", "id": f"http-{number}", "membership": f"m-{number % self._memberships}",
            "occurred_at": format_instant(at_us), "response": f"r-{number}",
            "customer_org": f"organisation-{number % ORGANISATIONS}",
        }  # fmt: skip

    def singles(self, headers: str) -> Requests:
        """A request for each."""
        while True:
            yield request("POST", "/v1/facts", headers, orjson.dumps(self.fact()))

    def batches(self, headers: str) -> Requests:
        """A request for a thousand."""
        while True:
            yield request("POST", "/v1/facts", headers, orjson.dumps([self.fact() for _ in range(BATCH)]))


def prepared(requests: Requests, number: int) -> Requests:
    """So many of them at hand, so that making them takes nothing from the service; then the others."""
    made = [next(requests) for _ in range(number)]

    def given() -> Requests:
        yield from made
        yield from requests

    return given()


def enrolments(number: int) -> list[bytes]:
    """The memberships that facts and questions are about."""
    at = format_instant(BEGAN_US)
    return [
        orjson.dumps({"type": "enrol-membership", "id": f"e-{one}", "membership": f"m-{one}", "occurred_at": at,
                      "name": f"Partner {one}", "level": "gold"})
        for one in range(number)
    ]  # fmt: skip


def make_book(store: Path, memberships: int) -> None:
    """Records the enrolments, and a designation that is qualified."""
    ledger = Ledger(open_store(str(store), create=True), wall_clock)
    facts = [*map(orjson.loads, enrolments(memberships)), *qualified("m-q")]
    for start in range(0, len(facts), BATCH):
        outcomes = ledger.writer.record([fact_from_object(one) for one in facts[start : start + BATCH]])
        assert {one.status for one in outcomes} == {"accepted"}
    ledger.writer.review()  # as in a book that stands: else the service does so when it begins
    ledger.catch_up()
    ledger.close()


def in_turns(what: str, reach: str, rounds: int, ours: Callable[[], float], echo: Callable[[], float]) -> Row:
    """The median of each, and of the ratios."""
    mine, theirs = [], []
    for _ in range(rounds):
        mine.append(ours())
        theirs.append(echo())
    ratios = sorted(one / other for one, other in zip(mine, theirs, strict=True))
    return Row(what, statistics.median(mine), statistics.median(theirs), statistics.median(ratios), reach, ratios)


def singles(source: Source, url: str, headers: str, seconds: float) -> float:
    """Facts a second of 64 clients, one fact each at a time."""
    at_hand = int(seconds * 80)
    return rate(url, [prepared(source.singles(headers), at_hand) for _ in range(CLIENTS)], seconds)


def batches(source: Source, url: str, headers: str, seconds: float) -> float:
    """Facts a second of four clients, in batches of 1,000."""
    at_hand = int(seconds * 12)
    said = [prepared(source.batches(headers), at_hand) for _ in range(BATCH_CLIENTS)]
    return BATCH * rate(url, said, seconds)


Measure = Callable[[Source, str, str, float], float]


def facts_rows(folder: Path, echo: str, seconds: float, rounds: int, many: int) -> list[Row]:
    """Single facts of 64 clients, and batches of 1,000 of four; each round has books of its own, or it would measure
    how large the rounds before it have made theirs. In a book of so `many` memberships hardly a fact finds its
    membership's state at hand."""
    source = Source()
    number = count()

    def alone(measure: Measure, memberships: int = MEMBERSHIPS) -> Callable[[], float]:
        return lambda: facts_alone(folder / f"book-{next(number)}", seconds, [measure], memberships)[0]

    def against(measure: Measure) -> Callable[[], float]:
        return lambda: measure(source, echo, NO_HEADERS, seconds)

    return [
        in_turns("64 clients, one fact each, facts/s", ">= 0.5", rounds, alone(singles), against(singles)),
        in_turns(f"the same among {many:,} memberships", "reported", rounds, alone(singles, many), against(singles)),
        in_turns("batches of 1,000, facts/s", "reported", rounds, alone(batches), against(batches)),
    ]


def facts_alone(own: Path, seconds: float, measures: Sequence[Measure], memberships: int = MEMBERSHIPS) -> list[float]:
    """Facts a second into a service over a book of its own, measured in several ways one after another."""
    own.mkdir()
    make_book(own / "ledger.db", memberships)
    source = Source(memberships)
    with service_process(own, "--dev", **FAST) as served:
        operator = _bearer(served.token("--role", "operator"))
        return [measure(source, served.url, operator, seconds) for measure in measures]


def question_rows(url: str, echo: str, auditor: str, seconds: float, rounds: int) -> list[Row]:
    """Status and score, asked by 64 clients."""
    paths = {
        "status": [f"/v1/memberships/m-{one}/status" for one in range(MEMBERSHIPS)],
        "score": [f"/v1/memberships/m-q/designations/{AREA}/score?at=2024-08-01"],
    }
    found = []
    for name, asked in paths.items():
        length = asyncio.run(_length(url, request("GET", asked[0], auditor)))

        def ours(asked: Sequence[str] = asked) -> float:
            return rate(url, [_cycled(asked, number, auditor) for number in range(CLIENTS)], seconds)

        def theirs(length: int = length) -> float:
            said = request("POST", "/v1/facts", NO_HEADERS, b"x" * length)
            return rate(echo, [iter(lambda: said, None) for _ in range(CLIENTS)], seconds)

        found.append(in_turns(f"{name}, 64 clients, requests/s", "reported", rounds, ours, theirs))
    return found


def _cycled(paths: Sequence[str], start: int, headers: str) -> Requests:
    said = [request("GET", path, headers) for path in paths]
    return (said[number % len(said)] for number in count(start * 7))


async def _length(url: str, said: bytes) -> int:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    _, length = await _ask(reader, writer, said)
    writer.close()
    return length


def page_row(folder: Path, memberships: int) -> Row:
    """A page of the board, from the first on and at places all over it."""
    make_book(folder / "ledger.db", memberships)
    with service_process(folder, "--dev") as served:
        auditor = _bearer(served.token("--role", "auditor"))
        cursors: list[str] = [""]
        for _ in range(9):
            path = f"/v1/memberships?limit=100{cursors[-1]}"
            found = served.get(path, {"Authorization": auditor.partition(": ")[2].strip()}).json()
            cursors.append(f"&cursor={found['next']}")
        said = _cycled([f"/v1/memberships?limit=100{cursor}" for cursor in cursors], 0, auditor)
        spent = sorted(latencies(served.url, said, 200))
    p95 = spent[int(len(spent) * 0.95)]
    return Row(f"a page of {memberships:,} memberships, p95 ms", p95, PAGE_MS, p95 / PAGE_MS, "<= 1")


def _bearer(headers: dict[str, str]) -> str:
    return f"Authorization: {headers['Authorization']}\r\n"


def show(rows: Sequence[Row]) -> None:
    print(f"{'what':44} {'ours':>12} {'against':>12} {'ratio':>7}  {'from':>5} {'to':>5}  reach")
    for one in rows:
        low, high = (one.ratios[0], one.ratios[-1]) if one.ratios else (one.ratio, one.ratio)
        print(f"{one.what:44} {one.ours:>12,.1f} {one.baseline:>12,.1f} {one.ratio:>7.2f}  {low:>5.2f} {high:>5.2f}  "
              f"{one.reach}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="for which each is measured, in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--memberships",
        type=int,
        default=50_000,
        help="of the larger book, and of the board a page of which is asked for",
    )
    parser.add_argument("--only", choices=["facts", "questions", "page"])
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="csat-http-") as name:
        folder = Path(name)
        if arguments.only in (None, "facts"):
            with echo_process() as echo:
                rows += facts_rows(folder, echo, arguments.seconds, arguments.rounds, arguments.memberships)
        if arguments.only in (None, "questions"):
            (folder / "small").mkdir()
            make_book(folder / "small/ledger.db", MEMBERSHIPS)
            with service_process(folder / "small", "--dev", **FAST) as served, echo_process() as echo:
                auditor = _bearer(served.token("--role", "auditor"))
                rows += question_rows(served.url, echo, auditor, arguments.seconds, arguments.rounds)
        if arguments.only in (None, "page"):
            (folder / "large").mkdir()
            rows.append(page_row(folder / "large", arguments.memberships))
    show(rows)


if __name__ == "__main__":
    main()
