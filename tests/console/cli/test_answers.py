"""What commands print with `--json` is what `schemas/answers` says, which is made of the answers' classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.cli import answers
from console.cli.main import COMMANDS
from tests.console.cli.test_proof_commands import ORIGIN, policy_file, started, stopped
from tests.console.support import Fact, Program, edition, fact, met
from tests.support.answers import SCHEMAS, validator, wrong_with

OTHERS = {"subscribe", "demo", "relay", "inbox", "worker", "clock", "webhooks"}
"""Commands that print no answers of their own; `console.cli.answers` says why."""
ELSEWHERE = {"topics", "log-publish"}
"""Answers that are held against their schemas where there is a broker (tests/consumers) or an object store."""
OF_AN_OPTION = {
    "status-batch", "score-batch", "score-explain", "history-area", "replay-area", "refusals-counts", "refusals-deleted",
    "benchmark-places", "decisions-counts", "decisions-page",
}  # fmt: skip
"""What a command prints with an option."""
AREA = "business-applications"


class Printed:
    """The lines that commands printed, each held against the schema of its command."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.lines: dict[str, list[Any]] = {}
        self.wrong: list[str] = []

    def by(self, name: str, *arguments: str | Path, store: str | Path | None = None, code: int = 0) -> list[Any]:
        """What a command printed; `name` is that of the answer."""
        where = ("--store", self._program.store if store is None else store)
        ran = self._program.run_bare(*(() if "--from" in arguments else where), *arguments, "--json")
        assert ran.code == code, ran
        self.take(name, ran.lines)
        return ran.lines

    def take(self, name: str, lines: list[Any]) -> None:
        self.lines.setdefault(name, []).extend(lines)
        self.wrong += [wrong for line in lines for wrong in wrong_with(name, line)]


def test_schemas_are_those_of_the_answers() -> None:
    assert answers.differences(SCHEMAS) == [], "python -m console.cli.answers --write schemas"


def test_every_command_has_a_schema_of_what_it_prints_but_those_that_print_no_answers() -> None:
    assert set(COMMANDS) - OTHERS == set(answers.ANSWERS) - {"failure", *OF_AN_OPTION}


@pytest.mark.parametrize("name", answers.ANSWERS)
def test_a_schema_says_what_every_object_and_every_field_is(name: str) -> None:
    schema = validator(name).schema
    assert isinstance(schema, dict)
    objects = [one for one in (schema, *schema.get("$defs", {}).values()) if "properties" in one]
    assert objects
    for one in objects:
        assert one["description"]
        assert [field for field, said in one["properties"].items() if not said.get("description")] == []


def test_schemas_are_written_and_what_is_missing_too_much_or_different_is_found(tmp_path: Path) -> None:
    assert answers.main(["--write", str(tmp_path)]) == 0
    assert answers.main(["--check", str(tmp_path)]) == 0
    folder = tmp_path / "answers"
    (folder / "status.json").unlink()
    (folder / "weather.json").write_text("{}")
    (folder / "board.json").write_text("{}")
    assert answers.differences(tmp_path) == [
        "answers/board.json: is not what the answers say",
        "answers/status.json: is missing",
        "answers/weather.json: is of no answer",
    ]
    assert answers.main(["--check", str(tmp_path)]) == 1
    assert answers.main(["--oops"]) == 2


