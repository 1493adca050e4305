"""Answers over HTTP: the bytes of `--json`, their position, their ETag, the pages of the board, and what is wrong."""

from __future__ import annotations

import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
import pytest

from console.cli.main import main
from console.http.roles import TABLE
from console.http.routes import READING
from ledger.instants import END_US
from projections.questions.board_page import first_page, read_cursor
from tests.console.designation_story import AREA
from tests.console.http.support import NOW, PATHS, Served, bearer, make_book, serving, vault_beside
from tests.console.support import enrolment, response
from tests.support.answers import wrong_with

ONE = f"/v1/memberships/m-1/designations/{AREA}"
SAME: Sequence[tuple[str, list[str], bool]] = (
    (PATHS["overview"], ["overview", "--at", "2024-08-01"], False),
    ("/v1/overview?known_at=20&at=2011-01-01", ["overview", "--at", "2011-01-01", "--known-at", "20"], False),
    (PATHS["status"], ["status", "m-1"], False),
    (f"{PATHS['status']}?at=2010-07-01&known_at=9", ["status", "m-1", "--at", "2010-07-01", "--known-at", "9"], False),
    (PATHS["history"], ["history", "m-1"], True),
    (f"{PATHS['history']}?at=2010-12-01", ["history", "m-1", "--at", "2010-12-01"], True),
    (f"{PATHS['history']}?known_at=20", ["history", "m-1", "--known-at", "20"], True),
    (PATHS["rolling"], ["rolling", "m-1", "--at", "2011-01-01"], False),
    ("/v1/memberships/m-1/rolling?at=2011-01-01&known_at=9&from=2010-01-01&to=2011-12-31",
     ["rolling", "m-1", "--at", "2011-01-01", "--known-at", "9", "--from", "2010-01-01", "--to", "2011-12-31"], False),
    (PATHS["replay"], ["replay", "m-1"], True),
    (f"{PATHS['replay']}?known_at=12", ["replay", "m-1", "--known-at", "12"], True),
    (f"{PATHS['replay']}?last=3&before=9", ["replay", "m-1", "--last", "3", "--before", "9"], True),
    (PATHS["decisions"], ["decisions", "m-1"], True),
    (f"{PATHS['decisions']}?at=2012-01-01", ["decisions", "m-1", "--at", "2012-01-01"], True),
    (PATHS["renewals"], ["renewals", "--within", "365"], True),
    ("/v1/renewals?at=2010-12-31", ["renewals", "--at", "2010-12-31"], True),
    (PATHS["upcoming"], ["upcoming", "--at", "2011-05-01", "--within", "60", "--limit", "100"], False),
    ("/v1/upcoming?limit=5", ["upcoming", "--limit", "5"], False),
    (PATHS["membership-renewals"], ["renewals", "--membership", "m-1", "--within", "365"], True),
    ("/v1/memberships/m-1/renewals?at=2010-12-31&known_at=20",
     ["renewals", "--membership", "m-1", "--at", "2010-12-31", "--known-at", "20"], True),
    (PATHS["participation"], ["participation", "--by", "quarter"], True),
    ("/v1/participation", ["participation"], True),
    ("/v1/participation?by=month&membership=m-1", ["participation", "--by", "month", "--membership", "m-1"], True),
    (PATHS["designations"], ["designations"], True),
    (f"/v1/designations?area={AREA}&at=2024-08-01", ["designations", "--area", AREA, "--at", "2024-08-01"], True),
    (f"/v1/designations?area={AREA}&membership=m-3", ["designations", "--area", AREA, "--membership", "m-3"], True),
    (PATHS["score"], ["score", "m-1", "--area", AREA], False),
    (f"{ONE}/score?at=2024-08-01&known_at=30", ["score", "m-1", "--area", AREA, "--at", "2024-08-01", "--known-at", "30"],
     False),
    (PATHS["what-would-it-take"], ["what-would-it-take", "m-1", "--area", AREA, "--more-percent", "30"], False),
    (f"{ONE}/what-would-it-take?more_net_adds=1&more_intermediate=2&more_advanced=3&more_deployments=4&known_at=51&at=2024-07-01",
     ["what-would-it-take", "m-1", "--area", AREA, "--more-net-adds", "1", "--more-intermediate", "2", "--more-advanced",
      "3", "--more-deployments", "4", "--known-at", "51", "--at", "2024-07-01"], False),
    (PATHS["expiring"], ["expiring", "m-1", "--area", AREA], False),
    (f"{ONE}/expiring?months=9&at=2024-07-01&known_at=51",
     ["expiring", "m-1", "--area", AREA, "--months", "9", "--at", "2024-07-01", "--known-at", "51"], False),
    (PATHS["score-months"], ["score-months", "m-1", "--area", AREA, "--at", "2024-10-01"], False),
    (f"{ONE}/score-months?months=3&at=2024-09-01&known_at=51",
     ["score-months", "m-1", "--area", AREA, "--months", "3", "--at", "2024-09-01", "--known-at", "51"], False),
    (PATHS["explain"], ["score", "m-1", "--area", AREA, "--explain", "2024-08-01", "2024-09-02"], False),
    (f"{ONE}/explain?from=2024-08-01&to=2024-08-01&from_known_at=30&to_known_at=51",
     ["score", "m-1", "--area", AREA, "--explain", "2024-08-01@30", "2024-08-01@51"], False),
    (PATHS["designation-history"], ["history", "m-1", "--area", AREA], True),
    (f"{ONE}/history?at=2024-07-01&known_at=51", ["history", "m-1", "--area", AREA, "--at", "2024-07-01", "--known-at", "51"],
     True),
    (PATHS["decisions-page"], ["decisions", "--limit", "3"], False),
    ("/v1/decisions?outcome=met&edition=2009-11&programme=survey&membership=m-1&at=2012-01-01&known_at=40",
     ["decisions", "m-1", "--outcome", "met", "--edition", "2009-11", "--programme", "survey", "--at", "2012-01-01",
      "--known-at", "40"], False),
    (PATHS["decision-counts"], ["decisions", "--counts"], True),
    (f"{PATHS['decision-counts']}?at=2012-01-01", ["decisions", "--counts", "--at", "2012-01-01"], True),
    (PATHS["designation-decisions"], ["decisions", "m-1", "--area", AREA], True),
    (PATHS["designation-replay"], ["replay", "m-1", "--area", AREA], True),
    (f"{PATHS['designation-replay']}?last=4", ["replay", "m-1", "--area", AREA, "--last", "4"], True),
    (PATHS["results"], ["results", "m-1", "--by", "month"], False),
    (PATHS["peers"], ["benchmark", "--membership", "m-1"], True),
    (PATHS["report"], ["report", "m-1", "--month", "2010-06"], False),
    (PATHS["benchmark"], ["benchmark"], True),
    (PATHS["places"], ["benchmark", "--places"], True),
)  # fmt: skip


