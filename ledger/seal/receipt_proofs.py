"""Makes proofs about receipts, out of a log's entries and hashes (the format: `ledger.proof.receipts.proof`), and judges them.

For who may read entries. One walk over the entries finds the heads entries around the receipt's position, where the stream
ends, and what contradicts the receipt; proofs are made under the checkpoints that can decide, and what they show is judged by
the verifier that anybody has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import orjson

from ledger.proof.log.errors import MalformedError, ProofError
from ledger.proof.log.event import salt_bytes
from ledger.proof.log.heads import is_heads_entry, parse_heads_entry
from ledger.proof.log.map import SEQ_MAX, Head, blinded
from ledger.proof.log.map_tree import MapTree
from ledger.proof.log.merkle import leaf_hash
from ledger.proof.log.merkle_tree import HashReader, inclusion_proof, stored_index
from ledger.proof.log.policy import Policy, checkpoint_time, log_checkpoint
from ledger.proof.log.tiles import Tile, hash_reader
from ledger.proof.receipts.judging import Judgement, foremost, judge_proof
from ledger.proof.receipts.proof import IncludedEntry, ProvedHead, ProvedLeaf, ReceiptProof
from ledger.proof.receipts.receipt import SECOND_US, Receipt, open_receipt

EARLIER_MAX = 1_000
"""So many earlier ends of a stream are tried where the map does not have its true one."""


class ReadsLog(Protocol):
    """What is read of a log, wherever it lies (`ledger.seal.folder.LogFolder` is one)."""

    def require_there(self) -> None:
        """Raises LogUnreachable where there is no place in which the log could be."""
        ...

    def checkpoint(self) -> bytes | None:
        """The published checkpoint; None before the first."""
        ...

    def history(self) -> list[bytes]:
        """Every checkpoint that was published, oldest first."""
        ...

    def read_tile(self, tile: Tile) -> bytes:
        """A tile's bytes. Raises LogDamaged."""
        ...

    def read_entries(self, first: int, end: int) -> Iterator[bytes]:
        """The entries at log indexes [first, end). Raises LogDamaged."""
        ...


class Signed(NamedTuple):
    """A checkpoint that the log signed: its size, its time, and the note."""

    size: int
    time_s: int | None
    note: bytes


class Judged(NamedTuple):
    """What one checkpoint says of a receipt, and the proof of it."""

    judgement: Judgement
    proof: ReceiptProof


@dataclass
class _Seen:
    """What the entries of a log say, as far as they were read."""

    size: int = 0
    last: bytes = b""
    heads: dict[str, Head] = field(default_factory=dict)
    sealed: list[tuple[int, int, bytes]] = field(default_factory=list)
    """Log index, `through` and bytes of each heads entry."""
    ends: list[Head] = field(default_factory=list)
    """The ends that the receipt's stream had, oldest first."""
    same_place: tuple[int, bytes] | None = None
    """Another event of the receipt's stream and seq, and its log index."""
    first_of_fact: tuple[int, bytes] | None = None
    """The first event of the receipt's fact."""


def judge_log(log: ReadsLog, note: bytes, policy: Policy) -> Judged | None:
    """What the log says of a receipt, by the proof that decides; None for a log without a checkpoint of the policy's.

    Raises ProofError where the note is no receipt, LogDamaged where the log cannot be read,
    LogUnreachable where its folder is not there.
    """
    receipt = open_receipt(note, policy)
    chosen = _deciding(_checkpoints(log, policy), receipt)
    found = [_judged(proof, policy) for proof in prove(log, receipt, note, chosen)]
    if not found:
        return None
    found.reverse()  # the newest first: of several that are late it says what there is now
    first = foremost(one.judgement for one in found)
    return next(one for one in found if one.judgement is first)


def prove(log: ReadsLog, receipt: Receipt, note: bytes, checkpoints: Iterable[Signed]) -> Iterator[ReceiptProof]:
    """A proof about a receipt under each of some checkpoints, the smallest size first."""
    seen = _Seen()
    for signed in sorted(checkpoints, key=lambda one: one.size):
        for entry in log.read_entries(seen.size, signed.size):
            _take(seen, entry, receipt)
        yield _proof(seen, receipt, note, signed, hash_reader(signed.size, log.read_tile))


def _judged(proof: ReceiptProof, policy: Policy) -> Judged:
    try:
        return Judged(judge_proof(proof, policy), proof)
    except ProofError as error:  # the log does not hold together: that is no word for or against the receipt
        return Judged(Judgement("unproven", None, error, log_checkpoint(proof.checkpoint, policy).checkpoint), proof)


