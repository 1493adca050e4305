"""The projections that the ledger keeps, of all programmes."""

from __future__ import annotations

from typing import Any

from projections.capability.designations import Designations
from projections.capability.scores import Scores
from projections.projection import Projection
from projections.survey.eligibility import Eligibility
from projections.survey.participation import Participation
from projections.survey.renewals import Renewals


def all_projections() -> list[Projection[Any]]:
    """Every projection that the ledger keeps."""
    # Participation is the last: it changes lines that all workers share, and keeps them until its transaction ends.
    return [Eligibility(), Renewals(), Scores(), Designations(), Participation()]
