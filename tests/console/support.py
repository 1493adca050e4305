"""The command line, run inside the test; and small histories to run it on."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from console.cli.main import main

ROOT = Path(__file__).parents[2]
NOW = "2012-01-01T00:00:00Z"

Fact = dict[str, Any]


class Ran(NamedTuple):
    """What a run of the program left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object that was printed."""
        (line,) = self.lines
        return line

    @property
    def lines(self) -> list[Any]:
        """The objects that were printed, a line each."""
        return [orjson.loads(line) for line in self.out.splitlines()]


class Program:
    """`csat-ledger` on a ledger of its own, with a clock that stands still."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.store = folder / "ledger.db"
        self._capture = capture
        self._monkeypatch = monkeypatch
        for name in os.environ:
            if name.upper().startswith("CSAT_LEDGER_"):
                monkeypatch.delenv(name)
        self.now(NOW)
        monkeypatch.chdir(folder)

    def now(self, instant: str) -> None:
        """Sets the clock."""
        self._monkeypatch.setenv("CSAT_LEDGER_NOW", instant)

    def run(self, *arguments: str | Path) -> Ran:
        """Runs it on the ledger."""
        return self.run_bare("--store", self.store, *arguments)

    def run_bare(self, *arguments: str | Path) -> Ran:
        """Runs it with these arguments alone."""
        self._capture.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = self._capture.readouterr()
        return Ran(code, out, err)

    def json(self, *arguments: str | Path) -> Ran:
        """Runs it with --json."""
        return self.run("--json", *arguments)

    def write(self, name: str, facts: Iterable[Fact | str]) -> Path:
        """A file of facts; strings stand in it as they are."""
        path = self.folder / name
        path.write_bytes(b"".join(_line(fact) + b"\n" for fact in facts))
        return path

    def record(self, *facts: Fact) -> None:
        """Records facts, all of which must be accepted."""
        ran = self.json("record", self.write("recorded.jsonl", facts))
        assert (ran.code, ran.json["accepted"]) == (0, len(facts)), ran

    def stdin(self, content: bytes) -> None:
        """What the next run reads from `-`."""
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    def start(self, *arguments: str | Path, **environment: str) -> subprocess.Popen[bytes]:
        """The program as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "console", "--store", str(self.store), *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


def _line(fact: Fact | str) -> bytes:
    return fact.encode() if isinstance(fact, str) else orjson.dumps(fact)


def fact(kind: str, fact_id: str, occurred_at: str, membership: str = "m-1", **fields: Any) -> Fact:
    """A fact."""
    return {"type": kind, "id": fact_id, "membership": membership, "occurred_at": occurred_at, **fields}


def enrolment(membership: str = "m-1", **fields: Any) -> list[Fact]:
    """A gold membership of 2010 with a renewal on 1 March 2011."""
    at = "2010-01-11T09:00:00Z"
    return [
        fact("enrol-membership", f"{membership}-enrol", at, membership, name="Alderbrook", level="gold", **fields),
        fact("set-renewal-date", f"{membership}-renew", at, membership, renewal_date="2011-03-01"),
    ]


def response(number: int, organisation: str, occurred_at: str, membership: str = "m-1") -> Fact:
    """A response through the partner's open link."""
    return fact(
        "record-response",
        f"{membership}-f-{number}",
        occurred_at,
        membership,
        response=f"{membership}-r-{number}",
        customer_org=organisation,
    )


def met(membership: str = "m-1") -> list[Fact]:
    """A membership that is satisfied from 10 June 2010 on, until 1 June 2011."""
    return [
        *enrolment(membership),
        *(response(day, "Brontegard" if day <= 8 else "Lindomar", f"2010-06-{day:02d}T10:00:00Z", membership)
          for day in range(1, 11)),
    ]  # fmt: skip


def edition(name: str, effective_from: str, **figures: int) -> Fact:
    """An edition of the rules, published on 1 June 2011."""
    return {
        "type": "publish-rulebook",
        "id": f"edition-{name}",
        "occurred_at": "2011-06-01T00:00:00Z",
        "edition": name,
        "effective_from": effective_from,
        "min_responses": 10,
        "per_org_cap": 8,
        "min_organisations": 2,
        "window_months": 12,
        "min_evaluations": 10,
        "pool_locations": False,
        **figures,
    }