def printed(store: Path, arguments: Sequence[str], capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> list[bytes]:
    monkeypatch.setenv("CSAT_LEDGER_NOW", NOW)
    monkeypatch.setenv("CSAT_LEDGER_VAULT", vault_beside(store).where)
    capsys.readouterr()
    assert main(["--store", str(store), "--json", *arguments]) == 0
    return capsys.readouterr().out.encode().splitlines()


@pytest.mark.parametrize(("path", "arguments", "many"), SAME, ids=[path for path, _, _ in SAME])
def test_an_answer_has_the_bytes_that_the_command_prints(
    served: Served, path: str, arguments: list[str], many: bool, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    lines = printed(served.store, arguments, capsys, monkeypatch)
    (name,) = [
        one.name for one in READING if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one.path), path.partition("?")[0])
    ]
    role = next(role for role in TABLE if name in TABLE[role])
    found = served.get(path, role)
    assert found.status_code == 200, found.text
    assert found.content == (b"[" + b",".join(lines) + b"]" if many else lines[0])
    assert found.headers["content-type"] == "application/json"
    assert int(found.headers["ledger-position"]) == end(served)


def end(served: Served) -> int:
    """The book's last position."""
    return int(served.get(PATHS["replay"]).headers["ledger-position"])


def test_every_route_is_held_against_its_command() -> None:
    tried = {path.partition("?")[0] for path, _, _ in SAME}
    elsewhere = {"/v1/memberships", "/v1/refusals", "/v1/what-if"}
    assert tried == {path.partition("?")[0] for path in PATHS.values()} - elsewhere


