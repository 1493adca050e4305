"""Memory of a process that records a long file: bounded, whatever the file's length."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import orjson

from console.demo.survey import scale
from tests.console.support import ROOT
from tests.support.soak import SOAK

SAY_PEAK = (
    "import re, sys; from pathlib import Path; from console.cli.main import main; code = main(sys.argv[1:]); "
    "print('peak', re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1], file=sys.stderr); "
    "sys.exit(code)"
)
"""`ru_maxrss` would tell of the process that started this one, where that was the larger: it outlives exec."""


def peak_mib(folder: Path, facts: int, **environment: str) -> int:
    """Peak resident memory of `csat-ledger record` over a file of so many facts."""
    path = folder / "facts.jsonl"
    with path.open("wb") as file:
        for fact in scale(3, facts):
            file.write(orjson.dumps(fact) + b"\n")
    arguments = ["--store", str(folder / "book.db"), "record", str(path), "--json"]
    said, peak = run_with_peak(arguments, CSAT_LEDGER_NOW="2016-01-01T00:00:00Z", **environment)
    assert orjson.loads(said)["accepted"] == facts
    return peak


def run_with_peak(arguments: list[str], **environment: str) -> tuple[str, int]:
    """What `csat-ledger` said, and its own peak resident memory in MiB."""
    ran = subprocess.run(
        [sys.executable, "-c", SAY_PEAK, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True, text=True, check=True, timeout=1_200,
    )  # fmt: skip
    found = re.search(r"^peak (\d+)$", ran.stderr, re.MULTILINE)
    assert found is not None
    return ran.stdout, int(found[1]) >> 10


def test_the_peak_is_that_of_the_program_and_not_of_who_starts_it() -> None:
    large = bytearray(100 << 20)
    assert run_with_peak(["help", "times"])[1] << 20 < len(large)


def test_a_long_file_is_recorded_in_256_mib_and_in_less_where_states_are_given_less(tmp_path: Path) -> None:
    (tmp_path / "much").mkdir()
    (tmp_path / "little").mkdir()
    much = peak_mib(tmp_path / "much", 1_000_000 if SOAK else 60_000)
    assert much < 256
    little = peak_mib(tmp_path / "little", 60_000, CSAT_LEDGER_STATE_MIB="2", CSAT_LEDGER_RECORD_BATCH="500")
    assert little < much - 20