def _checkpoints(log: ReadsLog, policy: Policy) -> list[Signed]:
    """Every checkpoint of the log that the policy's log key signed."""
    log.require_there()
    published = log.checkpoint()
    found: dict[bytes, Signed] = {}
    for note in (*log.history(), *([] if published is None else [published])):
        with suppress(ProofError):  # of another key, or another log's: not a word of this log's
            trusted = log_checkpoint(note, policy)
            found[note] = Signed(trusted.checkpoint.size, checkpoint_time(trusted, policy), note)
    return sorted(found.values(), key=lambda one: one.size)


def _deciding(signed: Sequence[Signed], receipt: Receipt) -> list[Signed]:
    """Those that can decide: the newest, the newest in time, and the first that is late."""

    def late(one: Signed) -> bool:
        return one.time_s is not None and one.time_s * SECOND_US > receipt.promised_us

    in_time = [one for one in signed if one.time_s is not None and not late(one)]
    after = [one for one in signed if late(one)]
    return [*dict.fromkeys((*in_time[-1:], *after[:1], *after[-1:], *signed[-1:]))]


def _take(seen: _Seen, entry: bytes, receipt: Receipt) -> None:
    """The next entry. What is no event has no part in anything."""
    index, seen.last = seen.size, entry
    seen.size += 1
    if is_heads_entry(entry):
        with suppress(MalformedError):
            seen.sealed.append((index, parse_heads_entry(entry).through, entry))
        return
    try:
        event: dict[str, Any] = orjson.loads(entry)
        stream, seq, fact = event["stream"], event["seq"], event["fact"]
        head = Head(blinded(salt_bytes(event["salt"])), seq, leaf_hash(entry))
    except (ValueError, KeyError, TypeError):
        return
    if not isinstance(stream, str) or type(seq) is not int or not 1 <= seq <= SEQ_MAX:
        return
    if stream not in seen.heads or seen.heads[stream].seq <= seq:
        seen.heads[stream] = head
    if stream == receipt.stream:
        seen.ends.append(head)
        if seq == receipt.seq and head.leaf != receipt.leaf:
            seen.same_place = seen.same_place or (index, entry)
    if fact == receipt.fact:
        seen.first_of_fact = seen.first_of_fact or (index, entry)


def _proof(seen: _Seen, receipt: Receipt, note: bytes, signed: Signed, read: HashReader) -> ReceiptProof:
    size = signed.size
    if not size:
        return ReceiptProof(note, signed.note)

    def proved(index: int, entry: bytes) -> IncludedEntry:
        return IncludedEntry(index, entry, tuple(inclusion_proof(index, size, read)))

    leaf = after = before = index = None
    around = next((n for n, one in enumerate(seen.sealed) if one[1] >= receipt.position), None)
    if around is not None:
        at, _, entry = seen.sealed[around]
        after = proved(at, entry)
        index = receipt.position - 1
        if around:
            at, through, entry = seen.sealed[around - 1]
            before, index = proved(at, entry), at + receipt.position - through
        if index < size:
            leaf = ProvedLeaf(read([stored_index(0, index)])[0], tuple(inclusion_proof(index, size, read)))
    fork = seen.same_place
    if fork is None and (first := seen.first_of_fact) is not None and leaf_hash(first[1]) != receipt.leaf:
        fork = first if index is None or first[0] < index else None
    return ReceiptProof(
        receipt=note,
        checkpoint=signed.note,
        heads=proved(size - 1, seen.last),
        after=after,
        before=before,
        leaf=leaf,
        head=_head(seen, receipt) if is_heads_entry(seen.last) else None,
        fork=fork and proved(*fork),
    )


def _head(seen: _Seen, receipt: Receipt) -> ProvedHead | None:
    """Where the map of the last entry has the stream's end: at the last of its events, or where a host cut it off.

    None where no end that the stream ever had gives the map's root.
    """
    stream = receipt.stream
    try:
        root = parse_heads_entry(seen.last).root
    except MalformedError:
        return None
    tree = MapTree(seen.heads)
    ends = [seen.heads[stream]] if stream in seen.heads else []
    for head in (*ends, *reversed(seen.ends[-EARLIER_MAX:])):
        tree.update([(stream, head)])
        if tree.root == root:
            return ProvedHead(tree.prove(stream), head)
    without = MapTree({name: head for name, head in seen.heads.items() if name != stream})
    if without.root != root:
        return None
    siblings, there = without.prove_absence(stream)
    return ProvedHead(siblings, None, there)
