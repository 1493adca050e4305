"""How a service stands, at a glance: each sign by what is so, and as the alarms of the documentation have it."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from console.http.embedded import Embedded
from console.http.operations import BOUNDS
from console.http.sealed import Sealing
from console.wiring import open_store
from ledger.store.base import Aside
from tests.console.http.support import Served, make_book, seal, serving
from tests.console.support import ROOT, fact


@pytest.fixture
def served(tmp_path: Path) -> Any:
    make_book(tmp_path / "ledger.db")
    seal(tmp_path / "ledger.db", tmp_path / "log")
    with serving(tmp_path / "ledger.db", Embedded(tiles=tmp_path / "log")) as found:
        yield found


def signs(served: Served) -> dict[str, tuple[int, str]]:
    answer = served.get("/v1/operations", "operations")
    assert answer.status_code == 200, answer.text
    return {one["sign"]: (one["value"], one["state"]) for one in answer.json()["signs"]}


def test_a_service_at_which_nothing_is_amiss_says_ok_of_everything(served: Served) -> None:
    found = signs(served)
    assert found.keys() <= BOUNDS.keys()
    assert {
        "lag",
        "gaps",
        "late-reviews",
        "streams-set-aside",
        "streams-parked",
        "refusals",
        "sealing-age",
    } <= found.keys()
    assert {state for _, state in found.values()} == {"ok"}
    answer = served.get("/v1/operations", "operations").json()
    assert (answer["ready"], answer["missing"]) == (True, [])


def test_what_was_refused_is_to_be_looked_at_until_it_is_resolved(served: Served) -> None:
    late = fact(
        "record-response", "early", "2012-01-01T00:00:00Z", "m-77", response="r-early", customer_org="Brontegard"
    )
    assert served.post("/v1/facts", late).status_code == 422
    assert signs(served)["refusals"] == (1, "look")
    assert served.post("/v1/facts", fact("enrol-membership", "e", "2012-01-01T00:00:00Z", "m-77", name="New",
                                         level="gold")).status_code == 201  # fmt: skip
    assert served.post("/v1/refusals:retry", {}, "operator").json()["accepted"] == 1
    assert signs(served)["refusals"] == (0, "ok")


def test_a_checkpoint_is_old_only_where_there_is_more_to_seal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_book(tmp_path / "ledger.db")
    seal(tmp_path / "ledger.db", tmp_path / "log")
    sealing = Sealing(tmp_path / "log")
    assert sealing.unsealed_s(40) == 0  # as it was first seen
    made_s = (tmp_path / "log/checkpoint").stat().st_mtime
    monkeypatch.setattr("console.http.sealed.time", SimpleNamespace(time=lambda: made_s + 700))
    assert sealing.unsealed_s(40) == 0
    assert BOUNDS["sealing-age"].state(sealing.unsealed_s(41)) == "look"
    monkeypatch.setattr("console.http.sealed.time", SimpleNamespace(time=lambda: made_s + 3_601))
    assert BOUNDS["sealing-age"].state(sealing.unsealed_s(41)) == "act"
    monkeypatch.setattr("console.http.sealed.time", SimpleNamespace(time=lambda: made_s - 3_600))
    assert sealing.unsealed_s(41) == 0, "a clock that was set back makes no age below 0, which no answer may have"


def test_a_stream_that_is_set_aside_is_to_be_acted_on(served: Served) -> None:
    store = open_store(str(served.store), create=False)
    with store.writing() as transaction:
        transaction.save_set_aside([Aside("membership-m-2", 1, "a test", 0)])
    store.close()
    assert signs(served)["streams-set-aside"] == (1, "act")


@pytest.mark.parametrize(
    ("sign", "figure"), [("late-reviews", "60"), ("sealing-age", "600"), ("webhook-parked", "any is parked")]
)
def test_the_bounds_are_those_of_the_alarms(sign: str, figure: str) -> None:
    table = (ROOT / "docs/operations.md").read_text()
    assert sign in BOUNDS
    assert re.search(rf"\|[^|\n]*\b{re.escape(figure)}\b[^|\n]*\|", table)
    assert BOUNDS[sign].state(0) == "ok"
