"""`erase`: what the vault keeps of a person goes, with the answers that lead to it; what is counted and proven stays."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.console.cli.test_answers_recorded import AT, COMMENT, invited, kept, links, said, states
from tests.console.cli.test_contacts import ANNA, BERT, People
from tests.console.cli.test_proof_commands import policy_file
from tests.console.support import Program, Ran, fact, met
from tests.support.answers import wrong_with

WHY = ("--reason", "request for erasure 31", "--actor", "clerk")
ORIGIN = "ledger.example/renewals"


@pytest.fixture
def people(program: Program, monkeypatch: pytest.MonkeyPatch) -> People:
    return People(program, monkeypatch)


def erase(people: People, *arguments: str) -> Ran:
    ran = people.program.json("erase", *arguments, *(() if "--replay" in arguments else WHY))
    assert [wrong for line in ran.lines if ran.code == 0 for wrong in wrong_with("erase", line)] == []
    return ran


def in_book(people: People) -> list[tuple[str, str]]:
    """What the book says of erasures."""
    with closing(sqlite3.connect(people.program.store)) as raw:
        rows = raw.execute("SELECT topic, state FROM events WHERE originator_id = 'log' ORDER BY position").fetchall()
    return [(kind, orjson.loads(stored)["data"]["subject"]) for kind, stored in rows]


def bytes_of_people(people: People) -> bytes:
    return b"".join(path.read_bytes() for path in people.program.folder.glob("people.db*"))


def test_a_person_is_erased_and_nothing_but_references_is_left(people: People) -> None:
    anna, bert = people.permitted(ANNA, BERT)
    assert people.export().code == 0
    ran = erase(people, anna)
    assert (ran.code, ran.json["subject"], ran.json["outcome"]) == (0, anna, "erased")
    assert [(one["what"], len(one["export"])) for one in ran.json["exports"]] == [("contacts", 16)]
    assert in_book(people) == [("ErasureRequested", anna), ("ErasureCompleted", anna)]
    shown = people.program.json("contacts", "show", anna, "--reason", "x")
    assert (shown.code, shown.json["error"]) == (2, "subject-erased")
    assert people.program.json("contacts", "show", bert, "--reason", "x").code == 0
    people.program.stdin(b"anna@example.org\n")
    assert people.program.json("contacts", "find", "-", "--reason", "x").json["subject"] is None
    assert anna not in "".join(path.read_text() for path in people.program.folder.glob("*.refused"))
    told = people.program.run("erase", anna, *WHY)
    assert f"{anna}  erased before, at 2012-01-01" in told.out
    assert "listed in an export" in told.out


def test_erased_again_it_says_since_when_and_the_book_has_it_once(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    (anna,) = people.permitted(ANNA)
    first = erase(people, anna).json
    people.program.now("2012-02-01T00:00:00Z")
    again = erase(people, anna).json
    assert again == first | {"outcome": "erased-before"}
    assert len(in_book(people)) == 2


def test_an_unknown_subject_is_an_error_and_of_a_file_nobody_is_erased_then(people: People) -> None:
    (anna,) = people.permitted(ANNA)
    ran = erase(people, "s-1")
    assert (ran.code, ran.json["error"]) == (2, "unknown-subject")
    (people.program.folder / "subjects").write_text(f"{anna}\n\ns-1\n")
    ran = erase(people, "--file", "subjects")
    assert (ran.code, ran.json["error"]) == (2, "unknown-subject")
    assert people.program.json("contacts", "show", anna, "--reason", "x").code == 0
    assert in_book(people) == []


def test_a_file_of_subjects_is_erased_in_one_go_each_once(people: People) -> None:
    anna, bert = people.permitted(ANNA, BERT)
    people.program.stdin(f"{anna}\r\n{bert}\n{anna}\n".encode())
    ran = erase(people, "--file", "-")
    assert [(one["subject"], one["outcome"]) for one in ran.lines] == [(anna, "erased"), (bert, "erased")]
    assert people.export().json["erased"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "said_"),
    [
        ((), "usage", "one of them"),
        (("s-1", "--file", "x", *WHY), "usage", "one of them"),
        (("s-1", "--replay", *WHY), "usage", "one of them"),
        (("--replay", *WHY), "usage", "those of the first time"),
        (("s-1",), "usage", "--reason"),
        (("anna@example.org", *WHY), "usage", "the reference of a subject"),
        (("s-1", "--reason", "for anna@example.org"), "usage", "name nobody"),
        (("--file", "none", *WHY), "unreadable", "No such file"),
        (("--file", "addresses", *WHY), "bad-input", "line 2"),
        (("--file", "long", *WHY), "bad-input", "line 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_repeats_no_address(
    people: People, arguments: tuple[str, ...], code: str, said_: str
) -> None:
    (people.program.folder / "addresses").write_text("s-1\nanna@example.org\n")
    (people.program.folder / "long").write_text("s" * 100_000)
    ran = people.program.json("erase", *arguments)
    assert (ran.code, ran.json["error"]) == (2, code)
    assert said_ in ran.json["message"]
    assert "anna@" not in ran.out + ran.err
    assert in_book(people) == []


def test_the_report_of_who_read_an_erased_subject_still_answers(people: People) -> None:
    (anna,) = people.permitted(ANNA)
    people.program.json("contacts", "show", anna, "--reason", "request for access 12")
    erase(people, anna)
    assert [(one["action"], one["reason"]) for one in people.report("--subject", anna)] == [
        ("shown", "request for access 12"), ("erased", "request for erasure 31")
    ]  # fmt: skip


def test_who_was_erased_is_due_nothing_though_the_book_still_takes_facts_of_the_reference(people: People) -> None:
    anna, bert = people.permitted(ANNA, BERT)
    erase(people, anna)
    people.program.record(
        fact("record-consent", "c-again", "2011-07-01T00:00:00Z", subject=anna, customer_org="Brontegard")
    )
    ran = people.export()
    assert (ran.json["invitations"], ran.json["erased"], ran.json["not_in_vault"]) == (1, 1, 0)
    assert wrong_with("contacts", ran.json) == []
    assert [one["subject"] for one in people.facts()] == [bert]
    # An invitation that the book has already is reminded of by nobody either.
    people.program.record(
        fact("record-invitation", "i-again", "2011-07-02T00:00:00Z", invitation="i-9", subject=anna,
             customer_org="Brontegard", channel="operator")
    )  # fmt: skip
    people.program.now("2012-02-01T00:00:00Z")
    assert people.export("--again").json["reminders"] == 0


def test_who_comes_back_by_a_new_list_has_another_reference_and_no_consent_of_before(people: People) -> None:
    (anna,) = people.permitted(ANNA)
    erase(people, anna)
    (line,) = people.upload(ANNA.replace("given", "none"), facts="none.jsonl").lines
    assert line["outcome"] == "added"
    assert line["subject"] != anna
    assert people.export().json["invitations"] == 0
    (line,) = people.upload(ANNA).lines
    assert people.program.run("record", "consents.jsonl").code == 0
    assert people.export().json["invitations"] == 1
    assert people.facts()[0]["subject"] == line["subject"]


def answered(people: People) -> list[str]:
    """Three contacts who answered the operator's invitation: the second one anonymously, the third with words."""
    subjects = people.permitted(ANNA, BERT, "c@example.org,Brontegard,given," + "2011-06-01T00:00:00Z,,,")
    people.export()
    assert people.program.json("record", "sent.jsonl").json["accepted"] == 3
    by_subject = {one["subject"]: one["invitation"] for one in people.facts()}
    invitations = [by_subject[one] for one in subjects]
    people.program.record(
        {**said(1, invitation=invitations[0]), "occurred_at": "2012-01-01T00:00:00Z"},
        {**said(2, "Lindomar", invitation=invitations[1], anonymous=True), "occurred_at": "2012-01-01T00:00:00Z"},
        {**said(3, invitation=invitations[2], comment="quite another"), "occurred_at": "2012-01-01T00:00:00Z"},
    )
    shutil.copy(people.program.folder / "recorded.jsonl", people.program.folder / "answers.jsonl")
    return subjects


