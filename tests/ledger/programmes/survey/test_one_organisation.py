"""One organisation, one spelling, by example: what is known, what joining and separating change, what a decision says."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.programmes.registry import fact_from_object
from ledger.programmes.survey.naming import ALIKE_MAX
from ledger.proof.log.event import parse_event
from ledger.proof.survey.recheck import check_stream
from projections.survey.reading import fold
from tests.ledger.programmes.survey.story import ACCEPTED, NOW, Story
from tests.oracle.survey.time import instant

DAY = "2010-06-15T00:00:00Z"
LATE = "2019-01-01T00:00:00Z"
JUNE = "2010-06-16T00:00:00Z"


def same(story: Story, one: str, other: str, when: str = LATE) -> None:
    assert story.tell("same-organisation", when, organisation=one, same_as=other) == ACCEPTED


def separate(story: Story, one: str, other: str, when: str = LATE) -> None:
    assert story.tell("separate-organisations", when, organisation=one, same_as=other) == ACCEPTED


def distinct(story: Story, name: str, known: str) -> None:
    fields: dict[str, Any] = {"organisation": name, "from": known}
    assert story.tell("distinct-organisation", LATE, **fields) == ACCEPTED


def consent(story: Story, organisation: str, when: str = "2010-03-01T00:00:00Z", kind: str = "record-consent") -> None:
    assert story.tell(kind, when, subject="s-1", customer_org=organisation) == ACCEPTED


def invite(story: Story, organisation: str, when: str = "2010-05-01T00:00:00Z") -> tuple[str, str | None]:
    fields = {"subject": "s-1", "customer_org": organisation, "channel": "operator"}
    return story.tell("record-invitation", when, invitation=f"i-{story.count}", **fields)


# Known and refused


def test_one_organisation_under_two_spellings_is_not_two(story: Story) -> None:
    story.respond(DAY, "Brontegard", 8)
    told = story.tell("record-response", JUNE, response="r", customer_org="BRONTEGARD")
    assert told == ("refused", "organisation-spelling")


def test_the_sentence_names_the_known_spelling(story: Story) -> None:
    story.respond(DAY, "Brontegard")
    told = {"type": "record-response", "id": "f", "membership": "m-1", "occurred_at": JUNE, "response": "r"}
    (outcome,) = story.book.record([fact_from_object({**told, "customer_org": "bronte gard"})])
    assert outcome.sentence == "found organisation 'bronte gard', expected it to be spelt 'Brontegard'"


@pytest.mark.parametrize(
    ("known", "given", "differ"),
    [
        ("Caf\u00e9", "Cafe\u0301", "at character 4 one has U+0065 and the other U+00E9"),
        ("a\u0328\u0301", "a\u0301\u0328", "at character 2 one has U+0301 and the other U+0328"),
    ],
)
def test_the_sentence_says_where_names_differ_that_look_the_same(
    story: Story, known: str, given: str, differ: str
) -> None:
    story.respond(DAY, known)
    told = {"type": "record-response", "id": "f", "membership": "m-1", "occurred_at": JUNE, "response": "r"}
    (outcome,) = story.book.record([fact_from_object({**told, "customer_org": given})])
    assert outcome.sentence == (
        f"found organisation {given!r}, expected it to be spelt {known!r}: they look the same, but {differ}"
    )


def test_what_was_refused_makes_no_name_known(story: Story) -> None:
    assert invite(story, "Brontegard") == ("refused", "consent-missing")
    story.respond(DAY, "BRONTEGARD")


def test_what_stands_in_another_membership_makes_no_name_known(story: Story) -> None:
    fields = {"membership": "m-2", "name": "Other", "level": "gold"}
    assert story.tell("enrol-membership", "2009-10-01T00:00:00Z", **fields) == ACCEPTED
    story.respond(DAY, "Brontegard")
    story.respond(DAY, "BRONTEGARD", membership="m-2")


def test_a_name_that_was_told_apart_passes_and_counts_by_itself(story: Story) -> None:
    story.respond(DAY, "Brontegard", 8)
    distinct(story, "BRONTEGARD", "Brontegard")
    story.respond(JUNE, "BRONTEGARD", 2)
    status = story.status("2010-07-01T00:00:00Z")
    assert (status["satisfied"], status["organisations"]) == (True, 2)


def test_names_told_apart_are_joined_later(story: Story) -> None:
    story.respond(DAY, "Brontegardd", 8)
    distinct(story, "Bronte-gardd", "Brontegardd")
    same(story, "Bronte-gardd", "Brontegardd")
    story.respond(JUNE, "Bronte-gardd", 2)
    assert story.status("2010-07-01T00:00:00Z")["counted"] == 8


def test_a_list_of_mergers_can_come_first(story: Story) -> None:
    same(story, "Lindomar Ltd", "Lindomar Limited", "2009-12-01T00:00:00Z")
    story.respond(DAY, "Lindomar Limited", 6)
    story.respond(JUNE, "Lindomar Ltd", 4)
    assert story.status("2010-07-01T00:00:00Z")["locations"]["main"]["by_org"] == {
        "Lindomar Ltd": {"received": 10, "applied": 8, "names": ["Lindomar Ltd", "Lindomar Limited"]}
    }


# Withdrawals and the known spelling


def test_a_withdrawal_under_another_spelling_is_one_under_the_known_name(story: Story) -> None:
    consent(story, "Brontegard")
    consent(story, "bronte-gard", "2010-04-01T00:00:00Z", "withdraw-consent")
    assert story.last("ConsentWithdrawn").data == {"customer_org": "Brontegard", "spelt": True, "subject": "s-1"}
    assert invite(story, "Brontegard") == ("refused", "consent-missing")


def test_a_withdrawal_that_could_mean_several_names_stands_for_all_of_them(story: Story) -> None:
    consent(story, "Brontegard")
    distinct(story, "BRONTEGARD", "Brontegard")
    consent(story, "BRONTEGARD")
    consent(story, "bronte-gard", "2010-04-01T00:00:00Z", "withdraw-consent")
    assert story.last("ConsentWithdrawn").data["also"] == ["BRONTEGARD"]
    assert [invite(story, name) for name in ("Brontegard", "BRONTEGARD")] == [("refused", "consent-missing")] * 2


def test_a_withdrawal_has_room_for_all_names_that_can_be_told_apart(story: Story) -> None:
    """However long they are: a no that no event takes would leave the yes in force."""
    names = ["".join("-."[int(bit)] for bit in f"{number:08b}") + "\U0001f600" * 56 for number in range(ALIKE_MAX)]
    consent(story, names[0])
    for name in names[1:]:
        distinct(story, name, names[0])
    told = {"organisation": "." * 8 + "\U0001f600" * 56, "from": names[0]}
    assert story.tell("distinct-organisation", LATE, **told) == ("refused", "malformed")
    fields = {"subject": "s-1", "customer_org": "_" + "\U0001f600" * 56, "actor": "\U0001f600" * 64}
    withdrawn = {
        "type": "withdraw-consent",
        "id": "\U0001f600" * 200,
        "membership": "m-1",
        "occurred_at": LATE,
        **fields,
    }
    assert story.book.tell(withdrawn, NOW) == ACCEPTED
    assert len(story.last("ConsentWithdrawn").data["also"]) == ALIKE_MAX - 1
    assert invite(story, names[-1], LATE) == ("refused", "consent-missing")


def test_a_withdrawal_under_a_name_that_nothing_folds_like_is_taken_as_it_is_and_makes_it_known(story: Story) -> None:
    consent(story, "Brontegard", kind="withdraw-consent")
    assert story.last("ConsentWithdrawn").data == {"customer_org": "Brontegard", "subject": "s-1"}
    assert invite(story, "BRONTEGARD") == ("refused", "organisation-spelling")


def test_the_digest_is_of_the_fact_as_it_was_handed_in(story: Story) -> None:
    consent(story, "Brontegard")
    told = {
        "type": "withdraw-consent",
        "id": "w",
        "membership": "m-1",
        "occurred_at": LATE,
        "subject": "s-1",
        "customer_org": "BRONTEGARD",
    }
    outcomes = story.book.record([fact_from_object(told), fact_from_object(told)])
    assert [(outcome.status, outcome.spelt) for outcome in outcomes] == [
        ("accepted", "Brontegard"),
        ("duplicate", None),
    ]
    (other,) = story.book.record([fact_from_object({**told, "customer_org": "Brontegard"})])
    assert other.code == "id-reused"


def test_the_known_spelling_is_taken_before_anything_else_is_judged(story: Story) -> None:
    story.respond(DAY, "Brontegard")
    told = {"type": "record-invitation", "id": "i", "membership": "m-1", "occurred_at": LATE}
    told |= {"invitation": "i-1", "subject": "s-1", "customer_org": "BRONTEGARD", "channel": "operator"}
    (outcome,) = story.book.record([fact_from_object(told)], known_spelling=True)
    assert outcome.code == "consent-missing"


def test_the_known_spelling_of_several_is_refused_naming_them(story: Story) -> None:
    story.respond(DAY, "Brontegard")
    distinct(story, "BRONTEGARD", "Brontegard")
    told = {"type": "record-response", "id": "r", "membership": "m-1", "occurred_at": LATE, "response": "r"}
    (outcome,) = story.book.record([fact_from_object({**told, "customer_org": "brontegard"})], known_spelling=True)
    assert outcome.code == "organisation-spelling"
    assert "'Brontegard' or 'BRONTEGARD'" in (outcome.sentence or "")


# Consent and invitations over a group


def test_consent_under_one_name_is_consent_under_the_others(story: Story) -> None:
    consent(story, "Lindomar")
    same(story, "Lindomar", "Lindomar Ltd")
    assert invite(story, "Lindomar Ltd") == ACCEPTED


def test_the_last_word_under_any_name_holds(story: Story) -> None:
    consent(story, "Lindomar")
    consent(story, "Lindomar Ltd", "2010-04-01T00:00:00Z", "withdraw-consent")
    assert invite(story, "Lindomar") == ACCEPTED
    same(story, "Lindomar", "Lindomar Ltd")
    assert invite(story, "Lindomar") == ("refused", "consent-missing")
    separate(story, "Lindomar", "Lindomar Ltd")
    assert invite(story, "Lindomar") == ACCEPTED
    assert invite(story, "Lindomar Ltd") == ("refused", "consent-missing")


def test_of_two_words_at_one_instant_the_one_recorded_later_holds(story: Story) -> None:
    same(story, "Lindomar", "Lindomar Ltd", "2009-12-01T00:00:00Z")
    consent(story, "Lindomar Ltd", kind="withdraw-consent")
    consent(story, "Lindomar")
    assert invite(story, "Lindomar Ltd") == ACCEPTED


def test_an_answer_under_another_name_of_the_organisation_is_no_mismatch(story: Story) -> None:
    consent(story, "Lindomar")
    assert invite(story, "Lindomar") == ACCEPTED
    answer = {"invitation": f"i-{story.count - 1}", "customer_org": "Lindomar Ltd", "response": "r"}
    assert story.tell("record-response", JUNE, **answer) == ("refused", "org-mismatch")
    same(story, "Lindomar", "Lindomar Ltd")
    assert story.tell("record-response", JUNE, **answer) == ACCEPTED


# Counting, announcing, deciding


def eight_and_two(story: Story) -> None:
    story.respond(DAY, "Brontegard", 8)
    story.respond("2010-06-15T00:00:08Z", "Lindomar", 2)


def test_a_join_takes_back_what_was_announced_and_a_separation_gives_it_back(story: Story) -> None:
    eight_and_two(story)
    flip = "2010-06-15T00:00:09.000000Z"
    assert story.announced() == [(flip, True, "response", False)]
    same(story, "Lindomar", "Brontegard", JUNE)
    assert story.announced()[1:] == [(flip, False, "organisation", True)]
    separate(story, "Brontegard", "Lindomar", JUNE)
    assert story.announced()[2:] == [(flip, True, "response", True)]


def test_a_join_moves_the_horizon_to_its_instant_and_says_nothing_else_with_it(story: Story) -> None:
    eight_and_two(story)
    same(story, "Lindomar", "Contoso", "2012-01-01T00:00:00Z")
    assert story.announced()[1:] == [("2011-06-15T00:00:00.000000Z", False, "expiry", False)]
    assert fold(story.book.store, "m-1").horizon_us == 1_325_376_000_000_000


def test_a_join_that_changes_no_flip_announces_nothing(story: Story) -> None:
    eight_and_two(story)
    story.respond("2010-06-15T01:00:00Z", "Contoso", 2)
    same(story, "Lindomar", "Contoso", JUNE)
    assert len(story.announced()) == 1
    assert story.status(JUNE)["organisations"] == 2


def test_what_is_due_after_a_join_is_found_by_a_review(story: Story) -> None:
    eight_and_two(story)
    story.respond("2010-06-20T00:00:00Z", "Contoso", 2)
    same(story, "Lindomar", "Contoso", "2010-07-01T00:00:00Z")
    separate(story, "Lindomar", "Contoso", "2010-07-02T00:00:00Z")
    same(story, "Brontegard", "Lindomar", "2010-07-03T00:00:00Z")
    story.book.review(instant("2012-01-01T00:00:00Z"))
    assert story.announced("effective_at", "satisfied")[-2:] == [
        ("2010-06-20T00:00:01.000000Z", True),
        ("2011-06-15T00:00:02.000000Z", False),
    ]


def test_late_and_voided_responses_of_a_group_are_judged_by_its_cap(story: Story) -> None:
    same(story, "Brontegard", "Brontegard Ltd", "2009-12-01T00:00:00Z")
    names = story.respond(DAY, "Brontegard", 8)
    story.respond("2010-06-15T00:00:08Z", "Brontegard Ltd", 1)
    story.respond("2010-06-15T00:00:09Z", "Lindomar", 2)
    story.book.review(instant("2010-12-01T00:00:00Z"))
    assert story.status(JUNE)["counted"] == 10
    story.void(names[0], "2010-12-02T00:00:00Z")
    assert story.status(JUNE)["counted"] == 10
    story.void(names[1], "2010-12-02T00:00:00Z")
    assert story.announced("effective_at", "satisfied")[-1] == ("2010-06-15T00:00:10.000000Z", False)


def test_a_decision_names_the_organisation_of_each_response(story: Story) -> None:
    eight_and_two(story)
    same(story, "Lindomar", "Brontegard")
    decision = story.decide("2011-03-01")
    assert (decision["outcome"], decision["counted"], decision["organisations"]) == ("not-met", 8, 1)
    assert {(one["customer_org"], one["group"]) for one in decision["applied"]} == {("Brontegard", "Brontegard")}
    assert [(one["customer_org"], one["group"]) for one in decision["left_out"]] == [("Lindomar", "Brontegard")] * 2


def test_a_join_that_changes_a_listed_entry_opens_a_decision_again(story: Story) -> None:
    eight_and_two(story)
    assert story.decide("2011-03-01")["revision"] == 1
    again = {"renewal_date": "2011-03-01"}
    same(story, "Contoso", "Fabrikam")
    assert story.tell("decide-renewal", LATE, **again) == ("refused", "renewal-already-decided")
    same(story, "Lindomar", "Lindomar Ltd")
    assert story.tell("decide-renewal", LATE, **again) == ("refused", "renewal-already-decided")
    same(story, "Lindomar", "Brontegard")
    assert story.tell("decide-renewal", LATE, **again) == ACCEPTED
    assert story.last("RenewalDecided").data["revision"] == 2
    separate(story, "Lindomar", "Brontegard")
    assert story.tell("decide-renewal", LATE, **again) == ACCEPTED
    assert story.last("RenewalDecided").data["outcome"] == "met"


@pytest.mark.parametrize("pooled", [False, True])
def test_what_was_known_before_a_join_stays_as_it_was(story: Story, pooled: bool) -> None:
    if pooled:
        story.publish("pooled", "2010-01-01T00:00:00Z", pool_locations=True)
    eight_and_two(story)
    before = story.book.store.max_position()
    same(story, "Lindomar", "Brontegard", JUNE)
    found = [story.book.status_from_stream("m-1", instant(JUNE), known)["organisations"] for known in (before, None)]
    assert found == [2, 1]


def test_the_verifier_lists_as_many_responses_of_long_names(story: Story) -> None:
    for number in range(20):
        story.respond(f"2010-06-{number + 1:02}T00:00:00Z", f"{'Ы' * 60}{number}", 15)
    decision = story.decide("2011-03-01")
    assert decision["applied_total"] == 160
    assert 50 < len(decision["applied"]) < 100
    rows = [*story.book.store.read_stream("programme"), *story.book.store.read_stream("membership-m-1")]
    ordered = sorted(rows, key=lambda row: row.position)
    assert check_stream(parse_event(row.stored) for row in ordered).differences == []
