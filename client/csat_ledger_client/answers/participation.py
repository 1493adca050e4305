"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from csat_ledger_client.answers.answer import Answer


class MembershipParticipation(Answer):
    """The counts of a membership's whole life."""

    membership: str
    """The membership."""
    consents: int
    """Consents given."""
    consents_withdrawn: int
    """Consents withdrawn."""
    invitations: int
    """Invitations sent."""
    invitations_by_operator: int
    """Invitations that the operator sent."""
    reminders: int
    """Reminders sent."""
    responses: int
    """Responses received."""
    responses_to_invitations: int
    """Responses that answer an invitation, not the open link."""
    responses_voided: int
    """Responses voided, by when they were."""
    responses_anonymous: int
    """Responses that are anonymous, or became so."""
    evaluations: int
    """Evaluations received."""
    invitations_answered: int
    """Invitations answered by a response that is not void."""
    response_rate: float | None
    """The share of the invitations sent that was answered; null where none was sent."""


class QuarterParticipation(Answer):
    """The counts of a quarter."""

    quarter: str
    """YYYY-Qn."""
    consents: int
    """Consents given."""
    consents_withdrawn: int
    """Consents withdrawn."""
    invitations: int
    """Invitations sent."""
    invitations_by_operator: int
    """Invitations that the operator sent."""
    reminders: int
    """Reminders sent."""
    responses: int
    """Responses received."""
    responses_to_invitations: int
    """Responses that answer an invitation, not the open link."""
    responses_voided: int
    """Responses voided, by when they were."""
    responses_anonymous: int
    """Responses that are anonymous, or became so."""
    evaluations: int
    """Evaluations received."""


class MonthParticipation(Answer):
    """The counts of a month."""

    month: str
    """YYYY-MM."""
    consents: int
    """Consents given."""
    consents_withdrawn: int
    """Consents withdrawn."""
    invitations: int
    """Invitations sent."""
    invitations_by_operator: int
    """Invitations that the operator sent."""
    reminders: int
    """Reminders sent."""
    responses: int
    """Responses received."""
    responses_to_invitations: int
    """Responses that answer an invitation, not the open link."""
    responses_voided: int
    """Responses voided, by when they were."""
    responses_anonymous: int
    """Responses that are anonymous, or became so."""
    evaluations: int
    """Evaluations received."""


AnyParticipation = MembershipParticipation | QuarterParticipation | MonthParticipation
