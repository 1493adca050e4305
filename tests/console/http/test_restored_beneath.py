"""A book that is restored, moved or removed beneath the running service, which should have been stopped before."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from ledger.errors import DifferentBook, StoreUnreachable
from tests.console.http.place import Place, eventually
from tests.console.http.support import bearer, serving
from tests.console.http.test_drills import hand_in, missing
from tests.console.support import enrolment

NONSENSE = {"type": "nonsense"}


def record(here: Place, store: str, *memberships: str) -> None:
    (here.folder / "facts.json").write_text(json.dumps([one for name in memberships for one in enrolment(name)]))
    here.done("--store", store, "record", "facts.json")


def remove_book(folder: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        (folder / f"ledger.db{ending}").unlink(missing_ok=True)


def move_away(here: Place, client: httpx.Client) -> None:
    """The book is moved to another place while somebody has handed facts in."""
    assert hand_in(client, "m-1").status_code == 200
    here.done("copy", "--from", "ledger.db", "--to", "away.db")
    remove_book(here.folder)


def test_facts_are_recorded_in_the_older_book_that_took_the_place_of_the_one_that_was_open(tmp_path: Path) -> None:
    here = Place(tmp_path)
    with here.serving() as served, served.client() as client:
        assert hand_in(client, "m-1").status_code == 200
        here.done("copy", "--from", "ledger.db", "--to", "older.db")
        assert hand_in(client, "m-2").status_code == 200
        remove_book(tmp_path)
        (tmp_path / "older.db").rename(tmp_path / "ledger.db")
        eventually(lambda: hand_in(client, "m-3").status_code == 200, "facts are recorded again")
        again = hand_in(client, "m-2")  # it came after the backup
        assert [one["status"] for one in again.json()] == ["accepted"] * len(again.json())
        eventually(lambda: missing(client) == [], "it is ready by itself")
        refused = [client.post("/v1/facts", json=NONSENSE, headers=bearer("operator")) for _ in range(2)]
        assert [one.status_code for one in refused] == [422, 422]
        kept = client.get("/v1/refusals", headers=bearer("operator")).json()["refusals"]
        assert [one["code"] for one in kept] == ["malformed"]
        code, _ = served.stop()
    assert code == 0
    assert here.run("project", "--status").returncode == 0


def test_no_empty_book_is_made_in_the_place_of_one_that_was_moved_away(tmp_path: Path) -> None:
    here = Place(tmp_path)
    with here.serving() as served, served.client() as client:
        move_away(here, client)
        eventually(lambda: {"store-unreachable", "clock-failed"} <= set(missing(client)), "it is said")
        assert [hand_in(client, "m-2").status_code for _ in range(3)] == [503] * 3
        assert not (tmp_path / "ledger.db").exists()
        (tmp_path / "away.db").rename(tmp_path / "ledger.db")
        eventually(lambda: hand_in(client, "m-2").status_code == 200, "facts are recorded when it is back")
        eventually(lambda: missing(client) == [], "it is ready by itself")
        code, errors = served.stop()
    assert (code, b"found another file, or none" in errors) == (0, True), errors


@pytest.mark.parametrize("grown", [False, True], ids=["older", "grown another way"])
def test_projections_of_what_no_longer_is_answer_nothing(tmp_path: Path, grown: bool) -> None:
    """Until they were built anew, which takes a minute in a large book, all that was lost was told as if it were there."""
    here = Place(tmp_path)
    record(here, "ledger.db", "m-1")
    here.done("copy", "--from", "ledger.db", "--to", "older.db")
    record(here, "ledger.db", "m-2")
    if grown:
        record(here, "older.db", "m-3", "m-4")
    with serving(tmp_path / "ledger.db") as served:
        assert served.get("/v1/memberships/m-2/status").status_code == 200
        served.following.close()  # as if it took long to build them
        remove_book(tmp_path)
        (tmp_path / "older.db").rename(tmp_path / "ledger.db")
        found = [served.get("/v1/memberships/m-2/status").json()["code"] for _ in range(12)]
        assert set(found) == {"store-unreachable", "different-book"}
        batch = served.post("/v1/status:batch", [{"membership": "m-2"}], "auditor")
        assert (batch.status_code, batch.json()["code"]) == (503, "different-book")
        here.done("project")
        assert served.get("/v1/memberships/m-2/status").json()["code"] == "unknown-membership"
        assert served.get("/v1/memberships/m-1/status").status_code == 200
        assert {type(fault) for fault in served.faults} == {StoreUnreachable, DifferentBook}
        served.faults.clear()


def test_a_store_that_is_away_is_a_line_in_the_log_and_not_a_traceback_for_each_who_asks(tmp_path: Path) -> None:
    """Twenty-six lines for each request: an hour without a server of databases was a log of a gigabyte."""
    here = Place(tmp_path)
    with here.serving() as served, served.client() as client:
        move_away(here, client)
        for _ in range(20):
            assert client.get("/v1/memberships", headers=bearer("auditor")).status_code == 503
        code, errors = served.stop()
    said = errors.decode()
    assert (code, "Traceback" in said) == (0, False), said
    assert 1 <= said.count("questions are not answered: ") <= 2, said
    assert "found another file, or none" in said
