"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer


class QualificationChange(Answer):
    """A designation becomes qualified, or is no more."""

    effective_at: str
    """The exact instant from which on it holds."""
    qualified: bool
    """Whether it is qualified from then on."""
    centipoints: int
    """The score at that instant as it was announced, in hundredths; without what was learned since and flips nothing.
    """
    cause: Literal["report", "close", "certificate", "expiry", "scorebook"] | str
    """What changed it."""
    position: int
    """Where the announcement stands in the ledger."""
