"""status, history, board, renewals, participation, review: what is answered, and in which shape."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.console.support import Program, edition, enrolment, fact, met, response

EVALUATION = "2011-02-28T23:59:59.999999Z"
STATUS_KEYS = [
    "membership", "at", "known_at", "required", "satisfied", "via", "location", "counted", "organisations", "edition",
    "locations", "evaluations", "next_change", "next_renewal",
]  # fmt: skip


def test_status_at_an_instant(program: Program) -> None:
    program.record(*met())
    answer = program.json("status", "m-1", "--at", EVALUATION).json
    assert list(answer) == STATUS_KEYS
    assert answer == {
        "membership": "m-1",
        "at": EVALUATION,
        "known_at": 15,
        "required": True,
        "satisfied": True,
        "via": "responses",
        "location": "main",
        "counted": 10,
        "organisations": 2,
        "edition": "2009-11",
        "locations": {
            "main": {
                "satisfied": True,
                "counted": 10,
                "organisations": 2,
                "by_org": {
                    "Brontegard": {"received": 8, "applied": 8},
                    "Lindomar": {"received": 2, "applied": 2},
                },
            }
        },
        "evaluations": 0,
        "next_change": {"at": "2011-06-01T10:00:00.000000Z", "satisfied": False},
        "next_renewal": "2011-03-01",
    }


def test_status_is_asked_for_now_unless_an_instant_is_given(program: Program) -> None:
    program.record(*met())
    assert program.json("status", "m-1").json["at"] == "2012-01-01T00:00:00.000000Z"
    program.now("2010-06-10T10:00:00Z")
    assert program.json("status", "m-1").json["satisfied"] is True


def test_status_as_it_was_known_by_a_position_or_an_instant(program: Program) -> None:
    program.now("2011-03-02T00:00:00Z")
    program.record(*met())
    program.now("2011-04-02T00:00:00Z")
    program.record(fact("void-response", "v-1", "2011-04-01T00:00:00Z", response="m-1-r-9", reason="test"))

    def counted(*known: str) -> int:
        return int(program.json("status", "m-1", "--at", EVALUATION, *known).json["counted"])

    assert counted() == 9
    assert counted("--known-at", "2011-04-02T00:00:00Z") == 9
    assert counted("--known-at", "2011-04-01T23:59:59.999999Z") == 10
    assert counted("--known-at", "2011-03-02") == 10
    assert counted("--known-at", "15") == 10
    assert counted("--known-at", "13") == 9
    assert counted("--known-at", "17") == 9
    assert program.json("status", "m-1", "--known-at", "2").json["error"] == "unknown-membership"
    assert program.json("status", "m-1", "--known-at", "2011-03-01").json["error"] == "unknown-membership"


@pytest.mark.parametrize("question", ["status m-1", "replay m-1", "board", "renewals", "decisions"])
def test_what_is_known_at_a_position_beyond_the_end_is_not_answered(program: Program, question: str) -> None:
    """It would be another answer as soon as the book grows; and who writes a date without dashes means no position."""
    program.record(*met())
    ran = program.run(*question.split(), "--known-at", "20110301")
    assert ran.code == 2
    assert "found position 20110301 to know up to, expected at most 15" in ran.err
    assert program.run(*question.split(), "--known-at", "15").code == 0


def test_a_line_of_a_batch_that_means_a_position_beyond_the_end_gets_its_error(program: Program) -> None:
    program.record(*met())
    program.stdin(b'{"membership":"m-1","known_at":16}\n{"membership":"m-1"}\n')
    ran = program.json("status", "--batch", "-")
    assert [line.get("error") for line in ran.lines] == ["position-unknown", None]
    assert ran.code == 3


@pytest.mark.parametrize(("option", "also"), [("--at", ""), ("--known-at", "a position of the ledger, or ")])
@pytest.mark.parametrize("text", ["now", "-1", "", "20110301T000000Z", "1.5", "9" * 40])
def test_what_is_no_instant_is_told_what_can_be_given(program: Program, option: str, also: str, text: str) -> None:
    ran = program.run("status", "m-1", f"{option}={text}")
    assert ran.code == 2
    assert f"found {text!r}, expected {also}a date or an RFC 3339 instant" in ran.err


def test_a_date_is_the_instant_at_which_it_begins(program: Program) -> None:
    program.record(*met())
    assert program.json("status", "m-1", "--at", "2011-03-01").json["at"] == "2011-03-01T00:00:00.000000Z"


def test_a_batch_is_answered_line_by_line_in_order(program: Program) -> None:
    program.record(*met(), *enrolment("m-2"))
    questions: list[Any] = [
        {"membership": "m-2"},
        {"membership": "m-1", "at": EVALUATION},
        {"membership": "m-9"},
        {"membership": "m-1", "at": EVALUATION, "known_at": 13},
        {"membership": "m-1", "at": EVALUATION, "known_at": "2012-01-01T00:00:00Z"},
        {"membership": "m-1", "at": None, "known_at": None},
        {"membership": "m-1", "at": "yesterday"},
        {"membership": "m-1", "known_at": True},
        {"membership": "m-1", "known_at": -3},
        {"membership": "m-1", "when": EVALUATION},
        {"membership": 7},
        {"membership": "m-1", "at": 7},
        [],
        "",
        "broken",
        {"membership": "m-1", "known_at": 1},
    ]
    asked = program.write("questions.jsonl", questions)
    ran = program.json("status", "--batch", asked)
    assert ran.code == 3
    malformed, unknown = "malformed", "unknown-membership"
    assert [line["error"] if "error" in line else (line["membership"], line["counted"]) for line in ran.lines] == [
        ("m-2", 0),
        ("m-1", 10),
        unknown,
        ("m-1", 9),
        ("m-1", 10),
        ("m-1", 0),
        *[malformed] * 8,
        unknown,
    ]
    assert [line["line"] for line in ran.lines if "error" in line] == [3, 7, 8, 9, 10, 11, 12, 13, 15, 16]
    assert ran.lines[6]["sentence"].startswith("found 'yesterday'")
    assert ran.lines[1] == program.json("status", "m-1", "--at", EVALUATION).json
    assert len(program.run("status", "--batch", asked).out.splitlines()) == len(ran.lines)


def test_a_question_that_says_a_member_twice_is_not_answered_for_the_last(program: Program) -> None:
    program.record(*met(), *enrolment("m-2"))
    asked = program.write("questions.jsonl", ['{"membership":"m-1","membership":"m-2"}', '{"membership":"m-2"}'])
    ran = program.json("status", "--batch", asked)
    assert ran.code == 3
    twice, once = ran.lines
    assert (twice["error"], twice["line"]) == ("malformed", 1)
    assert twice["sentence"] == "found a member more than once, expected each once"
    assert once["membership"] == "m-2"


def test_a_batch_comes_from_stdin_too(program: Program) -> None:
    program.record(*met())
    program.stdin(b'{"membership":"m-1"}\n\n{"membership":"m-9"}')
    assert [line.get("error") for line in program.json("status", "--batch", "-").lines] == [None, "unknown-membership"]


@pytest.mark.parametrize("makes", ["file", "server"])
def test_no_line_of_a_batch_is_taken_for_a_lost_store(
    program: Program, request: pytest.FixtureRequest, makes: str
) -> None:
    if makes == "server":
        program.store = request.getfixturevalue("postgres_url")
    program.record(*met())
    bad = [
        b'{"membership":"m-1\\u0000"}',
        b'{"membership":"\\ud800"}',
        b'{"membership":"m-1","at":"\\ud800"}',
        b'{"membership":"m-1","known_at":123456789012345678901234567890}',
        b'{"membership":"m-1","known_at":9223372036854775808}',
        b'{"membership":"m-1","known_at":1e300}',
        b'{"membership":"m-1","at":"99999-01-01T00:00:00Z"}',
        b'{"membership":"m-\xff"}',
        b'{"membership":"' + b"m" * 100_000 + b'"}',
        b"[" * 4_000,
        b"\x00",
        b"\xff\xfe",
    ]
    questions = program.folder / "questions.jsonl"
    questions.write_bytes(b"".join(line + b'\n{"membership":"m-1"}\n' for line in bad))
    ran = program.json("status", "--batch", questions)
    assert (ran.code, len(ran.lines)) == (3, 2 * len(bad))
    assert {line["error"] for line in ran.lines[::2]} == {"malformed", "unknown-membership"}
    assert [line["line"] for line in ran.lines[::2]] == list(range(1, 2 * len(bad), 2))
    assert [line["membership"] for line in ran.lines[1::2]] == ["m-1"] * len(bad)


def test_a_byte_order_mark_before_a_batch_costs_no_question(program: Program) -> None:
    program.record(*met())
    questions = program.folder / "questions.jsonl"
    for content, answered in ((b'{"membership":"m-1"}\r\n{"membership":"m-1"}', 2), (b"", 0), (b"\r\n", 0)):
        questions.write_bytes(b"\xef\xbb\xbf" + content)
        ran = program.json("status", "--batch", questions)
        assert (ran.code, [line["membership"] for line in ran.lines]) == (0, ["m-1"] * answered)


@pytest.mark.parametrize("makes", ["file", "server"])
@pytest.mark.parametrize("odd", ["m\x00", "m\ud800", "\udcff", "", "m" * 70, "ü"])
@pytest.mark.parametrize(
    "command",
    [["status"], ["history"], ["replay"], ["participation", "--membership"], ["decide", "--renewal", "2011-03-01"]],
    ids=lambda command: command[0],
)
def test_a_membership_of_another_form_is_unknown_and_no_lost_store(
    program: Program, request: pytest.FixtureRequest, makes: str, odd: str, command: list[str]
) -> None:
    if makes == "server":
        program.store = request.getfixturevalue("postgres_url")
    program.record(*enrolment())
    ran = program.json(*command, odd)
    assert (ran.code, ran.json["error"]) == (2, "unknown-membership")


def test_a_batch_and_a_question_exclude_each_other(program: Program) -> None:
    program.record(*met())
    assert program.json("status", "m-1", "--batch", "questions.jsonl").json["error"] == "usage"
    assert program.json("status", "--batch", "missing.jsonl").json["error"] == "unreadable"


def test_history_is_what_was_announced_as_it_stands_now(program: Program) -> None:
    program.record(*met())
    assert program.json("history", "m-1").lines == [
        {
            "effective_at": "2010-06-10T10:00:00.000000Z",
            "satisfied": True,
            "via": "responses",
            "counted": 10,
            "organisations": 2,
            "cause": "response",
            "position": 15,
        }
    ]
    assert "2010-06-10T10:00:00Z" in program.run("history", "m-1").out
    program.record(*enrolment("m-2"))
    assert program.json("history", "m-2").out == ""
    assert "nothing was announced" in program.run("history", "m-2").out


def test_history_leaves_out_what_only_took_back_a_change_that_is_none_any_more(program: Program) -> None:
    program.record(*met())
    program.record(fact("void-response", "v-1", "2011-04-01T00:00:00Z", response="m-1-r-9", reason="test"))
    assert [entry["satisfied"] for entry in program.json("changes").lines] == [True, False]
    assert program.json("history", "m-1").out == ""
    assert "nothing was announced" in program.run("history", "m-1").out
    program.record(response(11, "Lindomar", "2010-08-01T10:00:00Z"))
    program.run("review")
    assert [(entry["effective_at"][:10], entry["satisfied"]) for entry in program.json("history", "m-1").lines] == [
        ("2010-08-01", True),
        ("2011-06-01", False),
    ]


def test_status_names_the_next_renewal_as_it_was_known(program: Program) -> None:
    program.record(*enrolment())
    program.record(fact("set-renewal-date", "r-2", "2010-02-01T00:00:00Z", renewal_date="2012-03-01"))

    def next_renewal(*asked: str) -> Any:
        return program.json("status", "m-1", *asked).json["next_renewal"]

    assert next_renewal("--at", "2011-02-28T23:59:59.999999Z") == "2011-03-01"
    assert next_renewal("--at", "2011-03-01T23:59:59.999999Z") == "2011-03-01"
    assert next_renewal("--at", "2011-03-02") == "2012-03-01"
    assert next_renewal("--at", "2011-03-02", "--known-at", "4") is None
    assert next_renewal("--at", "2012-03-02") is None
    assert "next renewal 2012-03-01" in program.run("status", "m-1").out
    assert "next renewal none" in program.run("status", "m-1", "--at", "2013-01-01").out


def test_review_announces_what_time_has_changed(program: Program) -> None:
    program.record(*met(), *met("m-2"))
    ran = program.json("review", "--until", "2011-06-01T10:00:00Z")
    assert ran.json == {"reviewed": 2, "announced": 2, "position": 30, "set_aside": 0}
    assert [entry["cause"] for entry in program.json("history", "m-1").lines] == ["response", "expiry"]
    assert program.json("review").json["announced"] == 0


def test_review_refuses_the_future(program: Program) -> None:
    program.record(*met())
    ran = program.json("review", "--until", "2012-01-01T00:00:00.000001Z")
    assert (ran.code, ran.json["error"]) == (2, "usage")
    assert "reviewed" in program.run("review", "--until", "2012-01-01T00:00:00Z").out


def test_the_board_says_who_loses_it_when_and_why(program: Program) -> None:
    program.record(*met(), *met("m-2"), *enrolment("m-3"))
    program.record(response(11, "Lindomar", "2010-07-01T10:00:00Z", "m-2"))
    ran = program.json("board", "--at", "2011-05-30", "--within", "3")
    assert [(row["membership"], row["state"], row["why"]) for row in ran.lines] == [
        ("m-1", "losing", "a response of Brontegard expires, 9 of 10 left"),
        ("m-2", "eligible", "a response of Brontegard expires, 9 of 10 left"),
        ("m-3", "not-eligible", None),
    ]
    assert ran.lines[0]["next_change"] == {"at": "2011-06-01T10:00:00.000000Z", "satisfied": False}
    assert [row["membership"] for row in program.json("board", "--at", "2011-05-30", "--losing").lines] == [
        "m-1",
        "m-2",
    ]
    text = program.run("board", "--at", "2011-05-30", "--within", "3").out
    assert "3 memberships: 2 eligible, 1 of them lose it within 3 days; 1 not eligible" in text
    assert "2011-06-01T10:00:00Z" in text
    assert program.json("status", "m-1", "--at", "2011-06-01T10:00:00Z").code == 0  # what is shown can be asked for


def test_the_board_knows_other_reasons(program: Program) -> None:
    learning = [
        fact("record-evaluation", f"e-{day}", f"2010-02-{day:02d}T10:00:00Z", "m-l", evaluation=f"e-{day}")
        for day in range(1, 11)
    ]
    alone = [response(20 + day, "Brontegard", f"2010-03-{day:02d}T10:00:00Z", "m-o") for day in range(1, 9)]
    few = [
        fact(
            "record-response",
            f"o-{day}",
            f"2010-02-{day:02d}T10:00:00Z",
            "m-o",
            response=f"o-{day}",
            customer_org="Only",
        )
        for day in range(1, 4)
    ]
    program.record(*enrolment("m-l", competencies=["Learning"]), *learning, *enrolment("m-o"), *few, *alone)
    rows = {row["membership"]: row["why"] for row in program.json("board", "--at", "2010-06-01").lines}
    assert rows == {
        "m-l": "an evaluation expires, 9 of 10 left",
        "m-o": "a response of Only expires, 9 of 10 left",
    }
    program.record(edition("stricter", "2011-01-01T00:00:00Z", min_responses=12))
    rows = {row["membership"]: row["why"] for row in program.json("board", "--at", "2010-06-01").lines}
    assert rows["m-o"] == "edition stricter takes effect"
    assert rows["m-l"] == "an evaluation expires, 9 of 10 left"


def test_renewals_ahead_say_what_is_missing(program: Program) -> None:
    program.record(*met()[:8], *met("m-2"))
    ran = program.json("renewals", "--at", "2010-12-15")
    assert [row["membership"] for row in ran.lines] == ["m-1", "m-2"]
    first, second = ran.lines
    assert (first["renewal_date"], first["days"]) == ("2011-03-01", 76)
    assert (first["missing"], first["invitations"], first["satisfied_on_date"]) == (4, 16, False)
    assert (second["missing"], second["invitations"], second["satisfied_on_date"]) == (0, 0, True)
    assert program.json("renewals", "--at", "2010-12-15", "--within", "75").out == ""
    assert "2 renewals within 90 days, 1 at risk" in program.run("renewals", "--at", "2010-12-15").out
    assert program.run("renewals", "--at", "9999-12-30", "--within", "36500").code == 0


def test_board_and_renewals_know_what_was_known_and_nothing_later(program: Program) -> None:
    program.now("2010-12-01T00:00:00Z")
    program.record(*met())
    asked = ("--at", "2010-12-15")
    then = {name: program.json(name, *asked).out for name in ("board", "renewals")}
    program.now("2011-07-02T00:00:00Z")
    program.record(
        fact("void-response", "v-1", "2011-04-01T00:00:00Z", response="m-1-r-9", reason="test"),
        *enrolment("m-2"),
        fact("set-renewal-date", "r-2", "2011-01-11T09:00:00Z", renewal_date="2011-02-01"),
        edition("stricter", "2010-12-01T00:00:00Z", min_responses=20),
    )
    assert program.json("decide", "m-1", "--renewal", "2011-03-01").code == 0
    program.run("review")
    for name, answer in then.items():
        for known in ("15", "2010-12-01", "2011-01-01T00:00:00Z"):
            assert program.json(name, *asked, "--known-at", known).out == answer, (name, known)
        assert program.json(name, *asked).out != answer


def test_an_overdue_renewal_that_is_not_decided_stands_first(program: Program) -> None:
    program.record(*met(), *met("m-2"), *enrolment("m-3"))
    program.record(fact("set-renewal-date", "r-2", "2010-02-01T00:00:00Z", "m-3", renewal_date="2012-02-01"))
    ran = program.json("renewals", "--at", "2012-01-01")
    assert [(row["membership"], row["renewal_date"], row["overdue"], row["days"]) for row in ran.lines] == [
        ("m-1", "2011-03-01", True, -306),
        ("m-2", "2011-03-01", True, -306),
        ("m-3", "2011-03-01", True, -306),
        ("m-3", "2012-02-01", False, 31),
    ]
    assert [row["satisfied_on_date"] for row in ran.lines] == [True, True, False, False]
    assert [(row["missing"], row["invitations"]) for row in ran.lines] == [(0, 0), (0, 0), (10, 0), (10, 40)]
    text = program.run("renewals", "--at", "2012-01-01").out
    assert text.startswith("1 renewal within 90 days, 1 at risk; 3 overdue and not decided\n")
    assert program.json("decide", "m-1", "--renewal", "2011-03-01").code == 0
    assert [row["membership"] for row in program.json("renewals", "--at", "2012-01-01").lines] == ["m-2", "m-3", "m-3"]
    assert [row["overdue"] for row in program.json("renewals", "--at", "2011-03-01T12:00:00Z").lines] == [False] * 2
    before = program.json("renewals", "--at", "2012-01-01", "--known-at", "28")
    assert [row["membership"] for row in before.lines] == ["m-1", "m-2"]


def test_decisions_are_listed_with_what_still_stands(program: Program) -> None:
    program.record(*met(), *met("m-2"))
    assert program.json("decide", "m-1", "--renewal", "2011-03-01").code == 0
    assert program.json("decide", "m-2", "--renewal", "2011-03-01").code == 0
    program.now("2012-02-01T00:00:00Z")
    program.record(fact("void-response", "v-1", "2012-01-15T00:00:00Z", response="m-1-r-9", reason="test"))
    assert program.json("decide", "m-1", "--renewal", "2011-03-01").code == 0

    def found(*asked: str) -> list[tuple[Any, ...]]:
        return [
            (row["membership"], row["revision"], row["outcome"], row["superseded"])
            for row in program.json("decisions", *asked).lines
        ]

    first, second, third = ("m-1", 1, "met", True), ("m-2", 1, "met", False), ("m-1", 2, "not-met", False)
    stood = ("m-1", 1, "met", False)
    assert found() == [first, second, third]
    assert found("m-1") == [first, third]
    assert found("--known-at", "2012-01-20") == [stood, second]
    assert found("m-1", "--at", "2012-01-20") == [stood]
    assert found("m-1", "--known-at", "28") == []
    assert program.json("decisions", "m-1").lines[1] == {
        "membership": "m-1",
        "renewal_date": "2011-03-01",
        "revision": 2,
        "outcome": "not-met",
        "superseded": False,
        "via": None,
        "location": "main",
        "counted": 9,
        "organisations": 2,
        "edition": "2009-11",
        "decided_at": "2012-02-01T00:00:00.000000Z",
        "position": program.json("decisions").lines[2]["position"],
    }
    assert program.run("decisions").out.startswith("3 decisions, 1 of them superseded\n")
    assert program.json("decisions", "m-9").json["error"] == "unknown-membership"
    assert program.json("decisions", "m-1", "--known-at", "2").json["error"] == "unknown-membership"


def answered_twice() -> list[dict[str, Any]]:
    """An invitation, its answer, the voiding of that, and another answer to the same invitation."""
    who = {"subject": "s-1", "customer_org": "Lindomar"}
    answer = {"invitation": "i-1", "customer_org": "Lindomar"}
    return [
        fact("record-consent", "c-1", "2010-02-01T09:00:00Z", **who),
        fact("record-invitation", "i-1", "2010-02-02T09:00:00Z", invitation="i-1", channel="operator", **who),
        fact("record-response", "a-1", "2010-02-03T09:00:00Z", response="a-1", **answer),
        fact("void-response", "v-1", "2010-02-04T09:00:00Z", response="a-1", reason="duplicate"),
        fact("record-response", "a-2", "2010-02-05T09:00:00Z", response="a-2", **answer),
    ]


def test_the_response_rate_counts_invitations_and_is_never_above_one(program: Program) -> None:
    program.record(*enrolment(), *answered_twice()[:4])
    (row,) = program.json("participation").lines
    assert (row["responses_to_invitations"], row["invitations_answered"], row["response_rate"]) == (1, 0, 0.0)
    program.record(answered_twice()[4])
    (row,) = program.json("participation").lines
    assert (row["responses_to_invitations"], row["invitations_answered"], row["response_rate"]) == (2, 1, 1.0)
    (month,) = program.json("participation", "--by", "month").lines
    assert (month["invitations"], month["responses_to_invitations"], "response_rate" in month) == (1, 2, False)
    (planned,) = program.json("renewals", "--at", "2011-02-01").lines
    assert (planned["rate_own"], planned["rate_used"], planned["invitations"]) == (1.0, 1.0, 10)
    (before,) = program.json("renewals", "--at", "2011-02-01", "--known-at", "8").lines
    assert (before["rate_own"], before["rate_used"], before["invitations"]) == (0.0, 0.25, 40)


def test_an_own_rate_of_zero_is_planned_at_25_percent_and_said_so(program: Program) -> None:
    program.record(*enrolment(), *answered_twice()[:2], *enrolment("m-2"))
    first, second = program.json("renewals", "--at", "2011-02-01").lines
    assert (first["rate_own"], first["rate_used"], first["invitations"]) == (0.0, 0.25, 40)
    assert (second["rate_own"], second["rate_used"]) == (None, 0.25)
    text = program.run("renewals", "--at", "2011-02-01").out
    assert text.endswith("planned at 25 % though no invitation was ever answered: m-1\n")


def test_participation_is_counted_by_membership_quarter_and_month(program: Program) -> None:
    at = "2010-02-01T09:00:00Z"
    who = {"subject": "s-1", "customer_org": "Lindomar"}
    program.record(
        *met(),
        fact("record-consent", "c-1", at, **who),
        fact("record-invitation", "i-1", at, invitation="i-1", channel="operator", **who),
        fact("record-reminder", "i-2", "2010-04-02T09:00:00Z", invitation="i-1"),
        *enrolment("m-2"),
    )
    (row,) = program.json("participation").lines
    assert (row["membership"], row["invitations"], row["responses"], row["response_rate"]) == ("m-1", 1, 10, 0.0)
    assert [row["quarter"] for row in program.json("participation", "--by", "quarter").lines] == ["2010-Q1", "2010-Q2"]
    months = program.json("participation", "--by", "month", "--membership", "m-1").lines
    assert [(row["month"], row["reminders"]) for row in months] == [("2010-02", 0), ("2010-04", 1), ("2010-06", 0)]
    assert program.json("participation", "--membership", "m-2").out == ""
    assert "response rate" in program.run("participation").out


def test_questions_bring_the_projections_up_to_date_by_themselves(program: Program) -> None:
    program.record(*met()[:11])
    assert program.json("status", "m-1", "--at", EVALUATION).json["counted"] == 9
    program.record(met()[11])
    assert program.json("status", "m-1", "--at", EVALUATION).json["counted"] == 10
    program.store.with_name("ledger.db.projections").unlink()
    assert program.json("status", "m-1", "--at", EVALUATION).json["counted"] == 10


def test_projections_of_another_ledger_are_not_believed(program: Program) -> None:
    program.record(*met())
    program.run("status", "m-1")
    for path in program.folder.glob("ledger.db*"):
        if "projections" not in path.name:
            path.unlink()
    program.record(*met("m-2"))
    assert program.json("status", "m-1").json["error"] == "unknown-membership"
    assert program.json("status", "m-2", "--at", EVALUATION).json["counted"] == 10


@pytest.mark.parametrize(
    "command",
    [
        ["status", "m-1"],
        ["history", "m-1"],
        ["board"],
        ["renewals", "--at", "2011-01-01"],
        ["participation"],
        ["decisions"],
        ["changes"],
        ["replay", "m-1"],
        ["project", "--status"],
    ],
)
def test_every_list_is_one_object_a_line_and_text_without_json(program: Program, command: list[str]) -> None:
    program.record(*met())
    for line in program.json(*command).out.splitlines():
        assert isinstance(orjson.loads(line), dict)
    text = program.run(*command).out
    assert text
    assert not text.startswith("{")
    assert "\x1b" not in text


def test_an_organisation_of_several_names_is_shown_with_them(program: Program) -> None:
    program.record(
        *met(),
        fact("same-organisation", "same", "2010-07-01T00:00:00Z", organisation="Lindomar", same_as="Lindomar Ltd"),
    )
    late = ("--at", "2010-07-01T00:00:00Z")
    by_org = program.json("status", "m-1", *late).json["locations"]["main"]["by_org"]
    assert by_org == {
        "Brontegard": {"received": 8, "applied": 8},
        "Lindomar": {"received": 2, "applied": 2, "names": ["Lindomar", "Lindomar Ltd"]},
    }
    assert "Lindomar (is Lindomar Ltd)" in program.run("status", "m-1", *late).out
    assert "OrganisationsJoined" in program.run("replay", "m-1").out
    assert "Lindomar is Lindomar Ltd" in program.run("replay", "m-1").out
