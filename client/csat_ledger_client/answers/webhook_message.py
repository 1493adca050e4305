"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from csat_ledger_client.answers.answer import Answer
from csat_ledger_client.answers.changes import DesignationChange, EligibilityChange


class WebhookMessage(Answer):
    """An announcement as a webhook brings it."""

    type: str
    """What was announced."""
    timestamp: str
    """When it was recorded."""
    data: EligibilityChange | DesignationChange
    """The announcement."""
