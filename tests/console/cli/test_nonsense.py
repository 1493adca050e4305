"""Events that name what is not there: a host can write them into its book, and no question stumbles over them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.console.designation_story import qualified
from tests.console.support import Program, met
from tests.support.behind import append_behind_file

AREA = "business-applications"
SURVEY = "membership-m-1"
DESIGNATION = f"designation-m-1/{AREA}"
RESPONSE = {"response": "r-x", "customer_org": "Brontegard", "answer_token": None, "anonymous": False}
NONSENSE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a response to an unknown location": (SURVEY, "ResponseReceived", {**RESPONSE, "location": "nowhere"}),
    "a location that is a list": (SURVEY, "ResponseReceived", {**RESPONSE, "location": ["main"]}),
    "no data": (SURVEY, "ResponseReceived", {}),
    "an unknown response voided": (
        SURVEY,
        "ResponseVoided",
        {"response": "r-0", "reason": "test", "received_at": "2011-01-01T00:00:00.000000Z", "customer_org": "A",
         "location": "x"},
    ),
    "an unknown invitation reminded": (SURVEY, "ReminderSent", {"invitation": "i-0"}),
    "what was never joined told apart": (SURVEY, "OrganisationsSeparated", {"organisation": "A", "same_as": "B"}),
    "a decision of nothing": (SURVEY, "RenewalDecided", {}),
    "a decision on no date": (SURVEY, "RenewalDecided", {"renewal_date": "whenever", "revision": 1}),
    "an announcement of nothing": (SURVEY, "EligibilityChanged", {}),
    "usage without a month": (
        DESIGNATION,
        "UsageReported",
        {"customer": "c", "workload": "retail", "month": "whenever", "units": 1, "association": "cpor"},
    ),
    "usage by an unknown association": (
        DESIGNATION,
        "UsageReported",
        {"customer": "c", "workload": "retail", "month": "2023-05", "units": 1, "association": "friend"},
    ),
    "an unknown certificate ended": (DESIGNATION, "CertificateEnded", {"certificate": "c-0", "on": "2024-06-01"}),
    "a designation decided on nothing": (DESIGNATION, "DesignationDecided", {}),
    "a designation decided on no date": (DESIGNATION, "DesignationDecided", {"anniversary": "whenever", "revision": 1}),
    "a designation's change of nothing": (DESIGNATION, "DesignationChanged", {}),
}  # fmt: skip
OF_ITSELF = (
    ("status", "m-1"),
    ("replay", "m-1"),
    ("history", "m-1"),
    ("decisions", "m-1"),
    ("score", "m-1", "--area", AREA),
    ("what-would-it-take", "m-1", "--area", AREA, "--more-percent", "3"),
    ("expiring", "m-1", "--area", AREA, "--months", "12"),
    ("score-months", "m-1", "--area", AREA, "--months", "12"),
    ("score", "m-1", "--area", AREA, "--explain", "2024-01-01", "2024-07-01"),
    ("replay", "m-1", "--area", AREA),
    ("history", "m-1", "--area", AREA),
)
OF_ANOTHER = (("status", "m-2"), ("replay", "m-2"), ("history", "m-2"))
OF_ALL = (
    ("board",),
    ("renewals", "--within", "90"),
    ("participation",),
    ("decisions",),
    ("designations",),
    ("anniversaries",),
)
NOW = "2024-07-01T00:00:00Z"


@pytest.fixture
def book(program: Program) -> Program:
    """Two memberships, one of which strives for a designation as well."""
    program.now(NOW)
    program.record(*met(), *met("m-2"), *qualified())
    return program


@pytest.mark.parametrize(("stream", "event_type", "data"), NONSENSE.values(), ids=NONSENSE)
def test_a_question_about_it_is_answered_or_says_what_is_broken_and_all_others_are_answered(
    book: Program, stream: str, event_type: str, data: dict[str, Any]
) -> None:
    position = append_behind_file(book.store, stream, event_type, data)
    for question in OF_ITSELF:
        ran = book.json(*question)
        assert ran.code == 0 or (ran.code, ran.lines[-1]["error"]) == (1, "broken-history"), (question, ran)
        if ran.code:
            assert f"position {position}" in ran.lines[-1]["message"]
    ran = book.json("changes")  # a feed in order: it goes up to what cannot be told, and says so
    assert ran.code == 0 or (ran.code, ran.lines[-1]["error"]) == (1, "broken-history"), ran
    for question in (*OF_ANOTHER, *OF_ALL):
        ran = book.json(*question)
        assert ran.code == 0, (question, ran)
    assert {row["membership"] for row in book.json("board").lines} == {"m-1", "m-2"}
    assert book.json("review").code in (0, 3)
    assert book.json("project", "--status").code == 3, "it is told that something waits"


def test_a_batch_answers_the_questions_about_the_others(book: Program) -> None:
    append_behind_file(book.store, *NONSENSE["a response to an unknown location"])
    questions = book.write("questions.jsonl", [{"membership": "m-1"}, {"membership": "m-2"}])
    assert [line["satisfied"] for line in book.json("status", "--batch", questions).lines] == [False, False]


def test_facts_about_the_others_are_recorded_and_its_own_are_put_off(book: Program) -> None:
    append_behind_file(book.store, *NONSENSE["a response to an unknown location"])
    at = "2024-06-01T00:00:00Z"
    told = [
        {"type": "record-evaluation", "id": f"e-{m}", "membership": m, "occurred_at": at, "evaluation": f"e-{m}"}
        for m in ("m-1", "m-2")
    ]
    ran = book.json("record", book.write("told.jsonl", told))
    assert (ran.code, ran.json["accepted"]) == (3, 1)