def test_every_answer_about_the_demos_book_keeps_to_its_schema(program: Program) -> None:
    assert program.run_bare("demo", "--memberships", "8", "--partners", "3").code == 0
    program.now("2025-01-02T00:00:00Z")  # the demo's own time
    printed = Printed(program)
    book = "demo/ledger.db"
    ask = Asked(printed, book)
    ask("clock-accept", "clock-accept", "2025-01-01T00:00:00.000001Z")
    ask("record", "record", "demo/facts.jsonl", code=3)
    ask("refusals", "refusals")
    ask("refusals-counts", "refusals", "--counts")
    ask("record", "record", "--retry", code=3)
    ask("refusals-deleted", "refusals", "--delete-before", "2001-01-01")
    ask("review", "review")
    members = [row["membership"] for row in ask("board", "board", "--at", "2013-01-01")]
    ask("board", "board", "--at", "2009-01-01")
    for membership in members:
        for at in ("2009-01-01", "2011-06-01", "2014-01-01", "2040-01-01"):
            ask("status", "status", membership, "--at", at)
        ask("history", "history", membership)
        ask("replay", "replay", membership)
    ask("failure", "status", "nobody", code=2)
    questions = program.folder / "questions.jsonl"
    questions.write_text(f'{{"membership":"{members[0]}","at":"2011-06-01"}}\n{{"membership":"nobody"}}\nwhat?\n')
    ask("status-batch", "status", "--batch", str(questions), code=3)
    ask("renewals", "renewals", "--at", "2012-01-01", "--within", "400")
    ask("decisions", "decisions")
    ask("decisions-counts", "decisions", "--counts")
    ask("decisions-page", "decisions", "--limit", "3")
    for by in ("membership", "quarter", "month"):
        ask("participation", "participation", "--by", by)
    ask("changes", "changes")
    ask("project", "project", "--status")
    ask("project", "project", "--rebuild")
    ask("copy", "copy", "--from", book, "--to", "copied.db")
    ask("migrate", "migrate")
    ask("help", "help", "times")
    ask("help", "help")
    ask("completion", "completion", "bash")
    assert printed.wrong == []
    checks = [line for line in printed.lines["replay"] if "checked" in line]
    assert checks
    assert {line["satisfied"] for line in printed.lines["status"]} == {True, False}
    assert {line["state"] for line in printed.lines["board"]} == {"losing", "eligible", "not-eligible"}
    assert sum("error" in line for line in printed.lines["status-batch"]) == 2
    assert printed.lines["record"][0]["codes"]


class Asked:
    """Commands on one book."""

    def __init__(self, printed: Printed, book: str) -> None:
        self._printed, self._book = printed, book

    def __call__(self, name: str, *arguments: str, code: int = 0) -> list[Any]:
        return self._printed.by(name, *arguments, store=self._book, code=code)


def test_every_answer_of_a_decision_and_its_proof_keeps_to_its_schema(program: Program) -> None:
    program.record(*met(), *(response_of("Brontegard", hour) for hour in range(3)))
    program.record(fact("same-organisation", "join", "2011-01-01T00:00:00Z", organisation="Lindomar",
                        same_as="Brontegard"))  # fmt: skip
    printed = Printed(program)
    first = printed.by("decide", "decide", "m-1", "--renewal", "2011-03-01")
    printed.by("failure", "decide", "m-1", "--renewal", "2011-03-01", code=3)
    joined = printed.by("status", "status", "m-1", "--at", "2010-12-01")
    printed.by("keygen", "keygen", "--name", ORIGIN, "--out", "keys")
    printed.by("keygen", "keygen", "--name", "w.example/1", "--out", "auditor", "--witness")
    policy = ("--policy", policy_file(program))
    printed.by("seal", "seal", "--key", "keys/log.key", "--tiles", "log")
    (program.folder / "log/checkpoint").rename(program.folder / "old")
    (program.folder / "log/checkpoint").write_bytes((program.folder / "old").read_bytes())
    printed.by("evidence", "evidence", "m-1", "--renewal", "2011-03-01", "--tiles", "log", "--out", "m-1.json")
    printed.by("verify", "verify", "m-1.json", *policy)
    program.record(edition("late", "2010-01-01T00:00:00Z", min_responses=3, per_org_cap=2))
    printed.by("seal", "seal", "--key", "keys/log.key", "--tiles", "log")
    printed.by("consistency", "consistency", "old", "log/checkpoint", "--tiles", "log", *policy)
    printed.by("audit", "audit", "--tiles", "log", *policy)
    printed.by("monitor", "monitor", "--log", "log", *policy, "--state", "state")
    printed.by("keygen", "keygen", "--name", ORIGIN, "--out", "keys", "--receipts")
    printed.by("record", "record", "recorded.jsonl", "--receipts", "r.jsonl", "--receipt-key", "keys/receipt-1.key")
    believed = (program.folder / "keys/receipt-1.vkey").read_text().strip()
    keys = [{"vkey": believed, "from": 1, "to": None}]
    policy_file(program, checking=0, receipts={"keys": keys, "within_s": 86_400})
    printed.by("verify-receipt", "verify-receipt", "r.jsonl", "--log", "log", *policy)
    printed.by("verify-receipt", "verify-receipt", "recorded.jsonl", *policy, code=2)
    printed.by("monitor", "monitor", "--log", "log", *policy, "--state", "held", "--receipts", "r.jsonl")
    changed = (program.folder / "m-1.json").read_text().replace("Alderbrook", "Alderbrock", 1)
    (program.folder / "changed.json").write_text(changed)
    (found,) = printed.by("verify", "verify", "changed.json", *policy, code=1)
    printed.by("decide", "decide", "m-1", "--renewal", "2011-03-01")
    witness, said = started(program, "witness", "--key", "auditor/witness.key", "--policy", "policy.json",
                            "--listen", "127.0.0.1:0")  # fmt: skip
    printed.take("witness", [said])
    assert stopped(witness) == 0
    log_server, said = started(program, "log-server", "log", "--listen", "127.0.0.1:0")
    printed.take("log-server", [said])
    assert stopped(log_server) == 0
    assert printed.wrong == []
    assert {one["reason"] for one in first[0]["left_out"]} == {"over-cap"}
    assert joined[0]["locations"]["main"]["by_org"]["Brontegard"]["names"] == ["Brontegard", "Lindomar"]
    assert found["difference"]["found"] != found["difference"]["expected"]


