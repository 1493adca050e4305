"""What an event takes on disk is about what docs/operations.md says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.console.support import ROOT, Fact, Program, enrolment, response

MEMBERSHIPS, RESPONSES = 20, 100
NEAR = 0.2
"""A smaller book than the one that was measured has other snapshots, and pages that are less full."""


def facts() -> Iterator[Fact]:
    for membership in (f"m-{number:04}" for number in range(MEMBERSHIPS)):
        yield from enrolment(membership)
        for number in range(RESPONSES):
            day = f"2010-{1 + number % 9:02}-{10 + number % 18:02}T{number % 24:02}:15:00Z"
            yield response(number, f"Customer {number % 9}", day, membership)


def said(what: str) -> int:
    """The bytes an event that the docs name."""
    table = (ROOT / "docs/operations.md").read_text().partition("## Sizes")[2]
    found = re.search(rf"^\| {re.escape(what)} \| (\d+) \|$", table, re.MULTILINE)
    assert found is not None, what
    return int(found[1])


def test_an_event_takes_as_many_bytes_as_operations_says(program: Program) -> None:
    program.record(*facts())
    assert program.run("project").code == 0
    assert program.run_bare("keygen", "--name", "ledger.example/renewals", "--out", "keys").code == 0
    assert program.run("seal", "--key", "keys/log.key", "--tiles", "log").code == 0
    events = int((program.folder / "log/checkpoint").read_text().split("\n")[1]) - 1
    assert events > MEMBERSHIPS * RESPONSES
    log = sum(path.stat().st_size for path in (program.folder / "log/tile").rglob("*") if path.is_file())
    assert log / events == pytest.approx(said("the log's folder, entries and tiles"), rel=NEAR)
    assert program.store.stat().st_size / events == pytest.approx(said("book in a file (SQLite)"), rel=NEAR)
