"""Outlook: where a membership stands at an instant and when that changes next, worked out once for a whole answer."""

from __future__ import annotations

from typing import NamedTuple

from ledger.instants import END_US
from ledger.programmes.survey.editions import Edition, Rulebook
from ledger.programmes.survey.flips import Standing, next_flip, standing
from ledger.programmes.survey.outcome import is_required
from ledger.programmes.survey.tally import Evidence


class Outlook(NamedTuple):
    """What an answer about one membership at one instant is made of."""

    evidence: Evidence
    rulebook: Rulebook
    at_us: int
    standing: Standing
    next_change_us: int | None
    """The next instant at which `satisfied` flips if nothing more arrives; None if there is none."""

    @property
    def edition(self) -> Edition | None:
        """The edition in force."""
        return self.rulebook.in_force(self.at_us)

    @property
    def required(self) -> bool:
        """Whether the requirement binds."""
        return is_required(self.evidence, self.rulebook, self.at_us)


def outlook(evidence: Evidence, rulebook: Rulebook, at_us: int) -> Outlook:
    """The outlook where all evidence that counts at `at_us` or later is at hand."""
    found = standing(evidence, rulebook, at_us)
    return Outlook(evidence, rulebook, at_us, found, next_flip(evidence, rulebook, at_us, found.satisfied, END_US))