def response_of(organisation: str, hour: int) -> Fact:
    at = f"2010-06-12T{hour:02}:00:00Z"
    return fact("record-response", f"over-{hour}", at, response=f"over-{hour}", customer_org=organisation)


def test_changes_of_designations_keep_to_the_schema_of_changes(program: Program) -> None:
    program.now("2024-07-01T00:00:00Z")
    program.record(*qualified())
    printed = Printed(program)
    (change,) = printed.by("changes", "changes")
    assert printed.wrong == []
    assert (change["qualified"], change["centipoints"], change["effective_at"]) == (
        True,
        7_400,
        "2024-06-20T00:00:00.000000Z",
    )
    assert "qualified  (74.00 points, close)" in program.run("changes").out


def qualified() -> list[Fact]:
    """A small partner that has 74 points once May 2024 is closed."""
    at = "2024-06-10T00:00:00Z"
    usage = {"2023-05": {"c-1": 125}, "2024-05": {"c-1": 100, "c-2": 50, "c-3": 50}}
    facts: list[Fact] = [
        {"type": "open-designation", "name": "Alderbrook"},
        *(
            {"type": "report-usage", "customer": customer, "workload": "customer-engagement", "month": month,
             "units": units, "association": "cpor"}
            for month, customers in usage.items() for customer, units in customers.items()
        ),
        *(
            {"type": "report-revenue", "customer": f"c-{number}", "workload": "customer-engagement",
             "month": "2024-05", "amount_cents": 25_000, "association": "cpor"}
            for number in range(1, 4)
        ),
        *(
            {"type": "record-certificate", "certificate": f"{tier}-{number}", "person": f"p-{number}", "code": "x-1",
             "tier": tier, "valid_from": "2024-01-01"}
            for tier, people in (("intermediate", 3), ("advanced", 2)) for number in range(people)
        ),
        {"type": "close-month", "month": "2024-05"},
    ]  # fmt: skip
    return [
        {
            "id": f"c-{number}",
            "membership": "m-1",
            "area": AREA,
            "occurred_at": "2024-06-20T00:00:00Z" if one["type"] == "close-month" else at,
            **one,
        }
        for number, one in enumerate(facts)
    ]
