"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Any, Literal

from csat_ledger_client.answers.answer import Answer


class DesignationStep(Answer):
    """An event, and the score at its occurred_at, as known right after it."""

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
    qualified: bool
    """Whether it is qualified then."""
    centipoints: int
    """The score, in hundredths of points."""
    metrics: dict[str, int]
    """The points of each metric, in hundredths."""
    edition: str | None
    """The scorebook edition in force then; null before the first."""
    track: Literal["enterprise", "smb"] | str
    """Whose thresholds apply."""
    month: str | None
    """The last month closed by then, YYYY-MM; null where none was."""


class Difference(Answer):
    """One thing that a decision says, and that comes out otherwise."""

    recorded: Any
    """As it was recorded."""
    recomputed: Any
    """As it comes out anew."""


class DesignationCheck(Answer):
    """A recorded decision, taken again from what stood in the stream before it."""

    checked: Literal["DesignationDecided"] | str
    """What was checked."""
    position: int
    """Where the decision stands in the ledger."""
    anniversary: str
    """YYYY-MM-DD."""
    revision: int
    """1 for the first decision on this anniversary."""
    outcome: Literal["qualified", "not-qualified", "no-edition"] | str
    """What was decided."""
    same: bool
    """Whether the decision comes out as it was recorded."""
    different: dict[str, Difference] | None = None
    """Both sides of each thing that differs, by its name; only where something does."""


DesignationReplay = DesignationStep | DesignationCheck
