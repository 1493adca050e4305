"""How many decisions stand, by quarter, edition and outcome: counts alone, of both programmes; no membership is named.

Of what was decided again only the newest decision stands. A decision is counted in the quarter of its renewal date, or of
its anniversary: the quarter that it is about, whenever it was taken.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal

from ledger.instants import END_US
from ledger.programmes.capability.events import Outcome as DesignationOutcome
from ledger.programmes.survey.events import Outcome as RenewalOutcome
from projections.questions.answer import Count
from projections.questions.view import View
from projections.results.periods import quarter_of

Programme = Literal["survey", "capability"]
SURVEY: Final = "survey"
CAPABILITY: Final = "capability"


@dataclass(frozen=True, slots=True)
class DecisionCount:
    """The decisions that stand of one programme, quarter, edition and outcome."""

    programme: Programme
    """`survey`: on renewals; `capability`: on designations."""
    quarter: str
    """YYYY-Qn, of the renewal dates or anniversaries."""
    edition: str | None
    """The edition of the rules that they name; null before the first."""
    outcome: RenewalOutcome | DesignationOutcome
    """What was decided."""
    decisions: Count | None
    """How many there are, at least 1; null where they are fewer than five and the programme's owner asks."""


def decision_counts(view: View, at_us: int = END_US, known_at: int | None = None) -> list[DecisionCount]:
    """Of the decisions taken by an instant, as known by a position: by programme, quarter, edition and outcome, in order."""
    renewals, designations = view.renewals(), view.designations()
    known = min(renewals.known_at(known_at), designations.known_at(known_at))
    found: Counter[tuple[Programme, str, str | None, RenewalOutcome | DesignationOutcome]] = Counter()
    for day, edition, outcome, number in renewals.standing_decisions(at_us, known):
        found[SURVEY, quarter_of(day[:7]), edition, outcome] += number
    for day, edition, designation_outcome, number in designations.standing_decisions(at_us, known):
        found[CAPABILITY, quarter_of(day[:7]), edition, designation_outcome] += number
    rank: dict[Programme, int] = {SURVEY: 0, CAPABILITY: 1}
    order = sorted(
        (key for key, number in found.items() if number), key=lambda key: (rank[key[0]], key[1], key[2] or "", key[3])
    )
    return [DecisionCount(*key, found[key]) for key in order]