def figures(people: People) -> list[Any]:
    """What stands of a membership, as known now; but for the position up to which that is."""
    asked = (("status", "m-1"), ("board",), ("participation",), ("renewals", "--within", "10000"), ("history", "m-1"))
    lines = [people.program.json(*one).lines for one in asked]
    return [[{key: value for key, value in line.items() if key != "known_at"} for line in some] for some in lines]


def test_with_a_subject_go_its_answers_and_comment_but_never_what_is_anonymous_or_of_others(people: People) -> None:
    anna, bert, third = answered(people)
    assert len(kept(people.program.folder)) == 3
    before = figures(people)
    with closing(sqlite3.connect("people.db")) as raw:
        secrets = [
            bytes(one)
            for row in raw.execute(
                "SELECT a.answers, a.comment, l.invitation, k.wrapped FROM answers a JOIN links l USING (fact) "
                "JOIN data_keys k ON k.holder = 'response/' || a.fact WHERE fact = 'm-1-f-1'"
            )
            for one in row
        ]
    assert len(secrets) == 4
    assert all(one in bytes_of_people(people) for one in secrets)
    erase(people, anna)
    erase(people, bert)
    assert states(people.program.folder) == {"m-1-f-1": "erased", "m-1-f-2": "kept", "m-1-f-3": "kept"}
    assert links(people.program.folder) == ["m-1-r-3"]
    assert not any(one in bytes_of_people(people) for one in secrets)
    listed = people.program.json("comments", "list", "--membership", "m-1", "--reason", "x").lines
    assert [(one["response"], one["comment"]) for one in listed] == [("m-1-r-2", COMMENT), ("m-1-r-3", "quite another")]
    assert figures(people) == before
    with closing(sqlite3.connect("people.db")) as raw:
        assert raw.execute("SELECT count(*) FROM data_keys WHERE holder LIKE 'response/%'").fetchone() == (2,)
        assert raw.execute("SELECT mac, answers, comment FROM answers WHERE state = 'erased'").fetchall() == [
            ("", None, None)
        ]
    assert third not in str(in_book(people))


