"""Evidence held against older evidence of the same stream: nothing that was shown then may be otherwise now.

One bundle shows one state of a log; what its host says elsewhere, or said before, it cannot show. Two can be compared:

    1. The older one holds by itself, by the same policy.
    2. It is of the same subject, and its checkpoint is of no greater size, and of the same root where it is of the same.
    3. Every event of its two streams is in the newer one with the same bytes, at the same index of the log. None is gone.
    4. What the newer one has beyond that stands in the log after the older checkpoint: nothing was hidden from it. And the
       heads under its checkpoint cover more events than those under the older one.
    5. The newer log extends the older one, by a consistency proof (RFC 6962, 2.1.2) between the roots of both checkpoints.

Where 2, 3 or 4 fails, the two bundles contradict each other: both are signed by the log, and together they are the proof
that it was forked. 3 and 4 find a stream that was forked inside a log that only grew, which 5 does not. 5 needs hashes that
are in neither bundle: without them, or the tiles to make them from, it is `incomplete`, and the report says what was shown.

A consistency proof comes in a file that `evidence --since-size` and `consistency --json` write, and is one JSON object:

    {"verdict":"consistent","old":{"size":20,"root":"…"},"new":{"size":57,"root":"…"},"proof":["<base64>",…]}

Nothing in it is trusted: the proof has to lead from one signed root to the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.proof.log import strictjson
from ledger.proof.log.bundle import Bundle, parse_bundle
from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.errors import IncompleteError, OtherDecisionError, ProofError, TamperedError, Words
from ledger.proof.log.heads import parse_heads_entry
from ledger.proof.log.merkle import PROOF_MAX_HASHES, leaf_hash, verify_consistency
from ledger.proof.log.note import parse_note
from ledger.proof.log.policy import Policy
from ledger.proof.log.report import Report
from ledger.proof.log.verify import judge
from ledger.proof.programme import ProofProgrammes

CONSISTENCY_MAX_BYTES = 100_000
Prove = Callable[[int, int], Sequence[bytes]]
"""From two sizes of the log, the smaller one first, to the consistency proof between them."""


@dataclass(frozen=True, slots=True)
class Since:
    """The older evidence, and where a consistency proof comes from, if from anywhere."""

    older: bytes
    prove: Prove | None = None

    def check(self, bundle: Bundle, policy: Policy, programmes: ProofProgrammes, report: Report) -> None:
        """Passes if a bundle that was judged extends the older one; fills in what was shown. Raises ProofError."""
        old = self._judged(policy, programmes)
        before, now = _checkpoint(old), _checkpoint(bundle)
        if old.subject != bundle.subject:
            raise OtherDecisionError("stream of the evidence", found=bundle.subject, expected=old.subject)
        shown: dict[str, Any] = {
            "size": before.size,
            "root": strictjson.base64_text(before.root),
            "events": {name: [len(old.streams[name].events), len(bundle.streams[name].events)] for name in old.streams},
            "streams_extend": False,
            "log_extends": False,
        }
        report.since = shown
        require_sizes(before, now)
        require_heads(old, bundle, before.size, now.size)
        require_streams(old, bundle, before.size, now.size)
        shown["streams_extend"] = True
        self._require_log(before, now)
        shown["log_extends"] = True

    def _judged(self, policy: Policy, programmes: ProofProgrammes) -> Bundle:
        try:
            old = parse_bundle(self.older)
            judge(old, policy, programmes, Report())
        except ProofError as error:
            raise type(error)(f"older evidence: {error.what}", found=error.found, expected=error.expected) from None
        return old

    def _require_log(self, before: Checkpoint, now: Checkpoint) -> None:
        proof: Sequence[bytes] = ()
        if before.size < now.size:
            if self.prove is None:
                raise IncompleteError(
                    "consistency proof", found=Words("none"),
                    expected=Words(f"one from size {before.size} to size {now.size}, or the tiles of the log"),
                )  # fmt: skip
            proof = self.prove(before.size, now.size)
        verify_consistency(before.size, before.root, now.size, now.root, proof)


def require_sizes(before: Checkpoint, now: Checkpoint) -> None:
    """The older checkpoint is of no greater size, and of the same root where it is of the same size."""
    if before.size > now.size:
        raise IncompleteError("size of the newer log", found=now.size,
                              expected=Words(f"{before.size} or more, as the older evidence has it"))  # fmt: skip
    if before.size == now.size and before.root != now.root:
        what = f"a fork, signed twice: root of the log at size {now.size}, here and in the older evidence"
        raise TamperedError(what, found=Words(now.root.hex()), expected=Words(before.root.hex()))


def require_heads(old: Bundle, new: Bundle, old_size: int, new_size: int) -> None:
    """Between two checkpoints both events and heads entries were added, as the heads entries under them say."""
    before, now = (parse_heads_entry(bundle.heads.entry).through for bundle in (old, new))
    if old_size < new_size and not 0 < now - before < new_size - old_size:
        what = f"a fork, signed twice: events that the heads cover at size {new_size}, after {before} at {old_size}"
        raise TamperedError(what, found=now, expected=Words(f"{before + 1} to {before + new_size - old_size - 1}"))


def require_streams(old: Bundle, new: Bundle, old_size: int, new_size: int) -> None:
    """Both streams begin with the same events at the same places; what is more stands behind the older log's end."""
    fork = f"a fork, signed twice, at sizes {new_size} (found) and {old_size} (expected): "
    for name, stream in old.streams.items():
        before, now = stream.events, new.streams[name].events
        for number, (was, is_) in enumerate(zip(before, now, strict=False), 1):
            if is_.entry != was.entry:
                leaves = f"{leaf_hash(is_.entry).hex()} and {leaf_hash(was.entry).hex()}"
                what = f"{fork}event {number} of {name}, of the leaf hashes {leaves}"
                raise TamperedError(what, found=is_.entry, expected=was.entry)
            if is_.index != was.index:
                raise TamperedError(f"{fork}log index of event {number} of {name}", found=is_.index, expected=was.index)
        if len(now) < len(before):
            raise TamperedError(f"{fork}number of events of {name}", found=len(now), expected=len(before))
        if len(now) > len(before) and (index := now[len(before)].index) < old_size:
            what = f"{fork}event {len(before) + 1} of {name}, which the older evidence does not have"
            raise TamperedError(what, found=Words(f"at log index {index}"), expected=Words(f"at {old_size} or above"))


def parse_consistency(data: bytes) -> Prove:
    """The proof that a file holds; asked for other sizes it raises IncompleteError. Raises MalformedError."""
    what = "consistency proof"
    value = strictjson.members(
        strictjson.loads(data, what, max_bytes=CONSISTENCY_MAX_BYTES), what, ("verdict", "old", "new", "proof")
    )
    sides = [strictjson.members(value[side], f"{what}: {side}", ("size", "root")) for side in ("old", "new")]
    sizes = tuple(strictjson.natural(side["size"], f"{what}: size") for side in sides)
    proof = strictjson.hashes(value["proof"], what, PROOF_MAX_HASHES)

    def prove(old_size: int, new_size: int) -> Sequence[bytes]:
        if sizes != (old_size, new_size):
            raise IncompleteError(
                f"sizes of the {what}", found=Words(f"{sizes[0]} and {sizes[1]}"),
                expected=Words(f"{old_size} and {new_size}"),
            )  # fmt: skip
        return proof

    return prove


def _checkpoint(bundle: Bundle) -> Checkpoint:
    """The checkpoint of a bundle that was judged."""
    return parse_checkpoint(parse_note(bundle.checkpoint)[0])
