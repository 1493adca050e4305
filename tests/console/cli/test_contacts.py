"""Contacts at the command line: a list in, a mailing run out, the facts of both into the book, and each reading on record."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from ledger.instants import parse_instant
from tests.console.support import NOW, ROOT, Program, Ran, enrolment, fact, response
from tests.support.answers import wrong_with

HEADER = "email,customer_org,consent,consent_at,name,phone,language"
AT = "2011-06-01T00:00:00Z"
ANNA = f"anna@example.org,Brontegard,given,{AT},Anna Möller,+49 89 1234567,de"
BERT = f"bert@bücher.example,Lindomar,given,{AT},,,"
WEEK_LATER = "2012-01-08T00:00:00Z"


class People:
    """`csat-ledger` with a book and a vault."""

    def __init__(self, program: Program, monkeypatch: pytest.MonkeyPatch, where: str = "people.db") -> None:
        self.program = program
        monkeypatch.setenv("CSAT_LEDGER_VAULT", where)
        monkeypatch.setenv("CSAT_LEDGER_VAULT_KEY_FILE", "vault-key")
        made = program.json("vault", "migrate", "--make-key")
        assert (made.code, made.json["made"]) == (0, True), made
        assert wrong_with("vault", made.json) == []
        program.record(*enrolment())

    def list(self, *lines: str, name: str = "list.csv") -> Path:
        path = self.program.folder / name
        path.write_text("\n".join((HEADER, *lines)) + "\n")
        return path

    def upload(self, *lines: str, facts: str = "consents.jsonl", membership: str = "m-1") -> Ran:
        (self.program.folder / facts).unlink(missing_ok=True)
        ran = self.program.json("contacts", "upload", self.list(*lines), "--membership", membership, "--facts", facts)
        assert [wrong for line in ran.lines for wrong in wrong_with("contacts", line)] == []
        return ran

    def permitted(self, *lines: str) -> list[str]:
        """Uploads lines and records their consent; the subjects."""
        ran = self.upload(*lines)
        assert ran.code == 0, ran
        assert self.program.run("record", "consents.jsonl").code == 0
        return [line["subject"] for line in ran.lines]

    def export(self, *options: str, out: str = "mail.csv", facts: str = "sent.jsonl", of: str = "m-1") -> Ran:
        for name in (out, facts):
            (self.program.folder / name).unlink(missing_ok=True)
        whose = ("--all",) if of == "all" else ("--membership", of)
        return self.program.json(
            "contacts", "export", *whose, "--out", out, "--facts", facts, "--reason", "spring run", *options
        )

    def mailed(self, name: str = "mail.csv") -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO((self.program.folder / name).read_text())))

    def facts(self, name: str = "sent.jsonl") -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in (self.program.folder / name).read_bytes().splitlines()]

    def report(self, *options: str) -> list[dict[str, Any]]:
        ran = self.program.json("access-report", *options)
        assert ran.code == 0, ran
        assert [wrong for line in ran.lines for wrong in wrong_with("access-report", line)] == []
        return ran.lines


@pytest.fixture
def people(program: Program, monkeypatch: pytest.MonkeyPatch) -> People:
    return People(program, monkeypatch)


def test_a_list_goes_in_an_invitation_and_its_one_reminder_come_out_and_the_book_takes_them(people: People) -> None:
    program = people.program
    anna, bert = people.permitted(ANNA, BERT)
    first = people.export()
    assert wrong_with("contacts", first.json) == []
    assert (first.code, first.json["invitations"], first.json["reminders"]) == (0, 2, 0)
    by_email = {row["email"]: row for row in people.mailed()}
    assert by_email["anna@example.org"] == {
        "kind": "invitation", "membership": "m-1", "customer_org": "Brontegard", "name": "Anna Möller",
        "email": "anna@example.org", "phone": "'+49 89 1234567", "language": "de",
        "invitation": by_email["anna@example.org"]["invitation"],
    }  # fmt: skip
    assert {one["subject"] for one in people.facts()} == {anna, bert}
    assert {one.get("language") for one in people.facts()} == {"de", None}
    assert program.json("record", "sent.jsonl").json["accepted"] == 2
    assert people.export().json["invitations"] == 0

    answered = {**response(1, "Brontegard", NOW), "invitation": by_email["anna@example.org"]["invitation"]}
    program.record(answered)
    assert people.export().json["reminders"] == 0
    program.now(WEEK_LATER)
    assert people.export().json["reminders"] == 1
    (row,) = people.mailed()
    assert (row["kind"], row["email"]) == ("reminder", "bert@bücher.example")
    assert row["invitation"] == by_email["bert@bücher.example"]["invitation"]
    assert program.json("record", "sent.jsonl").json["accepted"] == 1
    program.now("2012-03-01T00:00:00Z")
    last = people.export()
    assert (last.json["invitations"], last.json["reminders"]) == (0, 0)
    assert {(one["action"], one["subject"]) for one in people.report()} == {
        ("invitation", anna), ("invitation", bert), ("reminder", bert)
    }  # fmt: skip


def test_both_files_are_for_their_owner_alone_and_none_is_written_over(people: People) -> None:
    people.permitted(ANNA)
    people.export()
    folder = people.program.folder
    for name in ("mail.csv", "sent.jsonl", "consents.jsonl", "people.db", "vault-key"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600, name
    before = (folder / "mail.csv").read_bytes()
    ran = people.program.json(
        "contacts", "export", "--all", "--out", "mail.csv", "--facts", "new.jsonl", "--reason", "x", "--again"
    )
    assert (ran.code, ran.json["error"]) == (2, "file-exists")
    assert (folder / "mail.csv").read_bytes() == before
    assert not (folder / "new.jsonl").exists()
    assert [one.name for one in folder.iterdir() if one.name.startswith(".")] == []


def test_whom_an_unrecorded_export_listed_is_left_out_and_again_gives_the_same_invitation(people: People) -> None:
    people.permitted(ANNA)
    people.export()
    (first,) = people.mailed()
    left_out = people.export()
    assert (left_out.json["invitations"], left_out.json["listed_before"]) == (0, 1)
    assert "--again" in left_out.err
    people.export("--again", out="mail-2.csv", facts="sent-2.jsonl")
    assert people.mailed("mail-2.csv") == [first]
    people.program.now(WEEK_LATER)
    people.export("--again")
    assert people.program.json("record", "sent-2.jsonl").json["accepted"] == 1
    late = people.program.json("record", "sent.jsonl")
    assert (late.json["accepted"], late.json["codes"]["id-reused"]["count"]) == (0, 1)


def test_of_all_memberships_those_that_cannot_be_invited_are_named(people: People) -> None:
    people.program.record(
        {**enrolment("m-2")[0], "locations": ["north", "south"]},
    )
    people.permitted(ANNA)
    for membership in ("m-2", "m-3"):
        people.upload(BERT, membership=membership)
    ran = people.export(of="all")
    assert (ran.code, ran.json["invitations"], ran.json["memberships_left_out"]) == (3, 1, ["m-2", "m-3"])
    assert "left out m-2: found no --location" in ran.err
    assert "left out m-3: it is not enrolled" in ran.err
    alone = people.export(of="m-2")
    assert (alone.code, alone.json["error"]) == (2, "usage")
    assert people.export("--location", "nowhere", of="m-2").code == 2
    assert people.export("--location", "north", of="m-2").code == 0
    assert people.export(of="m-3").json["error"] == "unknown-membership"


def test_subjects_that_came_from_elsewhere_have_no_contact_and_are_counted(people: People) -> None:
    people.permitted(ANNA)
    people.program.record(fact("record-consent", "c-9", AT, subject="s-9", customer_org="Brontegard"))
    ran = people.export()
    assert (ran.json["invitations"], ran.json["not_in_vault"]) == (1, 1)


def test_lines_that_are_refused_end_with_3_and_the_table_is_csv(people: People) -> None:
    listed = people.list(ANNA, "nobody,Brontegard,none,,,,", BERT)
    ran = people.program.run("contacts", "upload", listed, "--membership", "m-1", "--facts", "f.jsonl")
    assert ran.code == 3
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert [(row["line"], row["outcome"], row["code"]) for row in rows] == [
        ("2", "added", ""), ("3", "refused", "address"), ("4", "added", "")
    ]  # fmt: skip
    assert "3 lines: 2 added, 0 changed, 0 known, 1 refused" in ran.err


def test_a_file_that_is_no_list_ends_with_2_and_leaves_nothing(people: People) -> None:
    path = people.program.folder / "names.csv"
    path.write_text("Anna Möller,anna@example.org\n")
    ran = people.program.json("contacts", "upload", path, "--membership", "m-1", "--facts", "f.jsonl")
    assert (ran.code, ran.lines[-1]["error"]) == (2, "bad-input")
    assert "anna" not in ran.err.lower()
    assert not (people.program.folder / "f.jsonl").exists()


@pytest.mark.parametrize("linked", [False, True], ids=["itself", "by a link"])
def test_a_named_pipe_is_refused_and_not_waited_for(people: People, linked: bool) -> None:
    pipe, link = people.program.folder / "pipe.csv", people.program.folder / "link.csv"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    path = link if linked else pipe
    command = (sys.executable, "-m", "console", "contacts", "upload", str(path), "--membership", "m-1", "--facts", "f")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        command, cwd=people.program.folder, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert ran.returncode == 2, ran
    assert "found a named pipe, expected a file" in ran.stderr
    assert not (people.program.folder / "f").exists()


def test_a_pipe_that_a_shell_hands_over_is_read(people: People) -> None:
    reader, writer = os.pipe()
    os.write(writer, f"{HEADER}\n{ANNA}\n".encode())
    os.close(writer)
    try:
        ran = people.program.json(
            "contacts", "upload", f"/dev/fd/{reader}", "--membership", "m-1", "--facts", "f.jsonl"
        )
    finally:
        os.close(reader)
    assert (ran.code, [line["outcome"] for line in ran.lines]) == (0, ["added"]), ran


def test_a_quote_that_does_not_close_keeps_what_stood_before_and_its_facts(people: People) -> None:
    listed = people.list(ANNA, '"bert@example.org,Brontegard')
    ran = people.program.json("contacts", "upload", listed, "--membership", "m-1", "--facts", "f.jsonl")
    assert (ran.code, ran.lines[0]["outcome"], ran.lines[1]["error"]) == (2, "added", "bad-input")
    assert [one["subject"] for one in people.facts("f.jsonl")] == [ran.lines[0]["subject"]]


def test_a_contact_is_shown_with_a_reason_and_that_is_on_record(people: People) -> None:
    (anna,) = people.permitted(ANNA)
    ran = people.program.json("contacts", "show", anna, "--reason", "request for access 12", "--actor", "clerk")
    assert ran.json == {
        "subject": anna, "membership": "m-1", "customer_org": "Brontegard", "email": "anna@example.org",
        "name": "Anna Möller", "phone": "+49 89 1234567", "language": "de",
    }  # fmt: skip
    assert wrong_with("contacts", ran.json) == []
    assert "Anna Möller" in people.program.run("contacts", "show", anna, "--reason", "again").out
    (first, second) = people.report("--subject", anna)
    assert (first["actor"], first["action"], first["reason"]) == ("clerk", "shown", "request for access 12")
    assert parse_instant(second["at"]) == parse_instant(NOW)
    assert people.report("--since", "2012-01-02") == []
    assert "request for access 12" in people.program.run("access-report").out


def test_without_a_reason_or_with_one_that_names_somebody_nothing_is_read(people: People) -> None:
    (anna,) = people.permitted(ANNA)
    for reason in (
        (),
        ("--reason", ""),
        ("--reason", "for x@example.org"),
        ("--reason", "a\nb"),
        ("--reason", "call 0151 23456789"),
        ("--reason", "x" * 201),
    ):
        ran = people.program.json("contacts", "show", anna, *reason)
        assert (ran.code, ran.json["error"]) == (2, "usage")
    assert people.program.json("contacts", "show", anna, "--reason", "x", "--actor", "a@b").code == 2
    assert people.report() == []


def test_an_opt_out_by_mail_finds_the_subject_under_each_partner_and_withdraws(people: People) -> None:
    (anna,) = people.permitted(ANNA)
    (other,) = [line["subject"] for line in people.upload(ANNA, membership="m-2", facts="f.jsonl").lines]
    people.program.stdin(b"anna@EXAMPLE.org\r\n\nnobody@example.org\n")
    ran = people.program.json("contacts", "find", "-", "--reason", "opt-outs", "--facts", "withdrawn.jsonl")
    assert [wrong for line in ran.lines for wrong in wrong_with("contacts", line)] == []
    assert ran.code == 1
    assert {(line["line"], line["subject"], line["membership"]) for line in ran.lines} == {
        (1, anna, "m-1"), (1, other, "m-2"), (3, None, None)
    }  # fmt: skip
    withdrawn = people.facts("withdrawn.jsonl")
    assert {(one["type"], one["membership"]) for one in withdrawn} == {
        ("withdraw-consent", "m-1"), ("withdraw-consent", "m-2")
    }  # fmt: skip
    assert people.program.json("record", "withdrawn.jsonl").json["accepted"] == 1  # m-2 is not enrolled
    assert people.export().json["invitations"] == 0
    assert {one["action"] for one in people.report()} == {"found"}


def test_an_address_that_is_none_ends_with_2_and_is_not_repeated(people: People) -> None:
    people.program.stdin(b"anna@example.org\nAnna Geheimnis\n")
    ran = people.program.json("contacts", "find", "-", "--reason", "opt-outs")
    assert (ran.code, ran.json["error"]) == (2, "bad-input")
    assert "line 2" in ran.err
    assert "Geheimnis" not in ran.err + ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("upload", "list.csv", "--membership", "m-1"), "--facts"),
        (("upload", "--membership", "m-1", "--facts", "f"), "a FILE with a partner's list"),
        (("upload", "list.csv", "--membership", "a b", "--facts", "f"), "an id of 1 to 64"),
        (("upload", "list.csv", "--membership", "m-1", "--facts", "f", "--reason", "x"), "--reason with upload"),
        (
            ("export", "--membership", "m-1", "--all", "--out", "o", "--facts", "f", "--reason", "x"),
            "--membership or --all",
        ),
        (("export", "--all", "--out", "o", "--facts", "o", "--reason", "x"), "twice"),
        (("export", "here", "--all", "--out", "o", "--facts", "f", "--reason", "x"), "nothing beside its options"),
        (("show", "--reason", "x"), "a SUBJECT"),
        (("show", "s-1", "--reason", "x", "--out", "o"), "--out with show"),
    ],
)
def test_what_does_not_go_together_is_usage(people: People, arguments: tuple[str, ...], said: str) -> None:
    ran = people.program.json("contacts", *arguments)
    assert (ran.code, ran.json["error"]) == (2, "usage")
    assert said in ran.json["message"]


def test_a_vault_in_postgresql_does_the_same(
    program: Program, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    people = People(program, monkeypatch, postgres_url)
    (anna,) = people.permitted(ANNA)
    assert people.export().json["invitations"] == 1
    assert [one["subject"] for one in people.report()] == [anna]


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_process_that_is_stopped_during_an_upload_loses_nothing_and_the_next_one_ends_it(
    people: People, signum: signal.Signals
) -> None:
    folder, count = people.program.folder, 4_000
    listed = people.list(*(f"p{n}@example.org,Brontegard,given,{AT},,," for n in range(count)))
    command = ["contacts", "upload", str(listed), "--membership", "m-1", "--json", "--facts"]
    process = subprocess.Popen(
        [sys.executable, "-m", "console", *command, "first.jsonl"], cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.read(1)  # the first lines are committed
    process.send_signal(signum)
    process.communicate(timeout=30)
    ran = people.program.json(*command, "second.jsonl")
    assert ran.code == 0
    outcomes = [line["outcome"] for line in ran.lines]
    assert len(outcomes) == count
    assert outcomes.count("known") >= 500
    assert len({one["subject"] for one in people.facts("second.jsonl")}) == count


def test_with_another_book_nothing_is_exported(people: People) -> None:
    people.permitted(ANNA)
    assert people.export().code == 0
    other = people.program.run_bare("--store", "other.db", "record", "recorded.jsonl")
    assert other.code == 0
    ran = people.program.run_bare(
        "--store",
        "other.db",
        "--json",
        "contacts",
        "export",
        "--all",
        "--out",
        "x.csv",
        "--facts",
        "x.jsonl",
        "--reason",
        "x",
    )
    assert (ran.code, ran.json["error"]) == (2, "vault-of-another-book")
    assert not (people.program.folder / "x.csv").exists()
