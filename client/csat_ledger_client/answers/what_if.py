"""Made of schemas/openapi.json by `console.http.client_models`; not to be changed by hand."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from csat_ledger_client.answers.answer import Answer


class WhatIfEdition(Answer):
    """An edition that is in force in the span."""

    edition: str
    """Its name."""
    from_: str = Field(alias="from")
    """From when on it is in force, or the beginning of the span."""
    to: str
    """Until before when, or the end of the span."""
    figures: dict[str, Any]
    """Its figures as they are, by their names."""


class WhatIfOutcome(Answer):
    """How many decisions said one thing and would have said this one."""

    outcome: str
    """What was decided."""
    would_be: str
    """What would have been decided."""
    decisions: int | None
    """How many; in steps where only counts are asked for."""


class WhatIfSpan(Answer):
    """A span in which the status would have been another."""

    from_: str = Field(alias="from")
    """From when on."""
    to: str
    """Until before when."""


class WhatIfStatus(Answer):
    """How the status of a membership, or of its designation, would have been another."""

    membership: str
    """The membership."""
    gained: tuple[WhatIfSpan, ...]
    """When it would have had the status, and had it not; the earliest first."""
    lost: tuple[WhatIfSpan, ...]
    """When it would not have had the status, and had it."""


class WhatIfDecision(Answer):
    """A decision that would have differed."""

    membership: str
    """The membership."""
    day: str
    """The renewal date, or the anniversary."""
    revision: int
    """Which revision stands."""
    outcome: str
    """What was decided."""
    would_be: str
    """What would have been decided from what was known then."""
    position: int
    """Where the decision stands in the ledger."""


class WhatIf(Answer):
    """What would have been under other figures."""

    programme: Literal["survey", "capability"] | str
    """Which programme's."""
    area: str | None = None
    """The area of the scorebook; left out in the survey programme."""
    figures: dict[str, Any]
    """The figures that were tried; all others stay those of the edition in force at each instant."""
    from_: str = Field(alias="from")
    """From when on they would have been in force."""
    to: str
    """Until before when."""
    known_at: int
    """The position of the ledger up to which something is known."""
    editions: tuple[WhatIfEdition, ...]
    """The editions that are in force then, the earliest first."""
    number: int | None
    """Memberships, or designations of the area, that are known; null: fewer than five, where only counts are asked for.
    """
    gained: int | None
    """How many of them would have had the status at some instant at which they had not; null: fewer than five."""
    lost: int | None
    """How many would not have had it at some instant at which they had; null: fewer than five."""
    decided: int | None
    """Decisions that stand: the last on each renewal, or anniversary; null: fewer than five."""
    differing: int | None
    """How many of them would have differed; null: fewer than five."""
    outcomes: tuple[WhatIfOutcome, ...]
    """How many of them would have differed, by what they said and would have said; of counts alone those of five and
    more.
    """
    status: tuple[WhatIfStatus, ...] | None = None
    """Who would have gained or lost, by membership; left out where only counts are asked for."""
    decisions: tuple[WhatIfDecision, ...] | None = None
    """Which decisions would have differed, by membership and day; left out where only counts are asked for."""
    after: str | None
    """The last membership told where more follow it; else null."""
