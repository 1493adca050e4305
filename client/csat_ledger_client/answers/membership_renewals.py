"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from csat_ledger_client.answers.answer import Answer


class MembershipRenewals(Answer):
    """A renewal that is not decided."""

    membership: str
    """The membership."""
    renewal_date: str
    """YYYY-MM-DD."""
    days: int
    """From the instant asked for to 00:00 UTC of the date, rounded up; negative where it is past."""
    overdue: bool
    """Whether the date is before the day of the instant asked for."""
    required: bool
    """Whether the requirement binds on the date."""
    satisfied_now: bool
    """Whether it is met at the instant asked for."""
    satisfied_on_date: bool
    """Whether it is met when the renewal is evaluated, if nothing more arrives."""
    counted_on_date: int
    """Responses applied then."""
    organisations_on_date: int
    """Organisations with a response that counts then."""
    missing: int
    """Responses that the location closest to it lacks; 0 where it is satisfied or not required."""
    missing_organisations: int
    """Organisations that this location lacks: of so many others, at least, must the missing responses come."""
    rate_own: float | None
    """The partner's own response rate; null where no invitation was sent."""
    rate_used: float
    """The rate that was planned with."""
    invitations: int
    """Invitations to send for the missing responses; 0 where the date is past."""
    known_at: int
    """The position of the ledger up to which something is known."""
