"""How a decision is proved: whether the log holds it, since which checkpoint, who cosigned that, and what the verifier says.

    GET /v1/memberships/m-1/proof?renewal=2011-03-01

Without a policy nothing is verified here, and cosignatures are named as the checkpoint's file has them: whoever wants to know
takes the evidence and checks it by a policy of his own. With one (`serve --policy FILE`) the verifier judges the evidence as
`csat-ledger verify` does. What it says is the service's own word all the same.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal

from ledger.errors import NotDecided
from ledger.instants import format_instant
from projections.questions.answer import Count, Day, Instant, Number, Position

if TYPE_CHECKING:
    from console.evidence import WhichDecision
    from console.http.patient_log import PatientLog
    from ledger.proof.log.policy import Policy
    from ledger.proof.log.report import Report
    from ledger.seal.state import KeptState
    from ledger.store.base import Reader

COSIGNATURE_BYTES: Final = 72
"""A time of eight bytes and an Ed25519 signature: what a cosignature/v1 is told by without its key."""
SAME_SIZE_MAX: Final = 100
"""Of so many checkpoints of one size the one with the most signatures is looked for."""
VERIFIED_EVENTS_MAX: Final = 5_000
"""Evidence of more events takes seconds to verify; whoever wants that takes it and verifies it."""
Unverified = Literal["no-policy", "not-sealed", "too-long"]


@dataclass(frozen=True, slots=True)
class ProofWitness:
    """A cosignature on a checkpoint."""

    witness: str
    """The name of the witness's key."""
    at: Instant | None
    """When it saw the checkpoint; null where the time that it names is none of the calendar."""
    verified: bool
    """Whether the signature holds by a key of the service's policy; without a policy none is verified."""


@dataclass(frozen=True, slots=True)
class ProofCheckpoint:
    """A checkpoint of the log."""

    origin: str
    """The name of the log."""
    size: Count
    """Entries that it covers."""
    root: str
    """The root over them, base64."""
    at: Instant | None
    """When the quorum of the service's policy had cosigned it; null where it has not, or there is no policy."""
    cosigned: tuple[ProofWitness, ...]
    """Who cosigned it."""


@dataclass(frozen=True, slots=True)
class ProofPolicy:
    """The policy by which the service verifies."""

    sha256: str
    """The SHA-256 of its file, in hexadecimal."""
    origin: str
    """The log that it trusts."""
    witnesses: Count
    """Witnesses that it knows."""
    quorum: Count
    """How many of them have to have cosigned."""


@dataclass(frozen=True, slots=True)
class ProofDifference:
    """The first thing at which the evidence does not hold."""

    what: str
    """What differs, and where."""
    found: str
    """What is there."""
    expected: str
    """What should be there."""


@dataclass(frozen=True, slots=True)
class ProofVerdict:
    """What the verifier says of the evidence."""

    verdict: str
    """`confirmed`, or what else `csat-ledger verify` says."""
    rules: str | None
    """What the rules say, in a sentence; null where it was not reached."""
    difference: ProofDifference | None
    """The first difference; null where there is none."""
    warnings: tuple[str, ...]
    """What no verdict goes by, and has to be known all the same."""


@dataclass(frozen=True, slots=True)
class DecisionProof:
    """The proof state of a decision."""

    membership: str
    """The membership."""
    area: str | None
    """The solution area of the designation; null for a decision on a renewal."""
    on: Day
    """The date of the renewal, or the anniversary."""
    revision: Number
    """Which decision on it: the first is 1."""
    revisions: Number
    """How many decisions on it the book has."""
    position: Position
    """Where the decision stands in the ledger."""
    sealed: bool
    """Whether the published checkpoint covers it."""
    log_index: Count | None
    """Its index in the log; null where it is not sealed."""
    checkpoint: ProofCheckpoint | None
    """The published checkpoint; null before the first."""
    since: ProofCheckpoint | None
    """The first checkpoint of the history that covers it; null where none does."""
    policy: ProofPolicy | None
    """By what the service verifies; null where it was given no policy."""
    verified: ProofVerdict | None
    """What the verifier says by that policy; null where it was not asked."""
    not_verified: Unverified | None
    """Why it was not asked; null where it was."""


class History:
    """The sizes of the log's checkpoints and where each stands in the history: read once, and gone on with.

    It takes 16 bytes for a checkpoint.
    """

    def __init__(self) -> None:
        self._sizes: array[int] = array("Q")
        self._starts: array[int] = array("Q")
        self._end = 0

    def first_holding(self, log: PatientLog, index: int, published: int) -> bytes | None:
        """The first checkpoint that covers a log index: of those of its size, the one with the most signatures.

        None where the history has none up to the size that is published: what a crash left beyond it is not looked at.
        Raises LogDamaged, and Problem (504) where it takes too long.
        """
        from ledger.proof.log.note import parse_note

        self._go_on(log)
        place = bisect_right(self._sizes, index)
        if place == len(self._sizes) or self._sizes[place] > published:
            return None
        size, start, found = self._sizes[place], self._starts[place], []
        for line in islice(log.history_lines(start), SAME_SIZE_MAX):
            if _size_of(line.note) != size:
                break
            found.append(line.note)
        return max(found, key=lambda note: len(parse_note(note)[1]), default=None)

    def _go_on(self, log: PatientLog) -> None:
        for line in self._new_lines(log):
            log.require_time()
            self._sizes.append(_size_of(line.note))
            self._starts.append(line.start)
            self._end = line.end

    def _new_lines(self, log: PatientLog) -> Iterator[Any]:
        """The lines that came since; all where the history is another one than before."""
        first = next(log.history_lines(self._starts[-1]), None) if self._starts else None
        if self._starts and (first is None or first.end != self._end or _size_of(first.note) != self._sizes[-1]):
            self._sizes, self._starts, self._end = array("Q"), array("Q"), 0
        return log.history_lines(self._end)