def test_parts_of_a_replay_are_the_whole_of_it(served: Served) -> None:
    for path in (PATHS["replay"], PATHS["designation-replay"]):
        whole = served.get(path).json()
        checks = [one for one in whole if "checked" in one]
        assert checks
        found: list[Any] = []
        while not found or found[0]["seq"] > 1:
            before = f"&before={found[0]['seq']}" if found else ""
            part = served.get(f"{path}?last=4{before}").json()
            assert part[-len(checks) :] == checks
            found = [*part[: -len(checks)], *found]
        assert [*found, *checks] == whole
        assert served.get(f"{path}?last=0").status_code == 400


def test_the_first_renewals_and_designations_are_those_of_the_whole_list(served: Served) -> None:
    every = served.get("/v1/renewals?within=3650&at=2010-01-20", "operations").json()
    assert served.get("/v1/renewals?within=3650&at=2010-01-20&limit=1", "operations").json() == every[:1]
    all_of_them = served.get("/v1/designations").json()
    assert len(all_of_them) > 1
    found, after = [], ""
    while page := served.get(f"/v1/designations?limit=1{after}").json():
        found += page
        after = f"&after={page[-1]['membership']}/{page[-1]['area']}"
    assert found == all_of_them
    assert served.get("/v1/designations?after=m-1").json()["field"] == "after"


