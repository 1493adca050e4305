"""Logs in memory that were sealed several times, with receipts for their events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ledger.proof.log.checkpoint import Checkpoint
from ledger.proof.log.event import parse_event
from ledger.proof.log.merkle import leaf_hash
from ledger.proof.log.merkle_tree import root_of_leaves, stored_hashes
from ledger.proof.log.note import ED25519
from ledger.proof.log.policy import Policy, parse_policy
from ledger.proof.log.signer import SignerKey, format_note, sign_note
from ledger.proof.log.tiles import ENTRIES, WIDTH, Tile, encode_entries, tile_data
from ledger.proof.receipts.receipt import SECOND_US, Receipt
from ledger.seal.receipt_proofs import Judged, judge_log
from tests.ledger.proof.book import LOG_KEY, WITNESSES, Book
from tests.ledger.proof.book import policy as policy_bytes

RECEIPT_KEY = SignerKey(f"{LOG_KEY.name}/receipt-1", ED25519, b"r" * 32)
DAY_S = 86_400


def receipts_member(first: int = 1, end: int | None = None, within_s: int = DAY_S, key: SignerKey = RECEIPT_KEY) -> Any:
    """What a policy says that believes receipts by one key."""
    return {"keys": [{"vkey": str(key.verifier), "from": first, "to": end}], "within_s": within_s}


def policy_of(**changed: Any) -> Policy:
    """The policy that trusts log, witnesses and the receipt key; two of three witnesses."""
    return parse_policy(policy_bytes(**{"receipts": receipts_member()} | changed))


def receipt_for(entry: bytes, position: int, delay_s: int = DAY_S, **forged: Any) -> Receipt:
    """The receipt that an honest service gives for an event."""
    event = parse_event(entry)
    promised_us = event.recorded_us + delay_s * SECOND_US
    honest = Receipt(
        LOG_KEY.name, event.fact or "", event.stream, event.seq, event.leaf, position, event.recorded_us, promised_us
    )
    return replace(honest, **forged)


def signed(receipt: Receipt, key: SignerKey = RECEIPT_KEY) -> bytes:
    """The note."""
    return sign_note(receipt.text, key)


class MemoryLog:
    """A log as a host shows it (`ledger.seal.receipt_proofs.ReadsLog`), with checkpoints signed at times of one's choice."""

    def __init__(self, entries: list[bytes]) -> None:
        self.entries = entries
        self.notes: list[bytes] = []

    def seal(self, *times_s: int, signers: tuple[SignerKey, ...] = (LOG_KEY,)) -> None:
        """A checkpoint over what is there, cosigned by as many witnesses as there are times."""
        root = root_of_leaves(map(leaf_hash, self.entries))
        text = Checkpoint(LOG_KEY.name, len(self.entries), root).text
        cosigned = [key.sign(text.encode(), at) for key, at in zip(WITNESSES, times_s, strict=False)]
        self.notes.append(format_note(text, [*(key.sign(text.encode()) for key in signers), *cosigned]))

    def require_there(self) -> None:
        """It is in memory."""

    def checkpoint(self) -> bytes | None:
        return self.notes[-1] if self.notes else None

    def history(self) -> list[bytes]:
        return self.notes

    def read_tile(self, tile: Tile) -> bytes:
        if tile.level == ENTRIES:
            return encode_entries(self.entries[tile.n * WIDTH : tile.n * WIDTH + tile.width])
        stored: list[bytes] = []
        for n, entry in enumerate(self.entries):
            stored.extend(stored_hashes(n, leaf_hash(entry), lambda indexes: [stored[i] for i in indexes]))
        return tile_data(tile, lambda indexes: [stored[i] for i in indexes])

    def read_entries(self, first: int, end: int) -> Iterator[bytes]:
        yield from self.entries[first:end]


class Sealed(Book):
    """A book that is sealed as it grows."""

    def __init__(self) -> None:
        super().__init__()
        self.log = MemoryLog(self.entries)

    def seal(self, *times_s: int, **forged: Any) -> None:
        """A heads entry, which may lie, and a checkpoint."""
        self.log_heads(**forged)
        self.log.seal(*times_s)

    def position_of(self, index: int) -> int:
        """The position of the event at a log index: heads entries have none."""
        return sum(not entry.startswith(b'{"map":') for entry in self.entries[: index + 1])

    def receipt(self, stream: str, seq: int, **forged: Any) -> Receipt:
        """The receipt for an event of the book."""
        entry = self.streams[stream][seq - 1]
        return receipt_for(entry.entry, self.position_of(entry.index), **forged)


def judged(log: MemoryLog, receipt: Receipt, policy: Policy | None = None) -> Judged:
    """What the log says; and the proof, read back from its bytes, says the same to who has no entries."""
    from ledger.proof.receipts.judging import judge_proof
    from ledger.proof.receipts.proof import parse_receipt_proof

    policy = policy or policy_of()
    found = judge_log(log, signed(receipt), policy)
    assert found is not None
    read = parse_receipt_proof(found.proof.encoded())
    assert read == found.proof
    assert json.loads(found.proof.encoded())["format"] == "csat-ledger-receipt-proof/v1"
    if found.judgement.difference is None or found.judgement.verdict == "broken":
        again = judge_proof(read, policy)
        assert (again.verdict, again.in_log, again.time_s) == (
            found.judgement.verdict, found.judgement.in_log, found.judgement.time_s,
        )  # fmt: skip
    return found
