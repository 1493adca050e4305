"""/metrics: each figure is what was done, by names of which there is a bounded number."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from console.http.figures import CONTENT_TYPE, Figures
from console.http.observed import route_names
from console.http.watched import Watched
from console.wiring import open_ledger
from ledger.store.sqlite_reader import SQLiteReader
from tests.console.designation_story import AREA
from tests.console.http.support import (
    INVITATIONS,
    NOW_US,
    ORGANISATIONS,
    PATHS,
    SUBJECTS,
    Served,
    bearer,
    make_book,
    responses,
    serving,
    token,
)
from tests.console.support import enrolment, fact, met


class Scraped:
    """What was scraped at a time."""

    def __init__(self, served: Served) -> None:
        found = served.get("/metrics", "operations")
        assert (found.status_code, found.headers["content-type"]) == (200, CONTENT_TYPE)
        self.text: str = found.text
        self._samples = [one for family in text_string_to_metric_families(found.text) for one in family.samples]

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of the series of a name that have these labels."""
        found = [one for one in self._samples if one.name == f"csat_ledger_{name}"]
        assert all(one.labels["service"] == "serve" for one in found)
        return sum(one.value for one in found if labels.items() <= one.labels.items())

    def values(self, label: str) -> set[str]:
        return {one.labels[label] for one in self._samples if label in one.labels}

    def names(self) -> set[str]:
        return {one.name for one in self._samples}


def test_every_question_is_timed_under_its_route_and_its_status(empty: Served) -> None:
    empty.get("/v1/memberships")
    empty.get("/v1/memberships/m-9/status")
    empty.get("/v1/memberships/m-8/status")
    empty.get("/v1/renewals")
    found = Scraped(empty)
    assert found("request_seconds_count", route="board", method="GET", status="200") == 1
    assert found("request_seconds_count", route="status", method="GET", status="404") == 2
    assert found("request_seconds_count", route="renewals", status="403") == 1
    assert 0 < found("request_seconds_sum", route="board") < 60
    assert Scraped(empty)("request_seconds_count", route="metrics", status="200") == 1
    assert found("requests_under_way") == 1  # that of the scrape


def test_no_request_makes_a_series_of_its_own(empty: Served) -> None:
    for number in range(20):
        empty.get(f"/v1/nowhere/{number}")
        empty.get(f"/v1/memberships/m-{number}/status", None)
        empty.client.request(f"M{number}", f"/x{number}", headers=bearer("auditor"))
    found = Scraped(empty)
    assert found("request_seconds_count", route="other", method="GET", status="404") == 20
    assert found("request_seconds_count", route="other", method="other") == 20
    assert found("request_seconds_count", route="status", status="401") == 20
    assert found.values("route") <= {*route_names().values(), "other"}
    assert found.values("method") == {"GET", "other"}


def test_the_routes_names_are_those_of_the_document(served: Served) -> None:
    for path in PATHS.values():
        served.get(path)
    found = Scraped(served)
    assert {route for route in found.values("route") if found("request_seconds_count", route=route, status="200")} >= (
        PATHS.keys() - {"renewals", "participation", "refusals", "results", "peers", "report", "benchmark", "places"}
    )


def test_no_figure_names_whom_anything_was_about(served: Served) -> None:
    for path in PATHS.values():
        served.get(path)
        served.get(path, "partner")
    text = Scraped(served).text
    for name in (*ORGANISATIONS, *SUBJECTS, *INVITATIONS, *responses(), "m-1", "m-2", AREA):
        assert name not in text, name


def test_outcomes_of_facts_are_counted_by_status_and_code(empty: Served) -> None:
    empty.post("/v1/facts", met())
    empty.post("/v1/facts", enrolment())
    empty.post("/v1/facts", [{"type": "x"}, fact("record-reminder", "x", "2010-06-01T00:00:00Z", invitation="i")])
    empty.post("/v1/facts", b"{")
    found = Scraped(empty)
    assert found("outcomes_total", status="accepted", code="") == len(met())
    assert found("outcomes_total", status="duplicate", code="") == len(enrolment())
    assert found("outcomes_total", status="refused", code="malformed") == 2
    assert found("outcomes_total", status="refused", code="unknown-invitation") == 1
    assert found("commits_total") == found("commit_seconds_count") == found("commit_facts_count") >= 2
    assert found("commit_facts_sum") == len(met()) + len(enrolment()) + 1
    assert (found("facts_waiting"), found("listeners")) == (0, 0)


def test_refused_accesses_are_counted_by_reason(empty: Served) -> None:
    empty.get("/v1/renewals", "partner")
    empty.get("/v1/renewals", None)
    empty.client.get("/v1/renewals", headers={"Authorization": f"Bearer {token('auditor', aud='another')}"})
    found = Scraped(empty)
    assert found("refused_accesses_total", reason="forbidden") == 1
    assert found("refused_accesses_total") == 3


