"""What each command prints with `--json`, and the schemas of that.

    python -m console.cli.answers --write schemas     writes schemas/answers/<command>.json, made of the answers' classes
    python -m console.cli.answers --check schemas     compares

Each line that a command prints is one such object. A command that fails prints `failure`, after whatever it printed
before. `subscribe` prints messages, whose schemas are in schemas/messages; `demo` prints what the commands print that it
goes through; `relay`, `inbox`, `worker`, `clock` and `webhooks` print nothing. `python -m consumers.messages.schemas
--release` keeps the schemas of a release, for ever; `--check` there says where the present ones break who relies on them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import orjson

from console.cli.commands.access_report import PersonRead
from console.cli.commands.clock_accept import ClockAcceptance
from console.cli.commands.completion import CompletionScript
from console.cli.commands.copy import CopyAnswer
from console.cli.commands.evidence import EvidenceWritten
from console.cli.commands.help import HelpText
from console.cli.commands.keygen import KeyMade
from console.cli.commands.log_server import LogServerListening
from console.cli.commands.migrate import MigrateAnswer
from console.cli.commands.publish_results import ResultsPublished
from console.cli.commands.recover_signer import SignerRecovery
from console.cli.commands.refusals import RefusalsDeleted
from console.cli.commands.reports import ReportsWritten
from console.cli.commands.review import ReviewAnswer
from console.cli.commands.serve import ServiceListening
from console.cli.commands.token import TokenMade
from console.cli.commands.topics import TopicFound
from console.cli.commands.vault import VaultKeyAdded, VaultReady
from console.cli.commands.webhook import WebhookRemoved, WebhookReplayed
from console.cli.commands.witness import WitnessListening
from console.cli.comments import CommentsChanged, CommentsExported, ResponseShown
from console.cli.contacts_export import ContactsExported
from console.cli.contacts_exports import ExportListed
from console.cli.contacts_reading import AddressFound, ContactShown
from console.cli.failure_answer import FailureAnswer
from console.cli.import_report import Imported, MapShipped
from console.cli.question_batch import Unanswered
from console.cli.recording import Recorded
from console.comments_shown import CommentShown
from console.erasures_shown import SubjectErasure
from consumers.webhooks.shown import WaitingShown, WebhookShown
from ledger.audit.audit import AuditAnswer
from ledger.monitor.report import MonitorAnswer
from ledger.proof.receipts.report import ReceiptReport
from ledger.seal.evidence import ConsistencyAnswer
from ledger.seal.publishing import PublishAnswer
from ledger.seal.sealer import SealAnswer
from ledger.vault.rewrapping import Rewrapped
from ledger.vault.uploading import LineTaken
from projections.questions.anniversaries import AnniversaryLine
from projections.questions.answer import Count, Instant, Number
from projections.questions.benchmark import BenchmarkLine, PartnerPlace
from projections.questions.board import BoardRow
from projections.questions.changes import DesignationChange, EligibilityChange
from projections.questions.decision_counts import DecisionCount
from projections.questions.decisions import DecisionTaken
from projections.questions.decisions_page import DecisionsPage
from projections.questions.designation_decisions import DesignationDecision, DesignationDecisionTaken
from projections.questions.designation_history import QualificationChange
from projections.questions.designation_replay import DesignationCheck, DesignationStep
from projections.questions.designations import DesignationLine
from projections.questions.expiring import Expiring
from projections.questions.explain import ExplainAnswer
from projections.questions.history import Change
from projections.questions.overview import Overview
from projections.questions.participation import MembershipParticipation, MonthParticipation, QuarterParticipation
from projections.questions.projection_state import ProjectionState, SetAsideStream
from projections.questions.refusals import RefusalCount, RefusedFact
from projections.questions.renewal_decision import RenewalDecision
from projections.questions.renewals import Renewal
from projections.questions.replay import DecisionCheck, ReplayStep
from projections.questions.report import MonthlyReport
from projections.questions.results import Results
from projections.questions.rolling import RollingCount
from projections.questions.schemas import answer_schema
from projections.questions.score import ScoreAnswer
from projections.questions.score_months import ScoreMonths
from projections.questions.status import Status
from projections.questions.upcoming import UpcomingChange, UpcomingPage
from projections.questions.what_if import WhatIf
from projections.questions.what_would_it_take import WhatWouldItTake

FOLDER: Final = "answers"


@dataclass(frozen=True, slots=True)
class FirstDifference:
    """The first thing at which evidence does not hold."""

    what: str
    """What differs, and where."""
    found: Any
    """What is there."""
    expected: Any
    """What should be there."""


@dataclass(frozen=True, slots=True)
class WhichRevision:
    """Which decision on the same the evidence is of."""

    seq: Number
    """Its place in the stream of the membership, or of the designation."""
    number: Number
    """The first decision on the same is 1."""
    of: Number
    """How many decisions on the same the stream holds under the checkpoint."""
    superseded: bool
    """Whether a later one is among them."""
    superseded_by: Number | None
    """The place in the stream of the last one; null where this is it."""
    recorded_at: Instant
    """When it was recorded, as the event says."""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A cosignature of a witness that the policy names."""

    witness: str
    """The witness."""
    time: Count
    """When, in POSIX seconds, as it is signed."""
    at: str | None
    """The same as an RFC 3339 instant; null where the calendar has it not."""


