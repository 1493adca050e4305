"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Any, Literal

from csat_ledger_client.answers.answer import Answer
from csat_ledger_client.answers.designation_replay import Difference


class ReplayStep(Answer):
    """An event, and where the membership stands at its occurred_at, as known right after it."""

    seq: int
    """Its place in the stream, from 1 on."""
    position: int
    """Where it stands in the ledger."""
    type: str
    """The event's type."""
    occurred_at: str
    """When it was so."""
    recorded_at: str
    """When the ledger learned it."""
    fact: str | None
    """The id of the fact that caused it; null where none did."""
    actor: str | None
    """Who sent the fact, where that is said."""
    data: dict[str, Any]
    """The event's content, as its type has it (schemas/events)."""
    announcement: bool
    """Whether it is the ledger's own announcement of a change."""
    satisfied: bool
    """Whether the requirement is met then."""
    via: Literal["responses", "evaluations"] | str | None
    """By what it is met; null where it is not."""
    location: str | None
    """The location that the figures are of."""
    counted: int
    """Responses applied there."""
    organisations: int
    """Organisations with a response that counts there."""
    edition: str | None
    """The edition of the rules in force then; null before the first."""


class DecisionCheck(Answer):
    """A recorded decision, taken again from what stood in the stream before it."""

    checked: Literal["RenewalDecided"] | str
    """What was checked."""
    position: int
    """Where the decision stands in the ledger."""
    renewal_date: str
    """YYYY-MM-DD."""
    revision: int
    """1 for the first decision on this renewal."""
    outcome: Literal["met", "not-met", "not-required"] | str
    """What was decided."""
    counted: int
    """Responses applied, as recorded."""
    same: bool
    """Whether the decision comes out as it was recorded."""
    different: dict[str, Difference] | None = None
    """Both sides of each thing that differs, by its name; only where something does."""


Replayed = ReplayStep | DecisionCheck
