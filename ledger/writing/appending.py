"""Appending: events that were decided on become rows, each with its place in the book and in the chain of its stream."""

from __future__ import annotations

from typing import Final, NamedTuple

from ledger.errors import Refused
from ledger.event import EVENT_BYTES_MAX, Event, EventTypes, NewEvent, encode_event, leaf_hash
from ledger.instants import format_instant
from ledger.store.base import NewRow, WriteTransaction, as_new_row
from ledger.writing.salts import SaltOf

ROWS_MAX: Final = 10_000
"""So many events of a transaction are held in memory: a few facts can announce a long history anew, each of them."""
ACTOR: Final = "csat-ledger"


class Cause(NamedTuple):
    """Why an event is appended: the fact behind it, who says so, and the digest where the fact is new (else None)."""

    fact: str | None
    actor: str | None = ACTOR
    digest: bytes | None = None


class Appender:
    """Appends to one write transaction, recorded at one instant. `position` is that of the last event, handed over or not.

    `head` is the leaf hash of the last event appended; None where none was.
    """

    def __init__(
        self, transaction: WriteTransaction, types: EventTypes, salts: SaltOf, position: int, recorded_us: int
    ) -> None:
        self._transaction = transaction
        self._salts = salts
        self._versions = types.versions
        self.position = position
        self.head: str | None = None
        self.recorded_us = recorded_us
        self._recorded_at = format_instant(recorded_us)
        self._rows: list[NewRow] = []

    def append(
        self, stream: str, seq: int, prev: str, new: NewEvent, occurred_us: int, cause: Cause
    ) -> tuple[Event, str]:
        """The event in its place, and its leaf hash. Raises Refused where it is too long for the book."""
        version = self._versions[new.type]
        stored = encode_event(
            stream=stream,
            seq=seq,
            event_type=new.type,
            occurred_at=new.occurred_at,
            recorded_at=self._recorded_at,
            fact=cause.fact,
            actor=cause.actor,
            prev=prev,
            salt=self._salts(self.position + 1),
            data=new.data,
            version=version,
        )
        if len(stored) > EVENT_BYTES_MAX:
            raise Refused("malformed", f"found content for {len(stored):,} bytes, expected at most {EVENT_BYTES_MAX:,}")
        if len(self._rows) >= ROWS_MAX:
            self.flush()
        self.position += 1
        # `fact` stands in its column on the first event of the fact alone, where it is unique.
        fact = None if cause.digest is None else cause.fact
        self._rows.append(as_new_row((self.position, stream, seq, new.type, stored, fact, cause.digest)))
        event = Event(
            stream, seq, new.type, version, occurred_us, self.recorded_us, cause.fact, cause.actor, prev, new.data,
            self.position,
        )  # fmt: skip
        self.head = leaf_hash(stored)
        return event, self.head

    def flush(self) -> None:
        """Hands over what was appended."""
        if self._rows:
            self._transaction.append(self._rows)
            self._rows = []
