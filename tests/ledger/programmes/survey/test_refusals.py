"""Every refusal in a table: what is given, which fact comes, with which code it is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ledger.errors import REFUSAL_CODES, Refused
from ledger.programmes.capability import decide as capability
from ledger.programmes.registry import fact_from_object
from tests.ledger.programmes.survey.story import NOW, Story
from tests.oracle.survey.book import FIGURES
from tests.oracle.survey.status import Oracle
from tests.oracle.survey.time import instant
from tests.support.real_book import micros, real_book

Fact = dict[str, Any]
DAY = "2010-03-01T00:00:00Z"


def fact(kind: str, when: str = DAY, **fields: Any) -> Fact:
    return {"type": kind, "membership": "m-1", "occurred_at": when, **fields}


ENROLLED = fact("enrol-membership", name="Contoso", level="gold")
ENROLLED_TWICE_LOCATED = {**ENROLLED, "locations": ["Oslo", "Bergen"]}
S1: Fact = {"subject": "s-1", "customer_org": "adatum"}
CONSENT = fact("record-consent", **S1)
WITHDRAWN = fact("withdraw-consent", "2010-04-01T00:00:00Z", **S1)
INVITATION = fact("record-invitation", invitation="i-1", channel="operator", **S1)
PARTNERS = {**INVITATION, "channel": "partner"}
REMINDER = fact("record-reminder", "2010-03-10T00:00:00Z", invitation="i-1")
RESPONSE = fact("record-response", "2010-03-05T00:00:00Z", response="r-1", customer_org="adatum")
ANSWER = {**RESPONSE, "invitation": "i-1"}
VOIDED = fact("void-response", "2010-03-06T00:00:00Z", response="r-1", reason="test")
ANONYMITY = fact("choose-anonymity", "2010-03-06T00:00:00Z", response="r-1")
EVALUATION = fact("record-evaluation", evaluation="e-1")
RENEWAL = fact("set-renewal-date", renewal_date="2011-03-01")
DECISION = fact("decide-renewal", "2011-03-01T00:00:00Z", renewal_date="2011-03-01")
EDITION: Fact = {
    "type": "publish-rulebook",
    "occurred_at": DAY,
    "edition": "2010-07",
    "effective_from": "2010-07-01T00:00:00Z",
    **FIGURES,
}


SPELT = fact("record-response", "2010-03-07T00:00:00Z", response="r-9", customer_org="ADATUM")
DISTINCT = fact("distinct-organisation", organisation="ADATUM", **{"from": "adatum"})
SAME = fact("same-organisation", organisation="adatum", same_as="fabrikam")
ALSO_SAME = {**SAME, "organisation": "fabrikam", "same_as": "contoso"}
SEPARATE = {**SAME, "type": "separate-organisations"}


class Case(NamedTuple):
    code: str
    given: list[Fact]
    when: Any


CASES = [
    Case("malformed", [], []),
    Case("malformed", [], {"type": "record-poem", "occurred_at": DAY}),
    Case("malformed", [ENROLLED], {**EVALUATION, "occurred_at": "2010-03-01T00:00:00"}),
    Case("malformed", [ENROLLED], {**EVALUATION, "occurred_at": "2010-03-01T00:00:00.1234567Z"}),
    Case("malformed", [ENROLLED], {**EVALUATION, "occurred_at": "2010-03-01T24:00:00Z"}),
    Case("malformed", [ENROLLED], {**EVALUATION, "occurred_at": "2010-03-01T00:00:00+01:60"}),
    Case("malformed", [ENROLLED], {**EVALUATION, "membership": "m 1"}),
    Case("malformed", [ENROLLED], {**EVALUATION, "score": 9}),
    Case("malformed", [ENROLLED], fact("update-membership")),
    Case("malformed", [ENROLLED], fact("add-location", location="Oslo ")),
    Case("malformed", [ENROLLED], fact("add-location", location="Os\u200blo")),
    Case("malformed", [ENROLLED], fact("add-location", location="*")),
    Case("malformed", [], {**ENROLLED, "locations": ["Oslo", "*"]}),
    Case("malformed", [ENROLLED], {**RESPONSE, "location": "*"}),
    Case("malformed", [], {**ENROLLED, "locations": []}),
    Case("malformed", [], {**ENROLLED, "locations": ["Oslo", "Oslo"]}),
    Case("malformed", [ENROLLED], {**INVITATION, "language": "tlh"}),
    Case("malformed", [ENROLLED], {**RENEWAL, "renewal_date": "2011-02-29"}),
    Case("malformed", [ENROLLED], {**RENEWAL, "renewal_date": "0001-01-01"}),
    Case("malformed", [], {**EDITION, "window_months": 0}),
    Case("malformed", [], {**EDITION, "min_responses": 10.0}),
    Case("malformed", [], {**EDITION, "pool_locations": 1}),
    Case("personal-data", [ENROLLED], {**EVALUATION, "evaluation": "jane@adatum.example"}),
    Case("personal-data", [ENROLLED], {**EVALUATION, "evaluation": "jane of adatum"}),
    Case("personal-data", [ENROLLED], {**EVALUATION, "id": "From Jane"}),
    Case("personal-data", [ENROLLED], {**EVALUATION, "id": "csat-ledger:jane@adatum.example"}),
    Case("personal-data", [ENROLLED], {**EVALUATION, "actor": "2001:db8::17"}),
    Case("personal-data", [ENROLLED], {**EVALUATION, "membership": "0170-1234567"}),
    Case("personal-data", [ENROLLED], {**RESPONSE, "customer_org": "+49 170 1234567"}),
    Case("personal-data", [ENROLLED], {**RESPONSE, "customer_org": "+49 170 1234567", "score": 9}),
    Case("personal-data", [], {**ENROLLED, "name": "Adatum, jane@adatum.example"}),
    Case("personal-data", [], {**ENROLLED, "competencies": ["Learning", "192.0.2.17"]}),
    Case("id-reused", [ENROLLED, {**EVALUATION, "id": "twice"}], {**EVALUATION, "id": "twice", "evaluation": "e-2"}),
    Case("id-reused", [{**ENROLLED, "id": "twice"}], {**EVALUATION, "id": "twice", "membership": "m-unknown"}),
    Case("reserved-id", [ENROLLED], {**EVALUATION, "id": "csat-ledger:edition:2009-11"}),
    Case("reserved-id", [ENROLLED], {**EVALUATION, "id": "csat-ledger:"}),
    Case("in-the-future", [ENROLLED], {**EVALUATION, "occurred_at": "2020-01-01T00:05:00.000001Z"}),
    Case("in-the-future", [], {**EVALUATION, "occurred_at": "2020-01-01T00:05:00.000001Z"}),
    Case("in-the-future", [], {**EDITION, "occurred_at": "2020-01-02T00:00:00Z", "edition": "2009-11"}),
    Case("unknown-membership", [], EVALUATION),
    Case("unknown-membership", [ENROLLED], {**DECISION, "membership": "m-2"}),
    Case("already-enrolled", [ENROLLED], {**ENROLLED, "name": "Other"}),
    Case("unknown-location", [ENROLLED], {**RESPONSE, "location": "Rome"}),
    Case("unknown-location", [ENROLLED], {**INVITATION, "location": "Rome"}),
    Case("location-exists", [ENROLLED], fact("add-location", location="main")),
    Case("location-needed", [ENROLLED_TWICE_LOCATED], RESPONSE),
    Case("location-needed", [ENROLLED, fact("add-location", location="Oslo")], INVITATION),
    Case("organisation-spelling", [ENROLLED, RESPONSE], SPELT),
    Case("organisation-spelling", [ENROLLED, RESPONSE, VOIDED], SPELT),
    Case("organisation-spelling", [ENROLLED, CONSENT], {**CONSENT, "customer_org": "Ad-atum"}),
    Case("organisation-spelling", [ENROLLED, WITHDRAWN], {**INVITATION, "customer_org": "ａｄａｔｕｍ"}),
    Case("organisation-spelling", [ENROLLED, SAME], {**SPELT, "customer_org": "Fabrikam."}),
    Case("organisation-spelling", [ENROLLED, RESPONSE, DISTINCT], {**SPELT, "customer_org": "Adatum"}),
    Case("organisation-spelling", [ENROLLED, RESPONSE], {**SAME, "organisation": "ADATUM"}),
    Case("organisation-spelling", [ENROLLED, RESPONSE], {**SAME, "organisation": "fabrikam", "same_as": "ADATUM"}),
    Case("organisation-spelling", [ENROLLED], {**SAME, "same_as": "ADATUM"}),
    Case("unknown-organisation", [ENROLLED], SEPARATE),
    Case("unknown-organisation", [ENROLLED, SAME], {**SEPARATE, "organisation": "ADATUM"}),
    Case("unknown-organisation", [ENROLLED, SAME], {**SEPARATE, "same_as": "FABRIKAM"}),
    Case("unknown-organisation", [ENROLLED], DISTINCT),
    Case("unknown-organisation", [ENROLLED, RESPONSE], {**DISTINCT, "organisation": "adatum", "from": "ADATUM"}),
    Case("already-joined", [ENROLLED], {**SAME, "same_as": "adatum"}),
    Case("already-joined", [ENROLLED, SAME], {**SAME, "organisation": "fabrikam", "same_as": "adatum"}),
    Case("already-joined", [ENROLLED, SAME, ALSO_SAME], {**SAME, "same_as": "contoso"}),
    Case("not-joined", [ENROLLED, SAME], {**SEPARATE, "same_as": "adatum"}),
    Case("not-joined", [ENROLLED, SAME, ALSO_SAME], {**SEPARATE, "same_as": "contoso"}),
    Case("not-joined", [ENROLLED, SAME, SEPARATE], SEPARATE),
    Case("already-distinct", [ENROLLED, RESPONSE], {**DISTINCT, "organisation": "adatum"}),
    Case("already-distinct", [ENROLLED, RESPONSE], {**DISTINCT, "organisation": "fabrikam"}),
    Case("already-distinct", [ENROLLED, RESPONSE, DISTINCT], DISTINCT),
    Case("consent-missing", [ENROLLED], INVITATION),
    Case("consent-missing", [ENROLLED, CONSENT], {**INVITATION, "customer_org": "fabrikam"}),
    Case("consent-missing", [ENROLLED, CONSENT], {**INVITATION, "occurred_at": "2010-02-28T23:59:59.999999Z"}),
    Case("consent-missing", [ENROLLED, CONSENT, WITHDRAWN], {**INVITATION, "occurred_at": "2010-04-01T00:00:00Z"}),
    Case(
        "consent-missing",
        [ENROLLED, CONSENT, INVITATION, WITHDRAWN],
        {**REMINDER, "occurred_at": "2010-04-01T00:00:00Z"},
    ),
    Case("invitation-exists", [ENROLLED, CONSENT, INVITATION], PARTNERS),
    Case("unknown-invitation", [ENROLLED], REMINDER),
    Case("unknown-invitation", [ENROLLED], ANSWER),
    Case("reminder-not-operator", [ENROLLED, CONSENT, PARTNERS], REMINDER),
    Case("already-reminded", [ENROLLED, CONSENT, INVITATION, REMINDER], REMINDER),
    Case("already-answered", [ENROLLED, CONSENT, INVITATION, ANSWER], REMINDER),
    Case(
        "already-answered",
        [ENROLLED, CONSENT, INVITATION, ANSWER],
        {**REMINDER, "occurred_at": "2010-03-05T00:00:00Z"},
    ),
    Case("already-answered", [ENROLLED, CONSENT, INVITATION, ANSWER], {**ANSWER, "response": "r-2"}),
    Case(
        "already-answered",
        [ENROLLED, CONSENT, INVITATION, ANSWER],
        {**ANSWER, "response": "r-2", "customer_org": "fabrikam"},
    ),
    Case(
        "already-answered",
        [ENROLLED, CONSENT, INVITATION, ANSWER, VOIDED, {**ANSWER, "response": "r-2"}],
        {**ANSWER, "response": "r-3"},
    ),
    Case(
        "already-answered",
        [ENROLLED, CONSENT, INVITATION, ANSWER, VOIDED, {**ANSWER, "response": "r-2"}],
        REMINDER,
    ),
    Case("org-mismatch", [ENROLLED, CONSENT, INVITATION], {**ANSWER, "customer_org": "fabrikam"}),
    Case("org-mismatch", [ENROLLED, CONSENT, INVITATION, SAME, SEPARATE], {**ANSWER, "customer_org": "fabrikam"}),
    Case("response-exists", [ENROLLED, RESPONSE], {**RESPONSE, "customer_org": "fabrikam"}),
    Case("response-exists", [ENROLLED, RESPONSE, VOIDED], RESPONSE),
    Case("unknown-response", [ENROLLED], VOIDED),
    Case("unknown-response", [ENROLLED], ANONYMITY),
    Case("already-void", [ENROLLED, RESPONSE, VOIDED], {**VOIDED, "reason": "fraud"}),
    Case("already-anonymous", [ENROLLED, RESPONSE, ANONYMITY], ANONYMITY),
    Case("already-anonymous", [ENROLLED, {**RESPONSE, "anonymous": True}], ANONYMITY),
    Case("evaluation-exists", [ENROLLED, EVALUATION], EVALUATION),
    Case("edition-exists", [EDITION], {**EDITION, "min_responses": 11}),
    Case("edition-exists", [], {**EDITION, "edition": "2013-04"}),
    Case("renewal-date-not-set", [ENROLLED, RENEWAL], {**DECISION, "renewal_date": "2011-02-28"}),
    Case("renewal-not-due", [ENROLLED, RENEWAL], {**DECISION, "occurred_at": "2011-02-28T23:59:59.999999Z"}),
    Case(
        "renewal-not-due",
        [ENROLLED, {**RENEWAL, "renewal_date": "2020-01-02"}],
        {**DECISION, "occurred_at": "2020-01-01T00:00:00Z", "renewal_date": "2020-01-02"},
    ),
    Case("renewal-already-decided", [ENROLLED, RENEWAL, DECISION], DECISION),
]


def name_of(case: Case) -> str:
    return f"{case.code}-{case.when['type'] if case.when else 'no object'}"


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_fact_is_refused_with_its_code_and_changes_nothing(case: Case) -> None:
    oracle = Oracle()
    with real_book() as book:
        for number, given in enumerate(case.given):
            told = {"id": f"f-{number}", **given}
            assert book.tell(told, NOW) == ("accepted", None), told
            assert oracle.record(told, NOW) == ("accepted", None), told
        book.record([])
        before = book.feed()
        when = {"id": "the-fact", **case.when} if case.when else case.when
        assert book.tell(when, NOW) == ("refused", case.code)
        assert oracle.record(when, NOW) == ("refused", case.code)
        assert book.feed() == before


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_after_a_refusal_all_goes_on_as_if_the_fact_had_never_come(case: Case) -> None:
    following = {**ENROLLED, "membership": "m-next", "id": "next" if case.code == "id-reused" else "the-fact"}
    feeds = []
    for comes in (True, False):
        with real_book() as book:
            book.now_us = micros(NOW)
            book.record([])
            for number, given in enumerate(case.given):
                book.tell({"id": f"f-{number}", **given}, NOW)
            if comes:
                book.tell({"id": "the-fact", **case.when} if case.when else case.when, NOW)
            assert book.tell(following, NOW) == ("accepted", None)
            feeds.append(book.feed())
    assert feeds[0] == feeds[1]


def test_the_table_has_a_row_for_every_code_and_no_other() -> None:
    decide = Path(capability.__file__).read_text()
    others = set(re.findall(r'refuse\(\s*"([a-z-]+)"', decide)) - {"in-the-future"}
    assert "month-not-over" in others
    assert {case.code for case in CASES} == set(REFUSAL_CODES) - others - {
        "vault-needed"
    }  # `console.answering` gives it


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.code not in ("malformed", "personal-data", "reserved-id")], ids=name_of
)
def test_it_is_the_same_in_one_batch_from_the_first_fact_of_the_book_on(case: Case) -> None:
    with real_book() as book:
        book.now_us = micros(NOW)
        facts = [{"id": f"f-{number}", **given} for number, given in enumerate(case.given)]
        outcomes = book.record([fact_from_object(one) for one in [*facts, {"id": "the-fact", **case.when}]])
        assert [outcome.code for outcome in outcomes] == [None] * len(facts) + [case.code]
        sentence = outcomes[-1].sentence
        assert sentence is not None
        assert len(sentence) > 15


ABOUT_INVITATIONS = [
    case for case in CASES if case.when and case.when["type"] in ("record-response", "record-reminder")
]


@pytest.mark.parametrize("case", ABOUT_INVITATIONS, ids=name_of)
def test_no_sentence_about_an_answer_or_a_reminder_names_an_invitation_or_who_has_answered_one(case: Case) -> None:
    """It goes onto a topic, beside the response that the fact names; see `ledger.telling`."""
    with real_book() as book:
        book.now_us = micros(NOW)
        for number, given in enumerate(case.given):
            book.tell({"id": f"f-{number}", **given}, NOW)
        try:
            (outcome,) = book.record([fact_from_object({"id": "the-fact", **case.when})])
            sentence = outcome.sentence or ""
        except Refused as refusal:
            sentence = refusal.sentence
    assert sentence
    assert "i-1" not in sentence
    assert set(re.findall(r"\br-\d", sentence)) <= {case.when.get("response")}


def test_the_sentence_of_what_is_malformed_names_the_field_and_not_its_content() -> None:
    with pytest.raises(Refused, match="evaluation") as caught:
        fact_from_object({"id": "f", **EVALUATION, "evaluation": "jane@adatum.example"})
    assert "jane" not in caught.value.sentence


def test_what_is_refused_in_a_batch_keeps_nothing_else_from_being_recorded(story: Story) -> None:
    told = [
        {"id": "1", **EVALUATION},
        {"id": "2", **EVALUATION},
        {"id": "1", **EVALUATION, "evaluation": "e-2"},
        {"id": "2", **EVALUATION, "evaluation": "e-3"},
        {"id": "1", **EVALUATION},
    ]
    outcomes = story.book.record([fact_from_object(one) for one in told])
    assert [(outcome.status, outcome.code) for outcome in outcomes] == [
        ("accepted", None),
        ("refused", "evaluation-exists"),
        ("refused", "id-reused"),
        ("accepted", None),
        ("duplicate", None),
    ]
    assert outcomes[4].position == outcomes[0].position


def test_five_minutes_ahead_to_the_microsecond_is_not_the_future(story: Story) -> None:
    assert story.tell("record-evaluation", "2020-01-01T00:05:00Z", evaluation="e") == ("accepted", None)


def test_a_renewal_is_not_due_before_the_ledgers_own_clock_has_reached_its_date(story: Story) -> None:
    date, when = "2020-02-01", "2020-02-01T00:01:00Z"  # within the five minutes that a source's clock may be ahead
    story.tell("set-renewal-date", DAY, renewal_date=date)
    told = {"type": "decide-renewal", "id": "f", "membership": "m-1", "occurred_at": when, "renewal_date": date}
    early, in_time = instant("2020-01-31T23:59:59.999999Z"), instant("2020-02-01T00:00:00Z")
    assert story.book.tell(told, early) == ("refused", "renewal-not-due")
    assert story.book.tell(told, in_time) == ("accepted", None)


def test_the_same_fact_in_another_spelling_is_a_duplicate(story: Story) -> None:
    spellings = ("2010-03-01T00:00:00Z", "2010-03-01T01:00:00+01:00", "2010-03-01 00:00:00.000z")
    told = [{**EVALUATION, "id": "f", "occurred_at": spelt} for spelt in spellings]
    assert [story.book.tell(one, NOW)[0] for one in told] == ["accepted", "duplicate", "duplicate"]


def test_a_voided_answer_leaves_the_invitation_open_to_a_reminder_and_another_answer(story: Story) -> None:
    given = [CONSENT, INVITATION, ANSWER, VOIDED, REMINDER, {**ANSWER, "response": "r-2"}]
    told = [story.book.tell({"id": f"g-{number}", **one}, NOW) for number, one in enumerate(given)]
    assert told == [("accepted", None)] * 6


def test_a_reminder_that_went_out_before_the_answer_came_is_accepted_late(story: Story) -> None:
    before = {**REMINDER, "occurred_at": "2010-03-04T23:59:59.999999Z"}
    told = [
        story.book.tell({"id": f"g-{number}", **one}, NOW)
        for number, one in enumerate([CONSENT, INVITATION, ANSWER, before])
    ]
    assert told == [("accepted", None)] * 4


def test_a_renewal_is_decided_again_only_after_something_changed(story: Story) -> None:
    story.decide("2011-03-01")
    story.respond("2010-06-15T00:00:00Z", "adatum")
    again = {**DECISION, "id": "again", "occurred_at": "2019-01-01T00:00:00Z"}
    assert story.book.tell(again, NOW) == ("accepted", None)
    assert story.last("RenewalDecided").data["revision"] == 2
    assert story.book.tell({**again, "id": "and again"}, NOW) == ("refused", "renewal-already-decided")


@pytest.mark.parametrize("given", [{}, {"location": "Rome"}])
def test_a_sentence_is_short_however_many_locations_there_are(story: Story, given: Fact) -> None:
    """A source that adds many must not make of each refusal one that no file and no topic takes."""
    for number in range(30):
        assert story.tell("add-location", DAY, location=f"{'Ы' * 60}{number}") == ("accepted", None)
    (outcome,) = story.book.record([fact_from_object({"id": "f", **RESPONSE, **given})])
    assert outcome.sentence.endswith(
        f"expected one of main, {', '.join('Ы' * 60 + str(n) for n in range(4))} and 26 more"
    )
