"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from csat_ledger_client.answers.answer import Answer


class WebhookMade(Answer):
    """A webhook that was registered, and its secret, which is shown once."""

    id: str
    """Its id."""
    secret: str
    """What its deliveries are signed with (Standard Webhooks): `whsec_` and base64."""
    position: int
    """It starts after this position of the ledger."""
