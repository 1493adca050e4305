"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from csat_ledger_client.answers.answer import Answer


class DecisionTaken(Answer):
    """A decision as it stands in the list of decisions."""

    membership: str
    """The membership."""
    renewal_date: str
    """YYYY-MM-DD."""
    revision: int
    """1 for the first decision on this renewal."""
    outcome: Literal["met", "not-met", "not-required"] | str
    """What was decided."""
    superseded: bool
    """Whether a later one on the same renewal is among the decisions asked for."""
    via: Literal["responses", "evaluations"] | str | None
    """By what the requirement was met; null where it was not."""
    location: str | None
    """The location that was counted."""
    counted: int
    """Responses applied."""
    organisations: int
    """Organisations with a response that counted."""
    edition: str | None
    """The edition of the rules in force on the date; null before the first."""
    decided_at: str
    """When it was decided."""
    position: int
    """Where the decision stands in the ledger."""


class CompareMetric(Answer):
    """Pairs of customer and workload that reach the threshold, in two months."""

    centipoints: int
    """The points of the metric, in hundredths."""
    now: int | None
    """Pairs in the last month; null where no month was closed."""
    year_before: int | None
    """Pairs in the same month a year before; null where no month was closed."""


class PeopleMetric(Answer):
    """People who hold a certificate of a tier."""

    centipoints: int
    """The points of the metric, in hundredths."""
    people: int
    """How many people, each once."""


class GrowthMetric(Answer):
    """Growth of the monthly value of usage; figures are digits, since they may pass what readers of JSON hold."""

    centipoints: int
    """The points of the metric, in hundredths."""
    mcv_milli: str | None
    """The value of the last month, in thousandths; null where no month was closed."""
    mcv_milli_year_before: str | None
    """The value of the same month a year before, in thousandths; null where no month was closed."""
    percent: str | None
    """Whole percents, rounded towards zero; null where no month was closed, or the value a year before was 0."""
    base_met: bool | None
    """Whether the value a year before reaches the base, without which there is no point; null where no month was
    closed.
    """


class Metrics(Answer):
    """The five metrics of a score (C1)."""

    net_adds: CompareMetric = Field(alias="net-adds")
    """Pairs of customer and workload that reach the threshold, in two months."""
    intermediate: PeopleMetric
    """People who hold a certificate of a tier."""
    advanced: PeopleMetric
    """People who hold a certificate of a tier."""
    usage_growth: GrowthMetric = Field(alias="usage-growth")
    """Growth of the monthly value of usage; figures are digits, since they may pass what readers of JSON hold."""
    deployments: CompareMetric
    """Pairs of customer and workload that reach the threshold, in two months."""


class Qualification(Answer):
    """A score at the instant at which it was first enough."""

    centipoints: int
    """The score, in hundredths of points."""
    metrics: Metrics
    """The five metrics."""


class Best(Answer):
    """The highest score of a window, at its earliest instant."""

    at: str
    """That instant."""
    centipoints: int
    """The score, in hundredths of points."""
    metrics: Metrics
    """The five metrics."""


class DesignationDecisionTaken(Answer):
    """A decision as it stands in the list of decisions."""

    membership: str
    """The membership."""
    area: str
    """The solution area of the designation."""
    anniversary: str
    """YYYY-MM-DD."""
    window_from: str
    """The first instant of the window."""
    window_to: str
    """The last instant of the window."""
    outcome: Literal["qualified", "not-qualified", "no-edition"] | str
    """What was decided."""
    first_qualified_at: str | None
    """The earliest instant of the window at which it was qualified; null where it was at none."""
    at_first: Qualification | None
    """The score at that instant."""
    best: Best | None
    """The highest score of the window, at its earliest instant; null where no edition was in force."""
    edition: str | None
    """The scorebook edition at the first qualified instant, else at the best; null before the first edition."""
    track: Literal["enterprise", "smb"] | str
    """Whose thresholds applied then."""
    month: str | None
    """The last month closed by then, YYYY-MM; null where none was."""
    revision: int
    """1 for the first decision on this anniversary."""
    position: int
    """Where the decision stands in the ledger."""
    superseded: bool
    """Whether a later one on the same anniversary is among the decisions asked for."""
    decided_at: str
    """When it was decided."""


AnyDecision = DecisionTaken | DesignationDecisionTaken
