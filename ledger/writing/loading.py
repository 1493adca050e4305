"""Bringing the states of streams to hand: from their snapshots where they have one, else from their events.

A snapshot is bound to its stream by nothing but the hash of the event at which it was taken, which anybody can read: who
may write to the table can put another state into it. One that makes no sense is thrown away and the events are read, also
where that comes to light only while something is decided on it (`SnapshotDoubted`); one that makes sense is believed, and
the audit, which folds the stream, finds it (`ledger.writing.checking`).

An event that cannot be read (damaged, or of a type or version that this program does not know) is told of by its stream
and position, and no other stream suffers from it. That includes one that does not follow the event before it by seq
and hash: deciding on a history with a hole would be deciding on another history.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from ledger.book import follow_row
from ledger.errors import BrokenHistory, LedgerError, StoreUnreachable
from ledger.event import leaf_hash
from ledger.programmes.programme import Programmes
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


class SnapshotDoubted(LedgerError):
    """Something went wrong with a state that came from a snapshot: it is to be thrown away, and the events read."""

    def __init__(self, stream: str) -> None:
        super().__init__(f"the snapshot of {stream}")
        self.stream = stream


def load_states(
    transaction: WriteTransaction, programmes: Programmes, cache: StateCache, streams: Sequence[str]
) -> list[Unreadable]:
    """Puts the states of streams that are not at hand into the cache; returns those that cannot be read.

    Of an unreadable stream nothing is at hand afterwards. A stream without events leaves nothing either.
    """
    unreadable: list[Unreadable] = []
    missing = [stream for stream in streams if cache.get(stream) is None]
    for start in range(0, len(missing), LOAD_CHUNK):
        chunk = missing[start : start + LOAD_CHUNK]
        for snapshot in transaction.snapshots(chunk):
            _load_from_snapshot(transaction, programmes, cache, snapshot)
        rest = [stream for stream in chunk if cache.get(stream) is None]
        unreadable += _load_from_events(programmes, cache, transaction.read_streams(rest))
        for stream in rest:
            if cache.get(stream) is not None:
                cache.weigh(stream)
    return unreadable


def _load_from_events(programmes: Programmes, cache: StateCache, rows: Iterable[Row]) -> list[Unreadable]:
    unreadable: list[Unreadable] = []
    broken = None
    for row in rows:
        if row.stream == broken:
            continue
        programme = programmes.of(row.stream)
        if programme is None:
            continue
        state = cache.get(row.stream)
        if state is None:
            state = programme.new_state()
            cache.put(row.stream, state)
        try:
            follow_row(programmes, programme, state, row)
        except Exception as error:  # whatever is wrong with it, the other streams must go on
            broken = row.stream
            cache.drop([broken])
            unreadable.append(_unreadable(row, error))
    return unreadable


def _load_from_snapshot(
    transaction: WriteTransaction, programmes: Programmes, cache: StateCache, snapshot: Snapshot
) -> None:
    """Brings a state to hand if the snapshot is of this stream; else leaves it to the events."""
    programme = programmes.of(snapshot.stream)
    if programme is None:
        return
    try:
        state = programme.load(snapshot.state)
        if state is None or state.seq != snapshot.seq:
            return
        rows = transaction.read_stream(snapshot.stream, state.seq - 1)
        at_snapshot = next(rows, None)
        if at_snapshot is None or leaf_hash(at_snapshot.stored) != state.head:
            return  # not a fold of this stream
        for row in rows:
            follow_row(programmes, programme, state, row)
        cache.put(snapshot.stream, state)
        cache.weigh(snapshot.stream)
    except StoreUnreachable:
        raise
    except Exception:  # a cache that makes no sense is none: the events tell whether it was they
        cache.drop([snapshot.stream])
        return
    cache.snapshot_seq[snapshot.stream] = snapshot.seq
    cache.from_snapshot.add(snapshot.stream)


def _unreadable(row: Row, error: Exception) -> Unreadable:
    text = str(error) if isinstance(error, BrokenHistory) else f"position {row.position}: {error!r}"
    return Unreadable(row.stream, row.position, text[:REASON_MAX])
