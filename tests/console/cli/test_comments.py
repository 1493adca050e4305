"""`comments`: what the operator reads is on record, and the partner sees nothing of who withholds, whatever happens when."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.console.cli.test_answers_recorded import AT, invited, said
from tests.console.cli.test_contacts import ANNA, People
from tests.console.support import Program, Ran, enrolment, fact
from tests.support.answers import wrong_with

REASON = ("--reason", "monthly clearing")


class Comments:
    """`comments` on a book with three responses: r-1 and r-3 name an invitation, r-2 is anonymous."""

    def __init__(self, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        self.people = People(program, monkeypatch)
        self.program = program
        program.record(
            *invited(1), *invited(2), *invited(3), said(1, invitation="i-1", comment="one"),
            said(2, invitation="i-2", anonymous=True, comment="=two\nwords"), said(3, invitation="i-3", comment=None),
        )  # fmt: skip

    def run(self, action: str, *arguments: str, membership: str = "m-1") -> Ran:
        ran = self.program.json("comments", action, *arguments, "--membership", membership, *REASON)
        assert [wrong for line in ran.lines if ran.code == 0 for wrong in wrong_with("comments", line)] == []
        return ran

    def view(self) -> list[tuple[str, str, str]]:
        """What the partner is handed out: response, invitation, comment."""
        (self.program.folder / "out.csv").unlink(missing_ok=True)
        assert self.run("export", "--out", "out.csv").code == 0
        rows = list(csv.reader(io.StringIO((self.program.folder / "out.csv").read_bytes().decode(), newline="")))
        assert rows[0] == ["response", "invitation", "comment"]
        return [tuple(row) for row in rows[1:]]  # type: ignore[misc]

    def anonymous(self, number: int) -> None:
        """The respondent chooses to stay so."""
        self.program.record(fact("choose-anonymity", f"a-{number}", AT, response=f"m-1-r-{number}"))

    def log(self) -> list[tuple[str, str]]:
        return [(one["action"], one["subject"]) for one in self.people.report()]


@pytest.fixture
def comments(program: Program, monkeypatch: pytest.MonkeyPatch) -> Comments:
    return Comments(program, monkeypatch)


def test_the_operator_reads_all_comments_and_each_reading_is_on_record_with_its_reason(comments: Comments) -> None:
    listed = comments.run("list").lines
    assert [(one["response"], one["anonymous"], one["cleared"], one["comment"]) for one in listed] == [
        ("m-1-r-1", False, False, "one"), ("m-1-r-2", True, False, "=two\nwords"),
    ]  # fmt: skip
    assert comments.log() == [("comment", "response/m-1/m-1-r-1"), ("comment", "response/m-1/m-1-r-2")]
    report = comments.people.report("--subject", "response/m-1/m-1-r-2")
    assert [one["reason"] for one in report] == ["monthly clearing"]
    assert [one["response"] for one in comments.run("list", "--to-clear").lines] == ["m-1-r-2"]
    told = comments.program.run("comments", "list", "--membership", "m-1", *REASON).out.splitlines()
    assert told == ["m-1-r-1  not anonymous  one", r"m-1-r-2  not cleared  =two\nwords"]


def test_one_response_is_shown_with_its_answers_and_its_link(comments: Comments) -> None:
    found = comments.run("show", "m-1-r-1").json
    assert found == {
        "membership": "m-1", "response": "m-1-r-1", "anonymous": False, "invitation": "i-1",
        "answers": {"overall": 9, "continue": 10, "re_engage": None, "recommend": 7},
        "own": {"delivery": 3, "wish": "Zwetschge by the thousand"}, "comment": "one",
    }  # fmt: skip
    assert comments.run("show", "m-1-r-2").json["invitation"] is None
    assert [what for what, _ in comments.log()] == ["answers", "comment", "link", "answers", "comment"]
    assert (comments.run("show", "m-1-r-9").code, comments.run("show", "m-1-r-9").json["error"]) == (
        2,
        "unknown-response",
    )


def test_the_partner_sees_of_an_anonymous_response_a_cleared_comment_and_nothing_that_says_whose(
    comments: Comments,
) -> None:
    named = [("m-1-r-1", "i-1", "one"), ("m-1-r-3", "i-3", "")]
    assert comments.view() == named
    assert comments.run("clear", "m-1-r-2").json == {"membership": "m-1", "responses": 1, "cleared": True}
    assert comments.view() == [("", "", "'=two\nwords"), *named]
    assert comments.run("withhold", "m-1-r-2").json["cleared"] is False
    assert comments.view() == named
    assert [what for what, _ in comments.log() if what.startswith("comment-")] == [
        "comment-cleared",
        "comment-withheld",
    ]


def test_choosing_anonymity_takes_back_what_was_cleared_before_and_the_link_for_good(comments: Comments) -> None:
    comments.run("clear", "m-1-r-1")
    comments.anonymous(1)
    assert comments.view() == [("m-1-r-3", "i-3", "")]
    comments.run("clear", "m-1-r-1")
    assert comments.view() == [("", "", "one"), ("m-1-r-3", "i-3", "")]
    assert comments.run("show", "m-1-r-1").json["invitation"] is None


def test_the_view_hears_of_anonymity_that_somebody_without_a_vault_recorded(
    comments: Comments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CSAT_LEDGER_VAULT")
    comments.anonymous(1)
    monkeypatch.setenv("CSAT_LEDGER_VAULT", "people.db")
    assert comments.view() == [("m-1-r-3", "i-3", "")]


def test_of_a_response_that_is_void_the_partner_sees_nothing(comments: Comments) -> None:
    comments.run("clear", "m-1-r-2")
    comments.program.record(
        fact("void-response", "x-1", AT, response="m-1-r-1", reason="withdrawn"),
        fact("void-response", "x-2", AT, response="m-1-r-2", reason="withdrawn"),
    )
    assert comments.view() == [("m-1-r-3", "i-3", "")]


def test_what_was_handed_out_is_listed_and_said_to_be_withdrawn_once_somebody_became_anonymous(
    comments: Comments,
) -> None:
    program = comments.program
    comments.view()
    (anna,) = comments.people.permitted(ANNA)
    comments.people.export()

    def exports(*options: str) -> list[Any]:
        ran = program.json("contacts", "exports", *options)
        assert [wrong for line in ran.lines for wrong in wrong_with("contacts", line)] == []
        return [(one["what"], one["people"], one["to_withdraw"]) for one in ran.lines]

    assert exports() == [("comments", 2, 0), ("contacts", 1, 0)]
    assert exports("--to-withdraw") == []
    assert exports("--subject", anna) == [("contacts", 1, 0)]
    assert exports("--membership", "m-2") == []
    comments.anonymous(3)
    assert exports("--to-withdraw") == [("comments", 2, 1)]


def test_a_comment_that_is_withheld_again_is_to_be_asked_back_from_whom_it_was_handed_out_to(
    comments: Comments,
) -> None:
    def to_withdraw() -> list[tuple[str, int, int]]:
        found = comments.program.json("contacts", "exports", "--to-withdraw").lines
        return [(one["what"], one["people"], one["to_withdraw"]) for one in found]

    comments.run("clear", "m-1-r-2")
    comments.view()
    assert to_withdraw() == []
    comments.run("withhold", "m-1-r-2")
    assert to_withdraw() == [("cleared-comments", 1, 1)]
    comments.run("clear", "m-1-r-2")
    assert to_withdraw() == []


def test_who_was_named_in_an_export_and_became_anonymous_stays_to_be_asked_back_though_the_comment_is_cleared(
    comments: Comments,
) -> None:
    comments.view()
    comments.anonymous(1)
    comments.run("clear", "m-1-r-1")
    comments.view()
    found = comments.program.json("contacts", "exports").lines
    assert [(one["what"], one["people"], one["to_withdraw"]) for one in found] == [
        ("comments", 2, 1), ("comments", 1, 0), ("cleared-comments", 1, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("list",), "usage"),
        (("list", "--membership", "m-1"), "usage"),
        (("list", "r-1", "--membership", "m-1", *REASON), "usage"),
        (("clear", "--membership", "m-1", *REASON), "usage"),
        (("clear", "m-1-r-3", "--membership", "m-1", *REASON), "unknown-response"),
        (("clear", "m-1-r-1", "r-9", "--membership", "m-1", *REASON), "unknown-response"),
        (("export", "--membership", "m-1", *REASON), "usage"),
        (("list", "--out", "x", "--membership", "m-1", *REASON), "usage"),
        (("list", "--membership", "m-9", *REASON), "unknown-membership"),
        (("list", "--membership", "m-1", "--reason", "jo@example.org"), "usage"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_says_so_and_changes_nothing(
    comments: Comments, arguments: tuple[str, ...], code: str
) -> None:
    ran = comments.program.json("comments", *arguments)
    assert (ran.code, ran.json["error"]) == (2, code)
    assert comments.log() == []


def test_the_comments_of_another_membership_stay_apart(comments: Comments) -> None:
    comments.program.record(*enrolment("m-2"))
    assert comments.run("list", membership="m-2").lines == []
    assert comments.run("clear", "m-1-r-2", membership="m-2").json["error"] == "unknown-response"
