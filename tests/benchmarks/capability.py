"""How fast the capability programme is: functions that measure and return figures; `bench` prints them.

    python -m tests.benchmarks.capability [--full | --customers 200 --workloads 15 --months 30]

record       reports recorded in bulk, facts/s, and facts of the survey programme in a book as large
catch-up     the same events into all projections, events/s
score        at instants and positions spread over the book, of the partner with most of the reports and of ordinary
             ones, ms: now as known now, and then and as known then
decide       of the large partner, in the writer that knows it and in one that has just begun, ms

With --full the large partner has 2,000 customers, 15 workloads and 60 months: 1.8 million reports.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import orjson

from console.demo.survey import scale
from console.throughput import collect_garbage_seldom
from ledger.instants import DAY_US, SECOND_US, format_instant, parse_instant
from ledger.programmes.capability.calendar import month_end_us, month_number, month_text
from ledger.programmes.registry import PROGRAMMES, fact_from_object, parse_fact
from ledger.store.sqlite import SQLiteStore
from ledger.writing.writer import Writer
from projections.capability.score_reader import ScoreReader
from projections.database import SQLiteDatabase
from projections.questions.score import score
from projections.questions.view import view
from projections.registry import all_projections
from projections.runner import Runner
from tests.benchmarks.bench import batches, timed

NOW_US = parse_instant("2030-01-01T00:00:00Z")
AREA = "business-applications"
FIRST_MONTH = month_number("2023-07")
WORKLOADS = ("business-central", "core-hr", "guides", "remote-assist", "talent-attract", "talent-onboard",
             "customer-engagement", "power-apps", "power-automate", "power-bi", "portals", "finance-and-operations",
             "retail", "customer-insights", "something-sold")  # fmt: skip
BY_PAL = {"power-apps", "power-automate", "power-bi", "portals", "customer-insights"}
LARGE = "m-large"
ORDINARY = [f"m-{number}" for number in range(40)]
ORDINARY_CUSTOMERS = 8
ORDINARY_WORKLOADS = 5
LEFT_OUT_PERCENT = 2
QUESTIONS = 2_000
WORKLOADS_SOLD_ONLY = {"something-sold"}


def facts(customers: int, workloads: int, months: int) -> Iterator[dict[str, Any]]:
    """Month by month what every partner reports of every pair, and then the month's close."""
    random = Random(11)
    for membership in (LARGE, *ORDINARY):
        yield _fact(membership, "open-designation", f"o-{membership}", "2020-01-01T00:00:00Z", name="Contoso")
        for number in range(25):
            tier = "advanced" if number % 3 == 0 else "intermediate"
            yield _fact(
                membership, "record-certificate", f"c-{membership}-{number}", "2020-01-01T00:00:00Z",
                certificate=f"x-{number}", person=f"p-{number}", code="mb-310", tier=tier,
                valid_from=f"2023-{1 + number % 12:02d}-01", valid_until=f"{2025 + number % 5}-06-01",
            )  # fmt: skip
    for month in range(FIRST_MONTH, FIRST_MONTH + months):
        for membership in (LARGE, *ORDINARY):
            size = (customers, workloads) if membership == LARGE else (ORDINARY_CUSTOMERS, ORDINARY_WORKLOADS)
            yield from _reports(random, membership, month, *size)
        for membership in (LARGE, *ORDINARY):
            closed = format_instant(month_end_us(month) + 19 * DAY_US)
            yield _fact(membership, "close-month", f"k-{membership}-{month}", closed, month=month_text(month))


def _reports(random: Random, membership: str, month: int, customers: int, workloads: int) -> Iterator[dict[str, Any]]:
    occurred_at, growth = format_instant(month_end_us(month) + SECOND_US), month - FIRST_MONTH
    for customer in range(customers):
        for workload in WORKLOADS[:workloads]:
            name = f"{membership}-{month}-{customer}-{workload}"
            fields = {"customer": f"customer-{customer}", "workload": workload, "month": month_text(month)}
            of_no_use = random.randrange(100) < LEFT_OUT_PERCENT
            if workload in WORKLOADS_SOLD_ONLY or (customer + len(workload)) % 2:
                fields["association"] = "pal" if of_no_use else "csp-1"
                amount = random.randrange(40_000 + 1_000 * growth)
                yield _fact(membership, "report-revenue", name, occurred_at, amount_cents=amount, **fields)
            else:
                fields["association"] = "csp-2" if of_no_use else "pal" if workload in BY_PAL else "cpor"
                units = random.randrange(5_000 + 100 * growth)
                yield _fact(membership, "report-usage", name, occurred_at, units=units, **fields)


def _fact(membership: str, kind: str, fact_id: str, occurred_at: str, **fields: Any) -> dict[str, Any]:
    common = {"membership": membership, "type": kind, "id": fact_id, "occurred_at": occurred_at, "area": AREA}
    return {**common, **fields}


