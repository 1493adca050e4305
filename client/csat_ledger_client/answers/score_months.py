"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from csat_ledger_client.answers.answer import Answer


class KnownScore(Answer):
    """A score as known at a position, in hundredths of points."""

    known_at: int
    """The position up to which something is known."""
    centipoints: int
    """The score."""
    qualified: bool
    """Whether it is enough, with no metric at zero."""
    metrics: dict[str, int]
    """The points of each metric."""


class ScoreMonth(Answer):
    """The score at the beginning of a month."""

    at: str
    """The first instant of the month."""
    now: KnownScore
    """As it is known now, or at the position that was asked for."""
    then: KnownScore | None
    """As it was known at that very instant; null where the designation was not known yet."""
    restated: bool
    """Whether what became known since gives a metric other points, or makes it qualified or not."""


class ScoreMonths(Answer):
    """The score of a designation over some months."""

    membership: str
    """The membership."""
    area: str
    """The solution area of the designation."""
    at: str
    """The instant asked for; the last month is the one in which it lies."""
    known_at: int
    """The position up to which something is known."""
    months: tuple[ScoreMonth, ...]
    """The months, the earliest first."""