def test_the_same_facts_again_bring_nothing_back(people: People) -> None:
    anna, *_ = answered(people)
    erase(people, anna)
    again = people.program.json("record", "answers.jsonl")
    assert (again.json["accepted"], again.json["duplicates"], again.json["refused"]) == (0, 3, 0)
    other = people.program.write("other.jsonl", [{**orjson.loads(line), "comment": "x"} for line in
                                                 Path("answers.jsonl").read_bytes().splitlines()[:1]])  # fmt: skip
    assert people.program.json("record", other).json["duplicates"] == 1
    assert states(people.program.folder)["m-1-f-1"] == "erased"
    assert [one for one, *_ in kept(people.program.folder)] == ["m-1-f-2", "m-1-f-3"]
    assert people.program.json("comments", "list", "--membership", "m-1", "--reason", "x").code == 0


def test_an_answer_that_comes_after_the_erasure_is_tied_to_nobody(people: People) -> None:
    anna, bert = people.permitted(ANNA, BERT)
    people.export()
    assert people.program.json("record", "sent.jsonl").json["accepted"] == 2
    invitations = {one["subject"]: one["invitation"] for one in people.facts()}
    erase(people, anna)
    people.program.record(
        {**said(1, invitation=invitations[anna]), "occurred_at": "2012-01-01T00:00:00Z"},
        {**said(2, "Lindomar", invitation=invitations[bert]), "occurred_at": "2012-01-01T00:00:00Z"},
    )
    assert links(people.program.folder) == ["m-1-r-2"]
    assert len(kept(people.program.folder)) == 2


def test_an_answer_to_an_invitation_that_was_sent_after_the_erasure_is_erased_when_it_is_asked_for_again(
    people: People,
) -> None:
    (anna,) = people.permitted(ANNA)
    erase(people, anna)
    at = "2012-01-01T00:00:00Z"
    people.program.record(
        fact("record-invitation", "i-late", at, invitation="i-9", subject=anna, customer_org="Brontegard",
             channel="partner"),
        {**said(1, invitation="i-9"), "occurred_at": at},
    )  # fmt: skip
    assert links(people.program.folder) == ["m-1-r-1"]
    people.program.now("2012-02-01T00:00:00Z")
    again = erase(people, anna).json
    assert (again["outcome"], again["completed_at"]) == ("erased", "2012-02-01T00:00:00.000000Z")
    assert (links(people.program.folder), kept(people.program.folder)) == ([], [])
    assert len(in_book(people)) == 2


