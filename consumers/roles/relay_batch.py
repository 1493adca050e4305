"""A batch of the relay: the next events of the book, without a hole, and what of their messages is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from typing import Any, Final

from consumers.errors import RelayStopped
from consumers.messages.cloudevents import Outgoing
from csat_ledger_client.kafka.incarnations import RELAY_ANEW
from ledger.errors import BrokenHistory
from ledger.event import recorded_us_of
from ledger.store.base import Row, Store
from ledger.store.bookmark import Bookmark, bookmark_of, require_same

BYTES_MAX: Final = 4 * 1024 * 1024
WAY_OUT: Final = f"give the relay the book that was relayed; where this one takes its place for good, {RELAY_ANEW}"


def read_batch(store: Store, mark: Bookmark, events_max: int) -> list[Row]:
    """The next events after a place in the book, without a hole between them. Raises RelayStopped where there is one.

    The event before them is read as well: DifferentBook where it is not the one that was relayed last.
    """
    after, known = mark.position, int(mark.position > 0)
    rows = store.read_feed(after - known, events_max + known)
    if known and (not rows or bookmark_of(rows[0]) != mark):
        require_same(store, mark, "the relay", WAY_OUT)
        return []  # the book came back meanwhile: it is read again
    rows = rows[known:]
    size = 0
    for place, row in enumerate(rows):
        expected = after + place + 1
        if row.position != expected:
            if place:
                return rows[:place]
            raise RelayStopped(
                f"found position {row.position} in the book where {expected} was expected: relaying on would skip"
            )
        size += len(row.stored)
        if size > BYTES_MAX and place:
            return rows[:place]
    return rows


def without_superseded(messages: Sequence[Outgoing], statuses: Set[str]) -> list[Outgoing]:
    """Without the statuses that another in the same batch takes the place of: those topics keep the latest alone."""
    latest = {
        (message.topic, message.key): place for place, message in enumerate(messages) if message.topic in statuses
    }
    return [
        message
        for place, message in enumerate(messages)
        if message.topic not in statuses or latest[message.topic, message.key] == place
    ]


def ends_after(ends: Mapping[str, Sequence[int]], acknowledged: Sequence[Any]) -> dict[str, list[int]]:
    """Offsets before which no partition ends, once these messages are in them."""
    moved = {topic: list(by_partition) for topic, by_partition in ends.items()}
    for place in acknowledged:
        moved[place.topic][place.partition] = max(moved[place.topic][place.partition], place.offset + 1)
    return moved


def recorded_us(row: Row) -> int | None:
    """When an event was recorded; None where its bytes do not say."""
    with suppress(BrokenHistory):
        return recorded_us_of(row.stored, row.position)
    return None