def test_a_batch_has_the_lines_that_the_command_prints(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[Any] = [
        {"membership": "m-1", "at": "2010-07-01", "known_at": 9},
        {"membership": "m-2"},
        {"membership": "m-9"},
        {"membership": "m-1", "known_at": 10**9},
        {"membership": "m-1", "at": "yesterday"},
        7,
    ]
    lines = b"".join(orjson.dumps(question) + b"\n" for question in questions)
    (tmp_path / "questions").write_bytes(lines)
    monkeypatch.setenv("CSAT_LEDGER_NOW", NOW)
    assert main(["--store", str(served.store), "--json", "status", "--batch", str(tmp_path / "questions")]) == 3
    expected = capsys.readouterr().out.encode()
    assert (
        served.post("/v1/status:batch", questions, "auditor").content == b"[" + b",".join(expected.splitlines()) + b"]"
    )
    ndjson = served.post("/v1/status:batch", lines, "auditor", **{"Content-Type": "application/x-ndjson"})
    assert (ndjson.content, ndjson.headers["content-type"]) == (expected, "application/x-ndjson")


def test_a_position_that_is_none_is_shown_to_who_sent_it(served: Served) -> None:
    found = served.get("/v1/memberships/m-1/status", **{"Min-Position": "12,345"})
    expected = "found '12,345', expected a whole number from 0 on, once"
    assert (found.status_code, found.json()["detail"]) == (400, expected)


def test_an_offset_whose_plus_became_a_space_is_told_how_it_is_written(served: Served) -> None:
    found = served.get("/v1/memberships/m-1/status?at=2011-02-28T23:00:00+02:00").json()["detail"]
    assert found.startswith("found '2011-02-28T23:00:00 02:00', expected ")
    assert found.endswith("; a + in a query is a space, and written %2B")
    assert served.get("/v1/memberships/m-1/status?at=2011-02-28T23:00:00%2B02:00").status_code == 200


def test_what_is_wrong_with_a_line_of_a_batch_has_the_number_of_the_line(served: Served) -> None:
    lines = b'{"membership":"m-1"}\r\n\r\n\n{"membership":"m-9"}\r\n'
    found = served.post("/v1/status:batch", lines, "auditor", **{"Content-Type": "application/x-ndjson"})
    assert [orjson.loads(line).get("line") for line in found.text.splitlines()] == [None, 4]


# the board, a page at a time


def test_the_board_comes_in_pages_that_are_of_one_board_while_the_book_grows(tmp_path: Path) -> None:
    make_book(tmp_path / "ledger.db")
    with serving(tmp_path / "ledger.db") as served:
        for number in range(3, 9):
            assert served.post("/v1/facts", enrolment(f"m-{number}")[0]).status_code == 201
        assert (
            served.get("/v1/memberships", **{"Min-Position": str(position_of(served, "m-8-enrol"))}).status_code == 200
        )
        page = served.get("/v1/memberships?limit=3&at=2010-07-01").json()
        seen = page["memberships"]
        assert served.post("/v1/facts", response(3, "Late", "2010-06-30T00:00:00Z", "m-7")).status_code == 201
        assert served.post("/v1/facts", enrolment("m-75")[0]).status_code == 201
        served.get("/v1/memberships", **{"Min-Position": str(position_of(served, "m-75-enrol"))})
        while page["next"]:
            page = served.get(f"/v1/memberships?limit=3&cursor={page['next']}").json()
            seen += page["memberships"]
        assert [row["membership"] for row in seen] == [f"m-{number}" for number in range(1, 9)]
        assert {(row["at"], row["known_at"]) for row in seen} == {(seen[0]["at"], seen[0]["known_at"])}
        assert {row["counted"] for row in seen[1:]} == {0}
        now = served.get("/v1/memberships?at=2010-07-01").json()["memberships"]
        assert len(now) == 9
        assert {row["counted"] for row in now if row["membership"] == "m-7"} == {1}


def position_of(served: Served, fact_id: str) -> int:
    """Where a fact stands that is in the book: sent again, it says so."""
    name = fact_id.removesuffix("-enrol")
    found = served.post("/v1/facts", enrolment(name)[0])
    assert found.status_code == 200
    return int(found.json()["position"])


def test_the_board_can_be_searched_and_shows_what_the_command_shows(
    served: Served, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = "2010-12-01"
    lines = printed(served.store, ["board", "--at", at, "--within", "365"], capsys, monkeypatch)
    rows = {row["membership"]: row for row in map(orjson.loads, lines)}
    page = served.get(f"/v1/memberships?at={at}&within=365").json()
    assert {row["membership"]: row for row in page["memberships"]} == rows
    assert page["next"] is None
    assert [one["state"] for one in page["memberships"]] == ["losing", "not-eligible"]
    assert wrong_with("board", page["memberships"][0]) == []

    def shown(query: str) -> list[str]:
        return [
            one["membership"] for one in served.get(f"/v1/memberships?at={at}&within=365&{query}").json()["memberships"]
        ]

    assert shown("search=M-2") == ["m-2"]
    assert shown("search=ALDER") == ["m-1", "m-2"]
    assert shown("search=nobody") == []
    assert shown("state=losing") == ["m-1"]
    assert shown("state=eligible") == []


def test_a_page_passes_over_a_bounded_number_of_memberships_however_rare_what_is_looked_for_is(
    monkeypatch: pytest.MonkeyPatch, served: Served
) -> None:
    monkeypatch.setattr("projections.questions.board_page.LOOKED_AT_MAX", 1)
    monkeypatch.setattr("projections.survey.eligibility_reader.CHUNK", 1)
    first = served.get("/v1/memberships?search=m-2").json()
    assert (first["memberships"], first["next"] is None) == ([], False)
    second = served.get(f"/v1/memberships?cursor={first['next']}").json()
    assert [row["membership"] for row in second["memberships"]] == ["m-2"]


def test_a_cursor_says_all_that_was_asked_and_is_taken_as_it_is_given_alone(served: Served) -> None:
    cursor = served.get("/v1/memberships?limit=1&search=m-&state=not-eligible&within=7").json()["next"]
    wanted = read_cursor(cursor)
    assert (wanted.within_days, wanted.search, wanted.state, wanted.after) == (7, "m-", "not-eligible", "m-1")
    beside = served.get(f"/v1/memberships?cursor={cursor}&at=2010-01-01")
    assert (beside.status_code, beside.json()["field"]) == (400, "cursor")
    for spoilt in ("e30", "W10", "bnVsbA", "x", cursor[:-4], "WzEsMiwzXQ", "WzEsMSwxLG51bGwsbnVsbCwiIl0", "%00", "é"):
        found = served.get(f"/v1/memberships?cursor={spoilt}")
        assert (found.status_code, found.json()["field"]) == (400, "cursor"), spoilt
    ahead = board_cursor(known_at=10**9)
    assert served.get(f"/v1/memberships?cursor={ahead}").status_code == 409
    assert served.get(f"/v1/memberships?cursor={board_cursor(at_us=END_US)}").status_code == 200


def board_cursor(at_us: int = 0, known_at: int = 3) -> str:
    said = first_page(at_us, 90)._replace(known_at=known_at, after="m-1")
    return urlsafe_b64encode(orjson.dumps(tuple(said))).decode().rstrip("=")


# positions, and what is kept


def test_what_was_asked_of_the_past_has_an_etag_and_may_be_kept_for_ever(served: Served) -> None:
    path = "/v1/memberships/m-1/status?at=2010-07-01&known_at=20"
    first = served.get(path)
    assert first.headers["cache-control"] == "private, max-age=31536000, immutable"
    tag = first.headers["etag"]
    assert tag.startswith('"')
    for said in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        again = served.get(path, **{"If-None-Match": said})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["vary"] == "Authorization"
    assert served.get(path, **{"If-None-Match": '"x"'}).status_code == 200
    assert served.get(path.replace("20", "19")).headers["etag"] != tag


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/v1/memberships/m-1/status?known_at=20", False),  # now is not the past
        ("/v1/memberships/m-1/status?at=2010-07-01", False),
        ("/v1/memberships/m-1/status?at=2010-07-01&known_at=2025-01-01", False),  # more may be recorded until then
        ("/v1/memberships/m-1/status?at=2010-07-01&known_at=2030-01-01", False),
        ("/v1/memberships/m-1/replay?known_at=20", True),
        ("/v1/memberships/m-1/decisions?known_at=60", True),
        ("/v1/memberships?known_at=20&at=2010-07-01", True),
        ("/v1/memberships?known_at=20", False),
    ],
)
def test_only_what_never_changes_again_is_kept(served: Served, path: str, kept: bool) -> None:
    found = served.get(path)
    assert found.status_code == 200
    assert ("etag" in found.headers) == kept
    assert ("immutable" in found.headers["cache-control"]) == kept


