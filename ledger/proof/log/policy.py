"""The policy: whom an auditor trusts, written by the auditor and never taken from a bundle.

One JSON object with these keys; the last two may be left out:

    origin      the log's origin line
    logs        the log's keys, at least one: {"vkey":…, "from":…, "to":…}; the key may sign checkpoints of a size s
                with from <= s < to; to is null for no end; overlapping spans are a rotation's overlap
    witnesses   verifier keys of witnesses, signature type 4 (cosignature/v1)
    quorum      how many of the witnesses have to have cosigned; 0 for none
    checking    how many of these have to be checking witnesses, at most the quorum; left out: 0. A witness that reads the
                log's entries and cosigns only what follows from them says so in the name of its key, which ends in
                `/checking`; who puts the key into a policy believes that. Where it is above 0 the quorum has to be more
                than half of the witnesses: else disjoint quorums could see two logs
    receipts    {"keys":[{"vkey":…,"from":…,"to":…},…],"within_s":…}: the keys of receipts, named `<origin>/receipt-<n>`
                and for this alone; a key may sign receipts of positions p with from <= p < to. A receipt may promise the
                log for at most within_s seconds after its event was recorded. Left out: no receipt is believed

Example:

    {"origin":"ledger.example/renewals",
     "logs":[{"vkey":"ledger.example/renewals+a05394b1+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4","from":0,"to":null}],
     "witnesses":[],
     "quorum":0,
     "checking":0,
     "receipts":{"keys":[],"within_s":86400}}
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger.proof.log import strictjson
from ledger.proof.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.log.errors import IncompleteError, MalformedError, UnknownKeyError, Words
from ledger.proof.log.note import COSIGNATURE_V1, ED25519, VerifierKey, open_note, parse_verifier_key

POLICY_MAX_BYTES = 1_000_000
KEYS_MAX = 100
MEMBERS = ("origin", "logs", "witnesses", "quorum")
CHECKING = "/checking"
"""How the key's name of a witness ends that checks what it cosigns."""
WITHIN_MAX_S = 10 * 366 * 86_400
_RECEIPT_NAME = re.compile("/receipt-[1-9][0-9]{0,17}")


@dataclass(frozen=True)
class LogKey:
    """A key of the log and the sizes for which it holds; or of receipts, and their positions."""

    key: VerifierKey
    first_size: int
    end_size: int | None

    def holds_at(self, size: int) -> bool:
        """Whether the key may sign a checkpoint of this size, or a receipt of this position."""
        return self.first_size <= size and (self.end_size is None or size < self.end_size)


@dataclass(frozen=True)
class ReceiptKeys:
    """Whose receipts are believed, and how many seconds after its event was recorded one may promise the log for."""

    keys: tuple[LogKey, ...] = ()
    within_s: int = 0


@dataclass(frozen=True)
class Policy:
    """The roots of trust."""

    origin: str
    logs: tuple[LogKey, ...]
    witnesses: tuple[VerifierKey, ...]
    quorum: int
    checking: int = 0
    receipts: ReceiptKeys = ReceiptKeys()


@dataclass(frozen=True)
class TrustedCheckpoint:
    """A checkpoint that meets a policy, with the times (POSIX) at which witnesses cosigned it."""

    checkpoint: Checkpoint
    signed_by: tuple[str, ...]
    cosigned: tuple[tuple[str, int], ...]
    checking: int = 0
    """How many of these were checking witnesses."""


def is_checking(witness: VerifierKey) -> bool:
    """Whether a witness says of itself that it checks what it cosigns."""
    return witness.name.endswith(CHECKING)


def parse_policy(data: bytes) -> Policy:
    """The policy that a file holds."""
    what = "policy"
    value = strictjson.loads(data, what, max_bytes=POLICY_MAX_BYTES)
    more = [key for key in ("checking", "receipts") if isinstance(value, dict) and key in value]
    value = strictjson.members(value, what, (*MEMBERS, *more))
    logs = _held_keys(value["logs"], f"{what}: logs")
    listed = strictjson.array(value["witnesses"], f"{what}: witnesses", max_items=KEYS_MAX)
    witnesses = tuple(_key(one, f"{what}: witnesses", COSIGNATURE_V1) for one in listed)
    origin = strictjson.text(value["origin"], f"{what}: origin")
    if not logs or not origin:
        raise MalformedError(what, found=Words(f"{len(logs)} log keys for {origin!a}"), expected=Words("one or more"))
    receipts = _receipt_keys(value["receipts"], origin) if "receipts" in value else ReceiptKeys()
    if len({log.key for log in logs}) != len(logs):
        raise MalformedError(f"{what}: logs", found=Words("a key twice"), expected=Words("each key once"))
    of_logs = {log.key.public_key for log in logs}
    _require_others(f"{what}: witnesses", [key.public_key for key in witnesses], of_logs)
    of_others = of_logs | {witness.public_key for witness in witnesses}
    _require_others(f"{what}: receipts", [one.key.public_key for one in receipts.keys], of_others)
    quorum = strictjson.natural(value["quorum"], f"{what}: quorum")
    checking = strictjson.natural(value.get("checking", 0), f"{what}: checking")
    _check_quorum(witnesses, quorum, checking)
    return Policy(origin, logs, witnesses, quorum, checking, receipts)


