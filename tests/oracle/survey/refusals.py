"""Why a well-formed fact with a new id is refused: every reason, in the order of the contract's list of codes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.oracle.survey.decisions import decisions_made, has_changed
from tests.oracle.survey.form import Fact
from tests.oracle.survey.organisations import are_one, has_consent, name_refusals
from tests.oracle.survey.time import start_of

if TYPE_CHECKING:
    from tests.oracle.survey.status import Accepted, Oracle

FUTURE_TOLERANCE = timedelta(minutes=5)


def refusals(oracle: Oracle, fact: Fact, occurred_at: datetime, now: datetime) -> Iterator[str]:
    """Every reason to refuse, in the order of the contract's list. Only the first one is asked for."""
    if occurred_at > now + FUTURE_TOLERANCE:
        yield "in-the-future"
    if fact["type"] == "publish-rulebook":
        if fact["edition"] in [one.fact["edition"] for one in oracle.known_facts() if "edition" in one.fact]:
            yield "edition-exists"
        return
    is_enrolled = fact["membership"] in oracle.memberships()
    if fact["type"] == "enrol-membership":
        if is_enrolled:
            yield "already-enrolled"
        return
    if not is_enrolled:
        yield "unknown-membership"
    yield from _location_refusals(oracle, fact)
    yield from name_refusals(oracle, fact)
    if fact["type"] in ("record-invitation", "record-reminder", "record-response"):
        yield from _invitation_refusals(oracle, fact, occurred_at)
    if fact["type"] in ("record-response", "choose-anonymity", "void-response"):
        yield from _response_refusals(oracle, fact)
    if fact["type"] == "record-evaluation" and _find(oracle, fact, "record-evaluation", "evaluation"):
        yield "evaluation-exists"
    if fact["type"] == "decide-renewal":
        yield from _renewal_refusals(oracle, fact, occurred_at, now)


def _location_refusals(oracle: Oracle, fact: Fact) -> Iterator[str]:
    known = oracle.locations(fact["membership"])
    if fact["type"] == "add-location":
        if fact["location"] in known:
            yield "location-exists"
    elif fact.get("location") is not None:
        if fact["location"] not in known:
            yield "unknown-location"
    elif fact["type"] in ("record-invitation", "record-response") and len(known) > 1:
        yield "location-needed"


def _invitation_refusals(oracle: Oracle, fact: Fact, occurred_at: datetime) -> Iterator[str]:
    if fact.get("invitation") is None:
        return
    invitation = _find(oracle, fact, "record-invitation", "invitation")
    if fact["type"] == "record-invitation":
        if not has_consent(oracle, fact, occurred_at):
            yield "consent-missing"
        if invitation:
            yield "invitation-exists"
        return
    if not invitation:
        yield "unknown-invitation"
        return
    answers = [
        one
        for one in oracle.facts_of(fact["membership"])
        if one.type == "record-response"
        and one.fact.get("invitation") == fact["invitation"]
        and one.fact["response"] not in oracle.voided(fact["membership"])
    ]
    if fact["type"] == "record-reminder":
        if not has_consent(oracle, invitation.fact, occurred_at):
            yield "consent-missing"
        if invitation.fact["channel"] != "operator":
            yield "reminder-not-operator"
        if _find(oracle, fact, "record-reminder", "invitation"):
            yield "already-reminded"
        if [one for one in answers if one.occurred_at <= occurred_at]:
            yield "already-answered"
        return
    if answers:
        yield "already-answered"
    if not are_one(oracle, fact["membership"], invitation.fact["customer_org"], fact["customer_org"]):
        yield "org-mismatch"


def _response_refusals(oracle: Oracle, fact: Fact) -> Iterator[str]:
    response = _find(oracle, fact, "record-response", "response")
    if fact["type"] == "record-response":
        if response:
            yield "response-exists"
        return
    if not response:
        yield "unknown-response"
        return
    if fact["type"] == "void-response" and _find(oracle, fact, "void-response", "response"):
        yield "already-void"
    if fact["type"] == "choose-anonymity" and (
        response.fact.get("anonymous") or _find(oracle, fact, "choose-anonymity", "response")
    ):
        yield "already-anonymous"


def _renewal_refusals(oracle: Oracle, fact: Fact, occurred_at: datetime, now: datetime) -> Iterator[str]:
    membership, day = fact["membership"], fact["renewal_date"]
    if not _find(oracle, fact, "set-renewal-date", "renewal_date"):
        yield "renewal-date-not-set"
    if min(occurred_at, now) < start_of(day):
        yield "renewal-not-due"
    if decisions_made(oracle, membership, day) and not has_changed(oracle, membership, day):
        yield "renewal-already-decided"


def _find(oracle: Oracle, fact: Fact, kind: str, field: str) -> Accepted | None:
    """The first fact of this kind in the same membership that has the same value in the field."""
    for one in oracle.facts_of(fact["membership"]):
        if one.type == kind and one.fact[field] == fact[field]:
            return one
    return None
