"""The sentences of README's "The rules in full" that no other test holds word for word."""

from __future__ import annotations

import pytest

from tests.ledger.programmes.survey.story import ACCEPTED, NOW, Story
from tests.oracle.survey.time import instant

ABOUT = {"subject": "s-1", "customer_org": "adatum"}


@pytest.fixture
def consented(story: Story) -> Story:
    """s-1 of adatum agreed on 10 March 2010 and withdrew on 20 March."""
    assert story.tell("record-consent", "2010-03-10T00:00:00Z", **ABOUT) == ACCEPTED
    assert story.tell("withdraw-consent", "2010-03-20T00:00:00Z", **ABOUT) == ACCEPTED
    return story


@pytest.mark.parametrize("channel", ["operator", "partner"])
def test_consent_is_judged_at_the_instant_of_the_invitation_for_either_channel(consented: Story, channel: str) -> None:
    def invite(name: str, when: str) -> tuple[str, str | None]:
        return consented.tell("record-invitation", when, invitation=name, channel=channel, **ABOUT)

    assert invite("i-1", "2010-03-09T23:59:59.999999Z") == ("refused", "consent-missing")
    assert invite("i-2", "2010-03-19T23:59:59.999999Z") == ACCEPTED
    assert invite("i-3", "2010-03-20T00:00:01Z") == ("refused", "consent-missing")


def test_consent_for_a_reminder_is_judged_at_the_instant_of_the_reminder(consented: Story) -> None:
    fields = {"channel": "operator", **ABOUT}
    for name in ("i-1", "i-2"):
        assert consented.tell("record-invitation", "2010-03-11T00:00:00Z", invitation=name, **fields) == ACCEPTED
    assert consented.tell("record-reminder", "2010-03-21T00:00:00Z", invitation="i-1") == ("refused", "consent-missing")
    assert consented.tell("record-reminder", "2010-03-19T00:00:00Z", invitation="i-2") == ACCEPTED


def test_a_response_to_an_invitation_needs_no_consent_any_more(consented: Story) -> None:
    fields = {"channel": "operator", **ABOUT}
    assert consented.tell("record-invitation", "2010-03-11T00:00:00Z", invitation="i-1", **fields) == ACCEPTED
    consented.respond("2010-04-01T00:00:00Z", "adatum", invitation="i-1")


@pytest.mark.parametrize(
    ("occurred_at", "now", "code"),
    [
        ("2011-02-28T23:59:59.999999Z", "2012-01-01T00:00:00Z", "renewal-not-due"),
        ("2011-03-01T00:00:00Z", "2011-02-28T23:59:00Z", "renewal-not-due"),
        ("2011-03-01T00:00:00Z", "2011-03-01T00:00:00Z", None),
    ],
)
def test_a_renewal_is_due_when_both_its_instant_and_the_clock_have_reached_the_date(
    story: Story, occurred_at: str, now: str, code: str | None
) -> None:
    at = instant(now)
    about = {"membership": "m-2"}
    story.tell("enrol-membership", "2010-01-01T00:00:00Z", now=at, name="Late", level="gold", **about)
    story.tell("set-renewal-date", "2010-01-01T00:00:00Z", now=at, renewal_date="2011-03-01", **about)
    told = story.tell("decide-renewal", occurred_at, now=at, renewal_date="2011-03-01", **about)
    assert told[1] == code


@pytest.mark.parametrize(("void", "decided_again"), [(-1, False), (-110, True)])
def test_what_lies_beyond_the_hundred_that_a_decision_lists_is_no_change(
    story: Story, void: int, decided_again: bool
) -> None:
    names = story.respond("2010-06-15T00:00:00Z", "adatum", 110)
    story.decide("2011-03-01")
    story.void(names[void])
    told = story.tell("decide-renewal", "2019-02-01T00:00:00Z", renewal_date="2011-03-01")
    assert told == (ACCEPTED if decided_again else ("refused", "renewal-already-decided"))


def test_references_are_unique_within_a_membership_and_ids_in_the_whole_ledger(story: Story) -> None:
    story.tell("enrol-membership", "2010-01-01T00:00:00Z", membership="m-2", name="Other", level="gold")
    for membership in ("m-1", "m-2"):
        at = {"membership": membership}
        assert story.tell("record-consent", "2010-02-01T00:00:00Z", **ABOUT, **at) == ACCEPTED
        for kind, fields, code in (
            ("record-invitation", {"invitation": "x", "channel": "operator", **ABOUT}, "invitation-exists"),
            ("record-response", {"response": "x", "customer_org": "adatum"}, "response-exists"),
            ("record-evaluation", {"evaluation": "x"}, "evaluation-exists"),
        ):
            assert story.tell(kind, "2010-03-01T00:00:00Z", **fields, **at) == ACCEPTED
            assert story.tell(kind, "2010-03-01T00:00:00Z", **fields, **at) == ("refused", code)
    reused = {"id": "f-1", "type": "record-evaluation", "membership": "m-2", "evaluation": "y"}
    assert story.book.tell({**reused, "occurred_at": "2010-03-01T00:00:00Z"}, NOW) == ("refused", "id-reused")
