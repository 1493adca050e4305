"""The events of the survey programme: their streams, and what each type holds.

Every membership has a stream, `membership-<id>`; the editions of the rules stand in the stream `programme`.
"""

from __future__ import annotations

from typing import Final, Literal, NotRequired, TypedDict

from ledger.event import EventTypes

RULEBOOK_STREAM: Final = "programme"
MEMBERSHIP_PREFIX: Final = "membership-"

Level = Literal["gold", "silver", "small-business"]
Channel = Literal["operator", "partner"]
VoidReason = Literal["test", "duplicate", "fraud", "withdrawn"]
Via = Literal["responses", "evaluations"]
Cause = Literal["response", "evaluation", "expiry", "void", "membership", "organisation", "rulebook"]
Outcome = Literal["met", "not-met", "not-required"]
LeftOutReason = Literal["void", "other-location", "over-cap"]


class MembershipEnrolledData(TypedDict):
    """A membership takes part from now on (R10: the membership is the unit of decision)."""

    name: str
    level: Level
    competencies: list[str]
    solution_areas: list[str]
    business_model: str | None
    locations: list[str]


class MembershipUpdatedData(TypedDict):
    """What changed of a membership; a key that is missing did not change."""

    name: NotRequired[str]
    level: NotRequired[Level]
    competencies: NotRequired[list[str]]
    solution_areas: NotRequired[list[str]]
    business_model: NotRequired[str]


class LocationAddedData(TypedDict):
    """Another location of the membership takes part (R11)."""

    location: str


class RenewalDateSetData(TypedDict):
    """A date, YYYY-MM-DD, on which the membership is to be renewed."""

    renewal_date: str


class ConsentGivenData(TypedDict):
    """Permission to be invited (I1): `subject` is a random reference, never a name.

    `spelt`, here and in other events: the fact spelt the customer's name otherwise than it is known.
    """

    subject: str
    customer_org: str
    spelt: NotRequired[Literal[True]]


class ConsentWithdrawnData(TypedDict):
    """The permission is taken back; for the names in `also` as well, which fold like the one that the fact had."""

    subject: str
    customer_org: str
    spelt: NotRequired[Literal[True]]
    also: NotRequired[list[str]]


class InvitationSentData(TypedDict):
    """An invitation, by the operator's mail or the partner's own link (I2)."""

    invitation: str
    subject: str
    customer_org: str
    location: str
    channel: Channel
    language: str | None
    spelt: NotRequired[Literal[True]]


class ReminderSentData(TypedDict):
    """The one reminder that an operator's invitation may have (I2)."""

    invitation: str


class ResponseReceivedData(TypedDict):
    """A completed survey; it counts from the event's occurred_at (R5). No answers, no scores (R4)."""

    response: str
    customer_org: str
    location: str
    answer_token: str | None
    """Stands for the invitation that it answers, where it answers one: equal tokens are answers to one (DESIGN 13)."""
    anonymous: bool
    spelt: NotRequired[Literal[True]]


class AnonymityChosenData(TypedDict):
    """The respondent stays anonymous to the partner as well; the response still counts (P2)."""

    response: str


class ResponseVoidedData(TypedDict):
    """A response that counts at no instant, once this is known; where and when it had counted is said again."""

    response: str
    reason: VoidReason
    received_at: str
    customer_org: str
    location: str


class EvaluationReceivedData(TypedDict):
    """A Metrics that Matter evaluation (R9)."""

    evaluation: str


class OrganisationsJoinedData(TypedDict):
    """Two names of customers are one organisation, at every instant, once this is known (DESIGN 4)."""

    organisation: str
    same_as: str


class OrganisationsSeparatedData(TypedDict):
    """They are not after all: the join of just these two is undone."""

    organisation: str
    same_as: str


OrganisationDistinguishedData = TypedDict("OrganisationDistinguishedData", {"from": str, "organisation": str})
OrganisationDistinguishedData.__doc__ = "A new name folds like a known one, `from`, and is another organisation."


class EligibilityChangedData(TypedDict):
    """An announcement: it replaces everything announced from `effective_at` on (DESIGN 6)."""

    satisfied: bool
    previous: bool
    via: Via | None
    location: str | None
    counted: int
    organisations: int
    edition: str | None
    effective_at: str
    cause: Cause
    revises: bool


class AppliedResponse(TypedDict):
    """A response that was applied to a renewal; `seq` is that of its ResponseReceived event in the stream.

    `group` is the name of its organisation: of all its names the one that was known first.
    """

    response: str
    customer_org: str
    group: str
    received_at: str
    seq: int


class LeftOutResponse(TypedDict):
    """A response received inside the window that was not applied to a renewal, and why; over-cap of which organisation."""

    response: str
    reason: LeftOutReason
    customer_org: NotRequired[str]
    group: NotRequired[str]


class RenewalDecidedData(TypedDict):
    """The decision on a renewal (R1, R2, R3, R7, R9): the status at `evaluated_at`, and which responses made it."""

    renewal_date: str
    evaluated_at: str
    outcome: Outcome
    via: Via | None
    location: str | None
    counted: int
    organisations: int
    edition: str | None
    applied: list[AppliedResponse]
    applied_total: int
    left_out: list[LeftOutResponse]
    left_out_total: int
    revision: int


class RulebookPublishedData(TypedDict):
    """An edition of the rules (R6), in force from `effective_from`."""

    edition: str
    effective_from: str
    min_responses: int
    per_org_cap: int
    min_organisations: int
    window_months: int
    min_evaluations: int
    pool_locations: bool


EVENTS: Final = EventTypes(
    {
        ("MembershipEnrolled", 1): MembershipEnrolledData,
        ("MembershipUpdated", 1): MembershipUpdatedData,
        ("LocationAdded", 1): LocationAddedData,
        ("RenewalDateSet", 1): RenewalDateSetData,
        ("ConsentGiven", 1): ConsentGivenData,
        ("ConsentWithdrawn", 1): ConsentWithdrawnData,
        ("InvitationSent", 1): InvitationSentData,
        ("ReminderSent", 1): ReminderSentData,
        ("ResponseReceived", 1): ResponseReceivedData,
        ("AnonymityChosen", 1): AnonymityChosenData,
        ("ResponseVoided", 1): ResponseVoidedData,
        ("EvaluationReceived", 1): EvaluationReceivedData,
        ("OrganisationsJoined", 1): OrganisationsJoinedData,
        ("OrganisationsSeparated", 1): OrganisationsSeparatedData,
        ("OrganisationDistinguished", 1): OrganisationDistinguishedData,
        ("EligibilityChanged", 1): EligibilityChangedData,
        ("RenewalDecided", 1): RenewalDecidedData,
        ("RulebookPublished", 1): RulebookPublishedData,
    }
)


def membership_stream(membership: str) -> str:
    """The name of a membership's stream."""
    return MEMBERSHIP_PREFIX + membership


def membership_of(stream: str) -> str | None:
    """The membership that a stream belongs to; None for the editions' stream."""
    return stream[len(MEMBERSHIP_PREFIX) :] if stream.startswith(MEMBERSHIP_PREFIX) else None
