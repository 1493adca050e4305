"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from csat_ledger_client.answers.answer import Answer


class SideAnswer(Answer):
    """One of the two sides, and its score in hundredths of points."""

    at: str
    """The instant."""
    known_at: int
    """The position up to which something is known."""
    centipoints: int
    """The score, in hundredths of points."""
    qualified: bool
    """Whether it is enough, with no metric at zero."""


class Cause(Answer):
    """What is not the same on both sides (see the module's docstring); it has only the keys that its kind has."""

    kind: Literal["scorebook", "close", "report", "certificate", "expiry"] | str
    """What is not the same: edition, month, report, or certificate."""
    figure_from: int | str | None
    """On the `from` side: a name, a month, cents, 0 or 1, or a value in thousandths as digits; null where there is
    none.
    """
    figure_to: int | str | None
    """The same on the `to` side."""
    position: int
    """Where the event stands that brought about what the `to` side says."""
    customer: str | None = None
    """Of a report."""
    workload: str | None = None
    """Of a report."""
    month: str | None = None
    """Of a report, YYYY-MM."""
    association: str | None = None
    """Of a report."""
    certificate: str | None = None
    """Of a certificate that is gained or lost."""
    because: Literal["time", "rules", "restated", "added"] | str | None = None
    """Of a report: another month is compared, another edition counts, it was restated, or it came later."""


class MetricExplained(Answer):
    """A metric whose points differ, in hundredths, and its causes: those with the largest difference of figures first."""

    metric: str
    """The metric."""
    from_: int = Field(alias="from")
    """Its points on the `from` side, in hundredths."""
    to: int
    """Its points on the `to` side, in hundredths."""
    causes: tuple[Cause, ...]
    """What is not the same on both sides; the points of a metric are no sum over its causes."""


class Explanation(Answer):
    """Two sides, and every metric whose points differ, the largest difference first."""

    from_: SideAnswer = Field(alias="from")
    """The one side."""
    to: SideAnswer
    """The other side."""
    metrics: tuple[MetricExplained, ...]
    """Every metric whose points differ, the largest difference first."""
