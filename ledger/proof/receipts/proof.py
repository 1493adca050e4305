"""The proof about a receipt for a third party, who has no entries: what one checkpoint says of the receipt.

A JSON object with exactly these keys. Hashes are base64; `{"entry","index","proof"}` is a log entry (a string whose UTF-8
bytes are the entry), its log index and its inclusion proof under the checkpoint.

    format      "csat-ledger-receipt-proof/v1"
    receipt     the receipt, byte for byte (see `receipt`)
    checkpoint  the signed checkpoint, byte for byte
    heads       the last entry under the checkpoint, {"entry","index","proof"}; null for an empty log
    after       the first heads entry with through >= position, {"entry","index","proof"}; null where there is none
    before      the heads entry before that one; null where there is none
    leaf        {"hash","proof"}: what stands at the position, at log index index(before) + position - through(before)
                (index -1 and through 0 without one); null without `after`
    head        where the stream ends by the map: {"blind","leaf","seq","siblings"}; or that there is none:
                {"absent":null or {"inner","key"},"siblings"}; null where nothing is said of it
    fork        null, or {"entry","index","proof"} of an event that contradicts the receipt: another one of its stream and
                seq, or another one of its fact that stands before its position

It discloses no event, but for a `fork`, and for a last entry that should be a heads entry and is an event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger.proof.log import strictjson
from ledger.proof.log.errors import MalformedError
from ledger.proof.log.map import KEY_BITS, Head, Other, other_json, parse_other
from ledger.proof.log.merkle import PROOF_MAX_HASHES
from ledger.proof.log.strictjson import base64_text

FORMAT = "csat-ledger-receipt-proof/v1"
PROOF_MAX_BYTES = 4_000_000
KEYS = ("after", "before", "checkpoint", "fork", "format", "head", "heads", "leaf", "receipt")
_ENTRIES = ("after", "before", "fork", "heads")


@dataclass(frozen=True, slots=True)
class IncludedEntry:
    """A log entry, its index, and its inclusion proof."""

    index: int
    entry: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ProvedLeaf:
    """A leaf hash, and its inclusion proof."""

    hash: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ProvedHead:
    """Where a stream ends, or None and what stands in its place; and the siblings up to the root of the map."""

    siblings: tuple[bytes, ...]
    head: Head | None
    absent: Other | None = None


@dataclass(frozen=True, slots=True)
class ReceiptProof:
    """The file's content, in form only: nothing of it is verified."""

    receipt: bytes
    checkpoint: bytes
    heads: IncludedEntry | None = None
    after: IncludedEntry | None = None
    before: IncludedEntry | None = None
    leaf: ProvedLeaf | None = None
    head: ProvedHead | None = None
    fork: IncludedEntry | None = None

    def encoded(self) -> bytes:
        """The bytes of the file: canonical JSON and a newline."""
        value = {
            "format": FORMAT,
            "receipt": self.receipt.decode("utf-8"),
            "checkpoint": self.checkpoint.decode("utf-8"),
            "leaf": self.leaf and {"hash": base64_text(self.leaf.hash), "proof": _texts(self.leaf.proof)},
            "head": self.head and _head_json(self.head),
            **{name: _entry_json(getattr(self, name)) for name in _ENTRIES},
        }
        return strictjson.canonical(value) + b"\n"


def parse_receipt_proof(data: bytes) -> ReceiptProof:
    """The proof that a file holds. Raises MalformedError."""
    what = "receipt proof"
    value = strictjson.loads(data, what, max_bytes=PROOF_MAX_BYTES)
    if isinstance(value, dict) and value.get("format", FORMAT) != FORMAT:
        raise MalformedError(f"{what}: format", found=value["format"], expected=FORMAT)
    strictjson.members(value, what, KEYS)
    leaf = None
    if value["leaf"] is not None:
        members = strictjson.members(value["leaf"], f"{what}: leaf", ("hash", "proof"))
        proof = strictjson.hashes(members["proof"], f"{what}: leaf", PROOF_MAX_HASHES)
        leaf = ProvedLeaf(strictjson.hash_bytes(members["hash"], f"{what}: leaf"), proof)
    return ReceiptProof(
        receipt=strictjson.text(value["receipt"], f"{what}: receipt").encode("utf-8"),
        checkpoint=strictjson.text(value["checkpoint"], f"{what}: checkpoint").encode("utf-8"),
        leaf=leaf,
        head=None if value["head"] is None else _parse_head(value["head"], f"{what}: head"),
        **{name: _parse_entry(value[name], f"{what}: {name}") for name in _ENTRIES},
    )


def _texts(hashes: tuple[bytes, ...]) -> list[str]:
    return [*map(base64_text, hashes)]


def _entry_json(entry: IncludedEntry | None) -> Any:
    return entry and {"entry": entry.entry.decode("utf-8"), "index": entry.index, "proof": _texts(entry.proof)}


def _head_json(proved: ProvedHead) -> dict[str, Any]:
    siblings, absent = _texts(proved.siblings), proved.absent
    if proved.head is None:
        return {"absent": absent and other_json(absent), "siblings": siblings}
    blind, seq, leaf = proved.head
    return {"blind": base64_text(blind), "leaf": base64_text(leaf), "seq": seq, "siblings": siblings}


def _parse_entry(value: Any, what: str) -> IncludedEntry | None:
    if value is None:
        return None
    entry = strictjson.members(value, what, ("entry", "index", "proof"))
    return IncludedEntry(
        strictjson.natural(entry["index"], f"{what}: index"),
        strictjson.text(entry["entry"], f"{what}: entry").encode("utf-8"),
        strictjson.hashes(entry["proof"], f"{what}: proof", PROOF_MAX_HASHES),
    )


def _parse_head(value: Any, what: str) -> ProvedHead:
    there = not (isinstance(value, dict) and "absent" in value)
    members = strictjson.members(value, what, ("blind", "leaf", "seq", "siblings") if there else ("absent", "siblings"))
    siblings = strictjson.hashes(members["siblings"], f"{what}: siblings", KEY_BITS)
    if there:
        blind, leaf = (strictjson.hash_bytes(members[key], f"{what}: {key}") for key in ("blind", "leaf"))
        return ProvedHead(siblings, Head(blind, strictjson.natural(members["seq"], f"{what}: seq"), leaf))
    if members["absent"] is None:
        return ProvedHead(siblings, None)
    return ProvedHead(siblings, None, parse_other(members["absent"], f"{what}: absent"))
