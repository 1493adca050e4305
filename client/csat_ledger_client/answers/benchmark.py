"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer


class PeerQuestion(Answer):
    """What the customers of a group of partners answered to one of the core questions; and of one partner among them."""

    question: Literal["overall", "continue", "re_engage", "recommend"] | str
    """The question."""
    partners: int | None
    """Partners whose answers are counted; null where the figures are withheld or there are none, and then so is the
    rest.
    """
    answered: int | None
    """How many answered it."""
    mean: float | None
    """The mean of the answers, to two decimals."""
    distribution: tuple[int, ...] | None
    """How many answered 0, 1, … 10, in this order: eleven counts."""
    trend: float | None
    """The mean less that of the period before; null where either is."""
    own_mean: float | None
    """The partner's own mean in the same period; null where it is withheld, or no partner was named."""
    place: Literal["upper-quarter", "upper-middle", "lower-middle", "lower-quarter"] | str | None
    """The quarter of its peers in which the partner's mean lies; null where either mean is withheld, or none was named.
    """


class Benchmark(Answer):
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
