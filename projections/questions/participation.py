"""How the survey is taken up: counts by membership, quarter or month, and a membership's response rate (I5).

The rate is that of a whole life: invitations answered by a response that is not void, of invitations sent. By quarter and
month there are counts of each and no rate: an answer often comes in another month than its invitation.
"""

from __future__ import annotations

from dataclasses import dataclass

from projections.questions.answer import Count
from projections.questions.view import View
from projections.survey.participation_reader import By

# The three answers share their counts, and what each is of stands before them: a dataclass takes the fields of its last
# base first. Two bases with slots cannot be joined, so these have none.


@dataclass(frozen=True)
class _OfMembership:
    membership: str
    """The membership."""


@dataclass(frozen=True)
class _OfQuarter:
    quarter: str
    """YYYY-Qn."""


@dataclass(frozen=True)
class _OfMonth:
    month: str
    """YYYY-MM."""


@dataclass(frozen=True)
class Counts:
    """How often each was recorded, by when it was so (occurred_at)."""

    consents: Count
    """Consents given."""
    consents_withdrawn: Count
    """Consents withdrawn."""
    invitations: Count
    """Invitations sent."""
    invitations_by_operator: Count
    """Invitations that the operator sent."""
    reminders: Count
    """Reminders sent."""
    responses: Count
    """Responses received."""
    responses_to_invitations: Count
    """Responses that answer an invitation, not the open link."""
    responses_voided: Count
    """Responses voided, by when they were."""
    responses_anonymous: Count
    """Responses that are anonymous, or became so."""
    evaluations: Count
    """Evaluations received."""


@dataclass(frozen=True)
class MembershipParticipation(Counts, _OfMembership):
    """The counts of a membership's whole life."""

    invitations_answered: Count
    """Invitations answered by a response that is not void."""
    response_rate: float | None
    """The share of the invitations sent that was answered; null where none was sent."""


@dataclass(frozen=True)
class QuarterParticipation(Counts, _OfQuarter):
    """The counts of a quarter."""


@dataclass(frozen=True)
class MonthParticipation(Counts, _OfMonth):
    """The counts of a month."""


Participation = MembershipParticipation | QuarterParticipation | MonthParticipation


def participation(view: View, membership: str | None, by: By) -> list[Participation]:
    """Counts by `by`, of one membership or of all together, in order. Raises UnknownMembership for one not enrolled."""
    if membership is not None:
        view.eligibility().require(membership)
    counts = view.participation().counts(membership, by)
    if by == "quarter":
        return [QuarterParticipation(quarter, **found) for quarter, found in counts.items()]
    if by == "month":
        return [MonthParticipation(month, **found) for month, found in counts.items()]
    answered = view.eligibility().answered_invitations(None, None if membership is None else [membership])
    return [_of_membership(name, found, answered.get(name, 0)) for name, found in counts.items()]


def _of_membership(membership: str, found: dict[str, int], answered: int) -> MembershipParticipation:
    sent = found["invitations"]
    answered = min(answered, sent)  # what is kept by several workers may be a moment apart
    rate = answered / sent if sent else None
    return MembershipParticipation(membership, **found, invitations_answered=answered, response_rate=rate)