def record(path: Path, lines: Iterator[bytes]) -> tuple[int, float]:
    """Records facts in batches; how many, and the seconds that this took."""
    store = SQLiteStore(path)
    writer = Writer(store, lambda: NOW_US, PROGRAMMES)
    count, spent = 0, 0.0
    for batch in batches(lines):
        start = time.perf_counter()
        outcomes = writer.record([parse_fact(line) for line in batch])
        spent += time.perf_counter() - start
        assert all(outcome.status == "accepted" for outcome in outcomes)
        count += len(batch)
    spent += timed(writer.close)
    store.close()
    return count, spent


def catch_up(path: Path) -> float:
    """The seconds in which all projections are made of a book."""
    store, database = SQLiteStore(path), SQLiteDatabase(f"{path}.projections")
    spent = timed(Runner(store, database, all_projections()).catch_up)
    database.close()
    store.close()
    return spent


def percentiles(spent: list[float]) -> dict[str, float]:
    ordered = sorted(spent)
    return {"p50": round(ordered[len(ordered) // 2], 3), "p99": round(ordered[len(ordered) * 99 // 100], 3)}


def latency(reader: ScoreReader, memberships: list[str], months: int, *, then: bool) -> dict[str, float]:
    """Milliseconds of `score`: now as known now, or at instants and positions spread over the whole book."""
    end_us = month_end_us(FIRST_MONTH + months) + 20 * DAY_US
    begin_us, spent = month_end_us(FIRST_MONTH) + 20 * DAY_US, []
    for number in range(QUESTIONS):
        membership = memberships[number % len(memberships)]
        at_us = begin_us + number * 104_729 * DAY_US // 7 % (end_us - begin_us) if then else end_us
        known = reader.position - number * 7_919 % (reader.position // 2) if then else None
        start = time.perf_counter()
        answer = score(reader, membership, AREA, at_us, known)
        spent.append((time.perf_counter() - start) * 1e3)
        assert answer.month is not None
    return percentiles(spent)


def decide(path: Path, months: int) -> dict[str, float]:
    """Milliseconds of a decision on the large partner: by a writer that has just begun, and then by the same one."""
    store = SQLiteStore(path)
    writer = Writer(store, lambda: NOW_US, PROGRAMMES)
    day = f"{month_text(FIRST_MONTH + months - 2)}-15"
    dates = [day, *(f"{month_text(FIRST_MONTH + months - 1 - back)}-20" for back in range(10))]
    set_dates = [
        fact_from_object(_fact(LARGE, "set-anniversary", f"s-{day}", "2020-01-01T00:00:00Z", anniversary=day))
        for day in dates
    ]
    begun_s = timed(lambda: writer.record(set_dates))
    spent = []
    for day in dates:
        one = fact_from_object(_fact(LARGE, "decide-designation", f"d-{day}", "2029-12-01T00:00:00Z", anniversary=day))
        start = time.perf_counter()
        (outcome,) = writer.record([one])
        spent.append((time.perf_counter() - start) * 1e3)
        assert outcome.status == "accepted", outcome
    writer.close()
    store.close()
    return {"first facts": round(begun_s * 1e3, 1), "first decision": round(spent[0], 1), **percentiles(spent[1:])}


def measure(folder: Path, customers: int, workloads: int, months: int) -> dict[str, Any]:
    """Everything, in this process."""
    collect_garbage_seldom()
    path = folder / "reports.db"
    count, spent = record(path, map(orjson.dumps, facts(customers, workloads, months)))
    found: dict[str, Any] = {"facts": count, "of the large partner": customers * workloads * months}
    found["recorded facts/s"] = round(count / spent)
    survey_count, spent = record(folder / "survey.db", map(orjson.dumps, scale(1, min(count, 200_000))))
    found["recorded survey facts/s"] = round(survey_count / spent)
    found["catch-up events/s"] = round(count / catch_up(path))
    store = SQLiteStore(folder / "survey.db")
    events = store.max_position()
    store.close()
    found["catch-up survey events/s"] = round(events / catch_up(folder / "survey.db"))
    found["projections MiB"] = round(Path(f"{path}.projections").stat().st_size / 2**20)
    database = SQLiteDatabase(f"{path}.projections")
    with view(database) as seen:
        reader = seen.scores()
        for name, memberships in (("large", [LARGE]), ("ordinary", ORDINARY)):
            found[f"score of the {name}, now, ms"] = latency(reader, memberships, months, then=False)
            found[f"score of the {name}, then, ms"] = latency(reader, memberships, months, then=True)
        board = [(membership, AREA) for membership in ORDINARY]
        board_s = timed(lambda: reader.scores(board, month_end_us(FIRST_MONTH + months) + 20 * DAY_US))
        found["scores of a board, ms each"] = round(board_s * 1e3 / len(board), 3)
    database.close()
    found["decide, ms"] = decide(path, months)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--customers", type=int, default=200)
    parser.add_argument("--workloads", type=int, default=15)
    parser.add_argument("--months", type=int, default=30)
    parser.add_argument("--full", action="store_true", help="2,000 customers, 15 workloads, 60 months")
    arguments = parser.parse_args()
    size = (2_000, 15, 60) if arguments.full else (arguments.customers, arguments.workloads, arguments.months)
    with tempfile.TemporaryDirectory(prefix="csat-ledger-bench-") as name:
        print(json.dumps(measure(Path(name), *size), indent=1))


if __name__ == "__main__":
    main()
