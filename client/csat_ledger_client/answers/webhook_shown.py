"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from csat_ledger_client.answers.answer import Answer


class WebhookShown(Answer):
    """A webhook that is registered, and how far behind it is."""

    id: str
    """Its id."""
    url: str
    """Where it is sent to; … stands for the query, in which some put a secret."""
    types: tuple[str, ...]
    """The types of announcements that it gets; none: all."""
    allow_private: bool
    """Whether it may be sent into private networks, and without TLS."""
    owner: str | None
    """The subject of the token that registered it; null where the command line did."""
    created_at: str
    """When it was registered."""
    position: int
    """Up to this position of the ledger all was delivered, or is held."""
    waiting: int
    """Announcements after that, and one for each membership that is held; at most 10,000 are counted."""
    oldest_waiting_at: str | None
    """When the oldest that waits and is not parked was recorded; null where none does."""
    held: int
    """Memberships whose announcements wait behind one that failed, and is tried again."""
    parked: int
    """Memberships whose announcements wait behind one that is tried no more, until it is replayed."""
    trouble: str | None
    """Why nothing is sent at all; null where it is."""
