"""The answers over HTTP, made of schemas/openapi.json by `console.http.client_models`."""

from csat_ledger_client.answers.access_report_page import AccessReportPage
from csat_ledger_client.answers.benchmark import Benchmark
from csat_ledger_client.answers.board import BoardPage
from csat_ledger_client.answers.changes import (
    ChangesPage,
    CutOff,
    DesignationChange,
    EligibilityChange,
    PositionReached,
)
from csat_ledger_client.answers.comments_page import CommentsPage
from csat_ledger_client.answers.decision_counts import DecisionCount
from csat_ledger_client.answers.decision_proof import DecisionProof
from csat_ledger_client.answers.decisions import AnyDecision, DesignationDecisionTaken
from csat_ledger_client.answers.decisions_page import DecisionsPage
from csat_ledger_client.answers.designation_history import QualificationChange
from csat_ledger_client.answers.designation_replay import DesignationReplay
from csat_ledger_client.answers.designations import DesignationLine
from csat_ledger_client.answers.expiring import Expiring
from csat_ledger_client.answers.explain import Explanation
from csat_ledger_client.answers.fact_outcome import FactOutcome
from csat_ledger_client.answers.history import EligibilityStep
from csat_ledger_client.answers.membership_renewals import MembershipRenewals
from csat_ledger_client.answers.operations import Operations
from csat_ledger_client.answers.overview import Overview
from csat_ledger_client.answers.participation import AnyParticipation
from csat_ledger_client.answers.peers import Peers
from csat_ledger_client.answers.places import Places
from csat_ledger_client.answers.refusals import Refusals
from csat_ledger_client.answers.refusals_retried import RefusalsRetried
from csat_ledger_client.answers.renewals import Renewal
from csat_ledger_client.answers.replay import Replayed
from csat_ledger_client.answers.report import Report
from csat_ledger_client.answers.responses_page import ResponsesPage
from csat_ledger_client.answers.results import Results
from csat_ledger_client.answers.rolling import Rolling
from csat_ledger_client.answers.score import Score
from csat_ledger_client.answers.score_months import ScoreMonths
from csat_ledger_client.answers.status import Status
from csat_ledger_client.answers.subject_erasure import SubjectErasure
from csat_ledger_client.answers.unanswered import Unanswered
from csat_ledger_client.answers.upcoming import Upcoming
from csat_ledger_client.answers.waiting_shown import WaitingShown
from csat_ledger_client.answers.webhook_made import WebhookMade
from csat_ledger_client.answers.webhook_message import WebhookMessage
from csat_ledger_client.answers.webhook_shown import WebhookShown
from csat_ledger_client.answers.webhook_starts import WebhookStarts
from csat_ledger_client.answers.what_if import WhatIf
from csat_ledger_client.answers.what_would_it_take import WhatWouldItTake

__all__ = [
    "AccessReportPage",
    "AnyDecision",
    "AnyParticipation",
    "Benchmark",
    "BoardPage",
    "ChangesPage",
    "CommentsPage",
    "CutOff",
    "DecisionCount",
    "DecisionProof",
    "DecisionsPage",
    "DesignationChange",
    "DesignationDecisionTaken",
    "DesignationLine",
    "DesignationReplay",
    "EligibilityChange",
    "EligibilityStep",
    "Expiring",
    "Explanation",
    "FactOutcome",
    "MembershipRenewals",
    "Operations",
    "Overview",
    "Peers",
    "Places",
    "PositionReached",
    "QualificationChange",
    "Refusals",
    "RefusalsRetried",
    "Renewal",
    "Replayed",
    "Report",
    "ResponsesPage",
    "Results",
    "Rolling",
    "Score",
    "ScoreMonths",
    "Status",
    "SubjectErasure",
    "Unanswered",
    "Upcoming",
    "WaitingShown",
    "WebhookMade",
    "WebhookMessage",
    "WebhookShown",
    "WebhookStarts",
    "WhatIf",
    "WhatWouldItTake",
]
