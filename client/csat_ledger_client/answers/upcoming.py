"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from csat_ledger_client.answers.answer import Answer


class UpcomingChange(Answer):
    """A membership whose status changes next."""

    membership: str
    """The membership."""
    name: str
    """The partner's name."""
    at: str
    """When it changes: its next change after the instant asked about."""
    satisfied: bool
    """Whether the requirement is met from then on."""
    required: bool
    """Whether the requirement binds at the instant asked about."""
    counted: int
    """Responses applied at that instant, at the location with the highest count."""
    organisations: int
    """Organisations with a response that counts there."""
    why: str | None
    """What takes the eligibility away, in a few words; null where nothing does."""


class Upcoming(Answer):
    """Changes ahead, the earliest first, and where the next page begins."""

    at: str
    """The instant asked about."""
    until: str
    """The last instant that is looked ahead to."""
    known_at: int
    """The position of the ledger up to which something is known: all that the projections have."""
    complete: bool
    """Whether no change can be missing: false where the projections are far behind the book."""
    changes: tuple[UpcomingChange, ...]
    """The changes; none is left out up to where the page ends."""
    next: str | None
    """The cursor of the next page, which may have others; null where there are none."""
