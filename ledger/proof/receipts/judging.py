"""Whether the log keeps what a receipt promised: the verifier of receipt proofs (`proof`), which needs no entries.

Verdicts and exit codes:

    kept            0  under a checkpoint whose time is at most promised_by the event is at its position, is one of those that
                       the heads entry speaks for, and its stream ends with it or after it
    late            1  not kept, and a checkpoint with a later time has it (`in_log`: true), or lacks it (false)
    broken          1  the log contradicts the receipt; the log's own signature is enough
    unproven        1  none of these
    not-this-fact   1  the receipt is for something else than the fact at hand (`holding`)
    unreadable      2  receipt, proof or policy cannot be read, or is signed by nobody whom the policy trusts

A checkpoint's time is the quorum-th smallest among the cosignatures by different witnesses of the policy, in whole
seconds; without a quorum it has none: the receipt can be kept without a time, never late. A proof speaks of one checkpoint;
of several verdicts on one receipt the first in the order broken, kept, late, unproven holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.errors import MalformedError, ProofError, TamperedError, Words
from ledger.proof.log.event import parse_event
from ledger.proof.log.heads import HeadsEntry, is_heads_entry, parse_heads_entry
from ledger.proof.log.map import verify_absence, verify_head
from ledger.proof.log.merkle import leaf_hash, verify_inclusion
from ledger.proof.log.policy import Policy, checkpoint_time, log_checkpoint
from ledger.proof.receipts.proof import IncludedEntry, ProvedHead, ReceiptProof
from ledger.proof.receipts.receipt import SECOND_US, Receipt, open_receipt

Verdict = Literal["kept", "late", "broken", "unproven", "not-this-fact", "unreadable"]
EXIT_CODES: dict[Verdict, int] = {
    "kept": 0, "late": 1, "broken": 1, "unproven": 1, "not-this-fact": 1, "unreadable": 2,
}  # fmt: skip
_FIRST: Sequence[Verdict] = ("broken", "kept", "late", "unproven")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one checkpoint says of a receipt, or the judgement that holds of several."""

    verdict: Verdict
    in_log: bool | None = None
    """Whether the log has the event at its place, as far as that was shown."""
    difference: ProofError | None = None
    """What contradicts the receipt, or why nothing is shown."""
    checkpoint: Checkpoint | None = None
    time_s: int | None = None
    """The checkpoint's time, POSIX seconds."""

    @property
    def exit_code(self) -> int:
        """0, 1 or 2."""
        return EXIT_CODES[self.verdict]


class _Broken(Exception):
    """The log contradicts the receipt."""

    def __init__(self, what: str, found: Any, expected: Any) -> None:
        self.difference = TamperedError(what, found=found, expected=expected)
        super().__init__(str(self.difference))


def foremost(judgements: Iterable[Judgement]) -> Judgement:
    """The judgement that holds, of those on several checkpoints; `unproven` where there is none."""
    found = sorted(judgements, key=lambda one: _FIRST.index(one.verdict))
    return found[0] if found else Judgement("unproven")


def judge_proof(proof: ReceiptProof, policy: Policy) -> Judgement:
    """What a proof shows. Raises ProofError where it shows nothing, or the receipt or the checkpoint is none."""
    receipt = open_receipt(proof.receipt, policy)
    trusted = log_checkpoint(proof.checkpoint, policy)
    checkpoint, time_s = trusted.checkpoint, checkpoint_time(trusted, policy)
    try:
        through, in_log = _look(proof, receipt, checkpoint)
    except _Broken as broken:
        return Judgement("broken", None, broken.difference, checkpoint, time_s)
    known = True if in_log else False if through < receipt.position else None
    return judge_place(receipt, policy, known, checkpoint, time_s)


def judge_place(
    receipt: Receipt, policy: Policy, in_log: bool | None, checkpoint: Checkpoint, time_s: int | None
) -> Judgement:
    """What a checkpoint says that does not contradict the receipt.

    `in_log` says whether it has the event at its place, and its stream reaches it; None where that is not known.
    """
    later = time_s is not None and time_s * SECOND_US > receipt.promised_us
    if in_log and not later and (time_s is not None or not policy.quorum):
        return Judgement("kept", True, None, checkpoint, time_s)
    if in_log is not None and later:
        return Judgement("late", in_log, None, checkpoint, time_s)
    return Judgement("unproven", in_log, None, checkpoint, time_s)


def other_leaf(receipt: Receipt, index: int, leaf: bytes) -> TamperedError | None:
    """That another leaf than the receipt's stands at its position, which is at this log index; None where it is the same."""
    if leaf == receipt.leaf:
        return None
    where = f"leaf at position {receipt.position}, log index {index}"
    return TamperedError(where, found=Words(leaf.hex()), expected=Words(receipt.leaf.hex()))


def contradiction(one: Receipt, other: Receipt) -> ProofError | None:
    """In what two receipts contradict each other: they name two leaves for one fact, position, or stream and seq."""
    if one.leaf == other.leaf:
        return None
    for what, mine, theirs in (
        ("fact", one.fact, other.fact),
        ("position", one.position, other.position),
        ("stream and seq", (one.stream, one.seq), (other.stream, other.seq)),
    ):
        if mine == theirs:
            return TamperedError(
                f"leaf of another receipt for the same {what}",
                found=Words(other.leaf.hex()), expected=Words(one.leaf.hex()),
            )  # fmt: skip
    return None


