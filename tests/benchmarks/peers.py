"""`make bench-peers`: UmaDB beside us, by its own client, in the same run and durable on the same disk.

    python -m tests.benchmarks.peers [--rounds 3] [--each 200] [--batches 30] [--folder /tmp]

    64 clients    each with one fact at a time, waiting for it to be on disk (ours through `GroupCommit`)
    batches       1,000 facts a transaction, one caller (ours through `Writer.record`)
    one client    one fact a transaction, one caller (ours through `GroupCommit`, as a service would)
    over HTTP     the 64 clients and four with batches again, ours through `csat-ledger serve`, a process of its own with
                  its projections kept up; UmaDB as above, since its own protocol is its only door

Ours checks each fact's id against all others, decides by the rules, chains, and announces; UmaDB keeps what it is given:
the same bytes that ours writes, tagged with membership and fact, and without a condition. Both begin with objects that
are there already, a `Fact` and an `Event`. Projections are off in both. Ours runs in the caller's process, UmaDB as a
server of its own. What is shown is the median of the rounds; the two take turns within each.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from console.demo.survey import scale
from console.throughput import collect_garbage_seldom
from ledger.fact import Fact
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store.base import NewRow
from ledger.store.sqlite import SQLiteStore
from ledger.writing.group_commit import GroupCommit
from ledger.writing.writer import Writer
from tests.benchmarks import http
from tests.benchmarks.bench import CLIENTS, NOW_US, _one_client, in_threads, timed
from tests.servers.umadb import UmaServer, UmaUnavailable, import_umadb

BATCH = 1_000
ROUND_TIMEOUT_S = 300.0
ROWS = (
    ("64 clients, one fact each, facts/s", ">= 1"),
    ("batches of 1,000, facts/s", ">= 0.5"),
    ("one client, one fact each, facts/s", ">= 1"),
    ("64 clients over HTTP, facts/s", "reported"),
    ("batches of 1,000 over HTTP, facts/s", "reported"),
)
HTTP_S = 3.0
"""So long the service is asked for each of its rows."""

Rates = list[tuple[float, float]]
"""For each row facts a second, ours and theirs."""


class Ours:
    """A book of its own for each measurement."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def one_by_one(self, name: str, facts: Sequence[Sequence[Fact]]) -> tuple[float, list[NewRow]]:
        """Seconds for all clients together, each with its facts; and the events that were written."""
        store = SQLiteStore(self._folder / f"{name}.db")
        group = GroupCommit(Writer(store, lambda: NOW_US, PROGRAMMES))

        def record(own: Sequence[Fact]) -> None:
            for fact in own:
                assert group.record(fact).status == "accepted"

        spent = timed(lambda: in_threads([lambda own=own: record(own) for own in facts]))  # type: ignore[misc]
        group.close()
        return spent, self._written(store)

    def in_batches(self, facts: Sequence[Sequence[Fact]]) -> tuple[float, list[NewRow]]:
        """Seconds for all batches; and the events that were written."""
        store = SQLiteStore(self._folder / "batches.db")
        writer = Writer(store, lambda: NOW_US, PROGRAMMES)

        def record() -> None:
            for batch in facts:
                assert all(outcome.status == "accepted" for outcome in writer.record(batch))

        spent = timed(record)
        writer.close()
        return spent, self._written(store)

    @staticmethod
    def _written(store: SQLiteStore) -> list[NewRow]:
        """One row for each fact: announcements are our own addition."""
        rows = [row for row in store.read_feed_full(0, store.max_position()) if row.fact is not None]
        store.close()
        return [row for row in rows if row.stream != "programme"]


