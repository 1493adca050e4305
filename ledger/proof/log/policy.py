"""The policy: whom an auditor trusts, written by the auditor and never taken from a bundle.

One JSON object with exactly these keys:

    origin      the log's origin line
    logs        the log's keys, at least one: {"vkey":…, "from":…, "to":…}; the key may sign checkpoints of a size s
                with from <= s < to; to is null for no end; overlapping spans are a rotation's overlap
    witnesses   verifier keys of witnesses, signature type 4 (cosignature/v1)
    quorum      how many of the witnesses have to have cosigned; 0 for none

Example:

    {"origin":"ledger.example/renewals",
     "logs":[{"vkey":"ledger.example/renewals+a05394b1+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4","from":0,"to":null}],
     "witnesses":[],
     "quorum":0}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger.proof.log import strictjson
from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.errors import IncompleteError, MalformedError, UnknownKeyError, Words
from ledger.proof.log.note import COSIGNATURE_V1, ED25519, VerifierKey, open_note, parse_verifier_key

POLICY_MAX_BYTES = 1_000_000
KEYS_MAX = 100


@dataclass(frozen=True)
class LogKey:
    """A key of the log, and the sizes for which it holds."""

    key: VerifierKey
    first_size: int
    end_size: int | None

    def holds_at(self, size: int) -> bool:
        """Whether the key may sign a checkpoint of this size."""
        return self.first_size <= size and (self.end_size is None or size < self.end_size)


@dataclass(frozen=True)
class Policy:
    """The roots of trust."""

    origin: str
    logs: tuple[LogKey, ...]
    witnesses: tuple[VerifierKey, ...]
    quorum: int


@dataclass(frozen=True)
class TrustedCheckpoint:
    """A checkpoint that meets a policy, with the times (POSIX) at which witnesses cosigned it."""

    checkpoint: Checkpoint
    signed_by: tuple[str, ...]
    cosigned: tuple[tuple[str, int], ...]


def parse_policy(data: bytes) -> Policy:
    """The policy that a file holds."""
    what = "policy"
    value = strictjson.members(
        strictjson.loads(data, what, max_bytes=POLICY_MAX_BYTES), what, ("origin", "logs", "witnesses", "quorum")
    )
    logs = tuple(_log_key(v) for v in strictjson.array(value["logs"], f"{what}: logs", max_items=KEYS_MAX))
    witnesses = tuple(
        _key(v, f"{what}: witnesses", COSIGNATURE_V1)
        for v in strictjson.array(value["witnesses"], f"{what}: witnesses", max_items=KEYS_MAX)
    )
    quorum = strictjson.natural(value["quorum"], f"{what}: quorum")
    origin = strictjson.text(value["origin"], f"{what}: origin")
    if not logs or not origin:
        raise MalformedError(what, found=Words(f"{len(logs)} log keys for {origin!a}"), expected=Words("one or more"))
    if len({log.key for log in logs}) != len(logs):
        raise MalformedError(f"{what}: logs", found=Words("a key twice"), expected=Words("each key once"))
    if len({witness.public_key for witness in witnesses}) != len(witnesses):
        raise MalformedError(f"{what}: witnesses", found=Words("a key twice"), expected=Words("each key once"))
    if {log.key.public_key for log in logs} & {witness.public_key for witness in witnesses}:
        raise MalformedError(f"{what}: witnesses", found=Words("a key of the log"), expected=Words("keys of others"))
    if quorum > len(witnesses):
        raise MalformedError(
            f"{what}: quorum", found=quorum, expected=Words(f"at most {len(witnesses)}, the witnesses")
        )
    return Policy(origin, logs, witnesses, quorum)


def open_checkpoint(signed: bytes, policy: Policy) -> TrustedCheckpoint:
    """The checkpoint in a signed note, if the policy's log signed it and enough of its witnesses cosigned it."""
    note = open_note(signed, [*(log.key for log in policy.logs), *policy.witnesses])
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != policy.origin:
        raise UnknownKeyError("origin of the checkpoint", found=checkpoint.origin, expected=policy.origin)
    signers = {key for key, _ in note.verified}
    holding = [log.key for log in policy.logs if log.key in signers and log.holds_at(checkpoint.size)]
    if not holding:
        spans = {str(log.key): [log.first_size, log.end_size] for log in policy.logs}
        raise UnknownKeyError(
            f"log signatures on the checkpoint of size {checkpoint.size}",
            found=sorted(f"{key.name}+{key.key_id.hex()}" for key in signers),
            expected=Words(f"one by a key that holds at this size: {spans}"),
        )
    cosigned = [(key.name, line.time_s) for key, line in note.verified if key in policy.witnesses]
    if len(cosigned) < policy.quorum:
        raise IncompleteError(
            "cosignatures on the checkpoint",
            found=Words(f"{len(cosigned)} by {[name for name, _ in cosigned]}"),
            expected=Words(f"{policy.quorum} or more of {[key.name for key in policy.witnesses]}"),
        )
    return TrustedCheckpoint(checkpoint, tuple(str(key) for key in holding), tuple(cosigned))


def _log_key(value: Any) -> LogKey:
    what = "policy: logs"
    members = strictjson.members(value, what, ("vkey", "from", "to"))
    first = strictjson.natural(members["from"], f"{what}: from")
    end = None if members["to"] is None else strictjson.natural(members["to"], f"{what}: to")
    if end is not None and end <= first:
        raise MalformedError(f"{what}: to", found=end, expected=Words(f"more than {first}, or null"))
    return LogKey(_key(members["vkey"], f"{what}: vkey", ED25519), first, end)


def _key(value: Any, what: str, signature_type: int) -> VerifierKey:
    try:
        key = parse_verifier_key(strictjson.text(value, what))
    except MalformedError as error:
        raise MalformedError(f"{what}: {error.what}", found=error.found, expected=error.expected) from None
    if key.signature_type != signature_type:
        raise MalformedError(f"{what}: signature type of {key.name}", found=key.signature_type, expected=signature_type)
    return key
