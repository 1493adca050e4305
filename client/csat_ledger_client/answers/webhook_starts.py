"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from csat_ledger_client.answers.answer import Answer


class WebhookStarts(Answer):
    """From where on a webhook is sent again."""

    id: str
    """Its id."""
    after: int
    """All announcements after this position are sent again."""
    before: int
    """The position that it had reached."""
