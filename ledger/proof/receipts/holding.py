"""What who handed in a fact gets, and what of it can be held against the fact itself.

    {"event":"<stored bytes>","fact":"<id>","receipt":"<note>"}

One JSON object, a line of a file; the event is a string whose UTF-8 bytes are the stored bytes. First the event is held
against the note (leaf hash, fact, stream, seq, recorded_at), then against the fact, field by field as its programme's part
of the verifier says: what differs is a receipt for something else, however well it is signed.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.proof.facts import FACT_MAX_BYTES
from ledger.proof.log import strictjson
from ledger.proof.log.errors import MalformedError, RefutedError, Words
from ledger.proof.log.event import Event, format_instant, parse_event
from ledger.proof.log.merkle import ENTRY_MAX_BYTES
from ledger.proof.programme import ProofProgrammes, programme_of
from ledger.proof.receipts.receipt import RECEIPT_MAX_BYTES, Receipt

LINE_MAX_BYTES = 6 * (ENTRY_MAX_BYTES + RECEIPT_MAX_BYTES)
"""Each byte of either may be written as six characters."""
FILE_MAX_BYTES = 1 << 29
"""Of a file of receipts."""
KEYS = ("event", "fact", "receipt")


@dataclass(frozen=True, slots=True)
class Handed:
    """A receipt as it is handed out: the event's stored bytes, the fact's id, and the signed note. Nothing is verified."""

    event: bytes
    fact: str
    receipt: bytes


def parse_handed(line: bytes, what: str = "receipt") -> Handed:
    """What a line holds; `what` names it in the error. Raises MalformedError."""
    value = strictjson.members(strictjson.loads(line, what, max_bytes=LINE_MAX_BYTES), what, KEYS)
    event, fact, note = (strictjson.text(value[key], f"{what}: {key}") for key in KEYS)
    return Handed(event.encode("utf-8"), fact, note.encode("utf-8"))


def parse_fact(data: bytes) -> dict[str, object]:
    """A fact as JSON. Raises MalformedError."""
    value = strictjson.loads(data, "fact", max_bytes=FACT_MAX_BYTES)
    if not isinstance(value, dict):
        raise MalformedError("fact", found=value, expected=Words("an object"))
    return value


def hold(handed: Handed, receipt: Receipt) -> Event:
    """The event, if the receipt is for it. Raises RefutedError, or MalformedError where it is no event."""
    event = parse_event(handed.event)
    for what, found, expected in (
        ("leaf hash", event.leaf.hex(), receipt.leaf.hex()),
        ("fact", event.fact, receipt.fact),
        ("fact beside the receipt", handed.fact, receipt.fact),
        ("stream", event.stream, receipt.stream),
        ("seq", event.seq, receipt.seq),
        ("recorded_at", format_instant(event.recorded_us), format_instant(receipt.recorded_us)),
    ):
        if found != expected:
            raise RefutedError(f"{event.where}: {what}", found=found, expected=expected)
    return event


def hold_fact(event: Event, fact: dict[str, object], programmes: ProofProgrammes) -> None:
    """Passes if the event is what the fact became. Raises RefutedError or MalformedError."""
    programme = programme_of(programmes, event.stream)
    if programme is None:
        known = sorted(programme.name for programme in programmes)
        raise RefutedError(f"{event.where}: stream", found=event.stream, expected=Words(f"one of {known!a}"))
    programme.compare_fact(fact, event)