def test_the_book_its_lag_and_what_waits_to_be_announced(tmp_path: Path) -> None:
    with serving(tmp_path / "ledger.db") as served:
        nothing = Scraped(served)
        assert (nothing("book_end"), nothing("position"), nothing("lag", of="projections")) == (0, 0, 0)
        assert nothing("late_seconds") == 0
        position = served.post("/v1/facts", met()).json()[-1]["position"]
        served.get("/v1/memberships/m-1/status", **{"Min-Position": str(position)})
        found = Scraped(served)
        assert found("book_end") == found("position") == position + 1  # an announcement stands behind it
        assert found("lag", of="projections") == 0
        # The responses of 2010 expired years before the service's clock: nobody has announced that yet.
        assert found("late_seconds") > 10 * 365 * 86_400
        with open_ledger(str(served.store), lambda: NOW_US) as ledger:
            ledger.writer.review()
        assert Scraped(served)("late_seconds") == 0


def test_a_scrape_asks_the_store_for_nothing_that_grows_with_the_book(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    make = SQLiteReader.__init__

    def listening(reader: SQLiteReader, execute: Any, *others: Any, **more: Any) -> None:
        def heard(sql: str, *parameters: Any) -> Any:
            asked.append(sql)
            return execute(sql, *parameters)

        make(reader, heard, *others, **more)

    make_book(tmp_path / "ledger.db")
    monkeypatch.setattr(SQLiteReader, "__init__", listening)
    with serving(tmp_path / "ledger.db") as served:
        following: Any = served.following
        following.close()  # what it asks is not the scrape's
        Scraped(served)  # opens a reader's ledger
        asked.clear()
        Scraped(served)
    assert len(asked) == 2, asked
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        for sql in asked:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
            assert [step for step in plan if not step.startswith("SEARCH ")] == [], sql
    connection.close()


def test_what_is_built_and_whether_it_is_ready(served: Served) -> None:
    found = Scraped(served)
    assert found("ready") == 1
    assert found("build_info", store="sqlite") == 1
    assert "process_resident_memory_bytes" in found.names()


def test_a_store_that_cannot_be_asked_leaves_the_figures_as_they_were(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Scraped(served)
    monkeypatch.setattr("console.http.metrics.LOOK_S", 0.0)
    found = Scraped(served)
    assert found("book_end") == before("book_end") > 0
    assert found("failures_total", what="scrape") == before("failures_total", what="scrape") + 1


def test_parts_show_figures_of_their_own_and_none_where_there_is_none() -> None:
    figures = Figures("sqlite")
    backlog: list[float | None] = [None, 3.0]
    figures.watch("webhook_backlog", "deliveries that wait", lambda: backlog[0])
    assert b'csat_ledger_webhook_backlog{service="serve"}' not in figures.text()
    backlog.reverse()
    assert b'csat_ledger_webhook_backlog{service="serve"} 3.0' in figures.text()
    figures.watch_each("listeners", "who follows", "route", lambda: {"changes": 2.0})
    assert b'csat_ledger_listeners{route="changes",service="serve"} 2.0' in figures.text()
    with pytest.raises(ValueError, match="Duplicated"):
        figures.watch("listeners", "again", lambda: 1.0)


def test_duties_and_the_sealed_log_are_shown(tmp_path: Path) -> None:
    watched = Watched("sqlite", lambda: NOW_US)
    following: Any = SimpleNamespace(end=0, position=0, failed_with=None, turned_s=1e12)
    duties: Any = [
        SimpleNamespace(name=name, failed=name == "sealing", detail="", figures={}) for name in ("clock", "sealing")
    ]
    watched.projections(following)
    watched.log(tmp_path)
    watched.at_work(duties)
    text = watched.figures.text().decode()
    assert 'csat_ledger_duty_failed{duty="clock",service="serve"} 0.0' in text
    assert 'csat_ledger_duty_failed{duty="sealing",service="serve"} 1.0' in text
    assert 'csat_ledger_ready{service="serve"} 0.0' in text
    assert "csat_ledger_sealed_entries{" not in text  # nothing is published yet


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/memberships", "board"),
        ("/v1/memberships/m-1/status", "status"),
        ("/v1/memberships/m-1/designations/a/score", "score"),
        ("/log/tile/0/x001/067", "log-tile"),
        ("/log/tile/0/x001/067.p/5", "log-tile"),
        ("/log/tile/entries/x001/067", "log-entries"),
        ("/v1/memberships/m-1/nothing", "other"),
        ("/v1/memberships/m-1/status/", "other"),
    ],
)
def test_a_path_is_told_of_by_its_routes_name(served: Served, path: str, route: str) -> None:
    def of_it() -> float:
        return Scraped(served)("request_seconds_count", route=route)

    before = of_it()
    served.get(path)
    assert of_it() == before + 1
