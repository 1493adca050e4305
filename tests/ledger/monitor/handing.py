"""Receipts as a host hands them out, honest ones and others, and a monitor that holds them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ledger.monitor.report import MonitorReport
from ledger.proof.log.event import parse_event
from ledger.proof.log.heads import is_heads_entry
from ledger.proof.log.signer import SignerKey, sign_note
from ledger.proof.receipts.holding import Handed
from ledger.proof.receipts.receipt import SECOND_US, Receipt
from ledger.seal.receipts import ReceiptSigner, encoded
from tests.ledger.monitor.forging import HostLog
from tests.ledger.monitor.support import watch
from tests.ledger.proof.receipts.support import RECEIPT_KEY, receipts_member
from tests.ledger.seal.support import WITNESS_KEY, witnessed

BELIEVED: dict[str, Any] = {"receipts": receipts_member()}
DAY_S = 86_400


def line_for(stored: bytes, position: int, delay_s: int = DAY_S) -> bytes:
    """The line that an honest service writes for an event."""
    return encoded(ReceiptSigner(RECEIPT_KEY, delay_s).receipt(position, stored))


def lying_line(stored: bytes, position: int, key: SignerKey = RECEIPT_KEY, **lies: Any) -> bytes:
    """One that says something else; instants by `recorded_us` and `promised_us`."""
    event = parse_event(stored)
    promised_us = event.recorded_us + DAY_S * SECOND_US
    honest = Receipt(
        key.name.rpartition("/")[0], event.fact or "", event.stream, event.seq, event.leaf, position,
        event.recorded_us, promised_us,
    )  # fmt: skip
    receipt = replace(honest, **lies)
    return encoded(Handed(stored, receipt.fact, sign_note(receipt.text, key)))


def lines_of(log: HostLog, announced: tuple[str, ...] = (), delay_s: int = DAY_S) -> list[bytes]:
    """A receipt for each fact in a log, in the order of the log."""
    seen: set[str] = set()
    lines = []
    for position, entry in enumerate((one for one in log.entries if not is_heads_entry(one)), 1):
        event = json.loads(entry)
        if event["fact"] and event["fact"] not in seen and event["type"] not in announced:
            seen.add(event["fact"])
            lines.append(line_for(entry, position, delay_s))
    return lines


def cosigned(log: HostLog, at_s: int) -> None:
    """Publishes what there is, cosigned by the witness at a time."""
    signed = log.signed()
    text = signed[: signed.index(b"\n\n") + 1]
    log.notes.append(signed + WITNESS_KEY.sign(text, at_s).line.encode())


def held(log: HostLog, state: Path, *files: Path, quorum: int = 0, **changed: Any) -> MonitorReport:
    """One round of a monitor that is started anew, with files of receipts."""
    asks = witnessed(quorum) if quorum else {}
    return watch(log, state, files=files, **(BELIEVED | asks | changed))
