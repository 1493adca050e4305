"""No value writes a line of its own, or reaches a terminal as a control, whatever command prints it.

Values come from the book, which a host writes, from files and their names, from columns of tables and the environment.
"""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import orjson
import pytest

from console.cli.commands import subscribe
from console.cli.output import Output
from csat_ledger_client.kafka.subscriber import Delivery
from csat_ledger_client.messages.survey import EligibilityChanged
from tests.console.cli.test_proof_commands import ORIGIN, policy_file
from tests.console.designation_story import ANNIVERSARY, AREA, certificate, opened, qualified, told
from tests.console.support import Program, fact, met, response
from tests.support.evil_book import CHANGES, EVIL, MARK, rewrite

ASKED = ("m-1", "--area", AREA)
LATER = "2024-10-01T00:00:00Z"


def wrong_with(text: str) -> list[str]:
    """The lines of a text that a value has written, and those that hold a control."""
    lines = text.split("\n")
    return [line for line in lines if line.startswith(MARK) or any(not one.isprintable() for one in line)]


def commands() -> Iterator[tuple[str, ...]]:
    """Every command that prints what a book holds."""
    for at in ("2011-02-01", "2024-07-01"):
        for asked in (("status", "m-1"), ("score", *ASKED), ("board",), ("designations",)):
            yield *asked, "--at", at
        yield "anniversaries", "--at", at, "--within", "500"
    yield "renewals", "--within", "1000"
    yield "renewals", "--membership", "m-1", "--within", "1000"
    yield "score", *ASKED, "--explain", "2024-07-01@31", "2024-07-01"
    yield "what-would-it-take", *ASKED, "--more-deployments", "3", "--more-advanced", "1"
    yield "expiring", *ASKED, "--months", "12"
    yield "score-months", *ASKED, "--months", "12"
    yield "score", "--batch", "questions.jsonl"
    yield "status", "--batch", "questions.jsonl"
    for asked in (("m-1",), ASKED):
        for command in ("history", "replay", "decisions"):
            yield command, *asked
    for command in ("decisions", "changes", "participation", "migrate"):
        yield (command,)
    yield "seal", "--key", "keys/log.key", "--tiles", "log"
    yield "audit", "--tiles", "log", "--policy", "policy.json", "--workers", "1"
    yield "evidence", "m-1", "--renewal", "2011-03-01", "--tiles", "log", "--out", "m-1.json"
    yield "verify", "m-1.json", "--policy", "policy.json"
    yield "evidence", *ASKED, "--anniversary", ANNIVERSARY, "--tiles", "log", "--out", "d-1.json"
    yield "verify", "d-1.json", "--policy", "policy.json"
    yield "decide", "m-1", "--renewal", "2011-03-01"
    yield "decide-designation", *ASKED, "--anniversary", ANNIVERSARY
    yield "record", "more.jsonl"
    yield "record", "more.jsonl", "--known-spelling"
    yield "record", "more.jsonl", "--any-order"
    yield ("review",)
    yield "project", "--rebuild"
    yield ("project",)
    yield "project", "--status"
    yield "copy", "--from", "ledger.db", "--to", "copy.db"


@pytest.fixture
def story(program: Program) -> Program:
    """Both programmes, with decisions, invitations and what is left out; a key, a policy, and files to ask with."""
    program.now("2024-08-01T00:00:00Z")
    about = {"customer_org": "Brontegard"}
    out = told("report-usage", "out", "2024-06-18T00:00:00Z", customer="c-1", workload="retail", month="2024-05",
               units=7, association="pal")  # fmt: skip
    program.record(
        *met(),
        fact("record-consent", "c-1", "2010-06-20T00:00:00Z", subject="s-1", **about),
        fact("record-invitation", "i-1", "2010-06-20T01:00:00Z", subject="s-1", invitation="i-1", channel="operator",
             **about),
        fact("record-reminder", "i-1r", "2010-06-21T01:00:00Z", invitation="i-1"),
        response(11, "Lindomar", "2010-06-22T10:00:00Z"),
        fact("void-response", "v-1", "2010-06-23T10:00:00Z", response="m-1-r-11", reason="test"),
        fact("record-evaluation", "e-1", "2010-06-23T10:00:00Z", evaluation="e-1"),
        fact("set-renewal-date", "renew-2", "2010-06-24T10:00:00Z", renewal_date="2025-03-01"),
        *qualified(),
        *opened("m-2"),
        out,
        certificate(9, "advanced", "p-9", valid_until="2024-07-15"),
    )  # fmt: skip
    assert program.run("decide", "m-1", "--renewal", "2011-03-01").code == 0
    assert program.run("decide-designation", *ASKED, "--anniversary", ANNIVERSARY).code == 0
    assert program.run_bare("keygen", "--name", ORIGIN, "--out", "keys").code == 0
    policy_file(program)
    program.now(LATER)
    program.write("more.jsonl", [response(21, "BRONTEGARD", "2010-07-01T10:00:00Z"), fact(EVIL, EVIL, LATER)])
    asked = {"membership": "m-1", "area": AREA, "at": "2024-07-01"}
    (program.folder / "questions.jsonl").write_bytes(orjson.dumps(asked) + b"\n" + orjson.dumps({EVIL: EVIL}))
    return program


