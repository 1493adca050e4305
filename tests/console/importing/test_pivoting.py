"""One answer a row."""

from __future__ import annotations

from pathlib import Path

import orjson

from tests.console.support import Program, enrolment

MAP = """
[time]
forms = ["yyyy-MM-dd HH:mm"]
zone = "UTC"
[rows]
key = ["Ticket"]
question = "Question"
answer = "Answer"
[[fact]]
type = "record-response"
key = ["Ticket"]
fields.occurred_at = "When"
fields.response = { from = "key" }
fields.customer_org = "Org"
fields.answers.overall = { column = "How was it?", optional = true }
fields.comment = { column = "Anything else?", optional = true }
"""
ROWS = """Ticket,When,Org,Question,Answer
7,2011-03-02 09:00,Brontegard,How was it?,9
7,2011-03-02 09:00,Brontegard,How  was IT?,
7,2011-03-02 09:00,Brontegard,Colour?,blue
8,2011-03-02 10:00,Lindomar,Anything else?,no
8,2011-03-02 10:00,Lindomar,How was it?,7
,,,,
9,2011-03-02 11:00,Lindomar,How was it?,6
9,2011-03-02
9,2011-03-02 11:00,Lindomar,Anything else?,x
7,2011-03-02 09:00,Brontegard,Anything else?,late
"""


def imported(program: Program, rows: str, *options: str) -> tuple[int, dict[str, object], list[dict[str, object]]]:
    (program.folder / "rows.csv").write_text(rows)
    (program.folder / "ours.toml").write_text(MAP)
    out = program.folder / "facts.jsonl"
    out.unlink(missing_ok=True)
    ran = program.json(
        "import", "--map", "ours.toml", "rows.csv", "--source", "q", "--membership", "m-1", "--out", out, *options
    )
    facts = [orjson.loads(line) for line in out.read_bytes().splitlines()] if out.exists() else []
    return ran.code, ran.json, facts


def test_rows_of_one_key_are_one_record(program: Program) -> None:
    program.record(*enrolment())
    whole = "\n".join(line for line in ROWS.splitlines() if "IT?" not in line and not line.startswith("9,2011-03-02\n"))
    code, answer, facts = imported(
        program, whole.replace("9,2011-03-02\n", "").replace("\n7,2011-03-02 09:00,Brontegard,Anything else?,late", "")
    )
    assert (code, answer["rows"], answer["records"], answer["made"]) == (0, 7, 3, 3)
    assert [(fact["response"], fact.get("answers"), fact.get("comment")) for fact in facts] == [
        ("q:7", {"overall": 9}, None),
        ("q:8", {"overall": 7}, "no"),
        ("q:9", {"overall": 6}, "x"),
    ]


def test_a_record_with_a_bad_row_a_question_twice_or_a_key_that_comes_back_is_refused(
    program: Program, tmp_path: Path
) -> None:
    code, answer, facts = imported(program, ROWS, "--partial")
    assert code == 3
    problems = answer["problems"]
    assert isinstance(problems, list)
    assert sorted(problem["code"] for problem in problems) == ["columns", "question-twice"]
    assert [fact["response"] for fact in facts] == ["q:8", "q:7"] or [fact["response"] for fact in facts] == [
        "q:7",
        "q:8",
    ]
    twice = ROWS.replace("7,2011-03-02 09:00,Brontegard,How  was IT?,\n", "")
    code, answer, facts = imported(program, twice, "--partial")
    problems = answer["problems"]
    assert isinstance(problems, list)
    assert sorted(problem["code"] for problem in problems) == ["columns", "repeated"]
    assert answer["records"] == 4
    assert (answer["made"], answer["refused"]) == (2, 2)
