"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from csat_ledger_client.answers.answer import Answer
from csat_ledger_client.answers.decisions import DecisionTaken, DesignationDecisionTaken


class DecisionsPage(Answer):
    """Some decisions, the newest first, and where the next page begins."""

    decisions: tuple[DecisionTaken | DesignationDecisionTaken, ...]
    """The decisions that were looked for; none is left out down to where the page ends."""
    next: str | None
    """The cursor of the next page, which may have others; null where there are none."""
