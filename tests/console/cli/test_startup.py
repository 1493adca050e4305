"""A command imports only what it needs. Held by what is imported, and by a ratio inside one run: never by seconds."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from tests.console.designation_story import AREA, qualified
from tests.console.support import ROOT, Program, met

SERVICE = {"fastapi", "starlette", "uvicorn", "joserfc", "console.http"}
QUESTION = SERVICE | {
    "pydantic",
    "pydantic_settings",
    "rich",
    "asyncio",
    "ledger.writing.writer",
    "ledger.programmes.survey.facts",
    "ledger.programmes.capability.facts",
}
HELP = SERVICE | {"pydantic", "rich", "sqlite3", "eventsourcing", "projections.database"}
REPORT = "import sys; from console.cli.main import main; main({arguments!r}); print(*sys.modules, file=sys.stderr)"


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("CSAT_LEDGER_")}
    return {**kept, "PYTHONPATH": str(ROOT)}


def imported_by(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", REPORT.format(arguments=list(arguments))],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stderr.split())


@pytest.mark.parametrize(
    ("command", "needless"),
    [
        (
            ["status", "m-1"],
            QUESTION,
        ),
        (["history", "m-1"], {"pydantic", "rich", "ledger.writing.writer", "ledger.programmes.survey.facts"}),
        (["changes"], {"pydantic", "rich", "ledger.writing.writer", "projections.database"}),
        (["replay", "m-1"], {"pydantic", "rich", "ledger.writing.writer", "projections.database"}),
        (["score", "m-1", "--area", AREA], QUESTION),
        (["score", "m-1", "--area", AREA, "--explain", "2024-07-01", "2024-08-01"], QUESTION),
        (["what-would-it-take", "m-1", "--area", AREA, "--more-percent", "3"], QUESTION),
        (["expiring", "m-1", "--area", AREA], QUESTION),
        (["score-months", "m-1", "--area", AREA], QUESTION),
        (["designations"], QUESTION),
        (["anniversaries"], QUESTION),
        (["history", "m-1", "--area", AREA], QUESTION),
        (["decisions"], QUESTION),
        (["replay", "m-1", "--area", AREA], QUESTION | {"projections.database"}),
        (["review"], SERVICE | {"rich", "projections.database"}),
        (["token", "--role", "owner"], {"fastapi", "starlette", "uvicorn", "pydantic", "projections.database"}),
        (
            ["--help"],
            SERVICE
            | {"pydantic", "rich", "sqlite3", "eventsourcing", "projections", "ledger.event", "ledger.programmes"},
        ),
        (["status", "--help"], HELP),
        (["score", "--help"], HELP),
        (["designations", "--help"], HELP),
        (["decide-designation", "--help"], HELP),
    ],
)
def test_a_command_imports_only_what_it_needs(program: Program, command: list[str], needless: set[str]) -> None:
    program.now("2024-12-31T00:00:00Z")
    program.record(*met(), *qualified())
    program.run("project")
    found = imported_by("--store", str(program.store), *command)
    assert "console.cli.main" in found
    assert not found & needless


def test_status_starts_about_as_fast_as_the_library_below_it(program: Program) -> None:
    program.record(*met())
    program.run("project")
    status = [sys.executable, "-m", "console", "--store", str(program.store), "status", "m-1"]
    library = [sys.executable, "-c", "import eventsourcing.sqlite, sqlite3, orjson, argparse"]
    fastest = {"status": 1e9, "library": 1e9}
    for _ in range(7):
        for name, command in (("status", status), ("library", library)):
            started = time.perf_counter()
            subprocess.run(command, env=environment(), capture_output=True, check=True, timeout=60)
            fastest[name] = min(fastest[name], time.perf_counter() - started)
    assert fastest["status"] < 5 * fastest["library"], fastest
