"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer


class EligibilityStep(Answer):
    """A change of eligibility."""

    effective_at: str
    """The exact instant from which on it holds. Some roles see its day alone."""
    satisfied: bool
    """Whether the requirement is met from then on."""
    via: Literal["responses", "evaluations"] | str | None
    """By what it is met; null where it is not."""
    counted: int
    """Responses applied then, at the location shown."""
    organisations: int
    """Organisations with a response that counted then."""
    cause: Literal["response", "evaluation", "expiry", "void", "membership", "organisation", "rulebook"] | str
    """What changed it."""
    position: int
    """Where the announcement stands in the ledger."""
