"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer
from csat_ledger_client.answers.benchmark import PeerQuestion


class ReportStanding(Answer):
    """How the requirement stood when the month was over, of what is known now."""

    at: str
    """The last instant of the month."""
    required: bool
    """Whether the requirement binds."""
    satisfied: bool
    """Whether it is met."""
    counted: int
    """Responses that count, capped by organisation (R1, R2)."""
    organisations: int
    """Organisations that they are of (R3)."""
    edition: str | None
    """The edition of the rules in force."""
    next_renewal: str | None
    """The renewal that comes next; null where none is known."""


class QuestionResult(Answer):
    """What was answered to one of the core questions, 0 to 10."""

    question: Literal["overall", "continue", "re_engage", "recommend"] | str
    """The question."""
    answered: int | None
    """How many answered it; null where that is withheld or nobody did, and then so is the rest."""
    mean: float | None
    """The mean of the answers, to two decimals."""
    distribution: tuple[int, ...] | None
    """How many answered 0, 1, … 10, in this order: eleven counts."""
    trend: float | None
    """The mean less that of the period before; null where either is, and over the life of a membership."""


class PeriodResults(Answer):
    """The results of a membership in one period that is closed."""

    period: str
    """YYYY-MM or YYYY-Qn."""
    invitations: int
    """Invitations sent in the period, by when they were; of what is known now."""
    responses: int | None
    """Responses received in the period that are not void; null where that is withheld or there are none."""
    questions: tuple[QuestionResult, ...]
    """Each of the core questions."""
    published_at: str | None
    """When these figures were published; null where there are none."""
    restated: int
    """How often they were published anew after that: then at least five respondents had changed in each figure."""


class LifeResults(Answer):
    """The results of a membership's whole life, up to the last period that is closed."""

    responses: int | None
    """Responses of closed periods; without the last few, which wait until there are enough of them."""
    questions: tuple[QuestionResult, ...]
    """Each of the core questions; of what is published of it, without the last few answers."""
    published_at: str | None
    """When these figures were published; null where there are none."""


class PartResults(Answer):
    """The results of a location, or of a customer segment at it; only where they are published."""

    location: str
    """The location."""
    segment: str | None
    """The customer organisation, by the name that was known first of all its names then; null for the location as a
    whole.
    """
    period: str
    """YYYY-MM, YYYY-Qn, or `life`."""
    responses: int | None
    """Responses; over the life those of the published parts of it."""
    questions: tuple[QuestionResult, ...]
    """Each of the core questions."""
    published_at: str | None
    """When these figures were published."""


class BenchmarkLine(Answer):
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


class Report(Answer):
    """A membership's report of a month that is closed."""

    membership: str
    """The membership."""
    name: str
    """The partner's company."""
    month: str
    """YYYY-MM."""
    known_at: int
    """The position of the ledger up to which its last period was tabulated."""
    standing: ReportStanding
    """How the requirement stood."""
    invitations: int
    """Invitations sent over the membership's life."""
    invitations_answered: int
    """Those answered by a response that is not void."""
    response_rate: float | None
    """The share of them, over the whole life (I5); null where none was sent."""
    of_month: PeriodResults
    """The month's own results."""
    months: tuple[PeriodResults, ...]
    """The last twelve months through this one, the oldest first."""
    quarters: tuple[PeriodResults, ...]
    """The last eight quarters that ended by then, the oldest first."""
    life: LifeResults
    """Over the membership's whole life."""
    parts: tuple[PartResults, ...]
    """Locations and customer segments: of the month, of the last quarter that ended by then, and over the whole life.
    """
    peers: tuple[BenchmarkLine, ...]
    """Its peer group in the last quarter that ended by then, where one is published; at most one line."""