@dataclass(frozen=True, slots=True)
class CheckpointSeen:
    """The checkpoint under which evidence is proved, once its signatures hold."""

    origin: str
    """The name of the log."""
    size: Count
    """Entries in it."""
    root: str
    """The root of its tree, base64."""
    at: str | None
    """When the policy's quorum of witnesses was reached; null where it asks for none."""
    cosigned: tuple[Cosigned, ...]
    """The cosignatures by witnesses of the policy."""


@dataclass(frozen=True, slots=True)
class OlderEvidence:
    """What was shown of older evidence."""

    size: Count
    """Entries in its log."""
    root: str
    """The root of its tree, base64."""
    events: Mapping[str, tuple[Count, ...]]
    """By stream: how many events it has, and how many the newer evidence."""
    streams_extend: bool
    """Whether it was shown that the newer evidence holds all of them unchanged, and hid none from the older."""
    log_extends: bool
    """Whether it was shown that its log is a prefix of the newer one."""


@dataclass(frozen=True, slots=True)
class VerifierWarning:
    """What no verdict goes by, and has to be known all the same."""

    code: Literal["superseded", "recorded-after-cosignature", "not-cosigned"]
    """What it is."""
    sentence: str
    """The same in words."""


@dataclass(frozen=True, slots=True)
class VerifierReport:
    """What the offline verifier says of evidence.

    The verifier prints it by itself, with the standard library alone; its own class is `ledger.proof.log.report.Report`.
    """

    verdict: Literal["confirmed", "refuted", "tampered", "incomplete", "not-this-decision", "unverifiable"]
    """The verdict."""
    programme: str | None
    """Whose rules the decision goes by; null where the verifier did not come so far."""
    about: Mapping[str, str]
    """What was decided on, by name (membership, renewal, area, anniversary); the file's own claim where decision is null."""
    revision: WhichRevision | None
    """Which decision on the same it is; null where the verifier did not come so far."""
    checkpoint: CheckpointSeen | None
    """The checkpoint under which it is proved; null where the verifier did not come so far."""
    rules: str | None
    """What the rules say, in a sentence; null where the verifier did not come so far."""
    decision: Mapping[str, Any] | None
    """The decision as it was recorded; null where the verifier did not come so far."""
    recomputed: Mapping[str, Any] | None
    """The decision by the verifier's own reckoning; null where it did not come so far."""
    difference: FirstDifference | None
    """The first thing that differs; null where all is confirmed."""
    since: OlderEvidence | None
    """What was shown of older evidence; null where none was given, or the verifier did not come so far."""
    warnings: tuple[VerifierWarning, ...]
    """What no verdict goes by, and has to be known all the same."""


