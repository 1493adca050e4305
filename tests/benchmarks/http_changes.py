"""How long until each of many listeners has what was announced: `GET /v1/changes` of a service in a process of its own.

    python -m tests.benchmarks.http_changes [--listeners 200] [--samples 100]

A response is handed in that makes a membership satisfied; measured is the time from the fact's being sent, which is earlier
than its commit, until the announcement is at each listener, and beside it the time until the fact is answered. One fact at a
time, so that what is measured is the fan-out and no queue. The same with one listener stands beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from tests.console.http.process import Running, service_process
from tests.console.support import met

PATIENCE_S = 60.0
REACH_MS = 100.0
PAUSE_S = 0.03
ANNOUNCED = b"\nevent: EligibilityChanged\n"
BEFORE = "2010-07-01T00:00:00Z"
"""The service's clock: nothing expires by then."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Milliseconds from a fact's being sent, over listeners and samples."""

    listeners: int
    deliveries: int
    p50: float
    p99: float
    worst: float
    answered_p50: float
    """Until the fact was answered."""


class Listening(asyncio.Protocol):
    """A listener that notes when an announcement came, and does no more."""

    def __init__(self, request: bytes, arrived: list[float], more: asyncio.Event) -> None:
        self._request = request
        self._arrived = arrived
        self._more = more
        self._rest = b""
        self.ready = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now, seen = time.perf_counter(), self._rest + data
        for _ in range(seen.count(ANNOUNCED)):
            self._arrived.append(now)
        self._rest = seen[-len(ANNOUNCED) + 1 :]
        if b"event: position" in seen and not self.ready.done():
            self.ready.set_result(None)
        self._more.set()


async def deliveries(url: str, subscriber: str, operator: str, listeners: int, names: list[str]) -> Delivery:
    """Hands in the last response of each membership, and waits for it at every listener."""
    host, port = str(urlsplit(url).hostname), int(urlsplit(url).port or 80)
    loop, arrived, more = asyncio.get_running_loop(), list[float](), asyncio.Event()
    listen = f"GET /v1/changes HTTP/1.0\r\nAuthorization: {subscriber}\r\n\r\n".encode()
    made = [
        await loop.create_connection(lambda: Listening(listen, arrived, more), host, port) for _ in range(listeners)
    ]
    await asyncio.wait_for(asyncio.gather(*(listening.ready for _, listening in made)), PATIENCE_S)
    reader, writer = await asyncio.open_connection(host, port)
    took, answered = list[float](), list[float]()
    for name in names:
        body = orjson.dumps(met(name)[-1])
        head = f"POST /v1/facts HTTP/1.1\r\nHost: x\r\nAuthorization: {operator}\r\nContent-Length: {len(body)}\r\n\r\n"
        arrived.clear()
        began = time.perf_counter()
        writer.write(head.encode() + body)
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        assert answer.startswith(b"HTTP/1.1 201"), answer
        answered.append(time.perf_counter() - began)
        (length,) = (int(line[15:]) for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(length)
        while len(arrived) < listeners:
            more.clear()
            await asyncio.wait_for(more.wait(), PATIENCE_S)
        took += [at - began for at in arrived]
        await asyncio.sleep(PAUSE_S)
    for transport, _ in made:
        transport.close()
    writer.close()
    took.sort()

    def at(share: float) -> float:
        return 1_000 * took[min(len(took) - 1, int(share * len(took)))]

    return Delivery(
        listeners, len(took), at(0.50), at(0.99), 1_000 * took[-1], 1_000 * sorted(answered)[len(answered) // 2]
    )


def prepare(served: Running, operator: dict[str, str], names: list[str]) -> None:
    """Everything but the last response of each membership."""
    for name in names:
        assert served.post("/v1/facts", met(name)[:-1], operator).status_code == 200


def measure(listeners: int, samples: int) -> list[Delivery]:
    """With one listener, then with many."""
    with (
        tempfile.TemporaryDirectory() as folder,
        service_process(Path(folder), "--dev", CSAT_LEDGER_NOW=BEFORE) as served,
    ):
        operator, subscriber = served.token("--role", "operator"), served.token("--role", "subscriber")
        found = []
        for number, many in enumerate((1, listeners)):
            names = [f"m-{number}-{sample}" for sample in range(samples)]
            prepare(served, operator, names)
            tokens = subscriber["Authorization"], operator["Authorization"]
            found.append(asyncio.run(deliveries(served.url, *tokens, many, names)))
        return found


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--listeners", type=int, default=200)
    parser.add_argument("--samples", type=int, default=100)
    arguments = parser.parse_args()
    print("| fact sent -> announcement at each listener, ms | deliveries | p50 | p99 | worst | answered, p50 | reach |")
    print("|---|---|---|---|---|---|---|")
    for one in measure(arguments.listeners, arguments.samples):
        print(
            f"| {one.listeners} listeners | {one.deliveries:,} | {one.p50:.1f} | {one.p99:.1f} | {one.worst:.1f} "
            f"| {one.answered_p50:.1f} | p99 < {REACH_MS:g} |"
        )


if __name__ == "__main__":
    main()
