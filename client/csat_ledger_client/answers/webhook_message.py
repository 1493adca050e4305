"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Literal

from csat_ledger_client.answers.answer import Answer


class EligibilityChange(Answer):
    """A change of a membership's eligibility; it replaces all that was announced of it from `effective_at` on."""

    position: int
    """Where the announcement stands in the ledger."""
    membership: str
    """The membership."""
    cause: Literal["response", "evaluation", "expiry", "void", "membership", "organisation", "rulebook"] | str
    """What changed it."""
    counted: int
    """Responses applied then, at `location`."""
    edition: str | None
    """The edition of the rules in force then; null before the first."""
    effective_at: str
    """The exact instant from which on it holds."""
    location: str | None
    """The satisfied location with the highest count, else the one with the highest count."""
    organisations: int
    """Organisations with a response that counted there."""
    previous: bool
    """What held before."""
    revises: bool
    """Whether it changes what was announced, or should have been, before."""
    satisfied: bool
    """Whether the requirement is met from then on."""
    via: Literal["responses", "evaluations"] | str | None
    """By what it is met; null where it is not."""
    fact: str | None
    """The id of the fact that caused it; null where time alone did."""
    seq: int
    """The announcement's place in its stream."""


class DesignationChange(Answer):
    """A designation becomes qualified, or is no more; it replaces all that was announced of it from `effective_at` on."""

    position: int
    """Where the announcement stands in the ledger."""
    membership: str
    """The membership."""
    area: str
    """The solution area of the designation."""
    cause: Literal["report", "close", "certificate", "expiry", "scorebook"] | str
    """What changed it."""
    centipoints: int
    """The score from then on, in hundredths of points."""
    edition: str | None
    """The scorebook edition in force then; null before the first."""
    effective_at: str
    """The exact instant from which on it holds."""
    metrics: dict[str, int]
    """The points of each metric, in hundredths."""
    month: str | None
    """The last month closed by then, YYYY-MM; null where none was."""
    previous: bool
    """What held before."""
    qualified: bool
    """Whether it is qualified from then on."""
    revises: bool
    """Whether it changes what was announced, or should have been, before."""
    track: Literal["enterprise", "smb"] | str
    """Whose thresholds apply."""
    fact: str | None
    """The id of the fact that caused it; null where time alone did."""
    seq: int
    """The announcement's place in its stream."""


class WebhookMessage(Answer):
    """An announcement as a webhook brings it."""

    type: str
    """What was announced."""
    timestamp: str
    """When it was recorded."""
    data: EligibilityChange | DesignationChange
    """The announcement."""
