"""What would have been under other figures: who would have gained or lost status, and which decisions would have differed.

`projections.what_if` works it out; here is what is answered. Instants at which nothing differs are not told: outside the span
everything is as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from projections.questions.answer import LEFT_OUT, Count, Day, Instant, MayBeLeftOut, Number, Position

FEWEST: Final = 5
"""The programme's owner is told numbers in steps of so many, rounded down, and none below: single partners would be told
apart by the difference of two answers."""
Programme = Literal["survey", "capability"]


@dataclass(frozen=True, slots=True)
class WhatIfSpan:
    """A span in which the status would have been another."""

    from_: Instant
    """From when on."""
    to: Instant
    """Until before when."""


@dataclass(frozen=True, slots=True)
class WhatIfStatus:
    """How the status of a membership, or of its designation, would have been another."""

    membership: str
    """The membership."""
    gained: tuple[WhatIfSpan, ...]
    """When it would have had the status, and had it not; the earliest first."""
    lost: tuple[WhatIfSpan, ...]
    """When it would not have had the status, and had it."""


@dataclass(frozen=True, slots=True)
class WhatIfDecision:
    """A decision that would have differed."""

    membership: str
    """The membership."""
    day: Day
    """The renewal date, or the anniversary."""
    revision: Number
    """Which revision stands."""
    outcome: str
    """What was decided."""
    would_be: str
    """What would have been decided from what was known then."""
    position: Position
    """Where the decision stands in the ledger."""


@dataclass(frozen=True, slots=True)
class WhatIfOutcome:
    """How many decisions said one thing and would have said this one."""

    outcome: str
    """What was decided."""
    would_be: str
    """What would have been decided."""
    decisions: Count | None
    """How many; in steps where only counts are asked for."""


@dataclass(frozen=True, slots=True)
class WhatIfEdition:
    """An edition that is in force in the span."""

    edition: str
    """Its name."""
    from_: Instant
    """From when on it is in force, or the beginning of the span."""
    to: Instant
    """Until before when, or the end of the span."""
    figures: Mapping[str, Any]
    """Its figures as they are, by their names."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What would have been under other figures."""

    programme: Programme
    """Which programme's."""
    area: str | MayBeLeftOut
    """The area of the scorebook; left out in the survey programme."""
    figures: Mapping[str, Any]
    """The figures that were tried; all others stay those of the edition in force at each instant."""
    from_: Instant
    """From when on they would have been in force."""
    to: Instant
    """Until before when."""
    known_at: Position
    """The position of the ledger up to which something is known."""
    editions: tuple[WhatIfEdition, ...]
    """The editions that are in force then, the earliest first."""
    number: Count | None
    """Memberships, or designations of the area, that are known; null: fewer than five, where only counts are asked for."""
    gained: Count | None
    """How many of them would have had the status at some instant at which they had not; null: fewer than five."""
    lost: Count | None
    """How many would not have had it at some instant at which they had; null: fewer than five."""
    decided: Count | None
    """Decisions that stand: the last on each renewal, or anniversary; null: fewer than five."""
    differing: Count | None
    """How many of them would have differed; null: fewer than five."""
    outcomes: tuple[WhatIfOutcome, ...]
    """How many of them would have differed, by what they said and would have said; of counts alone those of five and more."""
    status: tuple[WhatIfStatus, ...] | MayBeLeftOut = LEFT_OUT
    """Who would have gained or lost, by membership; left out where only counts are asked for."""
    decisions: tuple[WhatIfDecision, ...] | MayBeLeftOut = LEFT_OUT
    """Which decisions would have differed, by membership and day; left out where only counts are asked for."""
    after: str | None = None
    """The last membership told where more follow it; else null."""
