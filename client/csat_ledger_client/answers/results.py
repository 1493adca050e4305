"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer
from csat_ledger_client.answers.report import LifeResults, PartResults, PeriodResults


class Results(Answer):
    """A membership's results as published."""

    membership: str
    """The membership."""
    by: Literal["month", "quarter"] | str
    """What the periods are."""
    known_at: int
    """The position of the ledger up to which the last closed period was tabulated; 0 where none is."""
    closed_through: str | None
    """The last month that is closed, YYYY-MM; null where none is."""
    invitations: int
    """Invitations sent over the membership's life; of what is known now."""
    invitations_answered: int
    """Invitations answered by a response that is not void."""
    response_rate: float | None
    """The share of the invitations sent that was answered, over the whole life (I5); null where none was sent."""
    life: LifeResults
    """Over the membership's whole life."""
    periods: tuple[PeriodResults, ...]
    """Each closed period from the first that was closed, or that has figures, the oldest first."""
    parts: tuple[PartResults, ...]
    """By location, then by customer segment within it: what is published, in order of location, segment and period."""
