"""Receipts for facts, signed once their events are durable (the form: `ledger.proof.receipts`).

    receipts = ReceiptSigner(key, delay_s=86_400)
    outcomes = writer.record(facts)                          # the transaction is committed
    for outcome, handed in zip(outcomes, receipts.for_outcomes(store, outcomes)):
        answer(outcome, handed and encoded(handed))

The port is `Signs` (`ledger.proof.log.keys`): a key in a file, or a key service; several processes may hold one key. The
event is read back from the store by its position, so nothing is signed but what is committed, and a duplicate gets the same
bytes again as long as key and delay are the same: `promised_by` is `recorded_at` and the delay, and Ed25519 signs alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import orjson

from ledger.errors import BrokenHistory, WrongKey
from ledger.instants import SECOND_US, format_instant, parse_instant
from ledger.proof.log.keys import Signs
from ledger.proof.log.merkle import leaf_hash
from ledger.proof.log.policy import WITHIN_MAX_S
from ledger.proof.log.strictjson import base64_text
from ledger.proof.receipts.holding import Handed
from ledger.proof.receipts.receipt import FIRST_LINE
from ledger.store.base import Reader

if TYPE_CHECKING:
    from ledger.writing.transaction import Outcome

DELAY_S: Final = 86_400
READ_MAX: Final = 1_000
_NAME: Final = re.compile("(.+)/receipt-[1-9][0-9]{0,17}")


class ReceiptSigner:
    """Signs receipts with one key."""

    def __init__(self, key: Signs, delay_s: int = DELAY_S) -> None:
        """Raises WrongKey where the key is not named as one of receipts, or the delay is longer than any policy allows."""
        found = _NAME.fullmatch(key.verifier.name)
        if found is None:
            raise WrongKey(
                f"found a key named {key.verifier.name!r}, expected <origin>/receipt-<n>: see keygen --receipts"
            )
        if not 0 <= delay_s <= WITHIN_MAX_S:
            raise WrongKey(f"found a delay of {delay_s} s, expected 0 to {WITHIN_MAX_S}")
        self._key = key
        self.origin = found[1]
        self._delay_us = delay_s * SECOND_US

    def receipt(self, position: int, stored: bytes) -> Handed:
        """The receipt for the event of a fact, which is durable, at its position."""
        event = orjson.loads(stored)
        fact, recorded_at = event["fact"], event["recorded_at"]
        promised_by = format_instant(parse_instant(recorded_at) + self._delay_us)
        text = (
            f"{FIRST_LINE}\n{self.origin}\n{fact}\n{event['stream']}\n{event['seq']}\n"
            f"{base64_text(leaf_hash(stored))}\n{position}\n{recorded_at}\n{promised_by}\n"
        )
        signature = self._key.sign(text.encode("utf-8"))
        return Handed(stored, fact, f"{text}\n{signature.line}".encode())

    def for_outcomes(self, book: Reader, outcomes: Sequence[Outcome]) -> Iterator[Handed | None]:
        """The receipt of each outcome, in their order; None for what was not recorded.

        The outcomes are those of a transaction that is committed; the events are read back from the book.
        """
        stored = dict(_read(book, sorted({outcome.position for outcome in outcomes} - {0})))
        for outcome in outcomes:
            yield self.receipt(outcome.position, stored[outcome.position]) if outcome.position else None


def encoded(handed: Handed) -> bytes:
    """The line of a file of receipts, with its newline (`ledger.proof.receipts.holding.parse_handed` reads it)."""
    return orjson.dumps(
        {"event": handed.event.decode(), "fact": handed.fact, "receipt": handed.receipt.decode()},
        option=orjson.OPT_APPEND_NEWLINE,
    )


def _read(book: Reader, positions: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """The stored bytes at some positions, in order; so many are read together, however far apart they lie."""
    for start in range(0, len(positions), READ_MAX):
        some = positions[start : start + READ_MAX]
        found = {row.position: row.stored for row in book.read_at(some)}
        if missing := [position for position in some if position not in found]:
            raise BrokenHistory(f"found no event at position {missing[0]}, expected that of a recorded fact")
        yield from found.items()
