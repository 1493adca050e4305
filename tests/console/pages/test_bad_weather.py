"""What the pages say while something is amiss: never nothing, and to operations what to do about it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from html import unescape
from pathlib import Path

import httpx
import pytest

from console.http.operations import BOUNDS
from console.pages.board import TODO
from ledger.errors import StoreUnreachable
from tests.console.http.place import eventually
from tests.console.http.support import bearer, make_book, make_vault, publish, service_on_a_port
from tests.console.pages.support import signed_in
from tests.console.support import enrolment


def test_the_board_of_a_ledger_that_is_away_says_what_is_amiss_and_what_to_do(tmp_path: Path) -> None:
    """It was a bare `ask again later`, and /v1/operations was 503, too."""
    make_book(tmp_path / "ledger.db")
    with (
        service_on_a_port(tmp_path / "ledger.db", StoreUnreachable, pages=True) as url,
        signed_in(url, "operations") as operations,
        signed_in(url, "auditor") as auditor,
    ):
        assert operations.get("/console/board").status_code == 200
        for path in tmp_path.glob("ledger.db*"):
            path.rename(tmp_path / f"away-{path.name}")
        told = operations.get("/console/board")
        text = unescape(told.text)
        assert (told.status_code, told.headers["retry-after"].isdigit()) == (503, True)
        assert "At a glance" in text
        assert TODO["store-unreachable"] in text
        others = auditor.get("/console/board")
        assert (others.status_code, "At a glance" in others.text) == (503, False)

        def missing() -> list[str]:
            found = httpx.get(f"{url}/v1/operations", headers=bearer("operations"))
            assert found.status_code == 200, found.text
            return [one["code"] for one in found.json()["missing"]]

        eventually(lambda: "store-unreachable" in missing(), "what answers has noticed")
        for path in tmp_path.glob("away-*"):
            path.rename(tmp_path / path.name.removeprefix("away-"))


def test_a_board_that_comes_too_late_says_how_the_service_stands(pages: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.pages.board.PATIENCE_S", 0.0)
    with signed_in(pages, "operations") as client:
        told = client.get("/console/board")
        assert (told.status_code, "At a glance" in told.text, "Projections behind the book" in told.text) == (
            504,
            True,
            True,
        )
    with signed_in(pages, "auditor") as client:
        told = client.get("/console/board")
        assert (told.status_code, "At a glance" in told.text) == (504, False)


def test_operations_are_told_how_it_stands_however_long_the_store_takes(
    pages: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.http.app.PATIENCE_S", 0.0)
    found = httpx.get(f"{pages}/v1/operations", headers=bearer("operations")).json()
    assert (found["ready"], found["missing"][0]["code"]) == (False, "store-unreachable")
    assert "sealing-age" in {one["sign"] for one in found["signs"]}
    assert "lag" not in {one["sign"] for one in found["signs"]}


def test_a_vault_that_is_away_takes_only_what_is_in_it_from_the_pages(tmp_path: Path) -> None:
    """The whole pages of partners and of the owner were 503, and said that of the ledger."""
    place = make_vault(tmp_path / "ledger.db")
    make_book(tmp_path / "ledger.db", place)
    publish(tmp_path / "ledger.db", place)
    with (
        service_on_a_port(tmp_path / "ledger.db", StoreUnreachable, pages=True, vault=place) as url,
        signed_in(url, "owner") as owner,
        signed_in(url, "partner", "m-1") as partner,
    ):
        asked = ((owner, "/console/owner"), (partner, "/console/own/m-1"))
        for client, path in asked:
            assert "not known at present" not in client.get(path).text
        for file in tmp_path.glob("people.db*"):
            file.rename(tmp_path / f"away-{file.name}")
        for client, path in asked:
            found = client.get(path)
            assert (found.status_code, "not known at present" in found.text) == (200, True), found.text
            assert "is published yet" not in found.text
        assert partner.get("/console/own/m-1/report?month=2010-06").status_code == 503


def test_pages_say_how_far_behind_the_ledger_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can keep the projections up; it was a position that nobody can compare."""
    make_book(tmp_path / "ledger.db")
    monkeypatch.setattr(BOUNDS["lag"], "look", 1)
    with (
        service_on_a_port(tmp_path / "ledger.db", pages=True) as url,
        signed_in(url, "auditor") as client,
        closing(sqlite3.connect(tmp_path / "ledger.db.projections", isolation_level=None)) as other,
    ):
        assert "behind the ledger" not in client.get("/console/decisions").text
        other.execute("BEGIN IMMEDIATE")
        (made, *_) = enrolment("m-new")
        assert httpx.post(f"{url}/v1/facts", json=made, headers=bearer("operator")).status_code == 201
        eventually(lambda: "1 position behind the ledger" in client.get("/console/decisions").text, "it is said")
        other.execute("ROLLBACK")
        eventually(lambda: "behind the ledger" not in client.get("/console/decisions").text, "it has caught up")


@pytest.mark.parametrize("code", sorted(TODO))
def test_what_there_is_to_do_is_a_sentence(code: str) -> None:
    assert TODO[code].endswith(".")


@pytest.mark.parametrize(
    ("role", "of", "path"),
    [
        ("auditor", "", "/console/designations"), ("operations", "", "/console/board"), ("owner", "", "/console/owner"),
        ("partner", "m-1", "/console/own/m-1"), ("auditor", "", "/console/memberships/m-1"),
        ("auditor", "", "/console/upcoming"), ("auditor", "", "/console/what-if"),
    ],
)  # fmt: skip
def test_each_page_of_what_stands_now_says_of_when_it_is(pages: str, role: str, of: str, path: str) -> None:
    """Under a wrong clock, or on paper, nobody could see that it is of another time."""
    with signed_in(pages, role, of) as client:
        text = re.sub(r"<[^>]+>", "", client.get(path).text)
    assert "31 Dec 2024" in text or "2024-12-31" in text or (role == "owner" and "2024-12-01" in text)
    assert role == "partner" or re.search(r"as known at position [0-9,]+", text)
