"""`make bench`: the speeds of the ledger, each as a ratio against a baseline measured in the same run.

    python -m tests.benchmarks [--sizes 10000,100000,1000000] [--also postgres,latency,workers,proof,capability,importing,…]

Each size runs in a process of its own, so that its peak of memory is its own; so does each of what is measured `also`,
with real servers: `tests.benchmarks.postgres` and its neighbours can be run by themselves.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate

from console.demo.survey import scale
from console.throughput import collect_garbage_seldom
from ledger.fact import Fact
from ledger.instants import DAY_US, format_instant, parse_instant
from ledger.programmes.registry import PROGRAMMES, fact_from_object, parse_fact
from ledger.store.sqlite import SQLiteStore
from ledger.store.sqlite_tables import INSERT_EVENTS
from ledger.writing.group_commit import GroupCommit
from ledger.writing.writer import Writer
from projections.database import SQLiteDatabase
from projections.questions.status import status
from projections.questions.view import view
from projections.registry import all_projections
from projections.runner import Runner

NOW_US = parse_instant("2026-01-01T00:00:00Z")
BATCH = 5_000
CLIENTS = 64

TOGETHER = {"http": ("http", "http_changes")}
"""What is measured `also` under one name by several modules."""

Row = dict[str, Any]


def row(what: str, against: str, ours: float, baseline: float, unit: str, reach: str, *, lower: bool = False) -> Row:
    ratio = ours / baseline
    return {"what": what, "against": against, "ours": ours, "baseline": baseline, "unit": unit, "ratio": ratio,
            "reach": reach, "lower_is_better": lower}  # fmt: skip


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def batches(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for line in lines:
        batch.append(line)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def bulk_record(folder: Path, facts: int) -> Row:
    """Validated, deduplicated, decided, chained, durable; against executemany of the same rows into the same table."""
    path = folder / "book.db"
    store = SQLiteStore(path)
    writer = Writer(store, lambda: NOW_US, PROGRAMMES)
    spent = 0.0
    for batch in batches(orjson.dumps(fact) for fact in scale(1, facts)):
        start = time.perf_counter()
        outcomes = writer.record([parse_fact(line) for line in batch])
        spent += time.perf_counter() - start
        assert all(outcome.status == "accepted" for outcome in outcomes)
    spent += timed(writer.close)
    raw = SQLiteStore(folder / "raw.db")
    raw_spent, events, position = 0.0, 0, 0
    insert = INSERT_EVENTS.format(table="events")
    while True:
        rows = store._execute("SELECT * FROM events WHERE position > ? ORDER BY position LIMIT ?", (position, BATCH))
        rows = rows.fetchall()
        if not rows:
            break
        start = time.perf_counter()
        with raw._datastore.immediate() as cursor:
            cursor.executemany(insert, rows)
        raw_spent += time.perf_counter() - start
        position = rows[-1][0]
        events += len(rows)
    raw.close()
    store.close()
    return row("bulk record, facts/s", "raw executemany, rows/s", facts / spent, events / raw_spent, "/s", ">= 0.25")


def clients(folder: Path, each: int) -> Row:
    """64 clients, each with one fact at a time and waiting for it to be on disk; against the library's stock save."""
    facts = [list(_one_client(number, each)) for number in range(CLIENTS)]
    store = SQLiteStore(folder / "clients.db")
    group = GroupCommit(Writer(store, lambda: NOW_US, PROGRAMMES))

    def record(own: list[Fact]) -> None:
        for fact in own:
            assert group.record(fact).status == "accepted"

    spent = timed(lambda: in_threads([lambda own=own: record(own) for own in facts]))  # type: ignore[misc]
    group.close()
    store.close()

    class Something(Aggregate):
        pass

    stock = Application[Any](
        env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(folder / "stock.db")}
    )
    saves = max(20, each // 4)

    def save() -> None:
        for _ in range(saves):
            stock.save(Something())

    stock_spent = timed(lambda: in_threads([save] * CLIENTS))
    stock.close()
    return row(
        "64 clients, one fact each, facts/s",
        "the library's save, saves/s",
        CLIENTS * (each + 1) / spent,
        CLIENTS * saves / stock_spent,
        "/s",
        ">= 10",
    )


def _one_client(number: int, each: int) -> Iterator[Fact]:
    membership = f"m-{number}"
    common = {"membership": membership}
    yield fact_from_object(
        {"type": "enrol-membership", "id": f"e-{number}", "occurred_at": "2010-01-01T00:00:00Z", "name": "P",
         "level": "gold", **common}
    )  # fmt: skip
    for place in range(each):
        occurred_at = format_instant(parse_instant("2010-01-01T00:00:00Z") + place * DAY_US // 4)
        yield fact_from_object(
            {"type": "record-response", "id": f"{number}-{place}", "occurred_at": occurred_at,
             "response": f"r-{place}", "customer_org": f"o-{place % 5}", **common}
        )  # fmt: skip


def in_threads(work: list[Callable[[], object]]) -> None:
    threads = [threading.Thread(target=each) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def catch_up(folder: Path) -> Row:
    """All projections from nothing; against reading the same rows and parsing them."""
    store = SQLiteStore(folder / "book.db")
    read = position = 0
    start = time.perf_counter()
    while rows := store.read_feed(position, 4_000):
        for found in rows:
            orjson.loads(found.stored)
        read, position = read + len(rows), rows[-1].position
    baseline = time.perf_counter() - start
    database = SQLiteDatabase(f"{folder / 'book.db'}.projections")
    spent = timed(Runner(store, database, all_projections()).catch_up)
    database.close()
    store.close()
    return row("projection catch-up, events/s", "read + orjson.loads", read / spent, read / baseline, "/s", ">= 0.40")


def status_latency(folder: Path) -> dict[str, float]:
    """`status` at (T, K) in process, ms, over memberships, instants and positions spread through the book."""
    database = SQLiteDatabase(f"{folder / 'book.db'}.projections")
    spent = []
    with view(database) as seen:
        reader = seen.eligibility()
        names = [name for chunk in reader.memberships() for name, _ in chunk]
        end = reader.position
        for number in range(3_000):
            membership = names[number * 7919 % len(names)]
            at_us = parse_instant("2011-01-01T00:00:00Z") + number * 104_729 % 1_500 * DAY_US
            known = end - (number * 31 % max(1, end // 10))
            start = time.perf_counter()
            try:
                status(seen, membership, at_us, known)
            except LookupError:
                continue
            except Exception as error:
                if "no membership" not in str(error):
                    raise
                continue
            spent.append((time.perf_counter() - start) * 1e3)
    database.close()
    spent.sort()
    return {"p50": spent[len(spent) // 2], "p99": spent[len(spent) * 99 // 100]}


def rebuild_memory(folder: Path) -> int:
    """Peak resident memory, MiB, of a process that rebuilds the projections beside the running ones."""
    code = (
        "import re,sys\n"
        "from pathlib import Path\n"
        "from ledger.store.sqlite import SQLiteStore\n"
        "from projections.registry import all_projections\n"
        "from projections.database import SQLiteDatabase\n"
        "from projections.runner import Runner\n"
        "runner=Runner(SQLiteStore(sys.argv[1]),SQLiteDatabase(sys.argv[1]+'.projections'),all_projections())\n"
        "assert set(runner.rebuild().values())=={0}\n"
        "print(re.search(r'VmHWM:\\s+(\\d+)',Path('/proc/self/status').read_text())[1])"
    )
    command = [sys.executable, "-c", code, str(folder / "book.db")]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) // 1024


def process_start(folder: Path) -> Row:
    """`csat-ledger status` as a whole process; against the interpreter's own start."""
    database = SQLiteDatabase(f"{folder / 'book.db'}.projections")
    with view(database) as seen:
        membership = next(seen.eligibility().memberships())[0][0]
    database.close()
    command = [
        sys.executable,
        "-m",
        "console.cli.main",
        "--store",
        str(folder / "book.db"),
        "status",
        membership,
        "--json",
    ]

    def median(arguments: list[str]) -> float:
        times = [timed(lambda: subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)) for _ in range(9)]
        return statistics.median(times)

    bare = median([sys.executable, "-c", "pass"])
    ours = median(command)
    return row("csat-ledger status M, s", "python -c pass, s", ours, bare, "s", "+ 0.3 s", lower=True)


def decision(folder: Path) -> Row:
    """A decision on a membership with 100,000 responses; against one with 100."""
    times = {}
    for responses in (100, 100_000):
        store = SQLiteStore(folder / f"decide-{responses}.db")
        writer = Writer(store, lambda: NOW_US, PROGRAMMES)
        step_us = 365 * DAY_US // responses
        begin_us = parse_instant("2010-03-01T00:00:00Z")

        def fact(**content: object) -> Fact:
            return fact_from_object({"membership": "m", **content})

        facts = [fact(type="enrol-membership", id="e", occurred_at="2010-01-01T00:00:00Z", name="P", level="gold")]
        facts += [
            fact(type="record-response", id=f"f{n}", occurred_at=format_instant(begin_us + n * step_us),
                 response=f"r{n}", customer_org=f"o{n % 20}")
            for n in range(responses)
        ]  # fmt: skip
        days = [f"2011-02-{day:02d}" for day in range(1, 29)]
        facts += [fact(type="set-renewal-date", id=f"s{day}", occurred_at="2010-01-01T00:00:00Z", renewal_date=day)
                  for day in days]  # fmt: skip
        for start in range(0, len(facts), BATCH):
            writer.record(facts[start : start + BATCH])
        spent = []
        for day in days:
            decide = fact(type="decide-renewal", id=f"d{day}", occurred_at=f"{day}T00:00:00Z", renewal_date=day)
            start_s = time.perf_counter()
            writer.record([decide])
            spent.append(time.perf_counter() - start_s)
        times[responses] = statistics.median(spent) * 1e3
        store.close()
    return row(
        "decision, 100,000 responses, ms", "100 responses, ms", times[100_000], times[100], "ms", "<= 2", lower=True
    )


def measure(size: int) -> dict[str, Any]:
    """Everything at one size, in this process."""
    collect_garbage_seldom()
    with tempfile.TemporaryDirectory(prefix="csat-ledger-bench-") as name:
        folder = Path(name)
        rows = [bulk_record(folder, size), clients(folder, 300), catch_up(folder)]
        latency = status_latency(folder)
        rows.append(process_start(folder))
        if size <= 10_000:
            rows.append(decision(folder))
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        return {
            "size": size,
            "rows": rows,
            "status": latency,
            "peak_mib": peak_mib,
            "rebuild_mib": rebuild_memory(folder),
        }


def show(results: list[dict[str, Any]]) -> None:
    print(f"{'facts':>10}  {'what':38} {'ours':>12} {'against':32} {'baseline':>12} {'ratio':>7}  reach")
    for result in results:
        for found in result["rows"]:
            figures = (
                f"{found[key]:,.3f}" if found[key] < 100 else f"{found[key]:,.0f}" for key in ("ours", "baseline")
            )
            ours, baseline = figures
            print(f"{result['size']:>10,}  {found['what']:38} {ours:>12} {found['against']:32} {baseline:>12} "
                  f"{found['ratio']:>7.2f}  {found['reach']}")  # fmt: skip
        status, first = result["status"], results[0]["status"]
        print(f"{result['size']:>10,}  {'status at (T, K), p99 ms':38} {status['p99']:>12.3f} "
              f"{'p99 at the smallest size':32} {first['p99']:>12.3f} {status['p99'] / first['p99']:>7.2f}  "
              f"<= 1 ms, <= 1.2 (p50 {status['p50']:.3f} ms)")  # fmt: skip
        print(f"{result['size']:>10,}  {'memory while rebuilding, MiB':38} {result['rebuild_mib']:>12} "
              f"{'':32} {'':>12} {'':>7}  <= 1024 (recording: {result['peak_mib']} MiB)")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", default="10000,100000,1000000", help="numbers of facts, comma between")
    parser.add_argument(
        "--also",
        default="",
        help="postgres, latency, workers, proof, capability, importing, http, answers, pages: comma between",
    )
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one)))
        return
    results = []
    for size in (int(text) for text in arguments.sizes.split(",")):
        print(f"measuring {size:,} facts …", file=sys.stderr)
        command = [sys.executable, "-m", "tests.benchmarks.bench", "--one", str(size)]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ)
        results.append(json.loads(answer.stdout))
    show(results)
    for name in filter(None, arguments.also.split(",")):
        print(f"\n{name}:", flush=True)
        for module in TOGETHER.get(name, (name,)):
            subprocess.run([sys.executable, "-m", f"tests.benchmarks.{module}"], check=True)


if __name__ == "__main__":
    main()