def _look(proof: ReceiptProof, receipt: Receipt, checkpoint: Checkpoint) -> tuple[int, bool]:
    """For how many events the checkpoint speaks, and whether the event is in the log and its stream reaches it."""
    if checkpoint.size == 0:
        return 0, False
    heads = _last_entry(proof.heads, checkpoint)
    reached = heads.through >= receipt.position
    index = _index_of(proof, receipt, heads, checkpoint) if reached else None
    at_place = index is not None and _leaf_at(proof, receipt, index, checkpoint)
    if proof.fork is not None:
        _fork(proof.fork, receipt, checkpoint, index, heads.through)
    reaches = proof.head is not None and _head(proof.head, receipt, heads, reached)
    return heads.through, at_place and reaches


def _last_entry(heads: IncludedEntry | None, checkpoint: Checkpoint) -> HeadsEntry:
    if heads is None:
        raise MalformedError(
            "heads entry of the proof", found=None, expected=Words("the last entry under the checkpoint")
        )
    if heads.index != checkpoint.size - 1:
        raise TamperedError("index of the heads entry", found=heads.index, expected=checkpoint.size - 1)
    _check_entry(heads, checkpoint)
    if not is_heads_entry(heads.entry):
        raise _Broken("last entry of the log", heads.entry, Words("a heads entry"))
    try:
        entry = parse_heads_entry(heads.entry)
    except MalformedError as error:
        raise _Broken(f"last entry of the log: {error.what}", error.found, error.expected) from None
    if entry.through > heads.index:
        raise _Broken("events that the heads speak for", entry.through, Words(f"at most {heads.index}"))
    return entry


def _check_entry(proved: IncludedEntry, checkpoint: Checkpoint) -> None:
    verify_inclusion(leaf_hash(proved.entry), proved.index, checkpoint.size, proved.proof, checkpoint.root)


def _index_of(proof: ReceiptProof, receipt: Receipt, heads: HeadsEntry, checkpoint: Checkpoint) -> int | None:
    """The log index of the receipt's position, by the heads entries around it; None where the proof does not say."""
    if proof.after is None:
        return None
    around = [(-1, 0)]
    for proved in filter(None, (proof.before, proof.after)):
        _check_entry(proved, checkpoint)
        around.append((proved.index, parse_heads_entry(proved.entry).through))
    (index, before), (index_after, after) = around[-2:]
    if not before < receipt.position <= after <= heads.through:
        raise TamperedError(
            "heads entries around the position", found=[before, after],
            expected=Words(f"below {receipt.position}, and from there to {heads.through}"),
        )  # fmt: skip
    if index_after - index != after - before + 1:
        raise TamperedError(
            "log indexes of the heads entries around the position", found=[index, index_after],
            expected=Words(f"{after - before} events between, and nothing else"),
        )  # fmt: skip
    return index + receipt.position - before


def _leaf_at(proof: ReceiptProof, receipt: Receipt, index: int, checkpoint: Checkpoint) -> bool:
    """Whether the receipt's leaf was shown to be at this index."""
    if proof.leaf is None:
        return False
    verify_inclusion(proof.leaf.hash, index, checkpoint.size, proof.leaf.proof, checkpoint.root)
    if (other := other_leaf(receipt, index, proof.leaf.hash)) is not None:
        raise _Broken(other.what, other.found, other.expected)
    return True


def _head(proved: ProvedHead, receipt: Receipt, heads: HeadsEntry, reached: bool) -> bool:
    """Whether the stream ends with the receipt's event or after it."""
    stream, head = receipt.stream, proved.head
    if head is None:
        verify_absence(heads.root, stream, proved.absent, proved.siblings)
        if reached:
            raise _Broken(f"end of {stream!a}", Words("no such stream"), Words(f"seq {receipt.seq} or later"))
        return False
    verify_head(heads.root, stream, head, proved.siblings)
    if head.seq == receipt.seq and head.leaf != receipt.leaf:
        raise _Broken(f"leaf of {stream!a} at seq {head.seq}", Words(head.leaf.hex()), Words(receipt.leaf.hex()))
    if head.seq < receipt.seq and reached:
        raise _Broken(f"end of {stream!a}", head.seq, Words(f"seq {receipt.seq} or later"))
    return head.seq >= receipt.seq


def _fork(fork: IncludedEntry, receipt: Receipt, checkpoint: Checkpoint, index: int | None, through: int) -> None:
    """Raises _Broken for an event that contradicts the receipt, TamperedError for one that does not.

    Another event of the same fact contradicts it where it stands before the receipt's position: its announcements, which
    name the fact as well, stand after it.
    """
    _check_entry(fork, checkpoint)
    event = parse_event(fork.entry, "fork")
    same_place = (event.stream, event.seq) == (receipt.stream, receipt.seq)
    earlier = through < receipt.position or (index is not None and fork.index < index)
    if event.leaf != receipt.leaf and (same_place or (event.fact == receipt.fact and earlier)):
        what = f"{event.stream!a} at seq {event.seq}" if same_place else f"fact {event.fact!a}"
        raise _Broken(f"leaf of {what}, log index {fork.index}", Words(event.leaf.hex()), Words(receipt.leaf.hex()))
    raise TamperedError(
        "fork", found=Words(f"{event.where}, of fact {event.fact!a}"),
        expected=Words("another event of the receipt's stream and seq, or an earlier one of its fact"),
    )  # fmt: skip
