"""Deciding: whether a fact is recorded, and as which event. Pure; refuses with a stable code and changes nothing.

`decide(state, fact, rulebook, now_us)` returns the one event that the fact becomes. The announcements that it causes
are worked out afterwards, from the evolved state (see `ledger.programmes.survey.announce`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ledger.errors import refuse
from ledger.event import NewEvent
from ledger.instants import format_instant, midnight_us, parse_date
from ledger.programmes.programme import check_not_in_the_future
from ledger.programmes.survey.editions import FIGURES, Rulebook
from ledger.programmes.survey.naming import (
    check_distinction,
    check_join,
    check_separation,
    check_spelling,
    some,
    take_as_known,
)
from ledger.programmes.survey.outcome import decide_renewal
from ledger.programmes.survey.state import Invitation, Membership, Response

if TYPE_CHECKING:  # facts are pydantic's, and who only reads the book need not import it
    from ledger.programmes.survey import facts


def decide(
    state: Membership,
    fact: facts.MembershipFact,
    rulebook: Rulebook,
    now_us: int,
    occurred_us: int,
    *,
    recorded_us: int = 0,
    lenient: bool = False,
) -> NewEvent:
    """The event that a fact about a membership becomes. Raises Refused where a rule turns it away.

    `occurred_us` is the fact's own instant, parsed once by the caller; nothing that an event says rests on `recorded_us`,
    nor on the clock, by which a renewal is only due or not. With `lenient` a customer's name is taken
    as it is known, where the fact spells it otherwise and only one known name folds like it; a withdrawal always is.
    """
    del recorded_us
    check_not_in_the_future(fact, occurred_us, now_us)
    if not state.enrolled and fact.type != "enrol-membership":
        refuse("unknown-membership", f"membership {fact.membership!r} was never enrolled")
    taken, spelling = take_as_known(state.organisations, fact, lenient)
    event_type, data = _DECIDE[fact.type](state, taken, rulebook, now_us, occurred_us)
    return NewEvent(event_type, fact.occurred_at, {**data, **spelling} if spelling else data)


def publish(fact: facts.PublishRulebook, rulebook: Rulebook, now_us: int, occurred_us: int) -> NewEvent:
    """The event that a new edition becomes (R6); an edition's name is used once."""
    check_not_in_the_future(fact, occurred_us, now_us)
    if fact.edition in rulebook.names:
        refuse("edition-exists", f"edition {fact.edition!r} was published already")
    figures = {name: getattr(fact, name) for name in FIGURES}
    data = {"edition": fact.edition, "effective_from": fact.effective_from, **figures}
    return NewEvent("RulebookPublished", fact.occurred_at, data)


Decided = tuple[str, Any]


def _enrol(state: Membership, fact: facts.EnrolMembership, *_: object) -> Decided:
    if state.enrolled:
        refuse("already-enrolled", f"membership {fact.membership!r} was enrolled before")
    return "MembershipEnrolled", {
        "business_model": fact.business_model,
        "competencies": fact.competencies,
        "level": fact.level,
        "locations": fact.locations,
        "name": fact.name,
        "solution_areas": fact.solution_areas,
    }


def _update(_state: Membership, fact: facts.UpdateMembership, *_: object) -> Decided:
    given = {name: getattr(fact, name) for name in fact.FIELDS}
    return "MembershipUpdated", {name: value for name, value in given.items() if value is not None}


def _add_location(state: Membership, fact: facts.AddLocation, *_: object) -> Decided:
    if fact.location in state.evidence.locations:
        refuse("location-exists", f"membership {fact.membership!r} has location {fact.location!r} already")
    return "LocationAdded", {"location": fact.location}


def _set_renewal_date(_state: Membership, fact: facts.SetRenewalDate, *_: object) -> Decided:
    return "RenewalDateSet", {"renewal_date": fact.renewal_date}


def _record_consent(state: Membership, fact: facts.RecordConsent, *_: object) -> Decided:
    check_spelling(state.organisations, fact.customer_org)
    return "ConsentGiven", {"customer_org": fact.customer_org, "subject": fact.subject}


