"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer


class DecisionCount(Answer):
    """The decisions that stand of one programme, quarter, edition and outcome."""

    programme: Literal["survey", "capability"] | str
    """`survey`: on renewals; `capability`: on designations."""
    quarter: str
    """YYYY-Qn, of the renewal dates or anniversaries."""
    edition: str | None
    """The edition of the rules that they name; null before the first."""
    outcome: Literal["met", "not-met", "not-required"] | str | Literal["qualified", "not-qualified", "no-edition"] | str
    """What was decided."""
    decisions: int | None
    """How many there are, at least 1; null where they are fewer than five and the programme's owner asks."""
