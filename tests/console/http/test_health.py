"""What /readyz says that a service lacks, and that it comes back by itself."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from console.http import health as module
from console.http.figures import Figures
from console.http.health import BEHIND_MAX, health
from console.http.intake import Intake
from console.http.reading import Following
from console.http.recording import Recording
from console.http.sealed import Sealing
from ledger.clock import ClockWrong
from ledger.fact import Fact
from ledger.writing.group_commit import Done
from ledger.writing.transaction import Outcome
from tests.console.http.process import service_process
from tests.console.http.support import NOW, Served, make_book
from tests.console.support import met


def following(**said: Any) -> Following:
    """Projections that stand as is said."""

    def opened() -> Any:
        raise AssertionError("nothing is opened to say how it stands")

    found = Following(opened, "ledger.db", lambda _: None)
    for name, value in said.items():
        setattr(found, name, value)
    return found


def codes(found: module.Health) -> list[str]:
    assert found.ready is not bool(found.missing)
    return [one.code for one in found.missing]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"end": 100, "position": 100}, []),
        ({"end": 100 + BEHIND_MAX, "position": 100}, []),
        ({"end": 101 + BEHIND_MAX, "position": 100}, ["projections-behind"]),
        ({"failed_with": "store-unreachable"}, ["store-unreachable"]),
        ({"failed_with": "different-book"}, ["projections-failed"]),
        ({"failed_with": "store-unreachable", "end": 101 + BEHIND_MAX}, ["store-unreachable", "projections-behind"]),
    ],
)
def test_a_service_that_cannot_answer_says_what_it_lacks(said: dict[str, Any], expected: list[str]) -> None:
    assert codes(health(following(**said))) == expected


def test_projections_that_nobody_looks_at_any_more_are_missing() -> None:
    assert codes(health(following(turned_s=time.monotonic() - module.STALLED_S - 1))) == ["projections-stalled"]


def test_what_cannot_be_recorded_is_missing_until_something_can_or_a_minute_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recording = Recording(Figures("sqlite"))
    assert codes(health(following(), recording)) == []
    recording.group(ClockWrong("clock-behind", "a sentence"), 0.1)
    (missing,) = health(following(), recording).missing
    assert (missing.code, "clock-behind" in missing.sentence) == ("recording-failed", True)
    recording.group(ZeroDivisionError(), 0.1)
    assert "found fault" in health(following(), recording).missing[0].sentence
    recording.group([], 0.1)
    assert codes(health(following(), recording)) == []
    recording.group(ZeroDivisionError(), 0.1)
    monkeypatch.setattr("console.http.recording.FAILING_S", 0.0)
    assert codes(health(following(), recording)) == []


def test_facts_that_wait_for_long_are_missing_until_one_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert codes(health(following(), waited_s=module.STALLED_S - 1)) == []
    assert codes(health(following(), waited_s=module.STALLED_S)) == ["recording-stalled"]
    now_s, waiting = 100.0, Waiting()
    monkeypatch.setattr("console.http.intake.time.monotonic", lambda: now_s)

    async def story() -> None:
        nonlocal now_s
        intake: Any = Intake(waiting, SimpleNamespace())  # type: ignore[arg-type]
        assert intake.waited_s() == 0
        now_s = 200.0
        first, second = (asyncio.create_task(intake.take_one(orjson.dumps(one), "test")) for one in met()[:2])
        await asyncio.sleep(0)
        now_s = 220.0
        assert (intake.waiting, intake.waited_s()) == (2, 20.0)
        waiting.tell()
        assert (intake.waiting, intake.waited_s()) == (1, 0.0)
        now_s = 230.0
        assert intake.waited_s() == 10.0
        waiting.tell()
        assert intake.waited_s() == 0
        assert [(await one).status for one in (first, second)] == ["accepted", "accepted"]

    asyncio.run(story())


class Waiting:
    """A commit that tells of a fact when it is told to."""

    def __init__(self) -> None:
        self.on_told: Callable[[], None] = lambda: None
        self._handed_in: deque[Done] = deque()

    def submit(self, _fact: Fact, done: Done) -> None:
        self._handed_in.append(done)

    def tell(self) -> None:
        self._handed_in.popleft()(Outcome("accepted", 1))
        self.on_told()

    def close(self) -> None:
        """Nothing is kept."""


def test_a_duty_that_cannot_be_done_is_missing_by_its_name() -> None:
    duties: Any = [
        SimpleNamespace(name="sealing", failed=True, detail="sealing: quorum-missing; the service's log says why"),
        SimpleNamespace(name="clock", failed=False, detail=""),
        SimpleNamespace(name="webhooks", failed=True, detail=""),
    ]
    found = health(following(), duties=duties)
    assert codes(found) == ["sealing-failed", "webhooks-failed"]
    assert [one.sentence for one in found.missing] == [
        duties[0].detail, "webhooks cannot be done; the service's log says why",
    ]  # fmt: skip


def test_sealing_is_late_where_there_is_more_to_seal_and_nobody_does(tmp_path: Path) -> None:
    sealing = Sealing(tmp_path, late_s=3_600)
    assert codes(health(following(end=5), sealing=sealing)) == []  # it has just begun, and may have no checkpoint yet
    assert codes(health(following(end=5), sealing=Sealing(tmp_path, late_s=0))) == ["sealing-late"]
    assert codes(health(following(end=0), sealing=Sealing(tmp_path, late_s=0))) == []


def test_a_service_whose_questions_find_its_projections_damaged_is_not_ready(tmp_path: Path) -> None:
    make_book(tmp_path / "ledger.db")
    with service_process(tmp_path, "--dev", "--no-bookkeeper", CSAT_LEDGER_NOW=NOW) as served:
        auditor = served.token("--role", "auditor")
        assert served.get("/v1/memberships", auditor).status_code == 200
        assert served.get("/readyz").status_code == 200
        file = tmp_path / "ledger.db.projections"
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            pages = [
                page
                for (page,) in connection.execute(
                    "SELECT rootpage FROM sqlite_master WHERE type = 'table' AND name LIKE 'eligibility%' AND rootpage > 0"
                )
            ]
        with file.open("r+b") as damaged:
            for page in pages:
                damaged.seek((page - 1) * 4_096)
                damaged.write(b"\xa5" * 4_096)
        found = served.get("/v1/memberships", auditor)
        assert (found.status_code, found.json()["code"]) == (503, "store-unreachable")
        ready = served.get("/readyz").json()
        assert [one["code"] for one in ready["missing"]] == ["projections-failed"]
        assert "damaged" in ready["missing"][0]["sentence"]


def test_readyz_names_what_is_missing_to_anybody_without_where_things_lie(served: Served) -> None:
    assert served.get("/readyz", None).json() == {"ready": True, "missing": []}