@pytest.mark.parametrize("values", CHANGES)
def test_no_value_of_a_book_writes_a_line_of_any_command(
    story: Program, monkeypatch: pytest.MonkeyPatch, values: str
) -> None:
    rewrite(story.store, CHANGES[values])
    found = []
    seen = ""
    for number, asked in enumerate(commands()):
        monkeypatch.setattr(Output, "width", lambda _self, width=(None, 60)[number % 2]: width)
        for ran in (story.run(*asked), story.json(*asked)):
            seen += "" if "more.jsonl" in asked or "--batch" in asked else ran.out + ran.err
            found += [(*asked, line) for line in wrong_with(ran.out) + wrong_with(ran.err)]
    assert found == []
    assert MARK in seen, "the book's values are told, as escapes"


def test_no_reason_in_a_column_of_a_table_writes_a_line(story: Program) -> None:
    story.run("project")
    with closing(sqlite3.connect(story.store)) as book, book:
        book.execute("INSERT INTO set_aside VALUES (?, 5, ?, 0)", (f"membership-{EVIL}", EVIL))
    ran = story.run("project", "--status")
    assert ran.out.count(MARK) == 2 * EVIL.count(MARK)
    assert wrong_with(ran.out + ran.err) == []


def test_no_name_of_a_file_writes_a_line(story: Program) -> None:
    name = "x" + EVIL.replace("\x1c", "")[:80]
    story.write(name, [fact(EVIL, EVIL, LATER), "what is no fact"])
    refused = story.run("record", name)
    assert (refused.code, MARK in refused.err) == (3, True)
    naming = 0
    for asked in (
        ("record", name),
        ("record", "--retry", f"{name}.refused"),
        ("record", f"{name}.none"),
        ("status", "--batch", name),
        ("score", "--batch", f"{name}.none"),
        ("verify", name, "--policy", "policy.json"),
        ("verify", "policy.json", "--policy", name),
        ("audit", "--tiles", name, "--policy", "policy.json"),
        ("consistency", name, name, "--tiles", "log", "--policy", "policy.json"),
        ("seal", "--key", name, "--tiles", "log"),
        ("copy", "--from", name, "--to", "copy.db"),
        ("keygen", "--name", ORIGIN, "--out", f"{name}.keys"),
        (name,),
        ("status", name),
        ("status", "m-1", "--at", name),
        ("status", "m-1", f"--{name}"),
    ):
        refused = story.run(*asked)
        naming += MARK in refused.out + refused.err
        assert wrong_with(refused.out + refused.err) == [], asked
        assert wrong_with(story.json(*asked).out) == [], asked
    assert naming >= 12, "most of them name the file"
    made = story.run_bare("--store", f"{name}.db", "record", "more.jsonl")
    assert MARK in made.err
    assert wrong_with(made.out + made.err) == []


@pytest.mark.parametrize("variable", ["NOW", "STORE", "RECORD_BATCH", "KAFKA", "KAFKA_CLIENT_FILE", EVIL])
def test_no_variable_of_the_environment_writes_a_line(
    story: Program, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(f"CSAT_LEDGER_{variable}", EVIL)
    for asked in (("status", "m-1"), ("relay",)):
        ran = story.run_bare(*asked)
        assert wrong_with(ran.out + ran.err) == []


def test_a_fault_is_told_without_a_line_of_its_error(story: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError(EVIL)

    monkeypatch.setattr("projections.questions.board.board", fails)
    ran = story.run("board")
    assert ran.code == 70
    assert "Traceback" in ran.err
    assert MARK in ran.err
    assert wrong_with(ran.err) == []


@pytest.mark.parametrize("as_json", [False, True])
def test_no_message_writes_a_line_of_a_subscriber(as_json: bool) -> None:
    members = {
        "membership": EVIL, "position": 9, "seq": 3, "recorded_at": EVIL, "effective_at": EVIL, "satisfied": True,
        "previous": False, "via": "responses", "location": EVIL, "counted": 10, "organisations": 2, "edition": EVIL,
        "cause": "response", "revises": False, "fact": EVIL,
    }  # fmt: skip
    message = EligibilityChanged.from_value(orjson.dumps(members))
    written = io.StringIO()
    subscribe._print(Output(as_json, stdout=written), Delivery(message, None, EVIL, EVIL))
    assert MARK in written.getvalue()
    assert wrong_with(written.getvalue()) == []
    assert written.getvalue().count("\n") == 1
