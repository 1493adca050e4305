"""Every rule of the programme, by its number, told to the ledger and asked of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ledger.programmes.registry import PROGRAMMES
from ledger.programmes.survey.events import MEMBERSHIP_PREFIX, membership_of
from ledger.programmes.survey.facts import FACT_MODELS
from tests.ledger.programmes.survey.story import ACCEPTED, NOW, Story, ten_responses
from tests.oracle.survey.time import instant, stamp
from tests.support.real_book import RealBook


def test_r1_ten_responses_in_the_twelve_months_before_the_renewal_meet_it_and_nine_do_not(story: Story) -> None:
    story.respond("2010-06-15T00:00:00Z", "adatum", 8)
    story.respond("2010-06-16T00:00:00Z", "fabrikam")
    assert story.decide("2010-07-01")["outcome"] == "not-met"
    story.respond("2010-07-02T00:00:00Z", "fabrikam")
    assert story.decide("2010-08-01")["outcome"] == "met"
    assert story.decide("2011-06-15")["outcome"] == "met"
    assert story.decide("2011-06-16")["outcome"] == "not-met"


def test_r2_the_ninth_response_from_one_organisation_is_not_applied(story: Story) -> None:
    names = story.respond("2010-06-15T00:00:00Z", "adatum", 9)
    story.respond("2010-06-16T00:00:00Z", "fabrikam")
    status = story.status("2010-07-01T00:00:00Z")
    assert (status["counted"], status["satisfied"]) == (9, False)
    assert status["locations"]["main"]["by_org"]["adatum"] == {"received": 9, "applied": 8}
    decision = story.decide("2010-08-01")
    assert decision["left_out"] == [
        {"response": names[8], "reason": "over-cap", "customer_org": "adatum", "group": "adatum"}
    ]


def test_r2_the_first_eight_received_are_applied_whatever_the_order_in_which_they_are_recorded(story: Story) -> None:
    later = story.respond("2010-06-15T00:00:00Z", "adatum", 8)
    (earlier,) = story.respond("2010-06-14T00:00:00Z", "adatum")
    decision = story.decide("2010-08-01")
    assert [line["response"] for line in decision["applied"]] == [earlier, *later[:7]]
    assert decision["left_out"] == [
        {"response": later[7], "reason": "over-cap", "customer_org": "adatum", "group": "adatum"}
    ]
    received = {event.data["response"]: event.seq for event in story.events() if event.type == "ResponseReceived"}
    assert [line["seq"] for line in decision["applied"]] == [received[name] for name in (earlier, *later[:7])]


def test_r2_of_responses_received_at_one_instant_those_recorded_first_are_applied(story: Story) -> None:
    names = [story.respond("2010-06-15T00:00:00Z", "adatum")[0] for _ in range(9)]
    decision = story.decide("2010-08-01")
    assert [line["response"] for line in decision["applied"]] == names[:8]


def test_r2_a_response_over_the_cap_takes_the_place_of_one_that_expires_or_is_voided(story: Story) -> None:
    story.respond("2010-06-15T00:00:00Z", "fabrikam", 2)
    first, *_, ninth = story.respond("2010-06-16T00:00:00Z", "adatum", 9)
    assert story.satisfied("2010-07-01T00:00:00Z")
    story.void(first)
    assert story.satisfied("2010-07-01T00:00:00Z")
    assert ninth in [line["response"] for line in story.decide("2010-08-01")["applied"]]


def test_r3_one_organisation_is_not_enough_even_where_the_cap_would_let_it(story: Story) -> None:
    story.publish("wide", "2009-12-01T00:00:00Z", per_org_cap=20)
    story.respond("2010-06-15T00:00:00Z", "adatum", 12)
    status = story.status("2010-07-01T00:00:00Z")
    assert (status["counted"], status["organisations"], status["satisfied"]) == (12, 1, False)
    assert status["locations"]["main"]["satisfied"] is False
    story.respond("2010-06-16T00:00:00Z", "fabrikam")
    assert story.satisfied("2010-07-01T00:00:00Z")


def test_r3_a_minimum_of_three_organisations_is_checked_on_its_own(story: Story) -> None:
    story.publish("three", "2009-12-01T00:00:00Z", min_organisations=3)
    ten_responses(story)
    assert not story.satisfied("2010-07-01T00:00:00Z")
    story.respond("2010-06-20T00:00:00Z", "tailspin")
    assert story.satisfied("2010-07-01T00:00:00Z")


def test_r4_no_score_can_touch_eligibility_for_none_can_be_recorded(story: Story) -> None:
    scored = {"response": "r", "customer_org": "adatum", "score": 9}
    assert story.tell("record-response", "2010-06-15T00:00:00Z", **scored) == ("refused", "malformed")
    for model in FACT_MODELS:
        assert not {"score", "answer", "rating", "satisfaction"} & set(model.model_fields)
    for data in PROGRAMMES.events.data.values():
        assert not {"score", "answer", "rating", "satisfaction"} & set(data.__annotations__)


def test_r5_a_response_of_june_2010_counts_for_a_renewal_in_march_2011(story: Story) -> None:
    names = ten_responses(story, "2010-06-15T10:22:33.123456Z")
    decision = story.decide("2011-03-01")
    assert decision == {
        "renewal_date": "2011-03-01",
        "evaluated_at": "2011-02-28T23:59:59.999999Z",
        "outcome": "met",
        "via": "responses",
        "location": "main",
        "counted": 10,
        "organisations": 2,
        "edition": "2009-11",
        "applied": [
            {
                "response": name,
                "customer_org": "adatum" if place < 8 else "fabrikam",
                "group": "adatum" if place < 8 else "fabrikam",
                "received_at": stamp(instant("2010-06-15T10:22:33.123456Z") + timedelta(seconds=place)),
                "seq": place + 2,
            }
            for place, name in enumerate(names)
        ],
        "applied_total": 10,
        "left_out": [],
        "left_out_total": 0,
        "revision": 1,
    }


def test_r5_a_response_counts_from_its_receipt_until_the_same_time_of_day_a_year_on(story: Story) -> None:
    story.respond("2010-06-15T10:22:33.123456Z", "adatum")
    counted = {
        "2010-06-15T10:22:33.123455Z": 0,
        "2010-06-15T10:22:33.123456Z": 1,
        "2011-06-15T10:22:33.123455Z": 1,
        "2011-06-15T10:22:33.123456Z": 0,
    }
    assert {when: story.status(when)["counted"] for when in counted} == counted


def test_r5_a_response_of_29_february_counts_until_28_february(story: Story) -> None:
    story.respond("2012-02-29T09:00:00Z", "adatum")
    story.respond("2012-02-28T10:00:00Z", "fabrikam")
    counted = {"2013-02-28T08:59:59.999999Z": 2, "2013-02-28T09:00:00Z": 1, "2013-02-28T10:00:00Z": 0}
    assert {when: story.status(when)["counted"] for when in counted} == counted


def test_r5_and_r6_responses_are_cumulative_over_survey_periods(story: Story) -> None:
    for month, organisation in (("02", "adatum"), ("05", "fabrikam"), ("08", "adatum"), ("11", "fabrikam")):
        story.respond(f"2010-{month}-10T00:00:00Z", organisation, 3)
    assert story.status("2010-11-30T00:00:00Z")["counted"] == 12
    assert story.satisfied("2010-11-30T00:00:00Z")


def test_r6_from_april_2013_the_second_edition_is_in_force_with_the_same_figures(story: Story) -> None:
    ten_responses(story, "2013-03-30T00:00:00Z")
    before, after = (story.status(when) for when in ("2013-03-31T23:59:59.999999Z", "2013-04-01T00:00:00Z"))
    assert (before["edition"], after["edition"]) == ("2009-11", "2013-04")
    assert before["satisfied"]
    assert after["satisfied"]
    assert before["locations"] == after["locations"]


def test_r6_rules_hold_from_their_effective_date_whenever_they_are_published(story: Story) -> None:
    ten_responses(story)
    story.publish("stricter", "2010-09-01T00:00:00Z", min_responses=11)
    assert story.satisfied("2010-08-31T23:59:59.999999Z")
    assert not story.satisfied("2010-09-01T00:00:00Z")
    assert story.status("2010-07-01T00:00:00Z")["next_change"] == {
        "at": "2010-09-01T00:00:00.000000Z",
        "satisfied": False,
    }


def test_r6_before_the_first_edition_nothing_is_required_and_nothing_is_satisfied(story: Story) -> None:
    ten_responses(story, "2009-10-15T00:00:00Z")
    status = story.status("2009-10-31T23:59:59.999999Z")
    assert (status["required"], status["satisfied"], status["edition"], status["counted"]) == (False, False, None, 0)
    assert story.satisfied("2009-11-01T00:00:00Z")
    assert story.announced() == []
    story.book.review(instant("2009-11-02T00:00:00Z"))
    assert story.announced() == [("2009-11-01T00:00:00.000000Z", True, "rulebook", False)]


def test_r7_a_response_may_come_until_the_last_microsecond_before_the_renewal_date(story: Story) -> None:
    story.respond("2010-06-15T00:00:00Z", "adatum", 8)
    story.respond("2010-06-15T00:00:00Z", "fabrikam", 1)
    story.respond("2011-02-28T23:59:59.999999Z", "fabrikam", 1)
    assert story.decide("2011-02-28")["outcome"] == "not-met"
    assert story.decide("2011-03-01")["outcome"] == "met"


def test_r7_a_response_at_midnight_of_the_renewal_date_comes_too_late(story: Story) -> None:
    story.respond("2010-06-15T00:00:00Z", "adatum", 8)
    story.respond("2010-06-15T00:00:00Z", "fabrikam", 1)
    story.respond("2011-03-01T00:00:00Z", "fabrikam", 1)
    assert story.decide("2011-03-01")["outcome"] == "not-met"


def test_r8_the_requirement_shows_as_met_in_the_very_transaction_of_the_tenth_response(story: Story) -> None:
    ten_responses(story)
    tenth, announced = story.events()[-2:]
    assert (tenth.type, announced.type) == ("ResponseReceived", "EligibilityChanged")
    assert announced.position == tenth.position + 1
    assert announced.recorded_us == tenth.recorded_us
    assert announced.fact == tenth.fact
    assert (announced.data["satisfied"], announced.occurred_us) == (True, tenth.occurred_us)


def test_r9_ten_evaluations_satisfy_a_membership_that_holds_learning(book: RealBook) -> None:
    story = Story(book, competencies=["Hosting", "learning"])
    story.evaluate("2010-06-15T00:00:00Z", 9)
    assert not story.satisfied("2010-06-15T00:00:00Z")
    story.evaluate("2010-06-15T00:00:00Z")
    status = story.status("2010-06-15T00:00:00Z")
    assert (status["satisfied"], status["via"], status["evaluations"]) == (True, "evaluations", 10)
    assert story.satisfied("2011-06-14T23:59:59.999999Z")
    assert not story.satisfied("2011-06-15T00:00:00Z")


def test_r9_evaluations_count_for_nothing_without_learning_and_only_while_it_is_held(story: Story) -> None:
    story.evaluate("2010-06-15T00:00:00Z", 10)
    assert story.status("2010-07-01T00:00:00Z")["evaluations"] == 0
    story.tell("update-membership", "2010-08-01T00:00:00Z", competencies=["Learning"])
    story.tell("update-membership", "2010-09-01T00:00:00Z", competencies=["Hosting"])
    answers = {f"2010-{month}-15T00:00:00Z": month == "08" for month in ("07", "08", "09")}
    assert {when: story.satisfied(when) for when in answers} == answers


def test_r9_a_learning_membership_may_still_use_the_index_and_responses_are_named_first(book: RealBook) -> None:
    story = Story(book, competencies=["Learning"])
    story.evaluate("2010-06-15T00:00:00Z", 10)
    assert story.status("2010-07-01T00:00:00Z")["via"] == "evaluations"
    ten_responses(story)
    assert story.status("2010-07-01T00:00:00Z")["via"] == "responses"
    assert story.decide("2010-08-01")["via"] == "responses"


def test_r10_each_membership_of_a_company_must_satisfy_the_requirement_on_its_own(story: Story) -> None:
    enrolment = {"membership": "m-2", "name": "Contoso", "level": "gold"}
    assert story.tell("enrol-membership", "2009-10-01T00:00:00Z", **enrolment) == ACCEPTED
    story.respond("2010-06-15T00:00:00Z", "adatum", 8)
    story.respond("2010-06-16T00:00:00Z", "fabrikam", 2, membership="m-2")
    assert not story.satisfied("2010-07-01T00:00:00Z")
    assert not story.satisfied("2010-07-01T00:00:00Z", "m-2")
    story.respond("2010-06-16T00:00:00Z", "fabrikam", 2)
    assert story.satisfied("2010-07-01T00:00:00Z")
    assert not story.satisfied("2010-07-01T00:00:00Z", "m-2")


def test_r11_one_location_that_meets_the_requirement_is_enough_for_all(book: RealBook) -> None:
    story = Story(book, locations=["Oslo", "Bergen"])
    story.respond("2010-06-15T00:00:00Z", "adatum", 8, location="Bergen")
    story.respond("2010-06-16T00:00:00Z", "fabrikam", 2, location="Bergen")
    status = story.status("2010-07-01T00:00:00Z")
    assert (status["satisfied"], status["location"], status["counted"]) == (True, "Bergen", 10)
    assert [status["locations"][name]["satisfied"] for name in ("Oslo", "Bergen")] == [False, True]


def test_r11_locations_are_counted_by_themselves_unless_the_edition_pools_them(book: RealBook) -> None:
    story = Story(book, locations=["Oslo", "Bergen"])
    for location in ("Oslo", "Bergen"):
        story.respond("2010-06-15T00:00:00Z", "adatum", 5, location=location)
        story.respond("2010-06-16T00:00:00Z", "fabrikam", 1, location=location)
    status = story.status("2010-07-01T00:00:00Z")
    assert (status["satisfied"], status["location"], status["counted"]) == (False, "Bergen", 6)
    story.publish("pooled", "2010-08-01T00:00:00Z", pool_locations=True)
    status = story.status("2010-08-01T00:00:00Z")
    assert (status["satisfied"], status["location"], status["counted"]) == (True, "*", 10)
    assert status["locations"]["*"]["by_org"]["adatum"] == {"received": 10, "applied": 8}
    assert not story.satisfied("2010-07-31T23:59:59.999999Z")


def test_r12_surveys_of_its_own_do_not_replace_the_index(story: Story) -> None:
    own = {"survey": "our own", "responses": 40}
    assert story.tell("record-own-survey", "2010-06-15T00:00:00Z", **own) == ("refused", "malformed")
    story.evaluate("2010-06-15T00:00:00Z", 40)
    assert not story.satisfied("2010-07-01T00:00:00Z")


def test_the_level_decides_whether_the_requirement_binds_and_not_whether_it_is_satisfied(book: RealBook) -> None:
    story = Story(book, level="silver")
    ten_responses(story)
    status = story.status("2010-07-01T00:00:00Z")
    assert (status["required"], status["satisfied"]) == (False, True)
    assert story.decide("2010-08-01")["outcome"] == "not-required"
    story.tell("update-membership", "2010-07-15T00:00:00Z", level="gold")
    assert not story.status("2010-07-14T23:59:59.999999Z")["required"]
    assert story.status("2010-07-15T00:00:00Z")["required"]
    assert story.tell("decide-renewal", stamp(NOW), renewal_date="2010-08-01") == ACCEPTED
    decision = story.last("RenewalDecided").data
    assert (decision["outcome"], decision["revision"]) == ("met", 2)


def test_a_voided_response_counts_at_no_instant_at_all_once_the_voiding_is_known(story: Story) -> None:
    *_, last = ten_responses(story)
    known = story.book.store.max_position()
    story.void(last, "2015-01-01T00:00:00Z")
    at = instant("2010-07-01T00:00:00Z")
    assert not story.book.status_from_stream("m-1", at)["satisfied"]
    assert story.book.status_from_stream("m-1", at, known)["satisfied"]


# Invitations and privacy

INVITED = {"subject": "s-1", "customer_org": "adatum"}
BY_OPERATOR = {"invitation": "i-1", **INVITED, "channel": "operator"}


def test_i1_permission_is_needed_before_an_invitation_is_sent(story: Story) -> None:
    day = "2010-03-01T00:00:00Z"
    assert story.tell("record-invitation", day, **BY_OPERATOR) == ("refused", "consent-missing")
    story.tell("record-consent", day, **INVITED)
    before = "2010-02-28T23:59:59.999999Z"
    assert story.tell("record-invitation", before, **BY_OPERATOR) == ("refused", "consent-missing")
    assert story.tell("record-invitation", day, **BY_OPERATOR) == ACCEPTED


def test_i1_permission_may_be_withdrawn_even_before_it_is_known_to_have_been_given(story: Story) -> None:
    assert story.tell("withdraw-consent", "2010-06-01T00:00:00Z", **INVITED) == ACCEPTED
    assert story.tell("record-consent", "2010-03-01T00:00:00Z", **INVITED) == ACCEPTED
    invited = [
        story.tell("record-invitation", when, **{**BY_OPERATOR, "invitation": when[:10]})[1]
        for when in ("2010-05-31T00:00:00Z", "2010-06-01T00:00:00Z")
    ]
    assert invited == [None, "consent-missing"]


def test_i2_the_operator_sends_one_reminder_and_no_more(story: Story) -> None:
    story.tell("record-consent", "2010-03-01T00:00:00Z", **INVITED)
    story.tell("record-invitation", "2010-03-02T00:00:00Z", **BY_OPERATOR)
    assert story.tell("record-reminder", "2010-03-09T00:00:00Z", invitation="i-1") == ACCEPTED
    again = story.tell("record-reminder", "2010-03-16T00:00:00Z", invitation="i-1")
    assert again == ("refused", "already-reminded")


def test_i2_the_partner_invites_by_its_own_link_and_nobody_reminds_of_that(story: Story) -> None:
    story.tell("record-consent", "2010-03-01T00:00:00Z", **INVITED)
    by_partner = {**BY_OPERATOR, "channel": "partner"}
    assert story.tell("record-invitation", "2010-03-02T00:00:00Z", **by_partner) == ACCEPTED
    reminded = story.tell("record-reminder", "2010-03-09T00:00:00Z", invitation="i-1")
    assert reminded == ("refused", "reminder-not-operator")


def test_i3_a_response_through_the_open_link_needs_no_invitation_and_no_consent(story: Story) -> None:
    (name,) = story.respond("2010-06-15T00:00:00Z", "adatum")
    assert story.last("ResponseReceived").data == {
        "response": name,
        "customer_org": "adatum",
        "location": "main",
        "answer_token": None,
        "anonymous": False,
    }
    assert story.status("2010-06-15T00:00:00Z")["counted"] == 1


@pytest.mark.parametrize(
    "language",
    [
        *("zh-Hans", "zh-Hant", "hr", "cs", "da", "nl", "en-GB", "en-US", "et", "fi", "fr", "de", "el", "he", "hu"),
        *("id", "it", "ja", "ko", "lv", "lt", "nb", "pl", "pt-BR", "pt-PT", "ro", "ru", "sk", "sl", "es-419"),
        *("es-ES", "sv", "th", "tr"),
    ],
)
def test_i6_the_survey_is_offered_in_34_languages(story: Story, language: str) -> None:
    story.tell("record-consent", "2010-03-01T00:00:00Z", **INVITED)
    assert story.tell("record-invitation", "2010-03-02T00:00:00Z", **BY_OPERATOR, language=language) == ACCEPTED


def test_p2_an_anonymous_response_counts_like_any_other(story: Story) -> None:
    story.respond("2010-06-15T00:00:00Z", "adatum", 8, anonymous=True)
    first, second = story.respond("2010-06-15T00:00:00Z", "fabrikam", 2)
    before = story.status("2010-07-01T00:00:00Z")
    assert before["satisfied"]
    assert story.tell("choose-anonymity", "2010-06-20T00:00:00Z", response=first) == ACCEPTED
    assert story.tell("void-response", "2010-06-21T00:00:00Z", response=second, reason="withdrawn") == ACCEPTED
    after = story.status("2010-07-01T00:00:00Z")
    assert (before["counted"], after["counted"]) == (10, 9)


def test_p1_no_stored_event_holds_a_mail_address(story: Story) -> None:
    for field, value in (("customer_org", "jane@adatum.example"), ("response", "jane@adatum.example")):
        told = {"response": "r", "customer_org": "adatum", field: value}
        assert story.tell("record-response", "2010-06-15T00:00:00Z", **told) == ("refused", "personal-data")
    ten_responses(story)
    rows = [row for row in story.book.feed() if row.stream.startswith(MEMBERSHIP_PREFIX)]
    assert rows
    assert all(b"@" not in row.stored for row in rows)
    assert [membership_of(PROGRAMMES.decode(row.stored).stream) for row in rows] == ["m-1"] * len(rows)
