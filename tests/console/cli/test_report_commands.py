"""`report` and `reports`: of closed months alone, the same when they are run again, and never over what says something else."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("polars")
pytest.importorskip("jinja2")

from tests.console.cli.test_contacts import People
from tests.console.support import Fact, Program, enrolment, response

MEMBERSHIPS = [f"m-{number}" for number in range(2, 8)]
ALL = ["m-1", *MEMBERSHIPS]
"""With the one of `People`, which has no answers."""
M = MEMBERSHIPS[0]


@pytest.fixture
def people(program: Program, monkeypatch: pytest.MonkeyPatch) -> People:
    people = People(program, monkeypatch)
    facts: list[Fact] = []
    for place, membership in enumerate(MEMBERSHIPS):
        facts += enrolment(membership, solution_areas=["security"], business_model="reseller")
        for number in range(7):
            answered: dict[str, Any] = {"overall": 4 + (number + place) % 7, "recommend": 3 + number}
            at = f"2011-0{number % 3 + 4}-15T10:00:00Z"
            one = response(number, f"Brontegard {number % 2}", at, membership)
            facts.append({**one, "answers": answered})
    # May of the first has enough to be shown by itself.
    facts += [
        {**response(900 + number, "Quellhorn", "2011-05-20T10:00:00Z", M), "answers": {"overall": number + 3}}
        for number in range(5)
    ]
    program.record(*facts)
    return people


def test_a_month_that_is_not_closed_has_no_report(people: People) -> None:
    ran = people.program.json("report", M, "--month", "2011-05")
    assert (ran.code, ran.err.count("none is yet")) == (2, 1)
    assert people.program.json("publish-results", "--through", "2011-05").code == 0
    ran = people.program.json("report", M, "--month", "2011-06")
    assert ran.code == 2
    assert "the last is 2011-05" in ran.err


def test_a_report_says_what_results_and_benchmark_say(people: People) -> None:
    program = people.program
    assert program.json("publish-results").code == 0
    found = program.json("report", M, "--month", "2011-06").json
    by_month = program.json("results", M, "--by", "month").json
    by_quarter = program.json("results", M, "--by", "quarter").json
    peers = program.json("benchmark", "--membership", M).lines
    assert found["months"] == [one for one in by_month["periods"] if one["period"] <= "2011-06"]
    assert found["quarters"] == [one for one in by_quarter["periods"] if one["period"] <= "2011-Q2"]
    assert found["peers"] == [line for line in peers if line["period"] == "2011-Q2"]
    assert found["peers"], "six partners answered alike: their group is published"
    assert found["quarters"][-1]["questions"][0]["mean"] is not None
    standing = program.json("status", M, "--at", "2011-06-30T23:59:59.999999Z").json
    assert found["standing"]["counted"] == standing["counted"]


def test_reports_are_two_files_a_membership_and_the_same_when_run_again(people: People) -> None:
    program, folder = people.program, people.program.folder / "out" / "2011-06"
    assert program.json("publish-results").code == 0
    for _ in range(2):
        ran = program.json("reports", "--month", "2011-06", "--out", folder)
        assert (ran.code, ran.json["memberships"]) == (0, len(ALL))
    expected = {f"{name}.2011-06{ending}" for name in ALL for ending in (".html", ".csv")}
    assert {path.name for path in folder.iterdir()} == expected
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    for membership in ALL:
        page = (folder / f"{membership}.2011-06.html").read_text()
        assert membership in page
        assert not [other for other in ALL if other != membership and other in page]
        text = (folder / f"{membership}.2011-06.csv").read_text("utf-8-sig")
        assert {row["membership"] for row in csv.DictReader(io.StringIO(text))} == {membership}


def test_what_says_something_else_is_not_written_over(people: People) -> None:
    program = people.program
    assert program.json("publish-results").code == 0
    path = program.folder / "m-1.html"
    path.write_text("mine")
    ran = program.run("report", M, "--month", "2011-06", "--out", path)
    assert (ran.code, path.read_text()) == (2, "mine")
    assert "nothing was written over" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--month", "2011-13", "--json"), "expected a month such as 2010-06"),
        (("--month", "2011-06"), "found no --out"),
        (("--month", "2011-06", "--out", "m-1.pdf"), "ends in .html or .csv"),
    ],
)
def test_what_cannot_be_meant_is_usage(people: People, arguments: tuple[str, ...], said: str) -> None:
    ran = people.program.run("report", M, *arguments)
    assert (ran.code, said in ran.err) == (2, True), ran.err


def test_an_unknown_membership_is_named_as_such(people: People) -> None:
    assert people.program.json("publish-results").code == 0
    ran = people.program.run("report", "m-99", "--month", "2011-06", "--out", "m-99.csv")
    assert (ran.code, "no membership 'm-99'" in ran.err) == (2, True), ran.err


def test_a_folder_that_cannot_be_made_is_an_error(people: People, tmp_path: Path) -> None:
    assert people.program.json("publish-results").code == 0
    (tmp_path / "file").write_text("")
    ran = people.program.run("reports", "--month", "2011-06", "--out", tmp_path / "file")
    assert (ran.code, "expected a folder" in ran.err) == (2, True), ran.err


@pytest.mark.parametrize("where", ["nowhere/m.html", "/proc/m.html", "folder.html", "long.html"])
def test_a_report_that_cannot_be_written_says_where_and_is_no_fault(people: People, where: str) -> None:
    assert people.program.json("publish-results").code == 0
    (people.program.folder / "folder.html").mkdir()
    with (people.program.folder / "long.html").open("wb") as file:
        file.truncate(17 << 20)
    ran = people.program.run("report", M, "--month", "2011-06", "--out", where)
    assert (ran.code in (2, 74), where in ran.err, "fault" in ran.err) == (True, True, False), ran.err