def _withdraw_consent(_state: Membership, fact: facts.WithdrawConsent, *_: object) -> Decided:
    # Never refused, not even where no consent is known: facts may come in any order, and a no must not get lost.
    return "ConsentWithdrawn", {"customer_org": fact.customer_org, "subject": fact.subject}


def _location(state: Membership, location: str | None) -> str:
    known = state.evidence.locations
    if location is None:
        if len(known) > 1:
            refuse("location-needed", f"found no location, expected one of {some(known)}")
        return next(iter(known))
    if location not in known:
        refuse("unknown-location", f"found location {location!r}, expected one of {some(known)}")
    return location


def _check_consent(state: Membership, subject: str, customer_org: str, occurred_us: int) -> None:
    if not state.consent_in_effect(subject, customer_org, occurred_us):
        what = "was withdrawn" if state.words(subject, customer_org) else "was never given"
        refuse(
            "consent-missing",
            f"permission of subject {subject!r} for {customer_org!r} {what} by {format_instant(occurred_us)}, "
            "and nobody is invited or reminded without it (I1)",
        )


def _invitation(state: Membership, reference: str) -> Invitation:
    """The invitation that an answer or a reminder is about.

    No sentence about either names an invitation, nor the response that answers one: sentences go onto topics and into
    logs, where the two beside one another would tie an answer to who was asked (DESIGN 13). The operator's own file of
    refusals has the fact itself.
    """
    found = state.invitations.get(reference)
    if found is None:
        refuse("unknown-invitation", "found an invitation that this membership has not, expected one recorded for it")
    return found


def _answer(state: Membership, fact: facts.InvitationFact) -> str | None:
    """The response that answers the fact's invitation and is not void. Only where there are answers is a token needed."""
    token = fact.answer_token() if state.answers else None
    answer = None if token is None else state.answers.get(token)
    return None if answer is None or state.responses[answer].void else answer  # those before the last one are void


def _record_invitation(
    state: Membership, fact: facts.RecordInvitation, _rulebook: Rulebook, _now_us: int, occurred_us: int
) -> Decided:
    location = _location(state, fact.location)
    check_spelling(state.organisations, fact.customer_org)
    _check_consent(state, fact.subject, fact.customer_org, occurred_us)
    if fact.invitation in state.invitations:
        refuse("invitation-exists", f"invitation {fact.invitation!r} was recorded before")
    return "InvitationSent", {
        "channel": fact.channel,
        "customer_org": fact.customer_org,
        "invitation": fact.invitation,
        "language": fact.language,
        "location": location,
        "subject": fact.subject,
    }


def _record_reminder(
    state: Membership, fact: facts.RecordReminder, _rulebook: Rulebook, _now_us: int, occurred_us: int
) -> Decided:
    invitation = state.invitations.get(fact.invitation)
    if invitation is not None:
        _check_consent(state, invitation.subject, invitation.customer_org, occurred_us)
    invitation = _invitation(state, fact.invitation)
    if not invitation.by_operator:
        refuse("reminder-not-operator", "the invitation is the partner's, and only the operator reminds (I2)")
    if invitation.reminded:
        refuse("already-reminded", "the invitation had its one reminder (I2)")
    answer = _answer(state, fact)
    if answer is not None and state.responses[answer].received_us <= occurred_us:
        refuse("already-answered", "the invitation was answered before, and who has answered is not reminded (I2)")
    return "ReminderSent", {"invitation": fact.invitation}


def _record_response(state: Membership, fact: facts.RecordResponse, *_: object) -> Decided:
    location = _location(state, fact.location)
    check_spelling(state.organisations, fact.customer_org)
    if fact.invitation is not None:
        invitation = _invitation(state, fact.invitation)
        if _answer(state, fact) is not None:
            refuse("already-answered", "the invitation was answered before, expected one without an answer")
        known = state.organisations
        if known.name_of(invitation.customer_org) != known.name_of(fact.customer_org):
            refuse(
                "org-mismatch",
                f"found organisation {fact.customer_org!r}, expected {invitation.customer_org!r} as in its invitation",
            )
    if fact.response in state.responses:
        refuse("response-exists", f"response {fact.response!r} was recorded before")
    return "ResponseReceived", {
        "anonymous": fact.anonymous,
        "answer_token": fact.answer_token(),
        "customer_org": fact.customer_org,
        "location": location,
        "response": fact.response,
    }


