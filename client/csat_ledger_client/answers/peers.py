"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer
from csat_ledger_client.answers.benchmark import PeerQuestion


class Peers(Answer):
    """A group of partners in one period. It names none of them."""

    of: Literal["peer-group", "business-model", "programme"] | str
    """`peer-group`: same solution area and business model; `business-model`: all of one; `programme`: all."""
    solution_area: str | None
    """The solution area of a peer group; null for the others."""
    business_model: str | None
    """The business model; null for the whole programme."""
    period: str
    """YYYY-MM or YYYY-Qn."""
    partners: int | None
    """Partners whose responses are counted; null where that is withheld or there are none."""
    responses: int | None
    """Their responses."""
    questions: tuple[PeerQuestion, ...]
    """Each of the core questions."""
    published_at: str | None
    """When these figures were published; null where there are none."""
