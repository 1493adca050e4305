"""How fast results are tabulated and published: figures of one run.

    python -m tests.benchmarks.results [--responses 1000000] [--memberships 5000] [--years 5]

frames       making the frames out of rows of responses with answers, s
tabulate     the benchmark of all responses by one grouping by columns (membership and quarter, four questions), s: what
             no rule can be faster than
close        closing every month, from nothing, s; the slowest one; figures and releases made
keep         keeping it all in a vault's database, s
again        reading what was kept, and closing the month after, s: what a run a month costs
ask          `results` figures of one membership, and the `benchmark` of all groups, as published, ms
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import polars as pl

from console.published import Published
from ledger.vault.database import SQLiteVault
from projections.questions.benchmark import benchmark
from projections.results.cells import OF_MEMBERSHIP, QUESTIONS
from projections.results.grouping import PROFILE
from projections.results.periods import months_from
from projections.results.publication import Publication
from projections.results.releasing import Floor
from projections.results.rows import Earlier

Answer = TypeVar("Answer")
FIRST_YEAR = 2010


def timed(work: Callable[[], Answer]) -> tuple[float, Answer]:
    """Seconds, and what came of it."""
    begun = time.perf_counter()
    found = work()
    return round(time.perf_counter() - begun, 3), found


def frames(responses: int, memberships: int, years: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Responses with answers, evenly over the months, and what is said of the memberships: 7 areas, 3 models."""
    random = Random(13)
    scores = [*range(5, 11), 9, 10, None]
    columns: dict[str, list[Any]] = {
        "membership": [f"m-{random.randrange(memberships)}" for _ in range(responses)],
        "response": [f"r-{number}" for number in range(responses)],
        "month": [f"{FIRST_YEAR + random.randrange(years)}-{random.randrange(1, 13):02}" for _ in range(responses)],
        "location": [random.choice(("main", "main", "north")) for _ in range(responses)],
        "segment": [f"org-{random.randrange(8)}" for _ in range(responses)],
        "void": [False] * responses,
        **{question: [random.choice(scores) for _ in range(responses)] for question in QUESTIONS},
    }
    of = [(f"m-{number}", 0, number, f"area-{number % 7}", f"model-{number % 3}") for number in range(memberships)]
    types: dict[str, pl.DataType] = {question: pl.Int8() for question in QUESTIONS}
    return pl.DataFrame(columns, schema_overrides=types), pl.DataFrame(of, schema=PROFILE, orient="row")


def measure(responses: int, memberships: int, years: int) -> dict[str, Any]:
    """All figures of a run."""
    made_s, (rows, profiles) = timed(lambda: frames(responses, memberships, years))
    grouped = rows.group_by("membership", "month").agg
    tabulated_s, _ = timed(lambda: grouped(pl.len(), *(pl.col(question).value_counts() for question in QUESTIONS)))
    begun_s, publication = timed(lambda: Publication(rows, profiles, Earlier(), Floor()))
    closed_s, closings = [begun_s], []
    for month in months_from(f"{FIRST_YEAR}-01", f"{FIRST_YEAR + years - 1}-12"):
        took_s, closed = timed(lambda month=month: publication.close(month, 1, 1))  # type: ignore[misc]
        closed_s.append(took_s)
        closings.append(closed)
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(SQLiteVault(str(Path(folder) / "v"), create=True)) as database,
    ):
        published = Published(database)
        kept_s, _ = timed(lambda: [published.keep(closed) for closed in closings])
        again_s, _ = timed(
            lambda: Publication(rows, profiles, published.earlier(), Floor()).close(f"{FIRST_YEAR + years}-01", 2, 2)
        )
        asked_s, _ = timed(lambda: list(published.cells(OF_MEMBERSHIP, "m-1")))
        benchmark_s, lines = timed(lambda: benchmark(published))
    return {
        "responses": responses, "frames_s": made_s, "tabulate_s": tabulated_s, "close_s": round(sum(closed_s), 1),
        "slowest_close_s": max(closed_s[1:]), "figures": sum(len(one.cells) for one in closings),
        "releases": sum(len(one.releases) for one in closings), "keep_s": kept_s, "again_s": again_s,
        "ask_results_ms": round(1_000 * asked_s, 1), "ask_benchmark_ms": round(1_000 * benchmark_s, 1), "lines": len(lines),
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--responses", type=int, default=1_000_000)
    parser.add_argument("--memberships", type=int, default=5_000)
    parser.add_argument("--years", type=int, default=5)
    print(json.dumps(measure(**vars(parser.parse_args()))))