def _response(state: Membership, reference: str) -> Response:
    found = state.responses.get(reference)
    if found is None:
        refuse("unknown-response", f"found response {reference!r}, expected one that was recorded")
    return found


def _choose_anonymity(state: Membership, fact: facts.ChooseAnonymity, *_: object) -> Decided:
    if _response(state, fact.response).anonymous:
        refuse("already-anonymous", f"response {fact.response!r} is anonymous already")
    return "AnonymityChosen", {"response": fact.response}


def _void_response(state: Membership, fact: facts.VoidResponse, *_: object) -> Decided:
    response = _response(state, fact.response)
    if response.void:
        refuse("already-void", f"response {fact.response!r} was voided before")
    return "ResponseVoided", {
        "customer_org": response.customer_org,
        "location": response.location,
        "reason": fact.reason,
        "received_at": format_instant(response.received_us),
        "response": fact.response,
    }


def _record_evaluation(state: Membership, fact: facts.RecordEvaluation, *_: object) -> Decided:
    if fact.evaluation in state.evaluations:
        refuse("evaluation-exists", f"evaluation {fact.evaluation!r} was recorded before")
    return "EvaluationReceived", {"evaluation": fact.evaluation}


def _same_organisation(state: Membership, fact: facts.SameOrganisation, *_: object) -> Decided:
    check_join(state.organisations, fact.organisation, fact.same_as)
    return "OrganisationsJoined", {"organisation": fact.organisation, "same_as": fact.same_as}


def _separate_organisations(state: Membership, fact: facts.SeparateOrganisations, *_: object) -> Decided:
    check_separation(state.organisations, fact.organisation, fact.same_as)
    return "OrganisationsSeparated", {"organisation": fact.organisation, "same_as": fact.same_as}


def _distinct_organisation(state: Membership, fact: facts.DistinctOrganisation, *_: object) -> Decided:
    check_distinction(state.organisations, fact.organisation, fact.from_)
    return "OrganisationDistinguished", {"from": fact.from_, "organisation": fact.organisation}


def _decide_renewal(
    state: Membership, fact: facts.DecideRenewal, rulebook: Rulebook, now_us: int, occurred_us: int
) -> Decided:
    renewal = state.renewals.get(fact.renewal_date)
    if renewal is None:
        refuse("renewal-date-not-set", f"renewal date {fact.renewal_date} was never set for {fact.membership!r}")
    reached_us = min(now_us, occurred_us)
    if reached_us < midnight_us(parse_date(fact.renewal_date)):
        refuse(
            "renewal-not-due", f"found {format_instant(reached_us)}, expected 00:00 UTC of {fact.renewal_date} or later"
        )
    decided = decide_renewal(state, rulebook, fact.renewal_date)
    if decided == renewal.decided:
        refuse(
            "renewal-already-decided",
            f"the renewal of {fact.renewal_date} was decided (revision {renewal.revision}) and nothing has changed since",
        )
    return "RenewalDecided", {**decided, "revision": renewal.revision + 1}


_DECIDE: Final[dict[str, Callable[..., Decided]]] = {
    "enrol-membership": _enrol,
    "update-membership": _update,
    "add-location": _add_location,
    "set-renewal-date": _set_renewal_date,
    "record-consent": _record_consent,
    "withdraw-consent": _withdraw_consent,
    "record-invitation": _record_invitation,
    "record-reminder": _record_reminder,
    "record-response": _record_response,
    "choose-anonymity": _choose_anonymity,
    "void-response": _void_response,
    "record-evaluation": _record_evaluation,
    "decide-renewal": _decide_renewal,
    "same-organisation": _same_organisation,
    "separate-organisations": _separate_organisations,
    "distinct-organisation": _distinct_organisation,
}
