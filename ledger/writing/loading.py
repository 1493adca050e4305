"""Bringing the states of streams to hand: from their snapshots where they have one, else from their events.

An event that cannot be read (damaged, or of a type or version that this program does not know) is told of by its stream
and position, and no other stream suffers from it. That includes one that does not follow the event before it by seq
and hash: deciding on a history with a hole would be deciding on another history.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from ledger.errors import BrokenHistory
from ledger.event import decode_event, leaf_hash
from ledger.programmes.survey.snapshot import load_state
from ledger.programmes.survey.state import Membership, evolve
from ledger.store.base import Row, Snapshot, WriteTransaction
from ledger.writing.state_cache import StateCache

LOAD_CHUNK: Final = 200
REASON_MAX: Final = 500
"""Characters of a reason that are kept."""


class Unreadable(NamedTuple):
    """A stream that cannot be read on from the event at a position, and why."""

    stream: str
    position: int
    reason: str


def load_states(transaction: WriteTransaction, cache: StateCache, streams: Sequence[str]) -> list[Unreadable]:
    """Puts the states of streams that are not at hand into the cache; returns those that cannot be read.

    Of an unreadable stream nothing is at hand afterwards. A stream without events leaves nothing either.
    """
    unreadable: list[Unreadable] = []
    missing = [stream for stream in streams if cache.get(stream) is None]
    for start in range(0, len(missing), LOAD_CHUNK):
        chunk = missing[start : start + LOAD_CHUNK]
        for snapshot in transaction.snapshots(chunk):
            unreadable += _load_from_snapshot(transaction, cache, snapshot)
        failed = {one.stream for one in unreadable}
        rest = [stream for stream in chunk if cache.get(stream) is None and stream not in failed]
        unreadable += _load_from_events(cache, transaction.read_streams(rest))
        for stream in rest:
            if cache.get(stream) is not None:
                cache.weigh(stream)
    return unreadable


def _load_from_events(cache: StateCache, rows: Iterable[Row]) -> list[Unreadable]:
    unreadable: list[Unreadable] = []
    broken = None
    for row in rows:
        if row.stream == broken:
            continue
        state = cache.get(row.stream)
        if state is None:
            state = Membership()
            cache.put(row.stream, state)
        try:
            follow(state, row)
        except Exception as error:  # whatever is wrong with it, the other streams must go on
            broken = row.stream
            cache.drop([broken])
            unreadable.append(_unreadable(row, error))
    return unreadable


def _load_from_snapshot(transaction: WriteTransaction, cache: StateCache, snapshot: Snapshot) -> list[Unreadable]:
    try:
        state = load_state(snapshot.state)
    except Exception:  # a cache that is damaged is none
        return []
    if state is None:
        return []
    rows = transaction.read_stream(snapshot.stream, state.seq - 1)
    at_snapshot = next(rows, None)
    if at_snapshot is None or leaf_hash(at_snapshot.stored) != state.head:
        return []  # not a fold of this stream
    for row in rows:
        try:
            follow(state, row)
        except Exception as error:
            return [_unreadable(row, error)]
    cache.put(snapshot.stream, state)
    cache.weigh(snapshot.stream)
    cache.snapshot_seq[snapshot.stream] = snapshot.seq
    return []


def follow(state: Membership, row: Row) -> None:
    """Evolves a state by the next event of its stream. Raises BrokenHistory, or whatever damaged content makes of it."""
    event = decode_event(row.stored, row.position)
    if event.prev != state.head or event.seq != state.seq + 1 or row.seq != event.seq or row.stream != event.stream:
        raise BrokenHistory(
            f"position {row.position}: found seq {event.seq} of {event.stream} after {event.prev}, "
            f"expected seq {state.seq + 1} of {row.stream} after {state.head}"
        )
    evolve(state, event, leaf_hash(row.stored))


def _unreadable(row: Row, error: Exception) -> Unreadable:
    text = str(error) if isinstance(error, BrokenHistory) else f"position {row.position}: {error!r}"
    return Unreadable(row.stream, row.position, text[:REASON_MAX])
