"""The receipt for a fact: a signed note of nine lines, each ended by U+000A (and split there only).

    csat-ledger/receipt/v1
    <origin>        the log's name
    <fact>          id of the fact, as in its event; may hold any character from U+0020 on, U+2028 too
    <stream>        of the event
    <seq>           of the event in its stream
    <leaf hash>     of the event's stored bytes, base64
    <position>      of the event in the ledger
    <recorded_at>   as in the event
    <promised_by>   YYYY-MM-DDTHH:MM:SS.ffffffZ: from then on a checkpoint has the event

No line is empty or holds a character below U+0020; seq and position are from 1 to 2^63 - 1, without sign or leading
zero. There is exactly one signature, Ed25519 (type 1), by a key named `<origin>/receipt-<n>`. Which keys are believed, for
which positions, and how long a promise may be is the policy's to say (`ledger.proof.log.policy`). Reading and writing are
inverse to each other. The first line keeps a receipt apart from every checkpoint: no log has this origin.

Example (the note's text):

    csat-ledger/receipt/v1
    ledger.example/renewals
    f-9
    membership-m-1
    2
    2CntHXcTobsF48wGYSSkxb3iHjblNxSaICOe2vqCWPE=
    17
    2010-06-15T10:22:40.000000Z
    2010-06-16T10:22:40.000000Z
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ledger.proof.log.errors import MalformedError, UnknownKeyError, Words
from ledger.proof.log.event import FACT_ID, format_instant, parse_instant
from ledger.proof.log.merkle import HASH_SIZE
from ledger.proof.log.note import Signature, open_note, parse_note
from ledger.proof.log.policy import Policy
from ledger.proof.log.strictjson import INTEGER_MAX, base64_text, decimal, hash_bytes

FIRST_LINE = "csat-ledger/receipt/v1"
LINES = 9
RECEIPT_MAX_BYTES = 16_384
SECOND_US = 1_000_000
# No control character may stand in a note, and half of a surrogate pair has no UTF-8 form.
_NOT_IN_LINES = re.compile("[\x00-\x1f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is promised: that by an instant a checkpoint has this event at this position. Instants in microseconds."""

    origin: str
    fact: str
    stream: str
    seq: int
    leaf: bytes
    position: int
    recorded_us: int
    promised_us: int

    def __post_init__(self) -> None:
        for line in (self.origin, self.fact, self.stream):
            if not line or _NOT_IN_LINES.search(line):
                raise MalformedError("line of the receipt", found=line, expected=Words("one line that is not empty"))
        if not FACT_ID.fullmatch(self.fact):
            raise MalformedError("fact of the receipt", found=self.fact, expected=Words("the id of a fact"))
        for what, number in (("seq", self.seq), ("position", self.position)):
            if not 1 <= number <= INTEGER_MAX:
                raise MalformedError(f"{what} of the receipt", found=number, expected=Words("1 to 2^63 - 1"))
        if len(self.leaf) != HASH_SIZE:
            raise MalformedError("leaf hash of the receipt", found=Words(f"{len(self.leaf)} bytes"), expected=HASH_SIZE)

    @property
    def text(self) -> str:
        """The note's text."""
        return (
            f"{FIRST_LINE}\n{self.origin}\n{self.fact}\n{self.stream}\n{self.seq}\n{base64_text(self.leaf)}\n"
            f"{self.position}\n{format_instant(self.recorded_us)}\n{format_instant(self.promised_us)}\n"
        )


def parse_receipt(text: str) -> Receipt:
    """The receipt that a note's text holds. Raises MalformedError."""
    lines = text.split("\n")
    if lines.pop() != "" or len(lines) != LINES:
        expected = Words(f"{LINES}, each ending in a newline")
        raise MalformedError("lines of the receipt", found=Words(f"{len(lines)}"), expected=expected)
    if lines[0] != FIRST_LINE:
        raise MalformedError("first line of the receipt", found=lines[0], expected=FIRST_LINE)
    return Receipt(
        origin=lines[1],
        fact=lines[2],
        stream=lines[3],
        seq=decimal(lines[4], "seq of the receipt"),
        leaf=hash_bytes(lines[5], "leaf hash of the receipt"),
        position=decimal(lines[6], "position of the receipt"),
        recorded_us=parse_instant(lines[7], "recorded_at of the receipt"),
        promised_us=parse_instant(lines[8], "promised_by of the receipt"),
    )


def parse_receipt_note(message: bytes) -> tuple[Receipt, Signature]:
    """The receipt in a signed note, and its one signature, not verified. Raises MalformedError."""
    if len(message) > RECEIPT_MAX_BYTES:
        raise MalformedError(
            "receipt", found=Words(f"{len(message)} bytes"), expected=Words(f"at most {RECEIPT_MAX_BYTES}")
        )
    text, signatures = parse_note(message)
    if len(signatures) != 1:
        raise MalformedError("signatures of the receipt", found=len(signatures), expected=1)
    return parse_receipt(text), signatures[0]


def open_receipt(message: bytes, policy: Policy) -> Receipt:
    """The receipt in a signed note, if a key signed it that the policy lists for its position, and it may promise so.

    Raises MalformedError, UnknownKeyError or InvalidSignatureError: what else is signed is no receipt.
    """
    receipt, _ = parse_receipt_note(message)
    if receipt.origin != policy.origin:
        raise UnknownKeyError("origin of the receipt", found=receipt.origin, expected=policy.origin)
    ((signer, _),) = open_note(message, [one.key for one in policy.receipts.keys]).verified
    if not any(one.key == signer and one.holds_at(receipt.position) for one in policy.receipts.keys):
        spans = {one.key.name: [one.first_size, one.end_size] for one in policy.receipts.keys}
        raise UnknownKeyError(
            f"key of the receipt for position {receipt.position}", found=str(signer),
            expected=Words(f"one that holds at this position: {spans}"),
        )  # fmt: skip
    if not 0 <= receipt.promised_us - receipt.recorded_us <= policy.receipts.within_s * SECOND_US:
        raise MalformedError(
            "promised_by of the receipt", found=format_instant(receipt.promised_us),
            expected=Words(f"at most {policy.receipts.within_s} s after {format_instant(receipt.recorded_us)}"),
        )  # fmt: skip
    return receipt
