"""Every refusal of the oracle in a table of cases, and the cases that are not refused though they look like it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracle.survey.book import FIGURES, NOW, Book


def test_the_same_id_with_the_same_content_is_a_duplicate_and_with_other_content_is_refused() -> None:
    book = Book()
    said = [
        book.oracle.record(
            {"type": "record-evaluation", "id": "x", "membership": "m-1", "occurred_at": when, "evaluation": name}, NOW
        )
        for when, name in [
            ("2010-01-01T00:00:00Z", "e-1"),
            ("2010-01-01T00:00:00Z", "e-1"),
            ("2010-01-01T01:00:00+01:00", "e-1"),
            ("2010-01-01T00:00:00Z", "e-2"),
        ]
    ]
    assert said == [("accepted", None), ("duplicate", None), ("duplicate", None), ("refused", "id-reused")]
    assert len(book.oracle.accepted) == 2


def test_a_refused_fact_leaves_its_id_free() -> None:
    book = Book()
    for name, expected in [("m-9", ("refused", "unknown-membership")), ("m-1", ("accepted", None))]:
        fact = {"type": "record-evaluation", "id": "x", "membership": name, "evaluation": "e"}
        assert book.oracle.record({**fact, "occurred_at": "2010-01-01T00:00:00Z"}, NOW) == expected


def refusal_cases() -> list[tuple[str, dict[str, Any]]]:
    invitation = {"kind": "record-invitation", "subject": "s-1", "customer_org": "adatum", "channel": "operator"}
    response = {"kind": "record-response", "customer_org": "adatum"}
    day = "2010-03-01T00:00:00Z"
    return [
        ("malformed", {"kind": "record-poem", "when": day}),
        ("malformed", {"kind": "update-membership", "when": day}),
        ("malformed", {"kind": "record-reminder", "when": "2010-03-01T00:00:00", "invitation": "i-op"}),
        ("malformed", {"kind": "add-location", "when": day, "location": " Oslo"}),
        ("malformed", {**invitation, "when": day, "invitation": "i-9", "language": "tlh"}),
        ("id-reused", {"kind": "record-reminder", "when": day, "invitation": "i-op", "id": "f-1"}),
        ("in-the-future", {"kind": "record-reminder", "when": "2020-01-01T00:05:00.000001Z", "invitation": "i-op"}),
        ("unknown-membership", {"kind": "record-evaluation", "when": day, "evaluation": "e", "membership": "m-9"}),
        ("already-enrolled", {"kind": "enrol-membership", "when": day, "name": "Other", "level": "silver"}),
        ("unknown-location", {**response, "when": day, "response": "r", "location": "Rome", "invitation": "none"}),
        ("location-exists", {"kind": "add-location", "when": day, "location": "Oslo"}),
        ("location-needed", {**response, "when": day, "response": "r"}),
        ("consent-missing", {**invitation, "when": day, "subject": "s-9", "invitation": "i-op", "location": "Oslo"}),
        ("consent-missing", {**invitation, "when": "2011-01-01T00:00:00Z", "invitation": "i-9", "location": "Oslo"}),
        ("consent-missing", {"kind": "record-reminder", "when": "2011-01-01T00:00:00Z", "invitation": "i-op"}),
        ("invitation-exists", {**invitation, "when": day, "invitation": "i-op", "location": "Oslo"}),
        ("unknown-invitation", {"kind": "record-reminder", "when": day, "invitation": "i-9"}),
        ("reminder-not-operator", {"kind": "record-reminder", "when": day, "invitation": "i-partner"}),
        ("already-reminded", {"kind": "record-reminder", "when": day, "invitation": "i-reminded"}),
        ("already-answered", {"kind": "record-reminder", "when": day, "invitation": "i-answered"}),
        (
            "already-answered",
            {**response, "when": day, "response": "r-a", "location": "Oslo", "invitation": "i-answered"},
        ),
        (
            "org-mismatch",
            {**response, "when": day, "response": "r-a", "location": "Oslo", "invitation": "i-op", "customer_org": "x"},
        ),
        ("response-exists", {**response, "when": day, "response": "r-a", "location": "Oslo"}),
        ("unknown-response", {"kind": "void-response", "when": day, "response": "r-9", "reason": "test"}),
        ("already-void", {"kind": "void-response", "when": day, "response": "r-void", "reason": "fraud"}),
        ("already-anonymous", {"kind": "choose-anonymity", "when": day, "response": "r-anonymous"}),
        ("evaluation-exists", {"kind": "record-evaluation", "when": day, "evaluation": "e-1"}),
        ("edition-exists", {"kind": "publish-rulebook", "when": day, "edition": "2013-04", "effective_from": day}),
        ("renewal-date-not-set", {"kind": "decide-renewal", "when": day, "renewal_date": "2010-02-28"}),
        ("renewal-not-due", {"kind": "decide-renewal", "when": day, "renewal_date": "2010-03-02"}),
        ("renewal-already-decided", {"kind": "decide-renewal", "when": day, "renewal_date": "2010-03-01"}),
    ]


@pytest.mark.parametrize(("code", "fact"), refusal_cases())
def test_every_refusal_has_its_code(code: str, fact: dict[str, Any]) -> None:
    book = Book(locations=["Oslo", "Bergen"])
    day = "2010-02-01T00:00:00Z"
    adatum: dict[str, Any] = {"customer_org": "adatum"}
    at_oslo: dict[str, Any] = {**adatum, "location": "Oslo"}
    steps: list[tuple[str, dict[str, Any]]] = [
        ("record-consent", {"subject": "s-1", **adatum}),
        ("record-invitation", {"invitation": "i-op", "subject": "s-1", "channel": "operator", **at_oslo}),
        ("record-invitation", {"invitation": "i-partner", "subject": "s-1", "channel": "partner", **at_oslo}),
        ("record-invitation", {"invitation": "i-reminded", "subject": "s-1", "channel": "operator", **at_oslo}),
        ("record-invitation", {"invitation": "i-answered", "subject": "s-1", "channel": "operator", **at_oslo}),
        ("record-reminder", {"invitation": "i-reminded"}),
        ("record-response", {"response": "r-a", "invitation": "i-answered", **at_oslo}),
        ("record-response", {"response": "r-void", **at_oslo}),
        ("void-response", {"response": "r-void", "reason": "test"}),
        ("record-response", {"response": "r-anonymous", "anonymous": True, **at_oslo}),
        ("record-evaluation", {"evaluation": "e-1"}),
        ("set-renewal-date", {"renewal_date": "2010-03-01"}),
        ("set-renewal-date", {"renewal_date": "2010-03-02"}),
        ("decide-renewal", {"renewal_date": "2010-03-01", "occurred_at": "2010-03-01T00:00:00Z"}),
        ("withdraw-consent", {"subject": "s-1", **adatum, "occurred_at": "2010-12-01T00:00:00Z"}),
    ]
    for kind, fields in steps:
        assert book.tell(kind, day, **fields) == ("accepted", None), kind
    if fact["kind"] == "publish-rulebook":
        fact = {**FIGURES, **fact}
    assert book.tell(**fact) == ("refused", code)


def test_exactly_five_minutes_ahead_is_not_the_future() -> None:
    book = Book()
    assert book.tell("record-evaluation", "2020-01-01T00:05:00Z", evaluation="e") == ("accepted", None)


def test_consent_is_asked_of_the_invitations_own_instant_in_whatever_order_it_is_told() -> None:
    book = Book()
    adatum: dict[str, Any] = {"subject": "s-1", "customer_org": "adatum"}
    book.tell("withdraw-consent", "2010-06-01T00:00:00Z", **adatum)
    book.tell("record-consent", "2010-03-01T00:00:00Z", **adatum)
    said = [
        book.tell("record-invitation", when, invitation=f"i-{when[:10]}", channel="partner", **adatum)[1]
        for when in ("2010-02-28T23:59:59.999999Z", "2010-03-01T00:00:00Z", "2010-06-01T00:00:00Z")
    ]
    assert said == ["consent-missing", None, "consent-missing"]


def test_a_voided_answer_leaves_the_invitation_open_to_a_reminder_and_another_answer() -> None:
    book = Book()
    adatum: dict[str, Any] = {"subject": "s-1", "customer_org": "adatum"}
    book.tell("record-consent", "2010-03-01T00:00:00Z", **adatum)
    book.tell("record-invitation", "2010-03-01T00:00:00Z", invitation="i", channel="operator", **adatum)
    (response,) = book.respond("2010-03-02T00:00:00Z", "adatum", invitation="i")
    again: dict[str, Any] = {"response": "again", "customer_org": "adatum", "invitation": "i"}
    assert book.tell("record-response", "2010-03-03T00:00:00Z", **again) == ("refused", "already-answered")
    book.tell("void-response", "2010-03-04T00:00:00Z", response=response, reason="duplicate")
    assert book.tell("record-reminder", "2010-03-05T00:00:00Z", invitation="i") == ("accepted", None)
    assert book.tell("record-response", "2010-03-06T00:00:00Z", **again) == ("accepted", None)


def test_a_reminder_that_went_out_before_the_answer_came_is_accepted_late() -> None:
    book = Book()
    adatum: dict[str, Any] = {"subject": "s-1", "customer_org": "adatum"}
    book.tell("record-consent", "2010-03-01T00:00:00Z", **adatum)
    book.tell("record-invitation", "2010-03-01T00:00:00Z", invitation="i", channel="operator", **adatum)
    book.respond("2010-03-05T00:00:00Z", "adatum", invitation="i")
    assert book.tell("record-reminder", "2010-03-05T00:00:00Z", invitation="i") == ("refused", "already-answered")
    assert book.tell("record-reminder", "2010-03-04T23:59:59.999999Z", invitation="i") == ("accepted", None)