def log_checkpoint(signed: bytes, policy: Policy) -> TrustedCheckpoint:
    """The checkpoint in a signed note, if the policy's log signed it, by whomever of its witnesses it was cosigned."""
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
    cosigned = tuple((key.name, line.time_s) for key, line in note.verified if key in policy.witnesses)
    checking = sum(key in policy.witnesses and is_checking(key) for key, _ in note.verified)
    return TrustedCheckpoint(checkpoint, tuple(str(key) for key in holding), cosigned, checking)


def require_quorum(trusted: TrustedCheckpoint, policy: Policy) -> None:
    """Passes if enough witnesses cosigned, and enough checking ones. Raises IncompleteError."""
    looking = tuple(filter(is_checking, policy.witnesses))
    for what, found, least, keys in (
        ("cosignatures", len(trusted.cosigned), policy.quorum, policy.witnesses),
        ("cosignatures of checking witnesses", trusted.checking, policy.checking, looking),
    ):
        if found < least:
            raise IncompleteError(
                f"{what} on the checkpoint",
                found=Words(f"{found}, of all by {[name for name, _ in trusted.cosigned]}"),
                expected=Words(f"{least} or more of {[key.name for key in keys]}"),
            )


def checkpoint_time(trusted: TrustedCheckpoint, policy: Policy) -> int | None:
    """When the quorum was reached: the quorum-th smallest time of the cosignatures (POSIX).

    None where the policy asks for no cosignature, or for more than there are.
    """
    times = sorted(time_s for _, time_s in trusted.cosigned)
    return times[policy.quorum - 1] if 0 < policy.quorum <= len(times) and policy.checking <= trusted.checking else None


def open_checkpoint(signed: bytes, policy: Policy) -> TrustedCheckpoint:
    """The checkpoint in a signed note, if the policy's log signed it and enough of its witnesses cosigned it."""
    trusted = log_checkpoint(signed, policy)
    require_quorum(trusted, policy)
    return trusted


def _require_others(what: str, keys: Sequence[bytes], others: set[bytes]) -> None:
    """Each public key once, and none of the others'."""
    if len({*keys}) != len(keys):
        raise MalformedError(what, found=Words("a key twice"), expected=Words("each key once"))
    if others & {*keys}:
        raise MalformedError(what, found=Words("a key of the log, or of a witness"), expected=Words("keys of others"))


def _check_quorum(witnesses: Sequence[VerifierKey], quorum: int, checking: int) -> None:
    what = "policy: quorum"
    if quorum > len(witnesses):
        raise MalformedError(what, found=quorum, expected=Words(f"at most {len(witnesses)}, the witnesses"))
    most = min(quorum, sum(map(is_checking, witnesses)))
    if checking > most:
        expected = f"at most {most}: the quorum, and the witnesses whose name ends in {CHECKING}"
        raise MalformedError("policy: checking", found=checking, expected=Words(expected))
    if checking and 2 * quorum <= len(witnesses):
        expected = f"more than half of the {len(witnesses)} witnesses, since checking ones are asked for"
        raise MalformedError(what, found=quorum, expected=Words(expected))


def _receipt_keys(value: Any, origin: str) -> ReceiptKeys:
    what = "policy: receipts"
    members = strictjson.members(value, what, ("keys", "within_s"))
    keys = _held_keys(members["keys"], f"{what}: keys")
    for one in keys:
        if not one.key.name.startswith(origin) or not _RECEIPT_NAME.fullmatch(one.key.name[len(origin) :]):
            raise MalformedError(f"{what}: name of a key", found=one.key.name, expected=Words(f"{origin}/receipt-<n>"))
    within_s = strictjson.natural(members["within_s"], f"{what}: within_s")
    if within_s > WITHIN_MAX_S:
        raise MalformedError(f"{what}: within_s", found=within_s, expected=Words(f"at most {WITHIN_MAX_S}"))
    return ReceiptKeys(keys, within_s)


def _held_keys(value: Any, what: str) -> tuple[LogKey, ...]:
    return tuple(_held_key(one, what) for one in strictjson.array(value, what, max_items=KEYS_MAX))


def _held_key(value: Any, what: str) -> LogKey:
    members = strictjson.members(value, what, ("vkey", "from", "to"))
    first = strictjson.natural(members["from"], f"{what}: from")
    end = None if members["to"] is None else strictjson.natural(members["to"], f"{what}: to")
    if end is not None and end <= first:
        raise MalformedError(f"{what}: to", found=end, expected=Words(f"more than {first}, or null"))
    return LogKey(_key(members["vkey"], f"{what}: vkey", ED25519), first, end)


def _key(value: Any, what: str, signature_type: int) -> VerifierKey:
    try:
        key = parse_verifier_key(strictjson.text(value, "key"))
    except MalformedError as error:
        raise MalformedError(f"{what}: {error.what}", found=error.found, expected=error.expected) from None
    if key.signature_type != signature_type:
        raise MalformedError(f"{what}: signature type of {key.name}", found=key.signature_type, expected=signature_type)
    return key
