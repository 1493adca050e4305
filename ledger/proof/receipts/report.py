"""What the verifier says of a receipt, in words and as one JSON object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ledger.proof.log.errors import printable, shown
from ledger.proof.log.event import format_instant
from ledger.proof.log.strictjson import base64_text
from ledger.proof.receipts.judging import Judgement, Verdict
from ledger.proof.receipts.receipt import Receipt


@dataclass(frozen=True, slots=True)
class ReceiptCheckpoint:
    """The checkpoint by which it was judged."""

    size: int
    """Entries in the log."""
    root: str
    """The root over them, base64."""
    time_s: int | None
    """Its time, POSIX seconds: the quorum-th smallest of its cosignatures; null where the policy's quorum is not there."""


@dataclass(frozen=True, slots=True)
class ReceiptDifference:
    """What speaks against the receipt."""

    what: str
    """What differs, and where."""
    found: Any
    """What is there."""
    expected: Any
    """What should be there."""


@dataclass(frozen=True, slots=True)
class ReceiptReport:
    """What is to be said of a receipt."""

    verdict: Verdict
    """The verdict."""
    in_log: bool | None
    """Whether the log has the event at its place, as far as that was shown; null where it was not."""
    fact: str | None
    """The fact's id; null where the receipt could not be read."""
    stream: str | None
    """The stream of its event."""
    seq: int | None
    """The place of its event in the stream."""
    position: int | None
    """The position of its event in the ledger."""
    recorded_at: str | None
    """When it was recorded."""
    promised_by: str | None
    """By when a checkpoint was promised to have it."""
    checkpoint: ReceiptCheckpoint | None
    """The checkpoint that decided; null where none did."""
    difference: ReceiptDifference | None
    """What contradicts the receipt, or the fact; null where nothing does."""

    def encoded(self) -> str:
        """One JSON object on one line."""
        return json.dumps(asdict(self))

    def words(self) -> str:
        """The report for people."""
        return "\n".join(map(printable, self._lines()))

    def _lines(self) -> Iterator[str]:
        yield f"verdict: {self.verdict}"
        if self.position is not None:
            yield (
                f"receipt for fact {self.fact!a}: {self.stream!a} at seq {self.seq}, position {self.position}, "
                f"recorded at {self.recorded_at}, promised by {self.promised_by}"
            )
        if self.verdict == "late":
            yield "the log has the event, later than promised" if self.in_log else "the log does not have the event"
        if (at := self.checkpoint) is not None:
            when = "without a time" if at.time_s is None else f"of POSIX time {at.time_s}"
            yield f"by the checkpoint of size {at.size}, {when}"
        if (difference := self.difference) is not None:
            yield difference.what
            yield f"  found:    {difference.found}"
            yield f"  expected: {difference.expected}"


def report_on(receipt: Receipt | None, judgement: Judgement) -> ReceiptReport:
    """The report; of what is no receipt, why it is none."""
    at, error = judgement.checkpoint, judgement.difference
    return ReceiptReport(
        verdict=judgement.verdict,
        in_log=judgement.in_log,
        fact=None if receipt is None else receipt.fact,
        stream=None if receipt is None else receipt.stream,
        seq=None if receipt is None else receipt.seq,
        position=None if receipt is None else receipt.position,
        recorded_at=None if receipt is None else format_instant(receipt.recorded_us),
        promised_by=None if receipt is None else format_instant(receipt.promised_us),
        checkpoint=None if at is None else ReceiptCheckpoint(at.size, base64_text(at.root), judgement.time_s),
        difference=None if error is None else ReceiptDifference(error.what, shown(error.found), shown(error.expected)),
    )
