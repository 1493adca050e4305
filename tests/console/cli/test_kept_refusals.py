"""Refused facts that the ledger keeps: `refusals` shows them, `record --retry` takes them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.cli.retrying import KeptRetry
from ledger.store.sqlite import SQLiteStore
from tests.console.support import Program, enrolment, fact, met, response

EVALUATION = fact("record-evaluation", "e-1", "2010-02-01T00:00:00Z", "m-2", evaluation="e-1")
RESPONSE = response(1, "Brontegard", "2010-06-01T10:00:00Z", "m-2")
INVITED = {**RESPONSE, "id": "invited", "response": "r-77", "invitation": "invitation-77"}


@pytest.fixture
def refused(program: Program) -> Path:
    """Four lines that were refused: three for want of an enrolment, one of them with an invitation; and one that is no fact."""
    facts = [*met(), EVALUATION, RESPONSE, INVITED, "nonsense"]
    assert program.run("record", program.write("facts.jsonl", facts)).code == 3
    return program.folder / "facts.jsonl.refused"


def kept(program: Program, *options: str) -> dict[str | None, Any]:
    return {line["id"]: line for line in program.json("refusals", *options).lines}


def test_what_a_file_was_refused_is_shown_with_its_source_and_the_newest_first(program: Program, refused: Path) -> None:
    assert list(kept(program)) == [None, "invited", RESPONSE["id"], "e-1"]
    assert kept(program)["e-1"]["source"] == f"file:{refused.with_suffix('')}"
    assert kept(program)["e-1"]["original"] == EVALUATION
    assert (kept(program)["invited"]["whole"], kept(program)[None]["whole"]) == (False, False)
    text = program.run("refusals").out
    assert "4 refused facts" in text
    assert "unknown-membership" in text


def test_the_limit_shows_the_newest_and_says_that_there_are_more(program: Program, refused: Path) -> None:
    assert list(kept(program, "--limit", "2")) == [None, "invited"]
    assert "--limit shows more" in program.run("refusals", "--limit", "2").out


def test_refusals_are_found_by_code_source_and_time(program: Program, refused: Path) -> None:
    assert list(kept(program, "--code", "malformed")) == [None]
    assert len(kept(program, "--source", f"file:{refused.with_suffix('')}")) == 4
    assert kept(program, "--source", "file:other") == kept(program, "--until", "2012-01-01") == {}
    assert len(kept(program, "--since", "2012-01-01")) == 4


@pytest.mark.parametrize("command", [("refusals",), ("refusals", "--counts"), ("record", "--retry")])
def test_a_code_that_no_fact_is_refused_with_is_an_error_and_finds_nothing_in_silence(
    program: Program, refused: Path, command: tuple[str, ...]
) -> None:
    ran = program.run(*command, "--code", "unknown-membrship")
    assert (ran.code, ran.out) == (2, "")
    assert (
        "found --code 'unknown-membrship', expected a code with which facts are refused, such as unknown-m" in ran.err
    )
    assert program.run("refusals", "--code", "consent-missing").code == 0


def test_ids_of_no_refused_fact_are_said_to_be_none(program: Program, refused: Path) -> None:
    ran = program.run("record", "--retry", "--id", "e-2", "e-3")
    assert "none of these ids is that of a refused fact" in ran.err
    assert "none of these ids" not in program.run("record", "--retry", "--id", "e-1").err


def test_counts_by_code(program: Program, refused: Path) -> None:
    counts = {line["code"]: (line["facts"], line["given"]) for line in program.json("refusals", "--counts").lines}
    assert counts == {"malformed": (1, 1), "unknown-membership": (3, 3)}
    only = program.json("refusals", "--counts", "--code", "malformed").lines
    assert [line["code"] for line in only] == ["malformed"]
    assert "4 refused facts, by code" in program.run("refusals", "--counts").out


def test_a_file_recorded_twice_counts_its_refusals_twice(program: Program, refused: Path) -> None:
    program.run("record", "facts.jsonl")
    assert {line["times"] for line in kept(program).values()} == {2}


def test_what_waited_for_its_order_is_kept_once_and_whole(program: Program) -> None:
    ran = program.run("record", "--any-order", program.write("facts.jsonl", [EVALUATION, *met(), "nonsense"]))
    assert ran.code == 3
    found = kept(program)
    assert (found["e-1"]["original"], found["e-1"]["whole"], found["e-1"]["times"]) == (EVALUATION, True, 1)


# taken again


def test_what_is_accepted_after_a_mend_leaves_and_the_rest_stays(program: Program, refused: Path) -> None:
    program.record(enrolment("m-2")[0])
    ran = program.json("record", "--retry")
    assert (ran.code, ran.json["accepted"], ran.json["refused"], ran.json["left"]) == (3, 2, 0, 2)
    assert "2 more are kept without all that they said" in ran.err
    assert list(kept(program)) == [None, "invited"]
    assert kept(program, "--resolved")["e-1"]["resolved"] == ran.json["position"] - 1
    assert program.json("record", "--retry").json["accepted"] == 0


def test_by_code_and_by_id(program: Program, refused: Path) -> None:
    program.record(enrolment("m-2")[0])
    assert program.json("record", "--retry", "--code", "consent-missing").json["accepted"] == 0
    assert program.json("record", "--retry", "--id", "e-1", "none").json["accepted"] == 1
    assert program.json("record", "--retry", "--code", "unknown-membership").json["accepted"] == 1


def test_what_is_refused_again_stays_and_says_why(program: Program, refused: Path) -> None:
    ran = program.json("record", "--retry")
    assert (ran.code, ran.json["refused"]) == (3, 2)
    assert ran.json["codes"]["unknown-membership"]["first"]["file"] == f"file:{refused.with_suffix('')}"
    assert {line["times"] for line in kept(program, "--code", "unknown-membership").values() if line["whole"]} == {2}


def test_a_ledger_that_has_refused_nothing_has_nothing_to_take_again(program: Program) -> None:
    program.record(*met())
    ran = program.json("record", "--retry")
    assert (ran.code, ran.json["accepted"], ran.json["left"]) == (0, 0, 0)
    assert "0 refused facts" in program.run("refusals").out
    assert program.json("refusals", "--counts").lines == []


def test_a_fact_with_an_invitation_is_taken_from_its_file_and_is_resolved_then(program: Program, refused: Path) -> None:
    program.record(enrolment("m-2")[0])
    at = "2010-05-01T00:00:00Z"
    about = {"subject": "s-1", "customer_org": "Brontegard"}
    program.record(
        fact("record-consent", "c", at, "m-2", **about),
        fact("record-invitation", "i", at, "m-2", invitation="invitation-77", channel="operator", **about),
    )
    program.json("record", "--retry")
    assert list(kept(program)) == [None, "invited"]
    assert program.json("record", "--retry", refused).json["accepted"] == 1
    assert list(kept(program)) == [None]


def test_a_crash_between_the_facts_and_the_note_of_them_loses_and_doubles_nothing(
    program: Program, refused: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.record(enrolment("m-2")[0])

    def killed(*_: object) -> None:
        raise OSError("of the test")

    with monkeypatch.context() as patched:
        patched.setattr("console.cli.retrying.settle", killed)
        assert program.run("record", "--retry").code == 2
    assert set(kept(program)) == {None, "invited", RESPONSE["id"], "e-1"}
    ran = program.json("record", "--retry")
    assert (ran.json["accepted"], ran.json["duplicates"]) == (0, 2)
    assert set(kept(program)) == {None, "invited"}


def test_a_fault_over_a_fact_is_refused_as_one_and_the_others_are_recorded(
    program: Program, refused: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.record(enrolment("m-2")[0])
    take = KeptRetry.__init__

    def spoilt(self: KeptRetry, ledger: Any, record: Any, *others: Any) -> None:
        def failing(facts: Any) -> Any:
            if any(one.id == "e-1" for one in facts):
                raise ZeroDivisionError
            return record(facts)

        take(self, ledger, failing, *others)

    monkeypatch.setattr(KeptRetry, "__init__", spoilt)
    ran = program.json("record", "--retry")
    assert (ran.code, ran.json["accepted"], ran.json["codes"].keys()) == (70, 1, {"fault"})
    assert kept(program)["e-1"]["code"] == "fault"


@pytest.mark.parametrize(
    "arguments",
    [
        ["record", "--code", "malformed", "facts.jsonl"],
        ["record", "--retry", "facts.jsonl.refused", "--id", "e-1"],
        ["record", "--retry", "--refused", "x"],
        ["record", "--retry", "--any-order"],
        ["refusals", "--delete-before", "2010-01-01", "--counts"],
        ["refusals", "--limit", "0"],
        ["refusals", "--since", "yesterday"],
    ],
)
def test_what_does_not_go_together_is_a_mistake(program: Program, refused: Path, arguments: list[str]) -> None:
    assert program.json(*arguments).json["error"] == "usage"


# kept for how long, and when it goes wrong


def test_they_are_deleted_by_age_by_hand_and_by_the_setting(
    program: Program, refused: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert program.json("refusals", "--delete-before", "2012-01-01").json == {"deleted": 0}
    program.now("2012-03-01T00:00:00Z")
    monkeypatch.setenv("CSAT_LEDGER_REFUSALS_DAYS", "30")
    program.run("record", program.write("later.jsonl", [{**EVALUATION, "id": "e-2"}]))
    assert list(kept(program)) == ["e-2"]
    ran = program.run("refusals", "--delete-before", "2012-03-02")
    assert (ran.code, ran.out) == (0, "deleted 1 refused fact\n")
    assert kept(program) == {}
    (counts,) = (line for line in program.json("refusals", "--counts").lines if line["code"] == "malformed")
    assert (counts["facts"], counts["expired"]) == (0, 1)


def test_a_rebuild_of_the_projections_leaves_them(program: Program, refused: Path) -> None:
    before = kept(program)
    assert program.run("project", "--rebuild").code == 0
    for path in program.folder.glob("ledger.db.projections*"):
        path.unlink()
    program.run("project")
    assert kept(program) == before


def test_what_the_ledger_cannot_keep_stands_in_the_file_and_is_said(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: SQLiteStore) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(SQLiteStore, "keeping_refusals", full)
        ran = program.run("record", program.write("facts.jsonl", [*met(), EVALUATION, "nonsense"]))
    assert ran.code == 3
    assert "refused facts cannot be kept in the ledger" in ran.err
    assert len((program.folder / "facts.jsonl.refused").read_bytes().splitlines()) == 2
    assert kept(program) == {}


def test_nothing_of_a_ledger_that_is_not_there(program: Program) -> None:
    assert program.json("refusals").json["error"] == "store-unreachable"
    assert program.json("record", "--retry").json["error"] == "store-unreachable"
