"""`publish-results`, `results` and `benchmark`: closed once, read as published, naming no peer; and no score decides (R4)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from console.wiring import open_store
from tests.console.cli.test_contacts import ANNA, People
from tests.console.support import Fact, Program, Ran, enrolment, fact
from tests.support.answers import wrong_with

NOW = "2012-02-03T00:00:00Z"
PARTNERS = [f"m-{number}" for number in range(1, 8)]
AREA = {"solution_areas": ["data", "security"], "business_model": "reseller"}
NAMED = ("overall", "continue", "re_engage", "recommend")


@pytest.fixture
def people(program: Program, monkeypatch: pytest.MonkeyPatch) -> People:
    return People(program, monkeypatch)


def survey(seed: int, shift: int = 0) -> list[Fact]:
    """Seven partners with some answers each in two quarters; `shift` makes other answers of the same responses."""
    random = Random(seed)
    facts = [one for name in PARTNERS[1:] for one in enrolment(name, **AREA)[:1]]
    facts.append(fact("update-membership", "m-1-area", "2010-01-12T09:00:00Z", **AREA))
    for name in PARTNERS:
        for number in range(random.randrange(20, 30)):
            at = f"2010-{random.randrange(1, 7):02}-{random.randrange(1, 28):02}T10:00:00Z"
            answers = {question: (random.randrange(3, 11) + shift) % 11 for question in NAMED}
            facts.append(
                fact("record-response", f"{name}-f-{number}", at, name, response=f"{name}-r-{number}",
                     customer_org=random.choice(["Acorn", "Brook"]), answers=answers)
            )  # fmt: skip
    return sorted(facts, key=lambda one: (one["type"] == "record-response", one["occurred_at"]))


def asked(program: Program, schema: str, *arguments: str | Path) -> Ran:
    """What a command answers, held against its schema."""
    ran = program.json(*arguments)
    assert ran.code == 0, ran
    assert [wrong for line in ran.lines for wrong in wrong_with(schema, line)] == []
    return ran


def closed(program: Program, through: str = "2010-07") -> Ran:
    """Closes months."""
    return asked(program, "publish-results", "publish-results", "--through", through)


def test_months_are_closed_once_and_results_are_read_as_published(people: People) -> None:
    program = people.program
    program.now(NOW)
    program.record(*survey(1))
    first = closed(program, "2010-02").json
    assert (first["closed"], first["closed_through"]) == (["2010-01", "2010-02"], "2010-02")
    rest = closed(program).json
    assert rest["closed"] == ["2010-03", "2010-04", "2010-05", "2010-06", "2010-07"]
    before = asked(program, "results", "results", "m-2").out
    again = closed(program).json
    assert (again["closed"], again["figures"]) == ([], 0)
    assert asked(program, "results", "results", "m-2").out == before
    answer = asked(program, "results", "results", "m-2").json
    quarters = {one["period"]: one for one in answer["periods"]}
    told = [one["questions"][0] for one in quarters.values() if one["responses"] is not None]
    assert told
    for one in told:
        counts = one["distribution"]
        assert (len(counts), sum(counts)) == (11, one["answered"])
        assert one["mean"] == round(sum(score * count for score, count in enumerate(counts)) / sum(counts), 2)
    assert quarters["2010-Q2"]["questions"][0]["trend"] == round(told[1]["mean"] - told[0]["mean"], 2)
    months = asked(program, "results", "results", "m-2", "--by", "month").json["periods"]
    assert [one["period"] for one in months] == [f"2010-{number:02}" for number in range(1, 8)]


def test_a_figure_that_is_withheld_looks_like_one_of_which_there_is_nothing(people: People) -> None:
    program = people.program
    program.now(NOW)
    program.record(
        *(fact("record-response", f"f-{day}", f"2010-02-{day:02}T10:00:00Z", response=f"r-{day}", customer_org="Acorn",
               answers={"overall": day}) for day in (1, 2, 3, 4))
    )  # fmt: skip
    closed(program)
    first, second = asked(program, "results", "results", "m-1").json["periods"]
    assert (first.pop("period"), second.pop("period")) == ("2010-Q1", "2010-Q2")
    assert first == second
    assert first["responses"] is None


def test_the_benchmark_names_no_peer_and_places_the_partner(people: People) -> None:
    program = people.program
    program.now(NOW)
    program.record(*survey(1))
    closed(program)
    own = asked(program, "benchmark", "benchmark", "--membership", "m-3")
    assert "m-" not in own.out
    lines = own.lines
    assert {(line["of"], line["solution_area"], line["business_model"]) for line in lines} == {
        ("peer-group", "data", "reseller")
    }
    assert all(question["place"] for question in lines[-1]["questions"])
    results = asked(program, "results", "results", "m-3").json["periods"]
    own_means = {one["period"]: one["questions"][0]["mean"] for one in results}
    assert all(line["questions"][0]["own_mean"] == own_means[line["period"]] for line in lines)
    everybody = asked(program, "benchmark", "benchmark")
    assert "m-" not in everybody.out
    assert {line["of"] for line in everybody.lines} == {"peer-group", "business-model", "programme"}
    places = asked(program, "benchmark-places", "benchmark", "--places").lines
    assert {place["membership"] for place in places} <= set(PARTNERS)
    assert not any("mean" in place or "answered" in place for place in places)


def test_what_was_published_by_a_position_is_answered_for_ever(people: People) -> None:
    program = people.program
    program.now(NOW)
    facts = survey(1)
    early = [one for one in facts if one["occurred_at"] < "2010-04"]
    program.record(*early)
    known = str(closed(program, "2010-03").json["known_at"])
    then = _as_published(program, known)
    program.record(*(one for one in facts if one["occurred_at"] >= "2010-04"))
    closed(program)
    assert _as_published(program) != then
    assert _as_published(program, known) == then


def _as_published(program: Program, *known: str) -> dict[str, Any]:
    """The results of m-2 without what is of the present: its invitations."""
    answer = asked(program, "results", "results", "m-2", *(f"--known-at={one}" for one in known)).json
    return {name: answer[name] for name in ("known_at", "closed_through", "life", "periods", "parts")}


def test_a_quarter_before_the_first_that_was_closed_is_shown_once_it_has_figures(people: People) -> None:
    program = people.program
    program.now(NOW)

    def answered(month: str, numbers: range) -> list[Fact]:
        return [
            fact("record-response", f"f-{number}", f"{month}-{number - numbers[0] + 1:02}T10:00:00Z",
                 response=f"r-{number}", customer_org="Acorn", answers={"overall": number % 4})
            for number in numbers
        ]  # fmt: skip

    program.record(*answered("2010-06", range(1, 8)))
    closed(program, "2010-06")
    program.record(*answered("2010-02", range(11, 18)))
    assert [one["period"] for one in asked(program, "results", "results", "m-1").json["periods"]] == ["2010-Q2"]
    closed(program, "2010-09")
    periods = asked(program, "results", "results", "m-1").json["periods"]
    assert [(one["period"], one["responses"]) for one in periods] == [("2010-Q1", 7), ("2010-Q2", 7), ("2010-Q3", None)]


def test_a_vault_of_another_book_shows_none_of_its_figures_for_the_same_ids(people: People) -> None:
    program = people.program
    program.now(NOW)
    program.record(*survey(1))
    closed(program)
    other = program.write("other.jsonl", [one for one in survey(1) if one["type"] != "record-response"])
    enrolled = program.write("enrolled.jsonl", enrolment()[:1])
    assert program.run_bare("--store", "other.db", "record", enrolled, other).code == 0
    for asking in (
        ("results", "m-2"), ("benchmark",), ("benchmark", "--places"), ("benchmark", "--membership", "m-2"),
        ("report", "m-2", "--month", "2010-06"), ("reports", "--month", "2010-06", "--out", "reports"), ("publish-results",),
    ):  # fmt: skip
        ran = program.run_bare("--json", "--store", "other.db", *asking)
        assert (ran.code, ran.json["error"]) == (2, "vault-of-another-book"), asking
    assert not (program.folder / "reports").exists()


def test_answers_that_a_killed_recording_left_pending_are_in_the_month_that_is_closed_next(people: People) -> None:
    program = people.program
    program.now(NOW)
    program.record(*survey(1))
    with closing(sqlite3.connect(program.folder / "people.db")) as vault, vault:
        vault.execute("UPDATE answers SET state = 'pending'")
    closed(program)
    periods = asked(program, "results", "results", "m-2").json["periods"]
    assert periods[0]["questions"][0]["answered"] == periods[0]["responses"] > 0


def test_no_month_is_closed_while_an_erasure_is_not_over(people: People) -> None:
    program = people.program
    program.now(NOW)
    (subject,) = people.permitted(ANNA)
    program.record(*survey(1))
    backup = program.folder / "backup.db"
    with closing(sqlite3.connect("people.db")) as raw, closing(sqlite3.connect(backup)) as copy:
        raw.backup(copy)
    assert program.json("erase", subject, "--reason", "request 31").code == 0
    for path in program.folder.glob("people.db*"):
        path.unlink()
    backup.rename(program.folder / "people.db")
    ran = program.json("publish-results", "--through", "2010-07")
    assert (ran.code, ran.json["error"]) == (4, "erasures-unfinished")
    assert program.json("erase", "--replay").code == 0
    assert closed(program).json["closed"]


@pytest.mark.parametrize(
    ("clock", "code"), [("2035-01-01T00:00:00Z", "clock-ahead"), ("2011-01-01T00:00:00Z", "clock-behind")]
)
def test_no_month_is_closed_by_a_clock_that_is_not_believed(people: People, clock: str, code: str) -> None:
    program = people.program
    program.now(NOW)
    program.record(*survey(1))
    program.now(clock)
    ran = program.json("publish-results")
    assert (ran.code, ran.json["error"]) == (4, code)
    program.now(NOW)
    assert asked(program, "results", "results", "m-2").json["closed_through"] is None
    assert closed(program).json["closed"][-1] == "2010-07"


def test_a_vault_from_before_a_publication_publishes_nothing_anew(people: People) -> None:
    program = people.program
    program.now(NOW)
    program.record(*survey(1))
    closed(program, "2010-02")
    backup = program.folder / "backup.db"
    with closing(sqlite3.connect("people.db")) as raw, closing(sqlite3.connect(backup)) as copy:
        raw.backup(copy)
    late = fact("record-response", "late", "2010-03-30T10:00:00Z", "m-2", response="late", customer_org="Acorn",
                answers={"overall": 1})  # fmt: skip
    program.record(late)
    closed(program, "2010-03")
    for path in program.folder.glob("people.db*"):
        path.unlink()
    backup.rename(program.folder / "people.db")
    before = asked(program, "results", "results", "m-2").out
    ran = program.json("publish-results", "--through", "2010-04")
    assert (ran.code, ran.json["error"]) == (4, "results-lost")
    assert "found 2010-02" in ran.json["message"]
    assert "expected 2010-03" in ran.json["message"]
    assert asked(program, "results", "results", "m-2").out == before


def test_the_book_is_told_of_a_month_whose_closing_was_killed_in_between(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = people.program
    program.now(NOW)
    program.record(*survey(1))

    def killed(_: object, months: list[str]) -> None:
        if months:
            raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("console.publishing.tell_published", killed)
        assert program.json("publish-results", "--through", "2010-01").code != 0
    assert told(program) == []
    assert closed(program, "2010-02").json["closed"] == ["2010-02"]
    assert closed(program, "2010-02").json["closed"] == []
    assert told(program) == ["2010-01", "2010-02"]


def told(program: Program) -> list[str]:
    """The months that the book says were published, in order."""
    with closing(open_store(str(program.store), create=False)) as store:
        rows = store.read_type("ResultsPublished", 0, 100)
    return [orjson.loads(row.stored)["data"]["month"] for row in rows]


def test_a_month_that_is_not_over_is_not_closed(people: People) -> None:
    program = people.program
    program.now(NOW)
    ran = program.json("publish-results", "--through", "2012-02")
    assert (ran.code, ran.json["error"]) == (2, "month-not-over")
    ran = program.json("publish-results", "--through", "2010-8")
    assert (ran.code, ran.json["error"]) == (2, "usage")
    ran = program.json("results", "m-nobody")
    assert (ran.code, ran.json["error"]) == (2, "unknown-membership")


def test_no_score_touches_eligibility(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """R4: whatever was answered, board, status and announcements are the same bytes."""
    people = People(program, monkeypatch)
    shown = []
    for shift in (0, 5):
        if shift:
            folder = tmp_path_factory.mktemp("other")
            monkeypatch.chdir(folder)
            program.folder, program.store = folder, folder / "ledger.db"
            program.now("2012-01-01T00:00:00Z")
            people = People(program, monkeypatch)
        program.now(NOW)
        program.record(*survey(1, shift))
        closed(program)
        means = asked(program, "results", "results", "m-2").json["life"]["questions"]
        ran = [program.json("board"), program.json("changes"), *(program.json("status", name) for name in PARTNERS)]
        assert [one.code for one in ran] == [0] * len(ran)
        shown.append((means, [one.out for one in ran]))
    assert people.program is program
    assert shown[0][0] != shown[1][0]
    assert shown[0][1] == shown[1][1]
