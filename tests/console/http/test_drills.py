"""Failure drills: what the service answers while something it needs is away, how it shows, and that it goes on by itself."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.console.http.place import Load, Place, eventually, facts_of, kill
from tests.console.http.process import Running
from tests.console.http.support import NOW, bearer
from tests.servers.guard import children_of

STATUS = "/v1/memberships/m-1/status"


def figure(client: httpx.Client, series: str) -> float:
    """The value of a series of a service."""
    name, _, labels = series.partition("{")
    text = client.get("/metrics", headers=bearer("operations")).raise_for_status().text
    wanted = {'service="serve"', *filter(None, labels.rstrip("}").split(","))}
    for line in text.splitlines():
        said, _, value = line.rpartition(" ")
        if said.partition("{")[0] == f"csat_ledger_{name}" and wanted <= set(
            said.partition("{")[2].rstrip("}").split(",")
        ):
            return float(value)
    raise AssertionError(f"found no {series} in\n{text}")


def missing(client: httpx.Client) -> list[str]:
    """The codes of what /readyz says is missing."""
    found = client.get("/readyz")
    codes = [one["code"] for one in found.json()["missing"]]
    assert found.status_code == (503 if codes else 200)
    return codes


def hand_in(client: httpx.Client, membership: str) -> httpx.Response:
    return client.post("/v1/facts", json=facts_of(membership), headers=bearer("operator"))


def test_what_was_acknowledged_before_a_kill_is_there_once(tmp_path: Path) -> None:
    here = Place(tmp_path)
    with here.serving() as served, Load(served) as load:
        load.await_more(20)
        kill(served)
    with here.serving() as served, served.client() as client:
        position = 0
        for membership in load.sent:
            found = hand_in(client, membership).json()
            position = max(position, *(one["position"] for one in found))
            expected = {"duplicate"} if membership in load.acknowledged else {"duplicate", "accepted"}
            assert {one["status"] for one in found} <= expected, membership
        seen = {"Min-Position": str(position)}
        shown = client.get("/v1/participation?by=quarter", headers=bearer("owner") | seen).json()
        assert shown[0]["responses"] == len(load.sent)


def test_a_disk_with_no_more_room_for_the_book_refuses_facts_and_answers_questions(tmp_path: Path) -> None:
    here = Place(tmp_path)
    with here.serving() as served, served.client() as client:
        seen = {"Min-Position": hand_in(client, "m-1").headers["ledger-position"]}
        assert client.get(STATUS, headers=bearer("auditor") | seen).status_code == 200
        size = max(path.stat().st_size for path in tmp_path.glob("ledger.db*"))
        limits = resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE)
        processes = [served.process.pid, *children_of(served.process.pid)]
        for one in processes:
            resource.prlimit(one, resource.RLIMIT_FSIZE, (size, limits[1]))
        refused = fill(client)
        assert (refused.status_code, refused.json()["code"]) == (503, "store-unreachable")
        assert "retry-after" in refused.headers
        assert "recording-failed" in missing(client)
        assert client.get("/livez").status_code == 200
        assert client.get(STATUS, headers=bearer("auditor")).status_code == 200
        assert figure(client, 'failures_total{what="store-unreachable"}') >= 1
        for one in processes:
            resource.prlimit(one, resource.RLIMIT_FSIZE, limits)
        eventually(lambda: hand_in(client, "m-last").status_code == 200, "facts are recorded again")
        eventually(lambda: missing(client) == [], "and it is ready by itself")


def fill(client: httpx.Client) -> httpx.Response:
    """The first answer that is not 200."""
    for number in range(10_000):
        found = hand_in(client, f"m-fill-{number}")
        if found.status_code != 200:
            return found
    raise AssertionError("the disk was never full")


def test_a_clock_that_is_wrong_records_nothing_and_says_so(tmp_path: Path) -> None:
    with Place(tmp_path).serving() as served, served.client() as client:
        assert hand_in(client, "m-1").status_code == 200
    earlier = Place(tmp_path)
    earlier.settings["CSAT_LEDGER_NOW"] = "2024-12-30T23:00:00Z"  # an hour before what is in the book
    with earlier.serving() as served, served.client() as client:
        refused = hand_in(client, "m-2")
        assert (refused.status_code, refused.json()["code"]) == (503, "clock-behind")
        assert client.get(STATUS, headers=bearer("auditor")).status_code == 200
        eventually(
            lambda: missing(client) == ["recording-failed", "clock-failed"], "facts and reviews wait for the clock"
        )
        found = client.get("/readyz").json()["missing"]
        assert all("clock-behind" in one["sentence"] for one in found)
        assert figure(client, 'duty_failed{duty="clock"}') == 1
        assert figure(client, 'failures_total{what="clock-behind"}') == 1
    assert earlier.settings["CSAT_LEDGER_NOW"] < NOW


@contextmanager
def served_as_writer(tmp_path: Path, server: Any) -> Iterator[tuple[Place, Place, Running]]:
    """A service with the role of a writer, as docker-compose.yml has it, where `project` has the role of a projector."""
    admin_url = server.create_database()
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(files("ledger.store").joinpath("roles.sql").read_text().encode())
    place = admin_url.rpartition("@")[2]
    urls = {role: f"postgresql://csat_ledger_{role}@{place}" for role in ("migrator", "writer", "projector")}
    key = str(tmp_path / "link-key")
    Place(tmp_path / "migrator", urls["migrator"]).done("migrate", "--link-key", key)
    projector = Place(tmp_path / "projector", urls["projector"])
    writer = Place(tmp_path / "writer", urls["writer"], CSAT_LEDGER_LINK_KEY_FILE=key)
    try:
        with writer.serving() as served:
            yield writer, projector, served
    finally:
        server.drop_database(admin_url)


@pytest.mark.server
def test_projections_that_nobody_keeps_are_missing_then_behind_and_facts_are_taken_all_the_same(
    tmp_path: Path, postgres_server: Any
) -> None:
    with served_as_writer(tmp_path, postgres_server) as (_, projector, served), served.client() as client:
        assert missing(client) == ["projections-failed"]
        assert "projections-missing" in client.get("/readyz").text
        assert client.get(STATUS, headers=bearer("auditor")).status_code == 503
        assert hand_in(client, "m-1").status_code == 200
        projector.done("project")
        eventually(lambda: missing(client) == [], "projections are there")
        assert client.get(STATUS, headers=bearer("auditor")).status_code == 200
        position = hand_in(client, "m-2").headers["ledger-position"]
        seen = bearer("auditor") | {"Min-Position": position}
        late = client.get("/v1/memberships/m-2/status", headers=seen)
        assert (late.status_code, late.json()["code"]) == (504, "position-not-reached")
        assert figure(client, 'lag{of="projections"}') == len(facts_of("m-2"))
        projector.done("project")
        assert client.get("/v1/memberships/m-2/status", headers=seen).status_code == 200
        eventually(lambda: figure(client, 'lag{of="projections"}') == 0, "nothing is behind any more")
        code, errors = served.stop()
    said = [line for line in errors.decode().splitlines() if "behind the book" in line]
    assert (code, len(said)) == (0, 1), errors  # once, not with each look


@pytest.mark.server
def test_a_database_that_is_away_is_said_and_the_service_goes_on_when_it_is_back(
    tmp_path: Path, own_postgres: Any
) -> None:
    url = own_postgres.create_database()
    key = str(tmp_path / "link-key")
    here = Place(tmp_path / "here", url, CSAT_LEDGER_LINK_KEY_FILE=key)
    here.done("migrate", "--link-key", key)
    with here.serving() as served, served.client() as client:
        assert hand_in(client, "m-1").status_code == 200
        eventually(lambda: client.get(STATUS, headers=bearer("auditor")).status_code == 200, "the fact is projected")
        own_postgres.kill()
        eventually(lambda: "store-unreachable" in missing(client), "it is said")
        assert client.get("/livez").status_code == 200
        assert client.get(STATUS, headers=bearer("auditor")).status_code == 503
        assert hand_in(client, "m-2").status_code == 503
        assert figure(client, "ready") == 0
        assert figure(client, "book_end") >= 0  # what was known last
        assert str(own_postgres.port) not in client.get("/readyz").text
        own_postgres.start()
        eventually(lambda: missing(client) == [] or hand_in(client, "m-2").status_code == 200, "it is there again")
        eventually(lambda: hand_in(client, "m-2").status_code == 200, "facts are recorded")
        eventually(lambda: missing(client) == [], "nothing is missing")
        assert client.get("/v1/memberships/m-1/status", headers=bearer("auditor")).status_code == 200
        code, _ = served.stop()
    assert code == 0
