"""How fast an export becomes facts, against recording the same facts, in the same run.

    python -m tests.benchmarks.importing [--rows 100000]

An export in the layout of LimeSurvey, with answers, comments over two lines and local times, becomes a file of facts, in an
order in which they can be recorded; then these facts, without what is for the vault, are recorded in a new book (SQLite).
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson

from console.cli.fact_files.sorted_lines import SortedLines
from console.importing.account import Account
from console.importing.converting import Given
from console.importing.map_files import load_map
from console.importing.running import Reading, Sorting, read_through
from console.importing.zones import zone_named
from console.throughput import collect_garbage_seldom
from ledger.programmes.registry import PROGRAMMES, parse_fact
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer
from tests.benchmarks.bench import NOW_US, batches

COLUMNS = (
    "id submitdate lastpage startlanguage seed startdate datestamp customerorg "
    "overall continue reengage recommend comment"
)
MEMBERSHIP = "m-1"
COMMENT = "It took a while,\nbut it was fine"


def write_export(path: Path, rows: int) -> None:
    draw = random.Random(17)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";", quoting=csv.QUOTE_ALL)
        writer.writerow(COLUMNS.split())
        for number in range(rows):
            day = f"20{10 + number % 9:02}-{1 + number % 12:02}-{1 + number % 28:02}"
            at = f"{day} {number % 24:02}:{number % 60:02}:{number % 59:02}"
            answers = [draw.randrange(11) for _ in range(4)]
            writer.writerow([number + 1, at, 3, "en", draw.randrange(10**9), at, at, f"Customer {number % 500}", *answers,
                             COMMENT if number % 5 else ""])  # fmt: skip


def import_export(path: Path, out: Path) -> float:
    """Seconds that it takes to make the file of facts."""
    start = time.perf_counter()
    given = Given("bench", MEMBERSHIP, zone=zone_named("Europe/Berlin"))
    account = Account()
    with ExitStack() as stack, path.open("rb") as stream, out.open("wb") as file:
        lines = SortedLines(stack)
        read_through(Reading(path, load_map("limesurvey"), given), stream, account, Sorting(account, lines))
        file.writelines(lines)
    assert not account.refused
    assert account.made == account.records
    return time.perf_counter() - start


def bare(path: Path) -> Iterator[bytes]:
    """The facts of a file without what is for the vault, after an enrolment."""
    at = "2009-01-01T00:00:00Z"
    enrolment = {
        "type": "enrol-membership",
        "id": "e-1",
        "membership": MEMBERSHIP,
        "occurred_at": at,
        "name": "A",
        "level": "gold",
    }
    yield orjson.dumps(enrolment)
    with path.open("rb") as file:
        for line in file:
            fact = orjson.loads(line)
            yield orjson.dumps({name: value for name, value in fact.items() if name not in ("answers", "comment")})


def record(facts: Iterator[bytes], book: Path) -> float:
    """Seconds that it takes to record them."""
    store = SQLiteStore(book)
    writer = Writer(store, lambda: NOW_US, PROGRAMMES)
    spent = 0.0
    for batch in batches(facts):
        start = time.perf_counter()
        outcomes = writer.record([parse_fact(line) for line in batch])
        spent += time.perf_counter() - start
        assert all(outcome.status == "accepted" for outcome in outcomes)
    writer.close()
    store.close()
    return spent


def measure(folder: Path, rows: int) -> dict[str, Any]:
    collect_garbage_seldom()
    write_export(folder / "export.csv", rows)
    imported_s = import_export(folder / "export.csv", folder / "facts.jsonl")
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    recorded_s = record(bare(folder / "facts.jsonl"), folder / "book.db")
    return {
        "rows": rows,
        "imported rows/s": round(rows / imported_s),
        "recorded facts/s": round(rows / recorded_s),
        "ratio": round(recorded_s / imported_s, 2),
        "reach": ">= 1",
        "peak MiB": peak_mib,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="csat-ledger-bench-") as name:
        print(json.dumps(measure(Path(name), arguments.rows), indent=1))


if __name__ == "__main__":
    main()
