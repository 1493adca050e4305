"""What a host writes into its own book behind the ledger's back: properly chained, and nothing that a rule would let in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ledger.book import recorded_us_by
from ledger.event import FIRST_PREV, encode_event, leaf_hash
from ledger.instants import format_instant
from ledger.store.base import NewRow, Store
from ledger.store.sqlite import SQLiteStore

SALT = "AAAAAAAAAAAAAAAAAAAAAA=="
LATE = "2011-12-31T00:00:00.000000Z"


def append_behind(store: Store, stream: str, event_type: str, data: dict[str, Any], occurred_at: str = LATE) -> int:
    """Appends an event at the end of a stream, recorded when the book's last one was; its position."""
    with store.writing() as transaction:
        rows = list(transaction.read_stream(stream))
        position, seq = transaction.max_position() + 1, len(rows) + 1
        recorded_us = recorded_us_by(transaction, position - 1)
        stored = encode_event(
            stream=stream,
            seq=seq,
            event_type=event_type,
            occurred_at=occurred_at,
            recorded_at=format_instant(recorded_us),
            fact=None,
            actor="csat-ledger",
            prev=leaf_hash(rows[-1].stored) if rows else FIRST_PREV,
            salt=SALT,
            data=data,
        )
        transaction.append([NewRow(position, stream, seq, event_type, stored, None, None)])
    return position


def append_behind_file(path: Path, stream: str, event_type: str, data: dict[str, Any]) -> int:
    """The same in a book's file."""
    store = SQLiteStore(path)
    try:
        return append_behind(store, stream, event_type, data)
    finally:
        store.close()
