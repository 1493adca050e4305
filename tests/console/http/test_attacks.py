"""What somebody tries who means harm, with a token or without: each attack as it was made, and what becomes of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from console.http import batch
from projections.questions.status import status
from tests.console.http.support import PATHS, Served, make_book, serving

# a partner who wants to know when an anonymous response came


OF_DESIGNATIONS = ("designations", "score", "explain", "designation-history", "designation-decisions")


def asked_as_known(served: Served, route: str, known: str, role: str) -> Any:
    path = PATHS[route]
    if route == "explain":
        return served.get(f"{path}&from_known_at={known}&to_known_at={known}", role)
    return served.get(f"{path}?known_at={known}", role)


@pytest.mark.parametrize("route", OF_DESIGNATIONS)
def test_a_partner_cannot_search_for_the_instant_of_a_position_by_way_of_a_designation(
    served: Served, route: str
) -> None:
    """Its history names the position of the change that a response brought about; an answer says which position is meant by
    an instant. So halving finds the microsecond at which the response was recorded."""
    assert served.get(PATHS["history"], "partner").json()[0]["position"] > 0
    for known in ("2024-12-31T23:59:59.999999Z", "2025-01-01T00:00:00.000001Z", "2025-01-01T00:00:00%2B01:00"):
        found = asked_as_known(served, route, known, "partner")
        assert (found.status_code, found.json()["code"]) == (403, "forbidden"), found.text
        assert found.json()["field"] == ("from_known_at" if route == "explain" else "known_at")
        assert asked_as_known(served, route, known, "auditor").status_code == 200


@pytest.mark.parametrize("known", ["50", "2025-01-01", "2025-01-01T01:00:00%2B01:00"])
@pytest.mark.parametrize("route", OF_DESIGNATIONS)
def test_a_partner_asks_about_a_designation_as_known_at_a_position_or_on_a_day(
    served: Served, route: str, known: str
) -> None:
    assert asked_as_known(served, route, known, "partner").status_code == 200


# who asks for more than anybody waits for


def test_a_batch_that_takes_too_long_is_not_worked_on_after_its_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four batches of ten thousand questions about the past kept all threads for minutes: whoever else asked got 504."""
    asked = 0

    def slow(*about: Any) -> Any:
        nonlocal asked
        asked += 1
        time.sleep(0.002)
        return status(*about)

    monkeypatch.setattr(batch, "status", slow)
    make_book(tmp_path / "ledger.db")
    with serving(tmp_path / "ledger.db", deadline_s=0.5) as served:
        dear = [{"membership": "m-1", "at": "2011-01-01", "known_at": 40} for _ in range(2_000)]
        found = served.post("/v1/status:batch", dear, "auditor")
        assert (found.status_code, found.json()["code"]) == (504, "deadline")
        time.sleep(0.05)
        before = asked
        assert 0 < before < 2_000
        time.sleep(0.3)
        assert asked == before
