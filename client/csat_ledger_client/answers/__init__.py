"""The answers over HTTP, made of schemas/openapi.json by `console.http.client_models`."""

from csat_ledger_client.answers.board import BoardPage
from csat_ledger_client.answers.changes import (
    ChangesPage,
    CutOff,
    DesignationChange,
    EligibilityChange,
    PositionReached,
)
from csat_ledger_client.answers.decisions import AnyDecision, DesignationDecisionTaken
from csat_ledger_client.answers.designation_history import QualificationChange
from csat_ledger_client.answers.designations import DesignationLine
from csat_ledger_client.answers.explain import Explanation
from csat_ledger_client.answers.fact_outcome import FactOutcome
from csat_ledger_client.answers.history import EligibilityStep
from csat_ledger_client.answers.participation import AnyParticipation
from csat_ledger_client.answers.renewals import Renewal
from csat_ledger_client.answers.replay import Replayed
from csat_ledger_client.answers.score import Score
from csat_ledger_client.answers.status import Status
from csat_ledger_client.answers.unanswered import Unanswered

__all__ = [
    "AnyDecision",
    "AnyParticipation",
    "BoardPage",
    "ChangesPage",
    "CutOff",
    "DesignationChange",
    "DesignationDecisionTaken",
    "DesignationLine",
    "EligibilityChange",
    "EligibilityStep",
    "Explanation",
    "FactOutcome",
    "PositionReached",
    "QualificationChange",
    "Renewal",
    "Replayed",
    "Score",
    "Status",
    "Unanswered",
]
