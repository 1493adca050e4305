"""Facts that the ledger must refuse, made from an invitation that went well: what a source gets wrong now and then."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from console.demo.survey.companies import Fact, Member


@dataclass(slots=True)
class Chain:
    """An invitation and what came of it."""

    member: Member
    invitation: Fact
    reminder: Fact | None = None
    response: Fact | None = None
    void: bool = False
    withdrawn: bool = False


def wrong_fact(kind: str, fact_id: str, occurred_at: str, chain: Chain) -> Fact | None:
    """A fact that is refused with the code `kind` once all of the chain is known; None where there can be none."""
    fields = _MAKERS[kind](chain)
    if fields is None:
        return None
    return {"id": fact_id, "membership": chain.member.id, "occurred_at": occurred_at} | fields


def _malformed(chain: Chain) -> Fact:
    """Half of them lack a field, the others name a day that does not exist."""
    if chain.response:
        return {"type": "record-evaluation", "evaluation": "e-broken", "occurred_at": "2012-02-30T10:00:00Z"}
    return _without(_again(chain.invitation, invitation="i-broken"), "customer_org")


def _id_reused(chain: Chain) -> Fact:
    return chain.invitation | {"language": "da"}


def _unknown_membership(chain: Chain) -> Fact:
    return _again(chain.invitation, membership="m-nobody", invitation="i-nobody")


def _already_enrolled(chain: Chain) -> Fact:
    return {"type": "enrol-membership", "name": chain.member.name, "level": "gold"}


def _unknown_location(chain: Chain) -> Fact:
    return _response(chain, location="Nowhere")


def _location_exists(chain: Chain) -> Fact:
    return {"type": "add-location", "location": chain.member.locations[0]}


def _location_needed(chain: Chain) -> Fact | None:
    return _response(chain) if len(chain.member.locations) > 1 else None


def _consent_missing(chain: Chain) -> Fact:
    return _again(chain.invitation, invitation="i-unasked", subject="s-unasked")


def _invitation_exists(chain: Chain) -> Fact | None:
    return None if chain.withdrawn else _again(chain.invitation)


def _unknown_invitation(_chain: Chain) -> Fact:
    return {"type": "record-reminder", "invitation": "i-nobody"}


def _reminder_not_operator(chain: Chain) -> Fact | None:
    if chain.withdrawn or chain.invitation["channel"] == "operator":
        return None
    return {"type": "record-reminder", "invitation": chain.invitation["invitation"]}


def _already_reminded(chain: Chain) -> Fact | None:
    return _again(chain.reminder) if chain.reminder and not chain.withdrawn else None


def _already_answered(chain: Chain) -> Fact | None:
    return _again(chain.response, response="r-again") if chain.response and not chain.void else None


def _org_mismatch(chain: Chain) -> Fact | None:
    if chain.response:
        return None
    place = {"location": chain.invitation["location"]} if "location" in chain.invitation else {}
    return _response(chain, customer_org="Somebody Else", invitation=chain.invitation["invitation"], **place)


def _response_exists(chain: Chain) -> Fact | None:
    return _without(_again(chain.response), "invitation") if chain.response else None


def _unknown_response(_chain: Chain) -> Fact:
    return {"type": "void-response", "response": "r-nobody", "reason": "test"}


def _already_void(chain: Chain) -> Fact | None:
    if not chain.response or not chain.void:
        return None
    return {"type": "void-response", "response": chain.response["response"], "reason": "fraud"}


def _already_anonymous(chain: Chain) -> Fact | None:
    if not chain.response or not chain.response["anonymous"]:
        return None
    return {"type": "choose-anonymity", "response": chain.response["response"]}


def _response(chain: Chain, **fields: str) -> Fact:
    return {"type": "record-response", "response": "r-wrong", "customer_org": chain.member.orgs[0], **fields}


def _again(fact: Fact, **changed: str) -> Fact:
    return _without(fact, "id", "occurred_at") | changed


def _without(fact: Fact, *names: str) -> Fact:
    return {name: value for name, value in fact.items() if name not in names}


_MAKERS: Final[dict[str, Callable[[Chain], Fact | None]]] = {
    "unknown-membership": _unknown_membership,
    "already-reminded": _already_reminded,
    "org-mismatch": _org_mismatch,
    "malformed": _malformed,
    "id-reused": _id_reused,
    "consent-missing": _consent_missing,
    "already-answered": _already_answered,
    "reminder-not-operator": _reminder_not_operator,
    "unknown-location": _unknown_location,
    "unknown-invitation": _unknown_invitation,
    "response-exists": _response_exists,
    "invitation-exists": _invitation_exists,
    "location-needed": _location_needed,
    "already-enrolled": _already_enrolled,
    "already-anonymous": _already_anonymous,
    "unknown-response": _unknown_response,
    "already-void": _already_void,
    "location-exists": _location_exists,
}
KINDS: Final = tuple(_MAKERS)