def _size_of(note: bytes) -> int:
    """The size that a checkpoint names; 0 for what is none."""
    line = note.split(b"\n", 2)[1:2]
    return int(line[0]) if line and line[0].isdigit() and len(line[0]) <= 18 else 0


@dataclass(frozen=True, slots=True)
class Judge:
    """The policy of the service, as its file has it."""

    data: bytes
    policy: Policy

    def shown(self) -> ProofPolicy:
        """As an answer names it."""
        return ProofPolicy(
            sha256(self.data).hexdigest(), self.policy.origin, len(self.policy.witnesses), self.policy.quorum
        )


def proof_state(
    book: Reader, log: PatientLog, which: WhichDecision, revision: int | None, judge: Judge | None, kept: KeptState,
    history: History,
) -> tuple[DecisionProof, int]:  # fmt: skip
    """The proof state of a decision, and the last position that the log covers.

    Raises NotDecided where the book has no such decision, BookChanged where it is not what was sealed, SealError where the log
    cannot be read, Problem (504) where that takes too long.
    """
    from ledger.proof.log.checkpoint import parse_checkpoint
    from ledger.proof.log.note import parse_note
    from ledger.seal.evidence import decisions_on

    decided = decisions_on(book, which.programme, which.stream, which.on)
    number = len(decided) if revision is None else revision
    if not 0 < number <= len(decided):
        raise NotDecided(f"found {len(decided)} decisions on it, expected {max(1, number)} or more")
    position, area = decided[number - 1], which.named.get("area")
    cached = None if kept.size else log.state()
    signed = log.checkpoint()
    events, size, index = 0, 0, None
    if signed is not None:
        size = parse_checkpoint(parse_note(signed)[0]).size
        state, _ = kept.load(log, size, cached)
        events = state.events
        index = state.index_of(position) if position <= events else None
    verified: ProofVerdict | None = None
    reason: Unverified | None = None
    if judge is None or index is None:
        reason = "not-sealed" if index is None else "no-policy"
    elif book.last_seq(which.stream) > VERIFIED_EVENTS_MAX:
        reason = "too-long"
    else:
        verified = _verdict(_judged(book, log, which, number, judge, kept))
    first = None if index is None else history.first_holding(log, index, size)
    return DecisionProof(
        membership=which.named["membership"],
        area=area,
        on=which.on,
        revision=number,
        revisions=len(decided),
        position=position,
        sealed=index is not None,
        log_index=index,
        checkpoint=None if signed is None else _checkpoint(signed, judge),
        since=None if first is None else _checkpoint(first, judge),
        policy=None if judge is None else judge.shown(),
        verified=verified,
        not_verified=reason,
    ), events  # fmt: skip


def _judged(
    book: Reader, log: PatientLog, which: WhichDecision, revision: int, judge: Judge, kept: KeptState
) -> Report:
    from ledger.proof.log.verify import verify
    from ledger.proof.registry import PROOF_PROGRAMMES
    from ledger.seal.evidence import collect_evidence

    bundle = collect_evidence(book, log, which.programme, which.stream, which.on, revision=revision, kept=kept)
    asked = dict(which.programme.about(which.stream, which.on))
    return verify(bundle.encoded(), judge.data, PROOF_PROGRAMMES, asked=asked)


def _verdict(report: Report) -> ProofVerdict:
    from ledger.proof.log.errors import printable, shown

    difference = None
    if report.difference is not None:
        difference = ProofDifference(
            printable(report.difference["what"]),
            *(printable(shown(report.difference[side])) for side in ("found", "expected")),
        )
    warnings = tuple(warning["sentence"] for warning in report.warnings)
    rules = None if report.rules is None else printable(report.rules)
    return ProofVerdict(report.verdict, rules, difference, warnings)


def _checkpoint(signed: bytes, judge: Judge | None) -> ProofCheckpoint:
    """A checkpoint with its cosignatures: those that a policy believes are verified, the others as the note has them."""
    from ledger.proof.log.checkpoint import parse_checkpoint
    from ledger.proof.log.errors import ProofError, printable
    from ledger.proof.log.note import parse_note
    from ledger.proof.log.policy import checkpoint_time, log_checkpoint
    from ledger.proof.log.strictjson import base64_text

    text, signatures = parse_note(signed)
    checkpoint = parse_checkpoint(text)
    believed: dict[str, int] = {}
    at_s: int | None = None
    if judge is not None:
        try:
            trusted = log_checkpoint(signed, judge.policy)
        except ProofError:  # the verdict says it
            pass
        else:
            believed, at_s = dict(trusted.cosigned), checkpoint_time(trusted, judge.policy)
    cosigned = tuple(
        ProofWitness(printable(one.name), _instant(one.time_s), believed.get(one.name) == one.time_s)
        for one in signatures
        if len(one.signature) == COSIGNATURE_BYTES
    )
    root = base64_text(checkpoint.root)
    return ProofCheckpoint(printable(checkpoint.origin), checkpoint.size, root, _instant(at_s), cosigned)


def _instant(time_s: int | None) -> str | None:
    from ledger.proof.log.event import END_OF_TIME_US

    return None if time_s is None or time_s * 1_000_000 >= END_OF_TIME_US else format_instant(time_s * 1_000_000)