class Theirs:
    """The same bytes, by UmaDB's own client."""

    def __init__(self, url: str) -> None:
        self._umadb = import_umadb()
        self._url = url

    def one_by_one(self, clients: Sequence[Sequence[NewRow]]) -> float:
        """Seconds for all clients together, each over a connection of its own."""
        work: list[Callable[[], object]] = []
        for rows in clients:
            client, events = self._umadb.Client(self._url), [self._event(row) for row in rows]
            client.head()  # connected

            def append(client: Any = client, events: Any = events) -> None:
                for event in events:
                    client.append([event])

            work.append(append)
        return timed(lambda: in_threads(work))

    def in_batches(self, batches: Sequence[Sequence[NewRow]]) -> float:
        """Seconds for all batches."""
        client = self._umadb.Client(self._url)
        events = [[self._event(row) for row in rows] for rows in batches]
        client.head()

        def append() -> None:
            for batch in events:
                client.append(batch)

        return timed(append)

    def _event(self, row: NewRow) -> Any:
        return self._umadb.Event(row.type, row.stored, [row.stream, f"fact-{row.fact}"])


def measure(url: str, folder: Path, each: int, batches: int) -> Rates:
    """All rows once, ours and theirs in turn, in this process."""
    collect_garbage_seldom()
    ours, theirs = Ours(folder), Theirs(url)
    rates: Rates = []

    clients = [list(_one_client(number, each)) for number in range(CLIENTS)]
    spent, rows = ours.one_by_one("clients", clients)
    rates.append(_rates(rows, spent, theirs.one_by_one([rows[number::CLIENTS] for number in range(CLIENTS)])))

    facts = map(fact_from_object, scale(1, batches * BATCH))
    spent, rows = ours.in_batches(list(_chunks(facts, BATCH)))
    rates.append(_rates(rows, spent, theirs.in_batches(list(_chunks(iter(rows), BATCH)))))

    spent, rows = ours.one_by_one("one", [list(_one_client(CLIENTS, 10 * each))])
    rates.append(_rates(rows, spent, theirs.one_by_one([rows])))

    over_http = http.facts_alone(folder / "http", HTTP_S, [http.singles, http.batches])
    return [*rates, *((found, rate[1]) for found, rate in zip(over_http, rates[:2], strict=True))]


def _rates(rows: Sequence[NewRow], ours_s: float, theirs_s: float) -> tuple[float, float]:
    return len(rows) / ours_s, len(rows) / theirs_s


def _chunks(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while chunk := list(islice(items, size)):
        yield chunk


def one_round(folder: str, each: int, batches: int) -> Rates:
    """One round with a server of its own, in a process of its own, which ends at a deadline."""
    with tempfile.TemporaryDirectory(prefix="csat-peers-", dir=folder) as name, UmaServer(Path(name)) as server:
        command = [sys.executable, "-m", "tests.benchmarks.peers", "--url", server.url, "--folder", name]
        command += ["--each", str(each), "--batches", str(batches)]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=ROUND_TIMEOUT_S)
    return [(ours, theirs) for ours, theirs in orjson.loads(answer.stdout)]


def show(rounds: Sequence[Rates]) -> None:
    """The rows: medians of ours and theirs, the median of the ratios, and how far these went."""
    print(f"{'what':38} {'ours':>10} {'UmaDB':>10} {'ratio':>7}  {'from':>5} {'to':>6}  reach")
    for (what, reach), *found in zip(ROWS, *rounds, strict=True):
        ours, theirs = (statistics.median(column) for column in zip(*found, strict=True))
        ratios = sorted(one / other for one, other in found)
        print(
            f"{what:38} {ours:>10,.0f} {theirs:>10,.0f} {statistics.median(ratios):>7.2f}  {ratios[0]:>5.2f} "
            f"{ratios[-1]:>6.2f}  {reach}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--each", type=int, default=200, help="facts of each of the 64 clients; the one has ten times that"
    )
    parser.add_argument("--batches", type=int, default=30)
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where both keep their files")
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.url:
        print(json.dumps(measure(arguments.url, Path(arguments.folder), arguments.each, arguments.batches)))
        return
    try:
        import_umadb()
    except UmaUnavailable as error:
        print(f"skipped: {error}")
        return
    show([one_round(arguments.folder, arguments.each, arguments.batches) for _ in range(arguments.rounds)])


if __name__ == "__main__":
    main()