def test_a_subject_whose_contact_was_never_here_is_erased_by_its_links(people: People) -> None:
    people.program.record(*invited(1), *invited(2), said(1, invitation="i-1"), said(2, invitation="i-2"))
    people.program.record(fact("record-consent", "c-7", AT, subject="s-7", customer_org="Brontegard"))
    assert erase(people, "s-7").json["error"] == "unknown-subject"  # the book knows it, and nothing is kept of it
    assert erase(people, "s-1").json["outcome"] == "erased"
    assert states(people.program.folder) == {"m-1-f-1": "erased", "m-1-f-2": "kept"}
    assert links(people.program.folder) == ["m-1-r-2"]
    assert erase(people, "s-1").json["outcome"] == "erased-before"


def test_proofs_and_counts_stay_exactly_as_they_were_also_for_evidence_saved_before(people: People) -> None:
    program = people.program
    program.record(*met("m-2"))
    assert program.run("decide", "m-2", "--renewal", "2011-03-01").code == 0
    answered(people)
    (dora,) = [one["subject"] for one in people.upload("d@example.org,Brontegard,given,2011-06-01T00:00:00Z,,,",
                                                       membership="m-2").lines]  # fmt: skip
    assert program.run("record", "consents.jsonl").code == 0
    assert program.run_bare("keygen", "--name", ORIGIN, "--out", "keys").code == 0
    policy_file(program)
    seal = ("seal", "--key", "keys/log.key", "--tiles", "log")
    assert program.run(*seal).code == 0

    def proven(name: str) -> bytes:
        ran = program.json("evidence", "m-2", "--renewal", "2011-03-01", "--tiles", "log", "--out", name)
        assert ran.code == 0, ran
        return (program.folder / name).read_bytes()

    def verified(name: str) -> Any:
        ran = program.run_bare("--json", "verify", name, "--policy", "policy.json")
        assert (ran.code, ran.json["verdict"]) == (0, "confirmed"), ran
        return ran.json

    before, saved, holds = figures(people), proven("before.json"), verified("before.json")
    board = program.json("board").out
    with closing(sqlite3.connect(program.store)) as raw:
        ((position,),) = raw.execute("SELECT max(position) FROM events").fetchall()
    subjects = [dora, *(one["subject"] for one in people.facts("sent.jsonl"))]
    Path("subjects").write_text("\n".join(subjects))
    assert len(erase(people, "--file", "subjects").lines) == 4
    assert proven("after.json") == saved
    assert verified("before.json") == holds
    assert figures(people) == before
    assert program.json("board", "--known-at", str(position)).out == board
    assert program.run(*seal).code == 0
    assert verified("before.json") == holds
    proven("sealed.json")
    assert verified("sealed.json")["decision"] == holds["decision"]
    audit = program.json("audit", "--tiles", "log", "--policy", "policy.json")
    assert (audit.code, audit.json["verdict"]) == (0, "confirmed"), audit
    watched = program.run_bare("--json", "monitor", "--log", "log", "--policy", "policy.json", "--state", "watch")
    assert (watched.code, watched.json["verdict"]) == (0, "confirmed"), watched
    assert program.json("replay", "m-1").code == 0


def test_a_vault_in_postgresql_does_the_same(
    program: Program, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    people = People(program, monkeypatch, postgres_url)
    anna, *_ = answered(people)
    assert erase(people, anna).json["outcome"] == "erased"
    listed = people.program.json("comments", "list", "--membership", "m-1", "--reason", "x").lines
    assert [one["response"] for one in listed] == ["m-1-r-2", "m-1-r-3"]
    again = people.program.json("record", "answers.jsonl")
    assert again.json["duplicates"] == 3