def test_a_read_waits_for_the_position_that_it_must_see(empty: Served) -> None:
    position = 0
    for number in range(20):
        made = empty.post("/v1/facts", enrolment(f"m-{number}")[0])
        assert made.status_code == 201
        assert int(made.headers["ledger-position"]) == made.json()["position"] > position
        position = made.json()["position"]
        found = empty.get(f"/v1/memberships/m-{number}/status", **{"Min-Position": str(position)})
        assert found.status_code == 200
        assert int(found.headers["ledger-position"]) >= position
        known = empty.get(f"/v1/memberships/m-{number}/status?known_at={position}&at=2011-01-01")
        assert (known.status_code, known.json()["known_at"]) == (200, position)


def test_a_position_that_is_not_reached_in_time_is_504_and_one_that_is_none_400(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.http.app.PATIENCE_S", 0.05)
    late = served.get(PATHS["status"], **{"Min-Position": str(10**17)})
    assert (late.status_code, late.json()["code"]) == (504, "position-not-reached")
    for nonsense in ("-1", "1.5", "x", "9" * 19, "", b"\xd9\xa1"):
        found = served.get(PATHS["status"], **{"Min-Position": nonsense})
        assert (found.status_code, found.json()["field"]) == (400, "Min-Position")


# what is wrong


@pytest.mark.parametrize(
    ("path", "status", "code", "field"),
    [
        ("/v1/memberships/m-9/status", 404, "unknown-membership", "membership"),
        ("/v1/memberships/m-9/replay", 404, "unknown-membership", "membership"),
        ("/v1/memberships/m-9/history", 404, "unknown-membership", "membership"),
        ("/v1/memberships/m-9/decisions", 404, "unknown-membership", "membership"),
        ("/v1/memberships/%00/status", 404, "unknown-membership", "membership"),
        ("/v1/memberships/%F0%9F%92%A9/status", 404, "unknown-membership", "membership"),
        ("/v1/memberships/%FF/status", 404, "unknown-membership", "membership"),
        (f"/v1/memberships/{'m' * 2000}/status", 404, "unknown-membership", "membership"),
        ("/v1/memberships/m-1/status?known_at=2010-01-01", 404, "unknown-membership", "membership"),
        (f"/v1/memberships/m-2/designations/{AREA}/score", 404, "unknown-designation", "area"),
        ("/v1/memberships/m-1/designations/%00/history", 404, "unknown-designation", "area"),
        ("/v1/memberships/m-1/designations/none/decisions", 404, "unknown-designation", "area"),
        ("/v1/designations?area=none", 404, "unknown-designation", "area"),
        ("/v1/designations?area=%00", 404, "unknown-designation", "area"),
        ("/v1/memberships/m-1/status?known_at=1000000", 409, "position-unknown", "known_at"),
        (f"{ONE}/explain?from=2024-01-01&to=2024-02-01&to_known_at=1000000", 409, "position-unknown", "to_known_at"),
        ("/v1/memberships/m-1/status?at=", 400, "bad-input", "at"),
        ("/v1/memberships/m-1/status?at=2010-02-30", 400, "bad-input", "at"),
        ("/v1/memberships/m-1/status?at=2010-02-01T00:00:00", 400, "bad-input", "at"),
        ("/v1/memberships/m-1/status?at=2010-02-01T00:00:00+02:00", 400, "bad-input", "at"),  # a + is a space
        ("/v1/memberships/m-1/status?known_at=-1", 400, "bad-input", "known_at"),
        ("/v1/memberships/m-1/status?known_at=%D9%A1", 400, "bad-input", "known_at"),
        (f"/v1/memberships/m-1/status?known_at={'9' * 30}", 400, "bad-input", "known_at"),
        ("/v1/memberships/m-1/status?known=5", 400, "bad-input", "known"),
        ("/v1/memberships/m-1/status?at=2010-01-01&at=2010-01-02", 400, "bad-input", "at"),
        ("/v1/memberships/m-1/status?%FF=1", 400, "bad-input", None),
        ("/v1/memberships/m-1/status?at=%FF", 400, "bad-input", None),
        (f"/v1/memberships/m-1/status?{'&'.join('at=1' for _ in range(30))}", 400, "bad-input", None),
        ("/v1/memberships?limit=0", 400, "bad-input", "limit"),
        ("/v1/memberships?limit=1001", 400, "bad-input", "limit"),
        ("/v1/memberships?state=happy", 400, "bad-input", "state"),
        ("/v1/memberships?search=", 400, "bad-input", "search"),
        ("/v1/memberships?within=36501", 400, "bad-input", "within"),
        (f"{ONE}/explain", 400, "bad-input", "from"),
        (f"{ONE}/explain?from=2024-01-01", 400, "bad-input", "to"),
        (f"/v1/memberships?search={'x' * 5000}", 414, "too-long", None),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_problem_that_names_it(
    served: Served, path: str, status: int, code: str, field: str | None
) -> None:
    found = served.get(path)
    assert found.status_code == status, found.text
    said = found.json()
    assert found.headers["content-type"] == "application/problem+json"
    assert (said["status"], said["code"], said.get("field")) == (status, code, field)
    assert said["type"] == f"urn:csat-ledger:problem:{code}"
    assert said["title"]
    assert said["detail"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("search=%FC", "found what is no UTF-8 in the query, expected UTF-8, in which ü is %C3%BC"),
        ("&".join(f"a{n}=1" for n in range(21)), "found more than 20 parameters, expected 20 at most"),
    ],
)
def test_a_query_in_latin_1_is_not_told_that_it_has_too_many_parameters(served: Served, query: str, said: str) -> None:
    found = served.get(f"/v1/memberships?{query}")
    assert (found.status_code, found.json()["detail"]) == (400, said)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "POST", "TRACE", "NONSENSE"])
