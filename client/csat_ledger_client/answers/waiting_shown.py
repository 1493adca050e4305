"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from csat_ledger_client.answers.answer import Answer


class WaitingShown(Answer):
    """A membership whose announcements wait for a webhook, from one that failed on."""

    webhook: str
    """The webhook."""
    membership: str
    """The membership."""
    position: int
    """Of the announcement that failed, or after which a replay starts."""
    waiting: int
    """Announcements of the membership that wait from there on."""
    since: str
    """When it failed first."""
    attempts: int
    """How often it was tried."""
    parked: bool
    """Whether it is tried no more, until it is replayed."""
    next_try_at: str | None
    """When it is tried next; null where it is parked."""
    reason: str
    """Why the last attempt failed."""
