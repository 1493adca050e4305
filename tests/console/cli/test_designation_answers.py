"""What the commands print about designations, and their answers' schemas: no field but those that the schemas name."""

from __future__ import annotations

import orjson

from tests.console.cli.test_answers import Printed
from tests.console.designation_story import ANNIVERSARY, AREA, certificate, opened, qualified, restated, told
from tests.console.support import Program, met

ASKED = ("m-1", "--area", AREA)
INSTANTS = ("2023-06-01", "2024-06-01", "2024-07-01", "2025-02-01", "2030-01-01")


def test_every_answer_about_designations_keeps_to_its_schema(program: Program) -> None:
    program.now("2024-08-01T00:00:00Z")
    out = told("report-usage", "out", "2024-06-18T00:00:00Z", customer="c-1", workload="retail", month="2024-05",
               units=7, association="pal")  # fmt: skip
    program.record(
        *met(), *qualified(), *opened("m-2"), out, certificate(9, "advanced", "p-9", valid_until="2024-07-15")
    )
    printed = Printed(program)
    for at in INSTANTS:
        printed.by("score", "score", *ASKED, "--at", at)
        printed.by("designations", "designations", "--at", at)
        printed.by("anniversaries", "anniversaries", "--at", at, "--within", "500")
        printed.by("score-explain", "score", *ASKED, "--explain", "2024-07-01@20", at)
    printed.by("decide-designation", "decide-designation", *ASKED, "--anniversary", ANNIVERSARY)
    program.now("2024-10-01T00:00:00Z")
    program.record(restated())
    printed.by("score-explain", "score", *ASKED, "--explain", "2024-07-01@30", "2024-07-01")
    printed.by("decide-designation", "decide-designation", *ASKED, "--anniversary", ANNIVERSARY)
    printed.by("decide-designation", "decide-designation", "m-2", "--area", AREA, "--anniversary", ANNIVERSARY)
    printed.by("decide", "decide", "m-1", "--renewal", "2011-03-01")
    printed.by("designations", "designations")
    for arguments in ((), ("m-1",), ASKED):
        printed.by("decisions", "decisions", *arguments)
    printed.by("changes", "changes")
    printed.by("history-area", "history", *ASKED)
    printed.by("replay-area", "replay", *ASKED)
    printed.by("failure", "score", "m-1", "--area", "elsewhere", code=2)
    questions = program.folder / "questions.jsonl"
    asked = [
        {"membership": "m-1", "area": AREA, "at": "2024-07-01"},
        {"membership": "m-1", "area": "none"},
        {"area": AREA},
    ]
    questions.write_bytes(b"\n".join(map(orjson.dumps, asked)))
    printed.by("score-batch", "score", "--batch", str(questions), code=3)
    assert printed.wrong == []
    lines = printed.lines
    assert {line["qualified"] for line in lines["score"]} == {True, False}
    assert {line["left_out"]["total"] for line in lines["score"]} == {0, 1}
    assert {line["outcome"] for line in lines["decide-designation"]} == {"qualified", "not-qualified"}
    assert any(line["expiring"] for line in lines["anniversaries"])
    assert {line["next_close"] is None for line in lines["anniversaries"]} == {True, False}
    assert {cause["kind"] for line in lines["score-explain"] for one in line["metrics"] for cause in one["causes"]} >= {
        "close",
        "report",
        "expiry",
        "certificate",
        "scorebook",
    }
    assert len([line for line in lines["replay-area"] if "checked" in line]) == 2