def test_another_method_is_a_problem_and_nothing_else(served: Served, method: str) -> None:
    found = served.client.request(method, PATHS["status"], headers=bearer("auditor"))
    assert (found.status_code, found.json()["code"]) == (405, "method-not-allowed")
    assert "GET" in found.headers["allow"]


def test_headers_that_are_too_long_are_a_problem(served: Served) -> None:
    found = served.get(PATHS["status"], **{"X-Long": "x" * 20_000})
    assert (found.status_code, found.json()["code"]) == (431, "too-long")
    assert served.get(PATHS["status"], **{"X-Odd": b"\xe9\xff"}).status_code == 200


ENDS = ("0001-01-01", "0001-01-02T00:00:00Z", "9999-12-01", "9999-12-31T23:59:59.999999Z")


@pytest.mark.parametrize("name", sorted(PATHS))
def test_at_the_ends_of_the_calendar_every_question_has_an_answer_soon(served: Served, name: str) -> None:
    (route,) = [one for one in READING if one.name == name]
    role = next(role for role in TABLE if name in TABLE[role])
    path, _, query = PATHS[name].partition("?")
    asked = dict(parse_qsl(query))
    times = [one.name for one in route.parameters if one.name in ("at", "known_at", "from", "to", "since", "until")]
    for time_name in times:
        for instant in ENDS:
            begun_s = time.monotonic()
            found = served.get(f"{path}?{urlencode({**asked, time_name: instant})}", role)
            assert found.status_code in (200, 400, 404), (time_name, instant, found.text)
            assert time.monotonic() - begun_s < 10, (time_name, instant)