ANSWERS: Final[Mapping[str, Any]] = {
    "access-report": PersonRead,
    "anniversaries": AnniversaryLine,
    "audit": AuditAnswer,
    "benchmark": BenchmarkLine,
    "benchmark-places": PartnerPlace,
    "board": BoardRow,
    "changes": EligibilityChange | DesignationChange,
    "clock-accept": ClockAcceptance,
    "comments": CommentShown | CommentsChanged | CommentsExported | ResponseShown,
    "completion": CompletionScript,
    "consistency": ConsistencyAnswer,
    "contacts": LineTaken | ContactsExported | ContactShown | AddressFound | ExportListed,
    "copy": CopyAnswer,
    "decide": RenewalDecision,
    "decide-designation": DesignationDecision,
    "decisions": DecisionTaken | DesignationDecisionTaken,
    "decisions-counts": DecisionCount,
    "decisions-page": DecisionsPage,
    "designations": DesignationLine,
    "erase": SubjectErasure,
    "evidence": EvidenceWritten,
    "expiring": Expiring,
    "failure": FailureAnswer,
    "help": HelpText,
    "history": Change,
    "history-area": QualificationChange,
    "import": Imported | MapShipped | Recorded,
    "keygen": KeyMade,
    "log-publish": PublishAnswer,
    "log-server": LogServerListening,
    "migrate": MigrateAnswer,
    "monitor": MonitorAnswer,
    "overview": Overview,
    "participation": MembershipParticipation | QuarterParticipation | MonthParticipation,
    "project": ProjectionState | SetAsideStream,
    "publish-results": ResultsPublished,
    "record": Recorded,
    "recover-signer": SignerRecovery,
    "refusals": RefusedFact,
    "refusals-counts": RefusalCount,
    "refusals-deleted": RefusalsDeleted,
    "renewals": Renewal,
    "replay": ReplayStep | DecisionCheck,
    "replay-area": DesignationStep | DesignationCheck,
    "report": MonthlyReport,
    "reports": ReportsWritten,
    "results": Results,
    "review": ReviewAnswer,
    "rolling": RollingCount,
    "score": ScoreAnswer,
    "score-batch": ScoreAnswer | Unanswered,
    "score-explain": ExplainAnswer,
    "score-months": ScoreMonths,
    "seal": SealAnswer,
    "serve": ServiceListening,
    "status": Status,
    "status-batch": Status | Unanswered,
    "token": TokenMade,
    "topics": TopicFound,
    "upcoming": UpcomingChange | UpcomingPage,
    "vault": VaultReady | VaultKeyAdded | Rewrapped,
    "verify": VerifierReport,
    "verify-receipt": ReceiptReport,
    "webhook": WebhookShown | WaitingShown | WebhookRemoved | WebhookReplayed,
    "what-if": WhatIf,
    "what-would-it-take": WhatWouldItTake,
    "witness": WitnessListening,
}
"""The name of each answer's schema, and its class; several where the lines are of several kinds."""


def documents() -> dict[str, bytes]:
    """Every file by its path under `schemas`."""
    return {
        f"{FOLDER}/{name}.json": orjson.dumps(answer_schema(name, kind), option=orjson.OPT_INDENT_2) + b"\n"
        for name, kind in ANSWERS.items()
    }


def write(folder: Path) -> None:
    """Puts the files in their places."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for path, content in documents().items():
        (folder / path).write_bytes(content)


def differences(folder: Path) -> list[str]:
    """What in a folder is not as it would be written."""
    expected = documents()
    there = {f"{FOLDER}/{path.name}": path.read_bytes() for path in (folder / FOLDER).glob("*.json")}
    found = [f"{path}: is missing" for path in expected if path not in there]
    found += [f"{path}: is of no answer" for path in there if path not in expected]
    found += [
        f"{path}: is not what the answers say" for path in there if expected.get(path, there[path]) != there[path]
    ]
    return sorted(found)


def main(arguments: Sequence[str]) -> int:
    """See the module."""
    match list(arguments):
        case ["--write", folder]:
            write(Path(folder))
            return 0
        case ["--check", folder]:
            found = differences(Path(folder))
            sys.stderr.writelines(f"{line}\n" for line in found)
            return 1 if found else 0
    sys.stderr.write(f"{__doc__}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
