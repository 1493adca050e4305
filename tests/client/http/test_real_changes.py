"""The client and the examples follow the service itself: over kills and restarts, each announcement once and in order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from csat_ledger_client import Change, Ledger
from csat_ledger_client.errors import NotAllowed, PositionUnknown
from csat_ledger_client.pauses import Pauses
from tests.client.http.support import bearer_of
from tests.console.designation_story import qualified
from tests.console.http.process import Running, service_process
from tests.console.support import Fact, fact, met, response

QUICK = Pauses(0.05, 0.2, Random(1))
EVERYBODY = ("--role", "operator", "--role", "auditor", "--role", "subscriber")


def announced(folder: Path) -> list[dict[str, Any]]:
    """What the book announces, as the command line says it."""
    done = subprocess.run(
        [sys.executable, "-m", "console", "--store", "ledger.db", "--json", "changes"], cwd=folder, capture_output=True,
        env=os.environ, check=True, timeout=60,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def flip(number: int) -> list[Fact]:
    """Two facts, each of which changes whether m-1 is satisfied: one of its responses is void, and another comes."""
    day, gone = f"2010-07-{number + 1:02d}", 3 if number == 0 else number + 99
    return [
        fact("void-response", f"v-{number}", f"{day}T01:00:00Z", response=f"m-1-r-{gone}", reason="test"),
        response(number + 100, "Brontegard", f"{day}T02:00:00Z"),
    ]


def said(change: Change) -> dict[str, Any]:
    whole: dict[str, Any] = change.announcement.model_dump(mode="json", exclude_unset=True)
    return whole


def asking(running: Running) -> Ledger:
    return Ledger(running.url, bearer_of(running, *EVERYBODY), pauses=QUICK)


def test_it_is_told_what_the_command_line_tells_and_what_comes(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev") as running, asking(running) as ledger:
        ledger.record_many([*met(), *qualified("m-3")])
        before = announced(tmp_path)
        assert {"area" in one for one in before} == {True, False}
        feed = ledger.changes()
        assert [said(one) for one in islice(feed, len(before))] == before
        alone = ledger.changes(programme="capability", membership="m-3")
        assert "area" in said(next(alone))
        ledger.record_many(flip(0))
        later = announced(tmp_path)[len(before) :]
        assert len(later) >= 2
        assert [said(one) for one in islice(feed, len(later))] == later


def test_over_kills_and_restarts_each_change_is_given_once_and_in_order(tmp_path: Path) -> None:
    listen: tuple[str, ...] = ()
    given: list[Change] = []
    feed = client = None
    for round_ in range(4):
        with service_process(tmp_path, "--dev", *listen) as running:
            listen = ("--listen", running.url.removeprefix("http://"))
            with asking(running) as ledger:
                ledger.record_many(met() if round_ == 0 else flip(round_ - 1))
            if feed is None:
                client = asking(running)
                feed = client.changes(silence_max_s=20)
            expected = announced(tmp_path)
            given += islice(feed, len(expected) - len(given))
            assert [said(one) for one in given] == expected
            running.process.kill()
            running.process.wait(60)
    assert client is not None
    client.close()
    assert len(given) >= 7
    assert [one.announcement.position for one in given] == sorted({one.announcement.position for one in given})


def test_a_cursor_goes_on_and_that_of_another_book_is_an_error(tmp_path: Path) -> None:
    with service_process(tmp_path, "--dev") as running, asking(running) as ledger:
        ledger.record_many([*met(), *flip(0)])
        first, *others = islice(ledger.changes(), len(announced(tmp_path)))
        assert [one.cursor for one in islice(ledger.changes(first.cursor), len(others))] == [
            one.cursor for one in others
        ]
        position = first.cursor.partition("-")[0]
        for cursor in (f"{position}-{'0' * 16}", f"999999-{'0' * 16}"):
            with pytest.raises(PositionUnknown):
                next(ledger.changes(cursor))
        with Ledger(running.url, bearer_of(running, "--role", "operator")) as other, pytest.raises(NotAllowed):
            next(other.changes())
