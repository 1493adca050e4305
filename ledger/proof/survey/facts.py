"""What the facts of the survey programme become: each compared with its event, field by field (`ledger.proof.facts`).

A name of a customer that was taken as it was known (`spelt`; a withdrawal always can be) is compared by its fold. The
invitation of a response is not compared, since its event has a token, which there is exactly where there is an invitation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.proof.facts import FactForm, compare_fact
from ledger.proof.fold import fold
from ledger.proof.log.errors import RefutedError, Words
from ledger.proof.log.event import Event
from ledger.proof.survey.programme import MEMBERSHIP_PREFIX, RULEBOOK

_DESCRIBED = ("name", "level", "competencies", "solution_areas", "business_model")
_OF = ("membership",)
_NAMES = ("organisation", "same_as")
FORMS = {
    "enrol-membership": FactForm(
        "MembershipEnrolled", (*_DESCRIBED, "locations"), _OF,
        left_out={"competencies": [], "solution_areas": [], "locations": ["main"]},
    ),
    "update-membership": FactForm("MembershipUpdated", _DESCRIBED, _OF, absent=_DESCRIBED),
    "add-location": FactForm("LocationAdded", ("location",), _OF),
    "set-renewal-date": FactForm("RenewalDateSet", ("renewal_date",), _OF),
    "record-consent": FactForm("ConsentGiven", ("subject", "customer_org"), _OF, derived=("spelt",)),
    "withdraw-consent": FactForm("ConsentWithdrawn", ("subject", "customer_org"), _OF, derived=("spelt", "also")),
    "record-invitation": FactForm(
        "InvitationSent", ("invitation", "subject", "customer_org", "channel", "language"), _OF,
        derived=("spelt", "location"),
    ),
    "record-reminder": FactForm("ReminderSent", ("invitation",), _OF),
    "record-response": FactForm(
        "ResponseReceived", ("response", "customer_org", "anonymous"), _OF,
        left_out={"anonymous": False}, derived=("spelt", "location", "invitation", "answer_token", "answers", "comment"),
    ),
    "choose-anonymity": FactForm("AnonymityChosen", ("response",), _OF),
    "void-response": FactForm(
        "ResponseVoided", ("response", "reason"), _OF, derived=("received_at", "customer_org", "location")
    ),
    "record-evaluation": FactForm("EvaluationReceived", ("evaluation",), _OF),
    "same-organisation": FactForm("OrganisationsJoined", _NAMES, _OF),
    "separate-organisations": FactForm("OrganisationsSeparated", _NAMES, _OF),
    "distinct-organisation": FactForm("OrganisationDistinguished", ("organisation", "from"), _OF),
    "decide-renewal": FactForm(
        "RenewalDecided", ("renewal_date",), _OF,
        derived=("applied", "applied_total", "counted", "edition", "evaluated_at", "left_out", "left_out_total", "location",
                 "organisations", "outcome", "revision", "via"),
    ),
    "publish-rulebook": FactForm(
        "RulebookPublished",
        ("edition", "effective_from", "min_responses", "per_org_cap", "min_organisations", "window_months",
         "min_evaluations", "pool_locations"),
        instants=("effective_from",),
    ),
}  # fmt: skip
_PLACED = ("record-invitation", "record-response")


def compare(fact: Mapping[str, Any], event: Event) -> None:
    """Passes if the event is what the fact became. Raises RefutedError or MalformedError."""
    type_, membership = fact.get("type"), fact.get("membership")
    stream = RULEBOOK if type_ == "publish-rulebook" else f"{MEMBERSHIP_PREFIX}{membership}"
    customer = fact.get("customer_org")
    if event.data.get("spelt") is True and isinstance(customer, str) and customer:
        known = event.data.get("customer_org")
        if not isinstance(known, str) or fold(known) != fold(customer):
            raise RefutedError(
                f"{event.where}: customer_org", found=known, expected=Words(f"a spelling of {customer!a}")
            )
        fact = {**fact, "customer_org": known}
    compare_fact(fact, event, FORMS, stream)
    if type_ in _PLACED and fact.get("location") not in (None, event.data.get("location")):
        raise RefutedError(f"{event.where}: location", found=event.data.get("location"), expected=fact["location"])
    if type_ == "record-response" and (fact.get("invitation") is None) != (event.data.get("answer_token") is None):
        expected = Words("null" if fact.get("invitation") is None else "the token of an invitation")
        raise RefutedError(f"{event.where}: answer_token", found=event.data.get("answer_token"), expected=expected)
