"""Nothing is quadratic: each dimension of the scaling table at n, 2n and 4n (tests/benchmarks/scaling.py)."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from ledger.instants import format_instant
from tests.benchmarks.scaling import DIMENSIONS, HOUR_US, LONG_AGO, NOW_US, Dimension, measure, record, responses
from tests.benchmarks.scaling_designations import DESIGNATIONS
from tests.support.real_book import RealBook
from tests.support.soak import SOAK

DAY: Final = "2012-01-01"
TRIES: int = 3
"""Other processes can hold up a measurement, they cannot speed it up: one try in which it grows slowly is enough."""


@pytest.mark.parametrize(
    "dimension", [pytest.param(dimension, id=name) for name, dimension in {**DIMENSIONS, **DESIGNATIONS}.items()]
)
def test_twice_as_many_facts_cost_about_twice_as_much(dimension: Dimension) -> None:
    size = dimension.size * (4 if SOAK else 1)
    found = []
    for _ in range(TRIES):
        seconds = measure(dimension, size)
        found.append(seconds)
        if seconds[-1] <= dimension.growth_max * seconds[0]:
            return
    pytest.fail(
        f"found {found} CPU seconds at n, 2n and 4n (n = {size:,}), expected at most {dimension.growth_max} times"
    )


@pytest.mark.elsewhere
@pytest.mark.skipif(not SOAK, reason="CSAT_LEDGER_TEST_SOAK is not set: it records 100,000 responses first")
def test_a_decision_on_a_hundred_thousand_responses_costs_at_most_twice_one_on_a_hundred(tmp_path: Path) -> None:
    """As whole processes, in CPU time; the least of some."""
    least = {}
    clock = {**os.environ, "CSAT_LEDGER_NOW": format_instant(NOW_US + HOUR_US)}
    for count in (100, 100_000):
        book = RealBook(tmp_path / f"{count}.db")
        told = [
            *responses(count, late=False),
            {"type": "set-renewal-date", "occurred_at": LONG_AGO, "renewal_date": DAY},
        ]
        record(told, book)
        book.close()
        spent = []
        for number in range(8):
            copy = tmp_path / f"{count}-{number}.db"
            shutil.copy(tmp_path / f"{count}.db", copy)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            command = [
                sys.executable,
                "-m",
                "console",
                "--store",
                str(copy),
                "--json",
                "decide",
                "m-1",
                "--renewal",
                DAY,
            ]
            subprocess.run(command, check=True, capture_output=True, timeout=60, env=clock)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        least[count] = min(spent)
    assert least[100_000] <= 2 * least[100], least
